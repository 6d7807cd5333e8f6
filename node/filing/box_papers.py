"""What the papers of boxes and volumes say: gathered from the records that are in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.filing.models import Box, Note, Record
from node.filing.printing import BoxPaper, NotePaper, VolumePaper
from node.filing.queries import inside
from node.office.service import fonds_of
from shared.records.classes import class_name
from shared.records.record import RecordLevel
from shared.records.retention import retention_name

_DRAFTS = ("collected", "arranging")


def in_box(box_id: str, *, session: Session) -> list[Record]:
    """What stands in a box, in the order of its numbers."""
    order = (Record.code.is_(None), Record.code, Record.position, Record.id)
    return list(session.scalars(select(Record).where(Record.box_id == box_id).order_by(*order)))


def box_paper(box: Box, *, session: Session) -> BoxPaper:
    """A box for its label and note sheet; a void number 空号 is named, and not counted."""
    fonds = fonds_of(box.fonds_id, session)
    records = in_box(box.id, session=session)
    there = [each for each in records if each.state != "void"]
    return BoxPaper(
        fonds_number=fonds.number or "",
        fonds_name=fonds.name,
        number=box.number,
        years=_distinct(str(each.year) for each in there if each.year),
        retentions=_distinct(retention_name(each.retention) for each in there if each.retention),
        organs=_distinct(each.organ_name or each.organ for each in there if each.organ),
        spans=_spans(there),
        records=sum(each.level != RecordLevel.VOLUME for each in there),
        pages=sum(each.pages or 0 for each in there),
        voids=tuple(
            f"{each.number:04d}（{each.void_reason or '无原因'}）"
            for each in records
            if each.state == "void" and each.number
        ),
        is_draft=any(each.state in _DRAFTS for each in there),
    )


def _distinct(values: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(sorted({value for value in values if value}))


def _spans(records: Sequence[Record]) -> tuple[str, ...]:
    """First and last number of each category in the box."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for record in records:
        if record.number is not None and record.category_id is not None:
            numbers[record.category_id].append(record.number)
    spans = sorted((min(each), max(each)) for each in numbers.values())
    return tuple(
        f"{first:04d}" if first == last else f"{first:04d}—{last:04d}" for first, last in spans
    )


def volume_paper(volume: Record, *, session: Session) -> VolumePaper:
    """A volume for its cover, list and note sheet."""
    fonds = fonds_of(volume.fonds_id, session)
    items = [each for each in inside(volume.id, session=session) if each.state != "void"]
    dates = sorted(each.date for each in items if each.date)
    return VolumePaper(
        fonds_number=fonds.number or "",
        fonds_name=fonds.name,
        class_name=class_name(volume.class_code, volume.subclass),
        code=volume.code or "",
        title=volume.title,
        unit=fonds.forming_unit,
        dates=(dates[0], dates[-1]) if dates else (volume.date or "", volume.date or ""),
        retention=retention_name(volume.retention) if volume.retention else "",
        catalogue_number=volume.catalogue_number or "",
        number=f"{volume.number:03d}" if volume.number else "",
        records=len(items),
        pages=sum(each.pages or 0 for each in items),
        is_draft=volume.state in _DRAFTS,
    )


def contents(volume: Record, *, session: Session) -> list[Sequence[str]]:
    """The rows of the list 卷内文件目录; page numbers as long as all pages before are known."""
    rows: list[Sequence[str]] = []
    page: int | None = 1
    for place, item in enumerate(inside(volume.id, session=session), 1):
        void = item.state == "void"
        shown = "" if void or page is None else _pages(page, item.pages)
        page = page if void else (page + item.pages if page and item.pages else None)
        rows.append(
            (
                str(item.number or place),
                item.doc_no or "",
                item.author or "",
                item.title,
                (item.date or "").replace("-", ""),
                shown,
                item.void_reason or item.remark or "",
            )
        )
    return rows


def _pages(first: int, count: int | None) -> str:
    return f"{first}—{first + count - 1}" if count and count > 1 else str(first)


def note_paper(note: Note | None) -> NotePaper:
    """A note for its sheet; without one everything is left to be written by hand."""
    names = ("situation", "arranged_by", "arranged_on", "checked_by", "checked_on")
    return NotePaper(*((getattr(note, name) or "") if note else "" for name in names))
