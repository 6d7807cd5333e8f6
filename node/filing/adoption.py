"""Adoption after a new grant (protocol §4): the hub says what it holds, and the newer copy wins.

Which copy is newer is read from the histories, never from clocks: events are only ever added, so a
version whose events contain all of the other's comes after it. Where each has events that the
other lacks, the two diverged: the hub's is taken, ours is kept for the clerk to see and choose.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from node.filing.categories import Categories, closed_class, values_of
from node.filing.history import changed, remember_versions, tell
from node.filing.models import (
    ClosedClass,
    ComputerFile,
    Divergence,
    Document,
    Event,
    Held,
    Record,
    RecordVersion,
)
from node.filing.numbering import code_for, free_drafted
from node.filing.places import Shelf
from node.filing.wire import Wire, chunked, wire, wires
from node.office.models import Standing
from node.office.service import fonds_kept, fonds_of, standing_of, standings
from shared import audit
from shared.kernel.actor import system_actor
from shared.kernel.clock import now, parse_utc
from shared.records.record import RecordLevel
from shared.records.record_wire import content_digest, record_from_wire
from shared.records.states import NUMBERED_STATES

HUB = system_actor("市级平台")


@dataclass
class _Found:
    """What one transaction of adoption has found already; a run holds up to 1,000 records."""

    categories: Categories
    shelf: Shelf
    closed: dict[tuple[str, str, int], ClosedClass] = field(default_factory=dict)

    @classmethod
    def of(cls, session: Session) -> _Found:
        # A savepoint that is rolled back takes along what was made in it: then begin anew.
        transaction = session.get_nested_transaction() or session.get_transaction()
        kept = session.info.get("filing.adoption")
        if kept is None or kept[0] is not transaction:
            kept = (transaction, cls(Categories(session), Shelf(session)))
            session.info["filing.adoption"] = kept
        found = kept[1]
        assert isinstance(found, cls)  # noqa: S101 - set above
        return found


def begin_adoption(session: Session) -> None:
    """Forget what the hub said at an earlier adoption."""
    session.execute(delete(Held))


def adopt_held(session: Session, body: Mapping[str, Any]) -> None:
    """Take over one record that the hub holds (entry `held`): `{record, digest, custody}`.

    Raises Invalid when the record is malformed; nothing has changed then.
    """
    held: Wire = dict(body["record"])
    record_from_wire(held)
    digest = str(body.get("digest") or content_digest(held))
    session.execute(
        sqlite_insert(Held)
        .values(record_id=held["id"], digest=digest)
        .on_conflict_do_update(index_elements=["record_id"], set_={"digest": digest})
    )
    if standing_of(held["fonds_id"], session) == Standing.ARRIVING:
        return  # it comes whole, with all that belongs to it, in the hand-over's bundles
    archives = str(body.get("custody") or "node").startswith("archive")
    local = session.get(Record, held["id"])
    if local is None:
        _write(held, None, session)
    elif _known(local.id, digest, session):
        if archives and local.state in ("filed", "offered"):
            local.state = "received"
    else:
        _newer_or_diverged(local, held, archives, session)
    if archives:
        record = session.get_one(Record, held["id"])
        if record.state in ("filed", "offered"):
            record.state = "received"
    session.flush()


def adopt_correction(session: Session, corrected: Mapping[str, Any]) -> bool:
    """Bring the mirror of a received record up to a version that its archive has made.

    False when the mirror is as new already. Raises Invalid when the record is malformed.
    """
    held: Wire = dict(corrected)
    record_from_wire(held)
    local = session.get(Record, held["id"])
    if local is not None and (
        local.version > held["version"] or _known(local.id, content_digest(held), session)
    ):
        return False
    _write(held, local, session)
    return True


def _known(record_id: str, digest: str, session: Session) -> bool:
    """Whether the held version is one that this node had told, so that ours is at least as new."""
    return (
        session.scalar(
            select(RecordVersion.version)
            .where(RecordVersion.record_id == record_id, RecordVersion.digest == digest)
            .limit(1)
        )
        is not None
    )


def _newer_or_diverged(local: Record, held: Wire, archives: bool, session: Session) -> None:
    ours = wire(local, session=session)
    our_events = {each["id"] for each in ours["events"]}
    their_events = {each["id"] for each in held["events"]}
    draft = local.state not in NUMBERED_STATES and local.state != "void"
    if not archives and their_events < our_events:
        return
    if not archives and not draft and not our_events <= their_events:
        session.add(
            Divergence(record_id=local.id, fonds_id=local.fonds_id, local=ours, held=dict(held))
        )
    _write(held, local, session)


def _write(held: Wire, local: Record | None, session: Session) -> None:
    """Make our row say exactly what the hub holds."""
    _free_code(held, session)
    values = _columns(held, session)
    is_new = local is None
    if local is None:
        local = Record(**values, created_by=HUB.name)
        session.add(local)
    else:
        for name, value in values.items():
            setattr(local, name, value)
    session.flush()
    _place(local, session)
    if not is_new:
        for model in (ComputerFile, Document, Event):
            session.execute(delete(model).where(model.record_id == local.id))
    write_parts(held, session)
    session.flush()
    remember_versions([held], session=session)


_SAME = (
    *("id", "version", "fonds_id", "level", "parent_id", "class_code", "subclass", "year"),
    *("retention", "organ", "organ_name", "catalogue_number", "project_number", "code", "title"),
    *("doc_no", "author", "date", "security", "pages", "remark", "holding"),
    *("security_change", "state", "void_reason"),
)


def _columns(held: Wire, session: Session) -> dict[str, Any]:
    values = {name: held[name] for name in _SAME}
    volume = held["level"] == RecordLevel.VOLUME
    values["number"] = held["volume_number"] if volume else held["number"]
    values["volume_number"] = None if volume else held["volume_number"]
    values["former_codes"] = list(held["former_codes"])
    opening, publicity = held["opening"] or {}, held["publicity"] or {}
    values["opening_opinion"] = opening.get("opinion")
    values["opening_reason"] = opening.get("reason")
    values["publicity_attribute"] = publicity.get("attribute")
    values["publicity_basis"] = publicity.get("basis")
    shelf = _Found.of(session).shelf
    values["box_id"] = shelf.box(held["fonds_id"], held["box"]).id if held["box"] else None
    values["place_id"] = shelf.place(held["location"]).id if held["location"] else None
    values["changed_at"] = now()
    # The category follows in `_place`: until then the row must not collide with another number.
    values["category_id"] = None
    return values


def _place(record: Record, session: Session) -> None:
    """Put an adopted record into its category; the highest number and the closing follow it."""
    found = _Found.of(session)
    category = found.categories.of(values_of(record))
    if category is None or record.year is None:
        return
    if record.number is not None:
        _free_number(record, category.id, session)
        category.highest = max(category.highest, record.number)
    record.category_id = category.id
    record.position = record.number or 0
    if category.closed_at is None:
        category.closed_at = now()
        category.closed_by = HUB.name
    key = (record.fonds_id, record.class_code, record.year)
    if key not in found.closed:
        closed = closed_class(*key, session=session)
        if closed is None:
            closed = ClosedClass(
                fonds_id=record.fonds_id,
                class_code=record.class_code,
                year=record.year,
                closed_by=HUB.name,
                closed_by_id=HUB.id,
            )
            session.add(closed)
        found.closed[key] = closed
    session.flush()


def write_parts(held: Wire, session: Session) -> None:
    """Write the documents, files and events of a wire record as rows."""
    for document in held["documents"]:
        session.add(
            Document(
                id=document["id"], record_id=held["id"], role=document["role"],
                title=document["title"], order=document["order"],
            )
        )  # fmt: skip
        session.flush()
        for order, file in enumerate(document["files"], 1):
            kept = {name: file[name] for name in ("id", "name", "size", "sha256", "kind")}
            session.add(
                ComputerFile(
                    **kept, format=file["format"] or "bin", document_id=document["id"],
                    record_id=held["id"], order=order,
                )
            )  # fmt: skip
    events = [
        {**each, "record_id": held["id"], "time": parse_utc(each["time"])}
        for each in held["events"]
    ]
    if events:
        session.flush()
        session.execute(insert(Event), events)


def _free_code(held: Wire, session: Session) -> None:
    """Another local record with the same code gives it up, and takes the next one."""
    other = session.scalar(
        select(Record).where(
            Record.fonds_id == held["fonds_id"],
            Record.code == held["code"],
            Record.id != held["id"],
        )
    )
    if other is not None and held["code"] is not None:
        _take_next(other, held["volume_number" if held["level"] == "volume" else "number"], session)


def _free_number(record: Record, category_id: str, session: Session) -> None:
    other = session.scalar(
        select(Record).where(
            Record.category_id == category_id,
            Record.number == record.number,
            Record.id != record.id,
        )
    )
    if other is not None:
        _take_next(other, record.number, session)


def _take_next(other: Record, taken: int | None, session: Session) -> None:
    """Give up a number that the hub holds for another record.

    A draft waits to be numbered anew; a final one takes the next number, with an event.
    """
    old, category_id = other.code, other.category_id
    other.number = other.code = None
    session.flush()
    if other.state not in NUMBERED_STATES and other.state != "void":
        return
    category = Categories(session).of(values_of(other))
    if category is not None:
        category.highest = max(category.highest, taken or 0) + 1
        free_drafted(category, category.highest, session=session)
        other.number = category.highest
    other.code = code_for(
        fonds_of(other.fonds_id, session),
        {**values_of(other), "number": other.number, "volume_number": other.volume_number},
    )
    other.category_id = category_id
    if old and other.code != old:
        other.former_codes = [*other.former_codes, old]
    session.flush()
    if other.level == RecordLevel.VOLUME:
        _renumber_items(other, session)
    text = f"原档号 {old} 已由平台上的另一件使用，改为 {other.code}"
    changed([other], "更正", HUB, session=session, description=text)
    audit.record(session, HUB, "record.renumbered", other, former=old, code=other.code)


def _renumber_items(volume: Record, session: Session) -> None:
    items = list(session.scalars(select(Record).where(Record.parent_id == volume.id)))
    fonds = fonds_of(volume.fonds_id, session)
    for item in items:
        item.volume_number = volume.number
        if item.code is not None:
            item.former_codes = [*item.former_codes, item.code]
        values = {**values_of(item), "number": item.number, "volume_number": volume.number}
        item.code = code_for(fonds, values)
    changed(items, "更正", HUB, session=session, description="随案卷更改档号")


def _written_here(session: Session) -> list[str]:
    """The fonds that this node tells of: no mirror, and none whose records are still coming."""
    held_up = standings(session)
    mute = {id_ for id_, row in held_up.items() if row.standing != Standing.LEAVING}
    return [fonds.id for fonds in fonds_kept(session) if fonds.id not in mute]


def finish_adoption(session: Session, held_ids: Collection[str] | None = None) -> int:
    """Tell the hub every filed record that it lacks or holds in another version.

    Done when the hub has sent all that it holds (entry `adopted`) and the node may send again.
    `held_ids`, where given, narrows what the hub said to these. Returns how many were told.
    """
    held: dict[str, str] = {row.record_id: row.digest for row in session.scalars(select(Held))}
    if held_ids is not None:
        held = {each: held[each] for each in held_ids if each in held}
    ids = list(
        session.scalars(
            select(Record.id)
            .where(Record.state.in_(("filed", "offered", "void", "disposed")))
            .where(Record.fonds_id.in_(_written_here(session)))
            .order_by(Record.code, Record.id)
        )
    )
    lacking = []
    for some in chunked(ids):
        lacking += [
            each["id"]
            for each in wires(some, session=session)
            if held.get(each["id"]) != content_digest(each)
        ]
    tell(lacking, session=session)
    session.execute(delete(Held))
    return len(lacking)
