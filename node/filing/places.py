"""Boxes 盒 and places: where the paper of a record stands."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from node.filing.access import SEEING, require_clerk
from node.filing.history import changed
from node.filing.models import Box, Place, Record
from shared import audit
from shared.kernel.actor import Actor
from shared.kernel.errors import NotFound
from shared.records.values import PLACE_LENGTH, clean_text


@dataclass
class Shelf:
    """Finds and makes boxes and places within one transaction."""

    session: Session
    _places: dict[str, Place] = field(default_factory=dict)
    _boxes: dict[tuple[str, str], Box] = field(default_factory=dict)

    def place(self, name: str) -> Place:
        """The place of this name, made at the first need."""
        if name not in self._places:
            place = self.session.scalar(select(Place).where(Place.name == name))
            if place is None:
                place = Place(name=name)
                self.session.add(place)
                self.session.flush()
            self._places[name] = place
        return self._places[name]

    def box(self, fonds_id: str, number: str) -> Box:
        """The box of this number in its fonds, made at the first need."""
        key = (fonds_id, number)
        if key not in self._boxes:
            box = self.session.scalar(
                select(Box).where(Box.fonds_id == fonds_id, Box.number == number)
            )
            if box is None:
                box = Box(fonds_id=fonds_id, number=number)
                self.session.add(box)
                self.session.flush()
            self._boxes[key] = box
        return self._boxes[key]

    def put(self, values: dict[str, Any], fonds_id: str) -> None:
        """Turn `box` and `location` of cleaned values into the ids that a record has.

        A record put into a box without a word on the place stands where the box stands.
        """
        if "box" in values:
            number = values.pop("box")
            box = self.box(fonds_id, number) if number else None
            values["box_id"] = box.id if box else None
            if box is not None and values.get("location") is None:
                values["place_id"] = box.place_id
        if "location" in values:
            name = values.pop("location")
            if name:
                values["place_id"] = self.place(name).id
            else:
                values.setdefault("place_id", None)


def boxes(seen: Collection[str]) -> Select[Box, str]:
    """The boxes of the fonds that may be seen, each with the name of its place; unordered."""
    return (
        select(Box, Place.name)
        .outerjoin(Place, Place.id == Box.place_id)
        .where(Box.fonds_id.in_(seen))
    )


def box_counts(box_ids: Collection[str], *, session: Session) -> dict[str, int]:
    """How many records are in each of these boxes."""
    rows = session.execute(
        select(Record.box_id, func.count())
        .where(Record.box_id.in_(box_ids))
        .group_by(Record.box_id)
    )
    return {str(row[0]): row[1] for row in rows}


def box_of(box_id: str, seen: Collection[str], *, session: Session) -> Box:
    """A box of a fonds that may be seen. Raises NotFound."""
    box = session.get(Box, box_id)
    if box is None or box.fonds_id not in seen:
        raise NotFound("没有这个盒。", "请回到“盒与存放位置”重新选择。")
    return box


def move_box(actor: Actor, box_id: str, place_name: str | None, *, session: Session) -> Box:
    """Put a box, with everything in it, at another place."""
    box = session.get(Box, box_id)
    if box is None or not actor.may(*SEEING, fonds=box.fonds_id):
        raise NotFound("没有这个盒。", "请刷新后重试。")
    require_clerk(actor, box.fonds_id, session=session)
    name = clean_text(place_name, "location", max_length=PLACE_LENGTH)
    place_id = Shelf(session).place(name).id if name else None
    box.place_id = place_id
    records = list(session.scalars(select(Record).where(Record.box_id == box.id)))
    for record in records:
        record.place_id = place_id
    in_hand = [each for each in records if each.state not in ("received", "void", "disposed")]
    changed(in_hand, "修改", actor, session=session, description=f"存放位置：{name or '无'}")
    act = audit.Act(each=[each.id for each in records])
    audit.record(
        session, actor, "box.moved", f"box:{box.id}", act, place=name, records=len(records)
    )
    return box
