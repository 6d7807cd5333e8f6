"""Lists on pages of one thing: what is in a record, its files, its history; a box; a catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request
from sqlalchemy import func
from sqlalchemy.orm import Session

from node.filing import service as filing
from node.filing.models import Event, Record
from shared.identity import current_actor
from shared.packaging.catalogue import CatalogueRow
from shared.records.numbering import doc_no_key
from shared.records.states import RECORD
from shared.web import Filter, Listing, Page

#: Behind every number: what has none yet stands last, in its order.
_UNNUMBERED = 1_000_000


def items_in(record: Record, *, session: Session) -> Page[Record]:
    """The items 卷内文件 of a volume, or the volumes of a project."""
    listing = Listing.from_request(
        request.args,
        name="items",
        sorts={
            "number": func.coalesce(Record.number, _UNNUMBERED + Record.position),
            "title": Record.title,
            "date": Record.date,
        },
        default_sort="number",
        search=(Record.title, Record.doc_no, Record.author),
        filters={"state": Filter("状态", Record.state, RECORD.states)},
    )
    seen = filing.records_seen(current_actor(), session=session)
    return listing.apply(filing.listing(filing.Filter(parent_id=record.id), seen), session=session)


@dataclass(frozen=True)
class FileLine:
    """A computer file with its document, as the list of files shows it."""

    document: Mapping[str, Any]
    file: Mapping[str, Any]


def files_in(documents: Iterable[Mapping[str, Any]]) -> Page[FileLine]:
    """The computer files of the documents of a record that travels, in their order."""
    return Listing.from_request(
        request.args,
        name="files",
        sorts={
            "place": None,
            "name": lambda line: line.file["name"],
            "size": lambda line: line.file["size"],
        },
        default_sort="place",
        search=(lambda line: line.file["name"], lambda line: line.document["title"]),
    ).apply_to([FileLine(document, file) for document in documents for file in document["files"]])


def history_of(record: Record, *, session: Session) -> Page[Event]:
    """What happened to a record 经过, oldest first."""
    return Listing.from_request(
        request.args,
        name="history",
        sorts={"time": Event.time, "action": Event.action, "agent": Event.agent},
        default_sort="time",
        search=(Event.action, Event.agent, Event.description, Event.basis),
    ).apply(filing.history_listing(record.id), session=session)


def in_box(box_id: str, *, session: Session) -> Page[Record]:
    """What stands in a box 盒."""
    seen = filing.records_seen(current_actor(), session=session)
    return Listing.from_request(
        request.args,
        name="items",
        sorts={
            "code": Record.code,
            "title": Record.title,
            "date": Record.date,
            "pages": Record.pages,
        },
        default_sort="code",
        search=(Record.title, Record.code, Record.doc_no),
    ).apply(filing.listing(filing.Filter(), seen).where(Record.box_id == box_id), session=session)


@dataclass(frozen=True)
class CatalogueLine:
    """A row of the catalogue with its 序号, which it keeps in whatever order the page shows it."""

    place: int
    row: CatalogueRow


def catalogue_lines(rows: Sequence[CatalogueRow]) -> Page[CatalogueLine]:
    """The rows of a catalogue 归档文件目录, a hundred to a page."""
    return Listing.from_request(
        request.args,
        sorts={
            "place": None,
            "doc_no": lambda line: doc_no_key(line.row.doc_no or None),
            "author": lambda line: line.row.author,
            "title": lambda line: line.row.title,
            "date": lambda line: line.row.date,
        },
        default_sort="place",
        search=(
            lambda line: line.row.title,
            lambda line: line.row.code,
            lambda line: line.row.doc_no,
            lambda line: line.row.author,
        ),
        size=100,
    ).apply_to([CatalogueLine(place, row) for place, row in enumerate(rows, 1)])
