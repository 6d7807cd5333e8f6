"""What the content says of itself, held against the catalogue: questions, never failures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from math import prod

from shared.inspection.finding import Finding, Severity, shown
from shared.inspection.measuring import Measure
from shared.inspection.subject import Subject
from shared.records.metadata import Node, find_all
from shared.records.record import FIELD_NAMES, Record

_MOST_WAYS = 2000
#: 时长：1:02:03, 时长 2分3秒.
_DURATION = re.compile(
    r"时长[:：为]?\s*(?:(?P<clock>\d{1,3}(?::[0-5]\d){1,2})"
    r"|(?=\d)(?:(?P<hours>\d{1,3})(?:小时|时))?(?:(?P<minutes>\d{1,3})(?:分钟|分))?(?:(?P<seconds>\d{1,5})秒)?)"
)
#: The issuer is asked for with the rest of the letter's form (`letters`).
_ASKED = {"title", "doc_no", "date"}


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
    if prod(map(len, ways)) > _MOST_WAYS:
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


def seconds_differ(subject: Subject, record: Record) -> Iterator[Finding]:
    """Sound or film is not as long as the catalogue says (DA/T 70-2018, 2-7; DA/T 63-2017 时长).

    Compared where the metadata have a 时长, or the remark names one.
    """
    said = _said_seconds(subject, record)
    lengths = [
        measure.examination.facts.get("seconds") for _path, _file, measure in subject.measures()
    ]
    known = [float(each) for each in lengths if each]
    if said is None or not known:
        return
    # The same recording may be there twice, to keep and to use.
    if not any(abs(said - each) <= max(2.0, said / 50) for each in (sum(known), *known)):
        yield Finding(
            "duration_differs",
            "著录的时长与音像文件的时长不同。",
            "请从头到尾播放核对；剪辑过的，请改正时长。",
            field="documents",
            expected=_spoken(said),
            actual=_spoken(sum(known)),
            severity=Severity.WARNING,
        )


def _said_seconds(subject: Subject, record: Record) -> int | None:
    said = record.remark or ""
    if isinstance(subject.metadata, Node):
        node = next(iter(find_all(subject.metadata, "时长")), None)
        said = f"时长{node.value}" if node is not None and node.value else said
    found = _DURATION.search(said)
    if found is None:
        return None
    hours, minutes, seconds = (int(found[each] or 0) for each in ("hours", "minutes", "seconds"))
    if found["clock"]:
        parts = [int(each) for each in found["clock"].split(":")]
        hours, minutes, seconds = [0] * (3 - len(parts)) + parts
    return (hours * 3600 + minutes * 60 + seconds) or None


def _spoken(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def text_differs(subject: Subject, record: Record) -> Iterator[Finding]:
    """The main text does not bear the title, number or date of the catalogue (1-11).

    Only where a text layer was read; one file that bears it is enough.
    """
    borne: dict[str, bool] = {}
    place = None
    for _path, file, measure in subject.measures():
        for name in _ASKED & (measure.examination.answers or {}).keys():
            is_there = (measure.examination.answers or {})[name]
            borne[name] = borne.get(name, False) or is_there
            place = place or file.name
    for name, is_there in sorted(borne.items()):
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
