"""The lists on the page of a record in the catalogue: what is in it, its files, its history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from flask import request
from sqlalchemy.orm import Session

from hub.catalogue.models import CatalogueRecord
from hub.catalogue.query import Row, containing, row_for, visible
from shared.kernel.actor import Actor
from shared.web import Listing, Page


def parts_of(actor: Actor, record: CatalogueRecord, *, session: Session) -> Page[Row]:
    """The items 卷内文件 of a volume, or the volumes of a project, as the actor may see them."""
    listing = Listing.from_request(
        request.args,
        name="items",
        sorts={"code": CatalogueRecord.code_key, "date": CatalogueRecord.date},
        default_sort="code",
        search=lambda statement, text: containing(actor, statement, text),
    )
    inside = visible(actor).where(CatalogueRecord.parent_id == record.id)
    page = listing.apply(inside, session=session)
    return replace(page, items=[row_for(actor, each) for each in page.items])


@dataclass(frozen=True)
class FileLine:
    """A document with one of its computer files; None when it has none."""

    document: Mapping[str, Any]
    file: Mapping[str, Any] | None


def files_in(wire: Mapping[str, Any]) -> Page[FileLine]:
    """The documents of a record with their computer files; nothing of a masked one."""
    lines = [
        FileLine(document, file)
        for document in sorted(wire["documents"], key=lambda each: each["order"])
        for file in document["files"] or [None]
    ]
    return Listing.from_request(
        request.args,
        name="files",
        sorts={
            "place": None,
            "name": lambda line: line.file and line.file["name"],
            "size": lambda line: line.file and line.file["size"],
        },
        default_sort="place",
        search=(
            lambda line: line.file and line.file["name"],
            lambda line: line.document["role"],
            lambda line: line.document["title"],
        ),
    ).apply_to(lines)


def history_in(wire: Mapping[str, Any]) -> Page[Mapping[str, Any]]:
    """What happened to a record 经过, oldest first; nothing of a masked one."""
    return Listing.from_request(
        request.args,
        name="history",
        sorts={
            "time": lambda event: event["time"],
            "action": lambda event: event["action"],
            "agent": lambda event: event["agent"],
        },
        default_sort="time",
        search=tuple(_reading(each) for each in ("action", "agent", "description", "basis")),
    ).apply_to(wire["events"])


def _reading(name: str) -> Any:
    return lambda event: event[name]
