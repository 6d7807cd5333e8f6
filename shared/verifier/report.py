"""What the verifier says: for people a line each, for programs one object, and an exit code."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from shared.verifier import certificates, stamps
from shared.verifier.certificates import Authorities
from shared.verifier.files import Held, Receipted, State
from shared.verifier.receipt import (
    MOST_BYTES,
    SIGNATURES,
    Judged,
    Signature,
    Verdict,
    is_slip,
    judge,
    root_is_signed,
)
from shared.verifier.stamps import Stamp, Standing

#: Exit codes: something is wrong; or nothing is wrong, and nothing proves who signed.
PROVEN, WRONG, UNPROVEN = 0, 1, 3
_VERDICTS = {
    Verdict.VALID: "有效",
    Verdict.VALID_AT_RECEIPT: "接收时有效",
    Verdict.ALTERED: "已被改动",
    Verdict.UNVERIFIABLE: "签名相符，但还不能证明是谁签的",
}
_ASK_FOR_SEAL = "请用 --seal 给出公钥，或用 --trust、--certificate 给出证书"
_STAMPS = {
    Standing.VALID: "有效",
    Standing.ALTERED: "对不上",
    Standing.UNVERIFIABLE: "还不能采信",
}
#: The options that name files, for both programs; each may be given several times.
OPTIONS = {
    "--stamp": "时间戳文件（.tsr），先后为序；不给时用回执旁边的 名称.1.tsr 等。",
    "--trust": "认可的根证书（PEM 或 DER），时间戳和印章证书都要追溯到它。",
    "--certificate": "印章的证书和中间证书（PEM 或 DER）。",
    "--revoked": "吊销列表（PEM 或 DER）。",
}
#: A file of certificates or of revocations is not longer than this.
_MOST_CERTIFICATES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Report:
    """A receipt and the files held against it."""

    judged: Judged
    files: list[Held]
    missing: list[Held]
    needs_all: bool

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong; what is missing counts only where all was asked for."""
        return (
            self.judged.is_sound
            and all(each.state is State.CONFIRMED for each in self.files)
            and not (self.needs_all and self.missing)
        )

    @property
    def exit_code(self) -> int:
        """0 when all is proven, 1 when something is wrong, 3 when a signer is not known."""
        if not self.is_sound:
            return WRONG
        return PROVEN if self.judged.is_proven else UNPROVEN

    def to_wire(self) -> dict[str, Any]:
        """The report as plain values."""
        document = self.judged.document or {}
        contents = document.get("contents") or {}
        return {
            "is_sound": self.is_sound,
            "is_proven": self.exit_code == PROVEN,
            "receipt": {
                "receipt_id": document.get("receipt_id"),
                "record_id": document.get("record_id"),
                "archive": document.get("archive"),
                "at": document.get("at"),
                "merkle_root": contents.get("merkle_root"),
                "root_signed_by_both": bool(document) and root_is_signed(document),
                "problems": [vars(each) for each in self.judged.problems],
                "signatures": {
                    name: {
                        "verdict": each.verdict.value,
                        "public_key": each.public_key,
                        "by": each.by,
                        "why": each.why or None,
                    }
                    for name, each in self.judged.signatures.items()
                },
                "stamp": self._stamp(),
                "stamps": [
                    {
                        "verdict": each.standing.value,
                        "at": each.at and _utc(each),
                        "by": each.by,
                        "why": each.why or None,
                    }
                    for each in self.judged.stamps
                ],
            },
            "files": [_wire(each) for each in (*self.files, *self.missing)],
        }

    def lines(self) -> list[str]:
        """The report for people."""
        found = []
        if document := self.judged.document:
            found.append(f"回执 {document['receipt_id']}，{document['at']}")
            if is_slip(document):
                found.append(
                    "这是一件档案的接收凭证，由档案馆签名，能核对这件的信息包；"
                    "移交单位的签名和时间戳在整批的回执里。"
                )
            elif "contents" not in document:
                found.append("这份回执只列信息包，没有逐个列出文件：请给出整个信息包。")
        found += [f"  {each.problem}（{each.code}）" for each in self.judged.problems]
        found += [
            f"{SIGNATURES[name]}：{_said(each)}" for name, each in self.judged.signatures.items()
        ]
        if document and not (is_slip(document) and not self.judged.stamps):
            found += [_stamp_said(each) for each in self.judged.stamps] or ["时间戳：没有"]
        for each in (*self.files, *self.missing):
            whose = f"（{each.code or each.record_id}）" if each.record_id else ""
            found.append(f"{each.state.label}：{each.name}{whose}{each.note}")
        found.append(self._conclusion())
        return found

    def _stamp(self) -> str:
        """The stamps in one word: absent, altered, valid (one of them is), or unverifiable."""
        standings = {each.standing for each in self.judged.stamps}
        for standing in (Standing.ALTERED, Standing.VALID, Standing.UNVERIFIABLE):
            if standing in standings:
                return standing.value
        return "absent"

    def _conclusion(self) -> str:
        if self.exit_code == WRONG:
            return "结论：有问题，见上。请联系档案馆核对，不要据此变更保管责任。"
        if self.exit_code == UNPROVEN:
            return "结论：没有发现改动，但还不能证明是谁签的。"
        count = f"，{len(self.files)} 个文件与回执一致" if self.files else ""
        return f"结论：回执真实{count}。"


def verify(
    receipt: Path,
    paths: Iterable[Path],
    *,
    seals: Collection[str],
    needs_all: bool = False,
    stamp_files: Sequence[Path] = (),
    authorities: Authorities | None = None,
) -> Report:
    """Judge a receipt, and the files at or below these paths by it.

    Its time stamps are `stamp_files`, the first one first; without any those that lie beside it
    (`beside`). Files are not judged by a receipt that is wrong itself.
    Raises OSError when a file cannot be read.
    """
    contents = [_start_of(path, stamps.MOST_BYTES) for path in stamp_files or beside(receipt)]
    judged = judge(_start_of(receipt, MOST_BYTES), seals, stamps=contents, authorities=authorities)
    if judged.document is None or not judged.is_sound:
        return Report(judged, [], [], needs_all)
    listed = Receipted(judged.document)
    files = listed.hold(paths)
    missing = listed.missing() if files or needs_all else []
    return Report(judged, files, missing, needs_all)


def beside(receipt: Path) -> list[Path]:
    """The stamps that lie beside a receipt: `X.1.tsr`, `X.2.tsr` … beside `X.json`; in order."""
    found: list[Path] = []
    for number in count(1):
        path = receipt.with_name(f"{receipt.stem}.{number}.tsr")
        if not path.is_file():
            return found
        found.append(path)
    return found


def read_authorities(
    trusted: Iterable[Path], others: Iterable[Path], revoked: Iterable[Path]
) -> Authorities:
    """Who counts, out of files (PEM or DER): roots, other certificates, revocation lists.

    Raises OSError, and ValueError naming the file that holds nothing of the kind.
    """
    roots, more = _certificates_in(trusted), _certificates_in(others)
    lists = [each for path in revoked for each in _read(path)[1]]
    return Authorities(roots, more, lists)


def _certificates_in(paths: Iterable[Path]) -> list[certificates.Certificate]:
    return [each for path in paths for each in _read(path)[0]]


def _read(
    path: Path,
) -> tuple[list[certificates.Certificate], list[certificates.Revocations]]:
    try:
        found = certificates.read(_start_of(path, _MOST_CERTIFICATES))
    except (ValueError, IndexError) as error:
        raise ValueError(str(path)) from error
    return found


def _start_of(path: Path, most: int) -> bytes:
    """The content of a file; of one that is too long just enough to see that."""
    with path.open("rb") as stream:
        return stream.read(most + 1)


def _said(each: Signature) -> str:
    whose = f"，{each.by}" if each.by else ""
    why = f"（{each.why}）" if each.why else ""
    ask = f"（{_ASK_FOR_SEAL}）" if each.verdict is Verdict.UNVERIFIABLE and not each.by else ""
    return f"{_VERDICTS[each.verdict]}{whose}{why}{ask}"


def _stamp_said(each: Stamp) -> str:
    made = f"{_utc(each)}，{each.by}，" if each.at else ""
    return f"时间戳：{made}{_STAMPS[each.standing]}{f'（{each.why}）' if each.why else ''}"


def _utc(each: Stamp) -> str:
    return f"{each.at:%Y-%m-%dT%H:%M:%SZ}"


def _wire(each: Held) -> dict[str, Any]:
    return {
        "name": each.name,
        "state": each.state.value,
        "record_id": each.record_id,
        "archival_code": each.code,
        "note": each.note,
    }
