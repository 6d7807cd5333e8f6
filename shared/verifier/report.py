"""What the verifier says: for people a line each, for programs one object, and an exit code."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.verifier.files import Held, Receipted, State
from shared.verifier.receipt import MOST_BYTES, SIGNATURES, Judged, Verdict, judge

#: Exit codes: something is wrong; or nothing is wrong, and nothing proves who signed.
PROVEN, WRONG, UNPROVEN = 0, 1, 3
_VERDICTS = {
    Verdict.VALID: "有效",
    Verdict.ALTERED: "已被改动",
    Verdict.UNVERIFIABLE: "签名相符，但不知道是谁的印章（请用 --seal 给出公钥）",
}


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
                "archive": document.get("archive"),
                "at": document.get("at"),
                "merkle_root": contents.get("merkle_root"),
                "problems": [vars(each) for each in self.judged.problems],
                "signatures": {
                    name: {"verdict": verdict.value, "public_key": key}
                    for name, (verdict, key) in self.judged.signatures.items()
                },
            },
            "files": [_wire(each) for each in (*self.files, *self.missing)],
        }

    def lines(self) -> list[str]:
        """The report for people."""
        found = []
        if document := self.judged.document:
            found.append(f"回执 {document['receipt_id']}，{document['at']}")
            if "contents" not in document:
                found.append("这份回执只列信息包，没有逐个列出文件：请给出整个信息包。")
        found += [f"  {each.problem}（{each.code}）" for each in self.judged.problems]
        for name, (verdict, _key) in self.judged.signatures.items():
            found.append(f"{SIGNATURES[name]}：{_VERDICTS[verdict]}")
        for each in (*self.files, *self.missing):
            whose = f"（{each.code or each.record_id}）" if each.record_id else ""
            found.append(f"{each.state.label}：{each.name}{whose}{each.note}")
        found.append(self._conclusion())
        return found

    def _conclusion(self) -> str:
        if self.exit_code == WRONG:
            return "结论：有问题，见上。请联系档案馆核对，不要据此变更保管责任。"
        if self.exit_code == UNPROVEN:
            return "结论：没有发现改动，但还不能证明是谁签的。"
        count = f"，{len(self.files)} 个文件与回执一致" if self.files else ""
        return f"结论：回执真实{count}。"


def verify(
    receipt: Path, paths: Iterable[Path], *, seals: Collection[str], needs_all: bool = False
) -> Report:
    """Judge a receipt, and the files at or below these paths by it.

    Files are not judged by a receipt that is wrong itself.
    Raises OSError when the receipt cannot be read, ValueError where this Python has no SM3.
    """
    with receipt.open("rb") as stream:
        judged = judge(stream.read(MOST_BYTES + 1), seals)
    if judged.document is None or not judged.is_sound:
        return Report(judged, [], [], needs_all)
    listed = Receipted(judged.document)
    files = listed.hold(paths)
    missing = listed.missing() if files or needs_all else []
    return Report(judged, files, missing, needs_all)


def _wire(each: Held) -> dict[str, Any]:
    return {
        "name": each.name,
        "state": each.state.value,
        "record_id": each.record_id,
        "archival_code": each.code,
        "note": each.note,
    }
