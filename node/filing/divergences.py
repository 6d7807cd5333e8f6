"""Divergences: records of which node and hub both had changes after a restore; a clerk chooses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from node.filing.access import Within, records_to_change, require_held, sees, within
from node.filing.adoption import write_parts
from node.filing.history import changed
from node.filing.models import ComputerFile, Divergence, Document, Record
from node.filing.places import Shelf
from shared import audit
from shared.kernel.actor import Actor, Role
from shared.kernel.clock import now
from shared.kernel.errors import NotFound, WrongState


@dataclass(frozen=True)
class Difference:
    """One field in which the two versions of a diverged record differ."""

    field: str
    local: Any
    held: Any


def differences(divergence: Divergence) -> list[Difference]:
    """Where the node's version and the hub's differ, but for version and history."""
    left_out = {"version", "events", "id"}
    return [
        Difference(name, divergence.local[name], divergence.held.get(name))
        for name in divergence.local
        if name not in left_out and divergence.local[name] != divergence.held.get(name)
    ]


def open_divergences(
    seen: Within, *, record_id: str | None = None, session: Session
) -> list[Divergence]:
    """Divergences that wait for a clerk, oldest first."""
    query = (
        select(Divergence)
        .join(Record, Record.id == Divergence.record_id)
        .where(Divergence.settled_at.is_(None), within(seen))
    )
    if record_id is not None:
        query = query.where(Divergence.record_id == record_id)
    return list(session.scalars(query.order_by(Divergence.noticed_at, Divergence.id)))


def divergence_listing(seen: Within) -> Select[Divergence, Record]:
    """The divergences that wait for a clerk, each with its record; unordered."""
    return (
        select(Divergence, Record)
        .join(Record, Record.id == Divergence.record_id)
        .where(Divergence.settled_at.is_(None), within(seen))
    )


_CHOOSABLE = (
    *("title", "doc_no", "author", "date", "security", "pages", "remark", "holding"),
    *("organ_name", "security_change"),
)


def settle_divergence(
    actor: Actor, divergence_id: str, choice: str, *, session: Session
) -> Divergence:
    """Choose between the two versions: `held` keeps the hub's, `local` writes ours as the next one.

    Number and class stay the hub's in either case; choosing ours makes a new version, which the
    hub is told.
    """
    divergence = session.get(Divergence, divergence_id)
    record = session.get(Record, divergence.record_id) if divergence else None
    if divergence is None or record is None or not sees(actor, record):
        raise NotFound("没有这条分歧。", "请刷新列表。")
    records_to_change(actor, [record.id], session=session)
    if divergence.settled_at is not None:
        raise WrongState("这条分歧已经处理。", "请查看该件的经过。")
    if choice == "local":
        _restore(actor, divergence, session)
    divergence.choice = "local" if choice == "local" else "held"
    divergence.settled_at = now()
    divergence.settled_by = actor.name
    session.flush()
    audit.record(
        session, actor, "record.divergence_settled", f"record:{divergence.record_id}",
        choice=divergence.choice,
    )  # fmt: skip
    return divergence


def _restore(actor: Actor, divergence: Divergence, session: Session) -> None:
    record = session.get_one(Record, divergence.record_id)
    if record.state != "filed":
        raise WrongState("这件档案现在不能修改。", "请保留平台的版本。")
    ours = divergence.local
    for name in _CHOOSABLE:
        setattr(record, name, ours[name])
    shelf = Shelf(session)
    record.box_id = shelf.box(record.fonds_id, ours["box"]).id if ours["box"] else None
    record.place_id = shelf.place(ours["location"]).id if ours["location"] else None
    for model in (ComputerFile, Document):
        session.execute(delete(model).where(model.record_id == record.id))
    write_parts({**ours, "events": []}, session)
    session.flush()
    session.expire(record)
    require_held(actor, [record], Role.CLERK)
    changed([record], "修改", actor, session=session, description="恢复后采用本机版本")
