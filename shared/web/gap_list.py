"""The gap list 断号表 of a fonds on a page and as a spreadsheet, on hub and node alike."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from flask import Response
from werkzeug.datastructures import MultiDict

from shared.kernel.errors import NotFound
from shared.records.classes import class_name
from shared.records.gaps import GAPS, REMEDIES, STANDING_NAMES, Run, Standing
from shared.records.retention import retention_name, retention_rank
from shared.records.text import neutral
from shared.web.downloads import XLSX, download
from shared.web.listing import Filter, Listing, Page

#: The choice of the filter that leaves out what is accounted for (void, kept elsewhere …).
ONLY_GAPS = "gap"
COLOURS = {
    Standing.UNKNOWN: "red",
    Standing.EMPTY_YEAR: "red",
    Standing.UNSENT: "yellow",
    Standing.RETURNED: "orange",
    Standing.WITHDRAWN: "orange",
    Standing.OFFERED: "blue",
}
COLUMNS = ("门类", "年度", "保管期限", "机构（问题）", "件号起", "件号止", "件数", "情况", "说明")


def gap_page(runs: Sequence[Run], arguments: MultiDict[str, str]) -> Page[Run]:
    """The runs that a request asks for, one page of them."""
    return _listing(runs, arguments).apply_to(runs)


def gap_counts(runs: Iterable[Run]) -> dict[Standing, int]:
    """How many numbers stand in each way, in the order of `Standing`; of empty years the years."""
    counted: Counter[Standing] = Counter()
    for run in runs:
        counted[run.standing] += run.count or 1
    return {each: counted[each] for each in Standing if counted[each]}


def gap_download(
    runs: Sequence[Run], arguments: MultiDict[str, str], form: str, title: str
) -> Response:
    """All runs that the request's search and filters let through, as `xlsx` or `csv`.

    Raises NotFound for any other form.
    """
    if form not in _FORMS:
        raise NotFound("没有这种格式。", "请下载 XLSX 或 CSV。")
    write, media_type = _FORMS[form]
    chosen = _listing(runs, arguments).chosen(runs)
    return download(write([_cells(run) for run in chosen]), f"{title}.{form}", media_type)


def _listing(runs: Sequence[Run], arguments: MultiDict[str, str]) -> Listing:
    return Listing.from_request(
        arguments,
        sorts={
            "place": None,
            "year": lambda run: run.series.year,
            "count": lambda run: run.count,
            "standing": lambda run: list(Standing).index(run.standing),
        },
        default_sort="place",
        search=(lambda run: run.label, lambda run: run.series.key, lambda run: run.reason),
        filters=_filters(runs),
        size=50,
    )


def _filters(runs: Sequence[Run]) -> dict[str, Filter]:
    there = {run.standing for run in runs}
    standings: dict[str, str] = {ONLY_GAPS: "只看断号"} if there & GAPS else {}
    standings |= {str(each): each.label for each in Standing if each in there}
    years = sorted({run.series.year for run in runs if run.series.year}, reverse=True)
    classes = sorted({run.series.class_code for run in runs})
    terms = sorted({run.series.retention for run in runs if run.series.retention})
    return {
        "standing": Filter("情况", choices=standings, apply=_of_standing),
        "class": Filter(
            "门类", choices={each: class_name(each) for each in classes}, apply=_of("class_code")
        ),
        "year": Filter("年度", choices={each: f"{each}年度" for each in years}, apply=_of("year")),
        "retention": Filter(
            "保管期限",
            choices={each: retention_name(each) for each in sorted(terms, key=retention_rank)},
            apply=_of("retention"),
        ),
    }


def _of_standing(runs: Iterable[Run], value: str) -> list[Run]:
    if value == ONLY_GAPS:
        return [run for run in runs if run.standing.is_gap]
    return [run for run in runs if run.standing == value]


def _of(name: str) -> Callable[[Iterable[Run], str], list[Run]]:
    def narrow(runs: Iterable[Run], value: str) -> list[Run]:
        return [run for run in runs if str(getattr(run.series, name)) == value]

    return narrow


def said_of(run: Run) -> str:
    """What there is to say of a run: the reason of a void number, else what to do."""
    return run.reason or REMEDIES.get(run.standing, "")


def _cells(run: Run) -> list[str]:
    series = run.series
    numbers = (f"{run.first:04d}", f"{run.last:04d}") if run.last else ("", "")
    return [
        class_name(series.class_code),
        str(series.year or ""),
        retention_name(series.retention) if series.retention else "",
        series.organ or "",
        *numbers,
        str(run.count or ""),
        STANDING_NAMES[run.standing],
        neutral(said_of(run)),
    ]


def _as_csv(rows: Sequence[Sequence[str]]) -> bytes:
    """As spreadsheet programs here read it: UTF-8 with its mark."""
    target = io.StringIO(newline="")
    csv.writer(target).writerows([COLUMNS, *rows])
    return target.getvalue().encode("utf-8-sig")


def _as_xlsx(rows: Sequence[Sequence[str]]) -> bytes:
    import xlsxwriter  # few ask for a spreadsheet, and no start need wait for it

    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"constant_memory": True}) as book:
        book.set_properties({"author": "", "comments": ""})
        sheet = book.add_worksheet("断号表")
        bold, plain = book.add_format({"bold": True}), book.add_format({"num_format": "@"})
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, len(COLUMNS) - 2, 12)
        sheet.set_column(len(COLUMNS) - 1, len(COLUMNS) - 1, 60)
        for place, name in enumerate(COLUMNS):
            sheet.write_string(0, place, name, bold)
        for line, row in enumerate(rows, 1):
            for place, text in enumerate(row):
                sheet.write_string(line, place, text, plain)
    return target.getvalue()


_FORMS: Mapping[str, tuple[Callable[[Sequence[Sequence[str]]], bytes], str]] = {
    "xlsx": (_as_xlsx, XLSX),
    "csv": (_as_csv, "text/csv"),
}

#: What the template `gaps.html` asks for.
NAMES: dict[str, Any] = {"COLOURS": COLOURS, "ONLY_GAPS": ONLY_GAPS, "said_of": said_of}
