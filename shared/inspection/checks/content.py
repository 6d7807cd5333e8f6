"""What the content says of itself, held against the catalogue: questions, never failures."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from shared.inspection.finding import Finding, Severity, shown
from shared.inspection.subject import Measure, Subject
from shared.records.record import FIELD_NAMES, Record

_MOST_WAYS = 2000


def pages_differ(subject: Subject, record: Record) -> Iterator[Finding]:
    """The pages of the files are not those of the catalogue (DA/T 70-2018, 2-7).

    The same document may be there in several formats, and only its main text may be counted: any
    sum that makes the catalogue's figure is taken.
    """
    if record.pages is None or not record.files:
        return
    ways: list[set[int]] = []
    for document in record.documents:
        by_kind: dict[str, int] = {}
        for file in document.files:
            measure = subject.measure(file)
            pages = _pages(measure)
            if measure is None or pages is None:
                return  # not all can be counted
            kind = measure.kind.code if measure.kind else ""
            by_kind[kind] = by_kind.get(kind, 0) + pages
        if by_kind:
            ways.append({*by_kind.values(), sum(by_kind.values()), 0})
    most = 1
    for each in ways:
        most *= len(each)
    if most > _MOST_WAYS:
        return
    sums = {sum(each) for each in product(*ways)} - {0}
    if record.pages not in sums:
        yield Finding(
            "pages_differ",
            "著录的页数与电子文件的页数不同。",
            "请核对是否缺页；空白页不计等原因造成的，可以不改。",
            field="pages",
            expected=f"{record.pages} 页",
            actual=f"{max(sums)} 页",
            severity=Severity.WARNING,
        )


def _pages(measure: Measure | None) -> int | None:
    return None if measure is None else measure.examination.facts.get("pages")


def text_differs(subject: Subject, record: Record) -> Iterator[Finding]:
    """The main text does not bear the title, number or date of the catalogue (1-11).

    Only where a text layer was read; one file that bears it is enough.
    """
    borne: dict[str, bool] = {}
    place = None
    for path, _file, measure in subject.measures():
        for name, is_there in (measure.examination.answers or {}).items():
            borne[name] = borne.get(name, False) or is_there
            place = place or path
    for name, is_there in borne.items():
        if not is_there:
            label = FIELD_NAMES[name]
            yield Finding(
                "text_differs",
                f"在正本的文字中没有找到著录的{label}。",
                f"请打开正本核对{label}；简写、补充的内容与原文不同的，可以不改。",
                field=name,
                expected=shown(getattr(record, name)),
                actual="没有找到",
                where=place,
                severity=Severity.WARNING,
            )
