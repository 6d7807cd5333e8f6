"""四性检测报告: what the inspection of a batch came to, for the file (DA/T 70-2018, report form).

The report is one JSON object; its paper and its spreadsheet show the same. It is signed as forms
are: over its canonical bytes, by whoever answers for it.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from shared.inspection.finding import PROPERTY_NAMES, SEVERITY_NAMES, Finding
from shared.inspection.report import OUTCOME_NAMES, Outcome
from shared.inspection.verdict import BatchVerdict, ItemVerdict
from shared.kernel.canonical import canonical_json, sm3_hex
from shared.kernel.clock import local_text, parse_utc
from shared.kernel.errors import Invalid, NotFound
from shared.kernel.keys import PublicKey, document_is_signed_by
from shared.packaging.pdf import Column, Page, draw_counted, table, wrap
from shared.records.text import neutral

FORMAT = "danglian-inspection-report/1"
TITLE = "电子档案四性检测报告"
_SPREADSHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_A4 = (595.28, 841.89)
_MARGIN, _TOP, _LABEL, _BOTTOM = 57.0, 84.0, 110.0, 841.89 - 52
_WIDTH = _A4[0] - 2 * _MARGIN
_ITEMS = (
    Column("编号", 9, "center"),
    Column("检测项", 30),
    Column("结果", 10, "center"),
    Column("件数", 18, "center"),
    Column("说明", 33),
)
_DIFFERENCES = (
    Column("编号", 9, "center"),
    Column("检测项", 27),
    Column("单位自检", 14, "center"),
    Column("本馆检测", 14, "center"),
    Column("原因", 36),
)
_PROBLEMS = (
    Column("档号", 24),
    Column("检测项", 9, "center"),
    Column("程度", 8, "center"),
    Column("问题", 36),
    Column("怎么办", 23),
)


@dataclass(frozen=True)
class Inspected:
    """Which batch was inspected, by whom, with what and when; all that a report says besides.

    Attributes:
        batch: `id`, `title` and `round` of the batch.
        unit: the unit that hands over.
        archive: the archive that inspects.
        fonds: number and name.
        occasion: `Occasion`, with its name.
        counted: `records`, `files` and `bytes`.
        inspected_by: the program or person that ran it.
        reviewed_by: who has concluded the review; empty before.
        begun_at: as `format_utc` writes it; so is `ended_at`.
    """

    batch: Mapping[str, Any]
    unit: str
    archive: str
    fonds: str
    occasion: Mapping[str, str]
    counted: Mapping[str, int]
    tool: str
    scanner: str
    inspected_by: str
    reviewed_by: str
    begun_at: str
    ended_at: str
    #: Archival code (or title) of a record, and what was found in it.
    found: Sequence[tuple[str, Sequence[Finding]]] = field(default_factory=tuple)
    #: By which scheme the unit says that it has inspected; None when it does not say.
    unit_scheme: str | None = None
    #: Where the unit's own inspection differs (`shared.inspection.comparing.Difference.to_wire`).
    differences: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


def report_in(kind: str, report: Mapping[str, Any]) -> tuple[bytes, str]:
    """A report as `pdf`, `xlsx` or `json`, with its media type. Raises NotFound for others."""
    if kind == "pdf":
        return report_pdf(report), "application/pdf"
    if kind == "xlsx":
        return report_xlsx(report), _SPREADSHEET
    if kind == "json":
        return canonical_json(report), "application/json"
    raise NotFound("没有这种格式的检测报告。", "请选择 pdf、xlsx 或 json。")


def inspection_report(about: Inspected, verdict: BatchVerdict) -> dict[str, Any]:
    """The report as plain values, without a signature."""
    return {
        "format": FORMAT,
        "batch": dict(about.batch),
        "unit": about.unit,
        "archive": about.archive,
        "fonds": about.fonds,
        "occasion": dict(about.occasion),
        "scheme": verdict.scheme,
        "unit_scheme": about.unit_scheme,
        "tool": about.tool,
        "scanner": about.scanner,
        "counted": dict(about.counted),
        "properties": _properties(verdict.items),
        "items": [_item(each) for each in verdict.items],
        "problems": [
            {
                "code": code,
                "number": finding.number,
                "severity": str(finding.severity),
                "problem": finding.problem,
                "remedy": finding.remedy,
                "field": finding.field,
                "where": finding.where,
                "expected": finding.expected,
                "actual": finding.actual,
            }
            for code, findings in about.found
            for finding in sorted(findings, key=lambda each: not each.is_error)
        ],
        "differences": [dict(each) for each in about.differences],
        "inspected_by": about.inspected_by,
        "decided_by": sorted({each.decision.by for each in verdict.items if each.decision}),
        "reviewed_by": about.reviewed_by,
        "begun_at": about.begun_at,
        "ended_at": about.ended_at,
        "verdict": str(verdict.verdict),
        "score": verdict.score,
        "conclusion": verdict.conclusion,
    }


def report_digest(report: Mapping[str, Any]) -> str:
    """SM3 of the report without its signature, in hex."""
    return sm3_hex(canonical_json(_unsigned(report)))


def _unsigned(report: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in report.items() if name != "signature"}


def _properties(items: Iterable[ItemVerdict]) -> list[dict[str, Any]]:
    listed = list(items)
    lines = []
    for each, name in PROPERTY_NAMES.items():
        counted = Counter(item.outcome for item in listed if item.item.property is each)
        outcomes = {str(outcome): counted[outcome] for outcome in OUTCOME_NAMES}
        lines.append({"property": str(each), "name": name, **outcomes})
    return lines


def _item(each: ItemVerdict) -> dict[str, Any]:
    decision = each.decision
    return {
        "number": each.item.code,
        "name": each.item.name,
        "outcome": str(each.outcome),
        "records": {str(outcome): each.counts.get(str(outcome), 0) for outcome in OUTCOME_NAMES},
        "mandatory": each.item.mandatory,
        "reason": each.reason,
        "decided_by": decision.by if decision else None,
        "decided_at": decision.at if decision else None,
    }


# ---- on paper


def report_pdf(report: Mapping[str, Any]) -> bytes:
    """The report as PDF: the form, every item, every problem; same input, same bytes.

    Raises Invalid when its signature is not over it: what looks signed must be signed.
    """
    signature = report.get("signature")
    if signature is not None and not _is_signed(report, signature):
        raise Invalid("signature", "签名不是对这份检测报告的签名，不能打印。", "请重新生成报告。")
    digest = report_digest(report)

    def footing(before: int, pages: int, page: Page, number: int) -> None:
        y = page.height - 30
        page.text(_MARGIN, y, f"报告摘要（SM3）{digest[:16]}", 8)
        page.text(_MARGIN + _WIDTH, y, f"第 {before + number} 页　共 {pages} 页", 8, "right")

    def paint(page: Page, pages: int) -> int:
        _form(page, report, digest)
        footing(0, pages, page, 1)
        last = 1
        for title, columns, rows in _tables(report):
            page.next_page()
            last += table(
                page,
                columns,
                rows,
                heading=partial(_heading, title),
                footing=partial(footing, last, pages),
                margin=_MARGIN,
                bottom=_BOTTOM,
                size=8.5,
            )
        return last

    return draw_counted(_A4, TITLE, paint)


def _is_signed(report: Mapping[str, Any], signature: Mapping[str, Any]) -> bool:
    try:
        key = PublicKey.from_hex(signature.get("public_key"))
    except Invalid:
        return False
    return document_is_signed_by(key, _unsigned(report), signature)


def _form(page: Page, report: Mapping[str, Any], digest: str) -> None:
    page.text(page.width / 2, 62, TITLE, 18, "center")
    counted, batch = report["counted"], report["batch"]
    signature = report.get("signature") or {}
    lines = (
        ("批次", f"{batch['title']}\n{batch['id']}　第 {batch['round']} 次提交"),
        ("环节", report["occasion"]["name"]),
        ("移交单位", report["unit"]),
        ("检测单位", report["archive"]),
        ("全宗", report["fonds"]),
        ("检测方案", f"{report['scheme']}（DA/T 70-2018）"),
        ("单位自检方案", report.get("unit_scheme") or "（没有说明）"),
        ("检测工具", "\n".join(filter(None, (report["tool"], report["scanner"])))),
        (
            "检测对象",
            f"{counted['records']} 件，计算机文件 {counted['files']} 个，{counted['bytes']:,} 字节",
        ),
        *((each["name"], _property_line(each)) for each in report["properties"]),
        ("检测人", report["inspected_by"]),
        ("人工检测", "、".join(report["decided_by"]) or "（尚未决定）"),
        ("审核人", report["reviewed_by"] or "（尚未审核）"),
        ("起止时间", f"{_time(report['begun_at'])}　至　{_time(report['ended_at'])}"),
        ("结论", report["conclusion"]),
        ("报告摘要", f"SM3：{digest}"),
        (
            "电子签名",
            f"公钥标识：{signature['key']}\n签名值：{signature['signature']}"
            if signature
            else "（没有签名）",
        ),
    )
    y = _TOP
    for label, text in lines:
        wrapped = wrap(text, _WIDTH - _LABEL - 8, 10, most=6)
        height = max(24.0, 13.5 * len(wrapped) + 8)
        page.cell(_MARGIN, y, _LABEL, height, [label], align="center")
        page.cell(_MARGIN + _LABEL, y, _WIDTH - _LABEL, height, wrapped)
        y += height
    page.box(_MARGIN, _TOP, _WIDTH, y - _TOP, thick=True)


def _property_line(line: Mapping[str, Any]) -> str:
    return "，".join(f"{name} {line[str(outcome)]} 项" for outcome, name in OUTCOME_NAMES.items())


def _time(text: str) -> str:
    return local_text(parse_utc(text)) if text else "—"


def _heading(title: str, page: Page, _number: int) -> float:
    page.text(page.width / 2, 52, title, 14, "center")
    return 68.0


def _tables(
    report: Mapping[str, Any],
) -> Iterable[tuple[str, Sequence[Column], Iterable[Sequence[str]]]]:
    yield "逐项结果", _ITEMS, _item_rows(report)
    yield "问题明细", _PROBLEMS, _problem_rows(report)
    if report.get("differences"):
        yield "与单位自检的不同", _DIFFERENCES, _difference_rows(report)


def _difference_rows(report: Mapping[str, Any]) -> Iterable[Sequence[str]]:
    for each in report["differences"]:
        sides = [
            f"{OUTCOME_NAMES[Outcome(each[who])]}{f'（{count} 件）' if count else ''}"
            for who, count in (
                ("theirs", each["their_failures"]),
                ("ours", each["our_failures"]),
            )
        ]
        yield (each["number"], each["name"], *sides, "；".join(each["reasons"]))


def _item_rows(report: Mapping[str, Any]) -> Iterable[Sequence[str]]:
    for each in report["items"]:
        counts = "，".join(
            f"{OUTCOME_NAMES[Outcome(name)]} {count}"
            for name, count in each["records"].items()
            if count
        )
        who = f"{each['decided_by']}，{_time(each['decided_at'])}" if each["decided_by"] else ""
        said = "　".join(filter(None, (each["reason"], who)))
        name = each["name"] if each["mandatory"] else f"{each['name']}（可不检）"
        yield (each["number"], name, OUTCOME_NAMES[Outcome(each["outcome"])], counts, said)


def _problem_rows(report: Mapping[str, Any]) -> Iterable[Sequence[str]]:
    for each in report["problems"]:
        shown = [each["problem"]]
        if each["expected"] or each["actual"]:
            shown.append(f"应为：{each['expected'] or '无'}；实为：{each['actual'] or '无'}")
        severity = next(name for kind, name in SEVERITY_NAMES.items() if kind == each["severity"])
        yield (each["code"], each["number"], severity, "\n".join(shown), each["remedy"])


# ---- as a spreadsheet


def report_xlsx(report: Mapping[str, Any]) -> bytes:
    """The report as a spreadsheet; every cell is text, so that nothing is ever computed."""
    import xlsxwriter  # few ask for a spreadsheet, and no start need wait for it

    target = io.BytesIO()
    options = {
        "in_memory": True,
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    about = [
        (label, str(value))
        for label, value in (
            ("批次", report["batch"]["title"]),
            ("环节", report["occasion"]["name"]),
            ("移交单位", report["unit"]),
            ("检测单位", report["archive"]),
            ("检测方案", report["scheme"]),
            ("单位自检方案", report.get("unit_scheme") or "（没有说明）"),
            ("件数", report["counted"]["records"]),
            ("结论", report["conclusion"]),
            ("报告摘要（SM3）", report_digest(report)),
        )
    ]
    with xlsxwriter.Workbook(target, options) as book:
        bold = book.add_format({"bold": True, "border": 1, "align": "center"})
        plain = book.add_format({"border": 1, "text_wrap": True, "valign": "top"})
        for name, headings, rows in (
            ("检测报告", ("项目", "内容"), about),
            *(
                (title, [each.heading for each in columns], rows)
                for title, columns, rows in _tables(report)
            ),
        ):
            sheet = book.add_worksheet(name)
            sheet.set_column(0, len(headings) - 1, 28)
            sheet.freeze_panes(1, 0)
            for number, line in enumerate((headings, *rows)):
                for column, text in enumerate(line):
                    sheet.write_string(number, column, neutral(text), plain if number else bold)
    return target.getvalue()
