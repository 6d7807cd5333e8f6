"""What an inspection has shown, told for people and for programs: lines, JSON, a page, a paper."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shared.inspection.report import Report
    from shared.inspection.scheme import Scheme
    from shared.inspection.subject import Context

Named = Sequence[tuple[str, "Report"]]
_NO_BATCH = "这里没有整批的登记和全宗的目录，不能核对。"
_OF_FILE = re.compile(r"^“[^”]*”：")
#: So many subjects are named with a cause; all stand below.
_MOST_NAMED = 20
_VERDICTS = {"passed": "通过", "failed": "不通过", "open": "未见不合格，尚有未完成的检测项"}


def wire_of(stage: str, named: Named) -> dict[str, Any]:
    """Of every subject the outcome of every item, and one verdict, as plain values."""
    reports = [report for _name, report in named]
    subjects = [
        {
            "subject": name,
            "verdict": _verdict([report]),
            "conclusion": report.conclusion,
            "items": [
                {
                    "item": each.number,
                    "name": each.name,
                    "outcome": str(each.outcome),
                    "reason": each.reason,
                    "findings": [
                        found.to_wire() for found in report.findings if found.number == each.number
                    ],
                }
                for each in report.checks
            ],
        }
        for name, report in named
    ]
    return {
        "tool": reports[0].tool,
        "stage": stage,
        "scheme": reports[0].scheme,
        "at": reports[0].at,
        "verdict": _verdict(reports),
        "subjects": subjects,
    }


def _verdict(reports: Sequence[Report]) -> str:
    """`failed`, `open` (something was not examined) or `passed`, which alone says all is right."""
    if not all(each.passed for each in reports):
        return "failed"
    return "open" if any(each.undecided for each in reports) else "passed"


def lines_of(wire: dict[str, Any]) -> Iterator[str]:
    """Problems first; what is in order is only counted."""
    for each in sorted(wire["subjects"], key=lambda subject: subject["verdict"] != "failed"):
        found = [finding for item in each["items"] for finding in item["findings"]]
        if found:
            yield f"{each['subject']}：{_VERDICTS[each['verdict']]}"
        for finding in found:
            mark = "✗" if finding["severity"] == "error" else "？"
            yield f"  {mark} {finding['number']} {finding['problem']}{_evidence(finding)}"
            if finding["remedy"]:
                yield f"      {finding['remedy']}"
    clean = sum(all(not item["findings"] for item in each["items"]) for each in wire["subjects"])
    yield f"共 {len(wire['subjects'])} 个，其中 {clean} 个没有发现问题。"
    yield f"结论：{_VERDICTS[wire['verdict']]}。"
    open_items = {
        f"{item['item']} {item['name']}"
        for each in wire["subjects"]
        for item in each["items"]
        if item["outcome"] in ("not_run", "manual")
    }
    if open_items:
        yield f"未完成的检测项：{'、'.join(sorted(open_items))}。"


def _causes(wire: dict[str, Any]) -> list[dict[str, Any]]:
    """The findings by their cause, failures first, then by how many subjects they are about."""
    causes: dict[tuple[str, str], dict[str, Any]] = {}
    for place, subject in enumerate(wire["subjects"]):
        for item in subject["items"]:
            for finding in item["findings"]:
                key = (finding["number"], finding["code"])
                cause = causes.setdefault(
                    key,
                    {
                        "number": finding["number"],
                        "name": item["name"],
                        "failed": False,
                        "differ": False,
                        "problem": _OF_FILE.sub("", finding["problem"]),
                        "remedy": finding["remedy"],
                        "subjects": {},
                    },
                )
                if _OF_FILE.sub("", finding["problem"]) != cause["problem"]:
                    cause["differ"] = True
                cause["failed"] |= finding["severity"] == "error"
                cause["subjects"][place] = subject["subject"]
    return sorted(causes.values(), key=lambda each: (not each["failed"], -len(each["subjects"])))


def _evidence(finding: dict[str, Any]) -> str:
    """What should be there and what is, and where, as far as the sentence does not say it."""
    expected, actual, where = (finding[name] or "" for name in ("expected", "actual", "where"))
    if expected:
        told = [f"应为 {expected}，现为 {actual or '无'}"]
    else:
        told = [actual] if actual and actual not in finding["problem"] else []
    told += [where] if where and where not in finding["problem"] else []
    return f"（{'；'.join(told)}）" if told else ""


def page_of(wire: dict[str, Any]) -> str:
    """A page for the browser."""
    from jinja2 import Environment, PackageLoader

    from shared.inspection.report import OUTCOME_NAMES, Stage
    from shared.kernel.clock import local_text, parse_utc

    pages = Environment(loader=PackageLoader("shared.command", "templates"), autoescape=True)
    return pages.get_template("inspection.html").render(
        report=wire,
        causes=_causes(wire),
        most=_MOST_NAMED,
        subjects=sorted(
            enumerate(wire["subjects"]), key=lambda each: each[1]["verdict"] != "failed"
        ),
        stage=Stage(wire["stage"]).label,
        at=local_text(parse_utc(wire["at"])),
        verdicts=_VERDICTS,
        outcomes={str(outcome): name for outcome, name in OUTCOME_NAMES.items()},
    )


def paper_of(path: Path, paths: Sequence[Path], named: Named, context: Context) -> bytes:
    """The 四性检测报告 for the file, as PDF: one form for a batch, a folder and a file."""
    from shared.inspection.verdict import Tally, judge
    from shared.packaging.inspection_report import Inspected, inspection_report, report_pdf

    tally = Tally()
    for _name, report in named:
        tally.add(report)
    for item in context.scheme.items(context.at):
        if item.number not in tally.outcomes:
            tally.reasons[item.number] = _NO_BATCH
    first, last = named[0][1], named[-1][1]
    about = Inspected(
        batch={"id": path.name, "title": path.name, "round": 1},
        unit="（未说明）",
        archive="（本机检测）",
        fonds="（未说明）",
        occasion={"occasion": str(context.at), "name": _occasion(context.scheme, context)},
        counted={
            "records": len(named),
            "files": len(paths),
            "bytes": sum(each.stat().st_size for each in paths),
        },
        tool=first.tool,
        scanner=first.scanner,
        inspected_by="danglian inspect",
        reviewed_by="",
        begun_at=first.at,
        ended_at=last.at,
        found=[(name, report.findings) for name, report in named],
    )
    return report_pdf(inspection_report(about, judge(context.scheme, context.at, tally)))


def _occasion(scheme: Scheme, context: Context) -> str:
    return str(scheme.occasions[context.at]["name"])
