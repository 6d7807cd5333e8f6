"""The receipt 回执: the archive's word that it has received, with both signatures of the form.

Only an object with a valid receipt counts as received (protocol §5). The receipt names each
offer by record version and package digest; the form that both sides signed travels in it. One of
the second form also lists each file, under a Merkle root, so that it proves itself
(`shared.verifier`); one of the first form names packages alone. Where the unit's node reads the
second form of the 移交与接收登记表, that has the root too, and so both sides have signed it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from shared.inspection.finding import Finding, Property
from shared.kernel.canonical import digest_of
from shared.kernel.clock import parse_utc, utc_text
from shared.kernel.errors import Invalid
from shared.kernel.identifiers import is_id, new_id
from shared.kernel.keys import PublicKey, Seal, document_is_signed_by, sign_document
from shared.kernel.merkle import merkle_root
from shared.packaging.forms import HandoverForm
from shared.verifier.merkle import leaves
from shared.verifier.receipt import FORMAT, contradictions, is_shaped

#: A receipt that would list more files is made in the first form: it must fit into one message.
MOST_FILES = 10_000


def draft_receipt(
    form: HandoverForm,
    *,
    unit_signature: Mapping[str, str],
    by: str,
    records: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """The receipt of everything on the form, which the archive has yet to sign.

    `records` are the described records by id, as they travel, in the versions of the form; with
    them the receipt lists each file. Raises Invalid when the unit's signature is not over this
    form, or the form's Merkle root is that of other records.
    """
    key = PublicKey.from_hex(unit_signature.get("public_key"))
    if not form.is_signed_by(key, unit_signature):
        raise Invalid(
            "unit_signature",
            "移交单位的签名不是对这份登记表的签名。",
            "请移交单位重新签名后再接收。",
            code="unit_signature_invalid",
        )
    contents: dict[str, Any] = {}
    if records is not None and form.files <= MOST_FILES:
        contents = _contents(form, records)
        if form.merkle_root not in (None, contents["merkle_root"]):
            raise Invalid(
                "merkle_root",
                "登记表的 Merkle 根与目录和文件不符。",
                "请重新审核这批移交，生成新的登记表。",
                code="form_root_differs",
            )
        contents = {"format": FORMAT, "contents": contents}
    return {
        **contents,
        "receipt_id": new_id(),
        "batch_id": form.batch_id,
        "archive": form.archive_code,
        "form": form.to_wire(),
        "form_digest": form.digest,
        "offers": offers_of(form),
        "unit_signature": dict(unit_signature),
        "by": by,
        "at": utc_text(),
    }


def rooted(
    form: HandoverForm,
    records: Mapping[str, Mapping[str, Any]],
    *,
    digests: Mapping[str, str] | None = None,
) -> HandoverForm:
    """The form with the Merkle root over its catalogue and files, for both sides to sign.

    `records` are the described records by id, as they travel; `digests` those of their
    descriptions as they were offered, where these may read differently by now (a room was
    renamed). Raises KeyError without one of them.
    """
    return replace(form, merkle_root=_contents(form, records, digests)["merkle_root"])


def _contents(
    form: HandoverForm,
    records: Mapping[str, Mapping[str, Any]],
    digests: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """What a receipt of the second form lists: the descriptions and files, and their root."""
    items = [dict(vars(item)) for item in form.items]
    listed = [
        {
            "record_id": item.record_id,
            "record_digest": digest_of(records[item.record_id])
            if digests is None
            else digests[item.record_id],
            "files": [
                {"name": file["name"], "size": file["size"], "sha256": file["sha256"]}
                for document in records[item.record_id]["documents"]
                for file in document["files"]
            ],
        }
        for item in form.items
    ]
    return {"merkle_root": merkle_root(leaves(items, listed)), "records": listed}


def make_receipt(
    form: HandoverForm,
    *,
    unit_signature: Mapping[str, str],
    archive_seal: Seal,
    by: str,
    records: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """The signed receipt of everything on the form: `draft_receipt`, then `sign_receipt`.

    Raises Invalid when the unit's signature is not over this form.
    """
    drafted = draft_receipt(form, unit_signature=unit_signature, by=by, records=records)
    return sign_receipt(drafted, archive_seal)


def sign_receipt(document: Mapping[str, Any], key: Seal) -> dict[str, Any]:
    """The document with both signatures of the archive.

    `form_signature` is over the form; `archive_signature` is over all the rest, it included.
    """
    body = {name: value for name, value in document.items() if name != "archive_signature"}
    body["form_signature"] = sign_document(key, body["form"])
    return {**body, "archive_signature": sign_document(key, body)}


def offers_of(form: HandoverForm) -> list[dict[str, Any]]:
    """The offers of a receipt, in the order of the form."""
    return [
        {
            "offer_id": item.offer_id,
            "record_id": item.record_id,
            "record_version": item.record_version,
            "package_sha256": item.package_sha256,
            "size": item.package_size,
        }
        for item in form.items
    ]


def verify_receipt(
    document: Mapping[str, Any], unit_key: PublicKey, archive_key: PublicKey
) -> list[Finding]:
    """Everything that is wrong with a receipt; an empty list means that the archive has signed it.

    Checked: its shape, the form's digest and counts, the offers against the form, both signatures
    of the form, and the archive's signature of the whole.
    """
    found = list(_shape(document))
    if found:
        return found
    try:
        form = HandoverForm.from_wire(document["form"])
    except Invalid as error:
        return [Finding.of_error(error, property=Property.AUTHENTICITY)]
    found += [_wrong(each.code, each.problem) for each in contradictions(document)]
    if not form.is_signed_by(unit_key, document["unit_signature"]):
        found.append(_wrong("unit_signature_invalid", "移交单位对登记表的签名验证失败。"))
    if not form.is_signed_by(archive_key, document["form_signature"]):
        found.append(_wrong("form_signature_invalid", "档案馆对登记表的签名验证失败。"))
    body = {name: value for name, value in document.items() if name != "archive_signature"}
    if not document_is_signed_by(archive_key, body, document["archive_signature"]):
        found.append(_wrong("archive_signature_invalid", "档案馆对回执的签名验证失败。"))
    return found


def receipt_covers(document: Mapping[str, Any], offers: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a (verified) receipt names each of these offers, with version, digest and size."""
    named = {offer["offer_id"]: offer for offer in document["offers"]}
    return all(named.get(offer["offer_id"]) == dict(offer) for offer in offers)


def _shape(document: Mapping[str, Any]) -> Iterable[Finding]:
    if not (is_shaped(document) and is_id(document["receipt_id"]) and _is_time(document["at"])):
        yield _wrong("receipt_malformed", "回执的写法不正确。")


def _is_time(value: object) -> bool:
    try:
        parse_utc(str(value))
    except ValueError:
        return False
    return True


def _wrong(code: str, problem: str) -> Finding:
    return Finding(
        code,
        problem,
        "请勿据此变更保管责任，并联系档案馆重新出具回执。",
        property=Property.AUTHENTICITY,
    )
