"""What a package is worth, in words for people and as JSON for scripts, with the exit code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shared.packaging.eep import Report, Trust
    from shared.packaging.eep.report import Part
    from shared.packaging.exchange import FormReport

#: Exit codes: it is wrong; or nothing is wrong, and nothing proves who made it.
WRONG, UNPROVEN = 1, 3
_ANSWERS = {True: "通过", False: "不通过", None: "未检查"}
_PARTS = {
    "well_formed": "格式",
    "schema_valid": "结构",
    "references": "标识与引用",
    "contents": "文件内容",
}


@dataclass(frozen=True)
class Said:
    """A report as it is told."""

    wire: dict[str, Any]
    lines: list[str]
    exit_code: int


def report_on(path: Path, trust: Trust) -> Said:
    """Judge a package or form, whatever it is. Nothing in it raises."""
    from shared.packaging.eep import verify
    from shared.packaging.exchange import is_eep, judge

    if is_eep(path):
        with path.open("rb") as stream:
            eep = verify(stream, trust=trust)
        return Said(eep.to_wire(), _lines(eep), _exit_code(eep))
    report = judge(path, trust=trust)
    return Said(report.to_wire(), _form_lines(report), _exit_code(report))


def _exit_code(report: Report | FormReport) -> int:
    if report.is_proven:
        return 0
    return UNPROVEN if report.is_sound else WRONG


def _form_lines(report: FormReport) -> list[str]:
    from shared.packaging.exchange import FORMS

    name = FORMS.get(report.form or "", "不是认识的形式")
    lines = [f"{name}，{len(report.proofs)} 件，{report.files} 个文件，{report.size} 字节"]
    lines += [_finding(each) for each in report.findings]
    lines += [f"{each.code} 的单位印章：{each.verdict.label}" for each in report.proofs]
    return lines


def _lines(report: Report) -> list[str]:
    """The report for people: each answer, and below it what is wrong."""
    lines = [f"{report.kind or '不是封装包'}，{report.size} 字节，SHA-256 {report.sha256}"]
    for name, label in _PARTS.items():
        part: Part = getattr(report, name)
        lines.append(f"{label}：{_ANSWERS[part.passed]}")
        lines += [_finding(each) for each in part.findings]
    for said in report.signatures:
        what = "锁定签名" if said.is_lock else "电子签名"
        who = f"（{said.signer}）" if said.signer else ""
        lines.append(f"{what} {said.identifier or ''}{who}：{said.verdict.label}")
        lines += [_finding(each) for each in said.findings]
        if said.because:
            lines.append(f"  看来由这里的问题引起：{said.because}")
    return lines


def _finding(found: Any) -> str:
    where = f"（{found.where}）" if found.where else ""
    return f"  {found.problem}{found.remedy}{where}"
