"""Boxes 盒 and places: where the paper of a record stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from node.filing.access import require_clerk
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


def boxes(fonds_id: str, *, session: Session) -> list[tuple[Box, str | None, int]]:
    """The boxes of a fonds, with the name of their place and how many records are in them."""
    rows = session.execute(
        select(Box, Place.name, func.count(Record.id))
        .outerjoin(Place, Place.id == Box.place_id)
        .outerjoin(Record, Record.box_id == Box.id)
        .where(Box.fonds_id == fonds_id)
        .group_by(Box.id)
        .order_by(Box.number)
    )
    return [(box, name, count) for box, name, count in rows]


def move_box(actor: Actor, box_id: str, place_name: str | None, *, session: Session) -> Box:
    """Put a box, with everything in it, at another place."""
    box = session.get(Box, box_id)
    if box is None:
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
    audit.record(session, actor, "box.moved", f"box:{box.id}", place=name, records=len(records))
    return box
