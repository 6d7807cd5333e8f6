"""A receipt 回执 by itself: read as if an enemy had written it, and held against its signatures."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from shared.kernel.canonical import canonical_json, strict_json
from shared.kernel.merkle import merkle_root
from shared.verifier import sm2
from shared.verifier.certificates import Authorities, NotTrusted
from shared.verifier.merkle import leaves
from shared.verifier.signatures import NotChecked
from shared.verifier.stamps import Stamp, Standing, judge_stamps

#: The second form, which lists what the packages hold; the first one names packages alone.
FORMAT = "danglian-receipt/2"
MOST_BYTES = 64 * 1024 * 1024

_KEYS = {
    "receipt_id", "batch_id", "archive", "form", "form_digest", "offers", "unit_signature",
    "form_signature", "by", "at", "archive_signature",
}  # fmt: skip
_OFFER_KEYS = {"offer_id", "record_id", "record_version", "package_sha256", "size"}
_RECORD_KEYS = {"record_id", "record_digest", "files"}
_FILE_KEYS = {"name", "size", "sha256"}
_SAID = {"signed_by", "signed_at"}
#: The receipt of one record, which lies beside its package in the store and in exports: signed by
#: the archive alone, it names the whole receipt, and the bytes of that package.
_SLIP_KEYS = {
    *_OFFER_KEYS, "receipt_id", "receipt_digest", "batch_id", "archive", "fonds_id", "form_digest",
    "at", "signed",
}  # fmt: skip
#: Which signature is whose, in words.
SIGNATURES = {
    "unit_signature": "移交单位对登记表的签名",
    "form_signature": "档案馆对登记表的签名",
    "archive_signature": "档案馆对回执的签名",
}


class Verdict(StrEnum):
    """What a signature is worth."""

    VALID = "valid"
    #: Its certificate has ended or was revoked since, and a time stamp proves that it was before.
    VALID_AT_RECEIPT = "valid_at_receipt"
    ALTERED = "altered"
    UNVERIFIABLE = "unverifiable"


_PROVEN = {Verdict.VALID, Verdict.VALID_AT_RECEIPT}


@dataclass(frozen=True)
class Signature:
    """A signature, judged: what it is worth, by which key, whose that is, and why not."""

    verdict: Verdict
    public_key: str
    by: str | None = None
    why: str = ""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a receipt; a warning takes nothing from what it proves."""

    code: str
    problem: str
    is_warning: bool = False


@dataclass
class Judged:
    """A receipt with what was found about it; without a document it could not be read."""

    document: dict[str, Any] | None = None
    problems: list[Problem] = field(default_factory=list)
    signatures: dict[str, Signature] = field(default_factory=dict)
    stamps: list[Stamp] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong, whoever may have signed."""
        return not any(not each.is_warning for each in self.problems)

    @property
    def is_proven(self) -> bool:
        """Whether it is sound, and both sides have signed with keys that count."""
        return self.is_sound and all(each.verdict in _PROVEN for each in self.signatures.values())

    @property
    def stamped_at(self) -> datetime | None:
        """The time from which on the receipt is proven to have been there; None without proof."""
        return next((each.at for each in self.stamps if each.standing is Standing.VALID), None)


def judge(
    content: bytes,
    seals: Collection[str],
    *,
    stamps: Sequence[bytes] = (),
    authorities: Authorities | None = None,
    now: datetime | None = None,
) -> Judged:
    """What a receipt is worth; `seals` are the public keys that count, as hex.

    The unit's signature stands over the form, and so over each package, and over the Merkle root
    where the form has it; the archive's over all of it. A seal may also count by its certificate,
    which leads to one of the `authorities`: now, or at the time of the first good one of the
    `stamps`.
    """
    now, authorities = now or datetime.now(UTC), authorities or Authorities()
    found = Judged()
    try:
        document = _read(content)
    except (ValueError, RecursionError):
        found.problems.append(Problem("receipt_unreadable", "不是回执，或已损坏，无法读取。"))
        return found
    if not is_shaped(document) and not is_slip(document):
        found.problems.append(Problem("receipt_malformed", "回执的写法不正确，或已被改动。"))
        return found
    found.document = document
    if canonical_json(document) != content:
        found.problems.append(
            Problem(
                "receipt_not_canonical",
                "回执不是规范写法（多了空白，或换了写法）；内容照常核对。",
                is_warning=True,
            )
        )
    if not is_slip(document):
        found.problems += contradictions(document)
    found.stamps = judge_stamps(canonical_json(document), stamps, authorities, now)
    found.problems += [
        Problem("stamp_differs", f"第 {at} 个时间戳：{each.why}。")
        for at, each in enumerate(found.stamps, 1)
        if each.standing is Standing.ALTERED
    ]
    moments = [now] if found.stamped_at is None else [now, found.stamped_at]
    for name, signed, message in _signed_in(document):
        key = str(signed.get("public_key"))
        judged = Signature(Verdict.ALTERED, key)
        if _is_signed(signed, message, with_signer=name == "unit_signature"):
            judged = (
                Signature(Verdict.VALID, key)
                if key in seals
                else _by_certificate(key, authorities, moments)
            )
        found.signatures[name] = judged
        if judged.verdict is Verdict.ALTERED:
            problem = f"{SIGNATURES[name]}不对：回执或签名已被改动。"
            found.problems.append(Problem(f"{name}_invalid", problem))
    return found


def contradictions(document: Mapping[str, Any]) -> list[Problem]:
    """Where the parts of a shaped receipt do not fit each other."""
    found = []
    form = document["form"]
    if document["form_digest"] != hashlib.sha256(canonical_json(form)).hexdigest():
        found.append(Problem("form_digest_differs", "回执所列的登记表摘要与登记表不符。"))
    try:
        archive, batch, items = form["archive"]["code"], form["batch_id"], form["items"]
        lines = sorted(_line(item) for item in items)
    except (KeyError, TypeError, AttributeError):
        return [*found, Problem("form_malformed", "回执所附登记表的写法不正确。")]
    if (document["batch_id"], document["archive"]) != (batch, archive):
        found.append(Problem("receipt_of_another", "回执的批次或档案馆与登记表不符。"))
    if lines != sorted(canonical_json(each) for each in document["offers"]):
        found.append(Problem("receipt_offers_differ", "回执所列的移交与登记表不符。"))
    if "contents" in document and not _is_proof(items, document["contents"]):
        found.append(Problem("receipt_root_differs", "回执的 Merkle 根与它所列的目录和文件不符。"))
    if not _is_root_signed(document) and "merkle_root" in form:
        found.append(Problem("form_root_differs", "双方签字的 Merkle 根与回执的不符。"))
    return found


def root_is_signed(document: Mapping[str, Any]) -> bool:
    """Whether the form, which both sides have signed, has the Merkle root of a shaped receipt."""
    return "merkle_root" in document.get("form", ()) and _is_root_signed(document)


def _is_root_signed(document: Mapping[str, Any]) -> bool:
    root = document["form"].get("merkle_root")
    contents = document.get("contents")
    return _is_digest(root) and (contents is None or contents["merkle_root"] == root)


def _is_proof(items: list[Mapping[str, Any]], contents: Mapping[str, Any]) -> bool:
    records = contents["records"]
    fits = [each["record_id"] for each in items] == [each["record_id"] for each in records]
    return fits and merkle_root(leaves(items, records)) == contents["merkle_root"]


def _line(item: Mapping[str, Any]) -> bytes:
    """The offer that an item of the form stands for, as the receipt must list it."""
    wanted = {name: item[name] for name in _OFFER_KEYS - {"size"}}
    return canonical_json({**wanted, "size": item["package_size"]})


def _by_certificate(key: str, authorities: Authorities, moments: list[datetime]) -> Signature:
    """What a genuine signature is worth by its key's certificate, now and then at its stamp."""
    certificate = authorities.certificate_of(key)
    if certificate is None:
        return Signature(Verdict.UNVERIFIABLE, key, why="不知道是谁的印章")
    why = ""
    for moment, verdict in zip(moments, (Verdict.VALID, Verdict.VALID_AT_RECEIPT), strict=False):
        try:
            authorities.chain_of(certificate, moment)
        except (NotTrusted, NotChecked) as error:
            why = str(error)
        except (ValueError, IndexError):
            why = "证书已损坏"
        else:
            return Signature(verdict, key, certificate.name, why)
    return Signature(Verdict.UNVERIFIABLE, key, certificate.name, why)


def _signed_in(
    document: Mapping[str, Any],
) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Each signature of a receipt, whole or of one record: its name, itself, what it signs."""

    def without(member: str) -> dict[str, Any]:
        return {name: value for name, value in document.items() if name != member}

    if is_slip(document):
        yield "archive_signature", document["signed"], without("signed")
        return
    for name in SIGNATURES:
        is_over_all = name == "archive_signature"
        yield name, document[name], without(name) if is_over_all else document["form"]


def _is_signed(signed: Mapping[str, Any], message: Mapping[str, Any], *, with_signer: bool) -> bool:
    """Whether a signature is one by the key that it names, whoever's that is.

    Who signed for the unit, and when, stands in its signature, under the archive's: `with_signer`.
    """
    try:
        key, signature = (bytes.fromhex(signed[each]) for each in ("public_key", "signature"))
    except (KeyError, TypeError, ValueError):
        return False
    exact = {
        "key": hashlib.sha256(key).hexdigest()[:32],
        "public_key": key.hex(),
        "signature": signature.hex(),
    }
    prefixed = b"danglian/document/1\n" + canonical_json(message)
    said = _SAID if with_signer else set()
    plain = {each: value for each, value in signed.items() if each not in said}
    return plain == exact and sm2.verifies(key, prefixed, signature)


def _read(content: bytes) -> dict[str, Any]:
    """A JSON object that has canonical bytes. Raises ValueError, RecursionError."""
    if len(content) > MOST_BYTES:
        raise ValueError("too long")
    data = strict_json(content)
    canonical_json(data)  # lone surrogates have no bytes
    return data


def is_shaped(document: Mapping[str, Any]) -> bool:
    """Whether a receipt has the members of the first or the second form, each of its kind."""
    second = {"format", "contents"} if "format" in document else set()
    offers = document.get("offers")
    return (
        set(document) == _KEYS | second
        and isinstance(document["form"], dict)
        and all(isinstance(document[name], dict) for name in SIGNATURES)
        and all(isinstance(document[name], str) for name in ("receipt_id", "at", "by", "archive"))
        and isinstance(offers, list)
        and all(isinstance(each, dict) and set(each) == _OFFER_KEYS for each in offers)
        and all(_is_digest(each["package_sha256"]) for each in offers)
        and (not second or (document["format"] == FORMAT and _has_contents(document["contents"])))
    )


def is_slip(document: Mapping[str, Any]) -> bool:
    """Whether this has the members of a receipt of one record, each of its kind."""
    texts = _SLIP_KEYS - {"record_version", "size", "signed"}
    return (
        set(document) == _SLIP_KEYS
        and isinstance(document["signed"], dict)
        and all(isinstance(document[name], str) for name in texts)
        and all(isinstance(document[name], int) for name in ("record_version", "size"))
        and all(_is_digest(document[name]) for name in ("package_sha256", "receipt_digest"))
    )


def _has_contents(contents: object) -> bool:
    """Whether this is `{merkle_root, records: [{record_id, record_digest, files}]}`."""
    if not isinstance(contents, dict) or set(contents) != {"merkle_root", "records"}:
        return False
    records = contents["records"]
    return isinstance(records, list) and all(
        isinstance(each, dict)
        and set(each) == _RECORD_KEYS
        and isinstance(each["record_id"], str)
        and _is_digest(each["record_digest"])
        and isinstance(each["files"], list)
        and all(map(_is_file, each["files"]))
        for each in records
    )


def _is_file(file: object) -> bool:
    return (
        isinstance(file, dict)
        and set(file) == _FILE_KEYS
        and isinstance(file["name"], str)
        and isinstance(file["size"], int)
        and _is_digest(file["sha256"])
    )


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None
