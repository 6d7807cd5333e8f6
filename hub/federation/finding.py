"""Questions about fonds 全宗: which there are, who keeps them, whom they concern."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select
from sqlalchemy.orm import Session

from hub.federation.models import Fonds
from hub.federation.territory import divisions_below
from shared.kernel.actor import Actor, Role
from shared.kernel.database import locked_all
from shared.kernel.errors import Conflict, NotFound
from shared.kernel.reach import together, within_reach
from shared.messaging.log import lock_streams


def fonds_of(fonds_id: str, session: Session) -> Fonds:
    """The fonds of an id. Raises NotFound."""
    found = session.get(Fonds, fonds_id)
    if found is None:
        raise no_fonds()
    return found


def no_fonds() -> NotFound:
    """How a fonds answers that there is not, or that the actor has nothing to do with."""
    return NotFound("没有这个全宗，或您无权查看。", "请从全宗列表中选择。")


def locked_fonds(fonds_ids: Iterable[str], session: Session, *nodes: str) -> list[Fonds]:
    """Several fonds, held for a change after the streams of the nodes that keep them.

    `nodes` are others that the change will speak to. Raises NotFound for a fonds that is not
    there, Conflict when one passes to another node at this very moment.
    """
    wanted = list(dict.fromkeys(fonds_ids))
    keeping = select(Fonds.keeping_node).where(
        Fonds.id.in_(wanted), Fonds.keeping_node.is_not(None)
    )
    spoken_to = {*session.scalars(keeping), *nodes}
    lock_streams(session, spoken_to)
    found = {fonds.id: fonds for fonds in locked_all(session, Fonds, wanted)}
    if {fonds.keeping_node for fonds in found.values()} - {None, *spoken_to}:
        raise Conflict(
            "这个全宗正在改由别的单位保管。", "请稍候刷新后再办理。", code="saved_meanwhile"
        )
    return [found[each] if each in found else fonds_of(each, session) for each in wanted]


def held_fonds(fonds_ids: Iterable[str], session: Session) -> dict[str, Fonds]:
    """Several fonds by id, held while what is counted and coded in them changes.

    The caller has locked the stream of the node that it acts for.
    """
    return {fonds.id: fonds for fonds in locked_all(session, Fonds, list(fonds_ids))}


def keeps(node_id: str, fonds_id: str, session: Session) -> bool:
    """Whether the node keeps the fonds now."""
    found = session.get(Fonds, fonds_id)
    return found is not None and found.keeping_node == node_id


def kept_by(node_id: str, session: Session) -> list[Fonds]:
    """The fonds that a node keeps, in order of registering."""
    return list(
        session.scalars(
            select(Fonds).where(Fonds.keeping_node == node_id).order_by(Fonds.position, Fonds.id)
        )
    )


def fonds_named(fonds_ids: Iterable[str], session: Session) -> dict[str, Fonds]:
    """Several fonds by id, in one query."""
    rows = session.scalars(select(Fonds).where(Fonds.id.in_(list(fonds_ids))))
    return {row.id: row for row in rows}


def all_fonds(
    session: Session,
    *,
    division: str | None = None,
    archive: str | None = None,
    node: str | None = None,
    text: str = "",
) -> list[Fonds]:
    """Fonds by division subtree, archive (reviewing or receiving), node, or part of a name."""
    query = select(Fonds).order_by(Fonds.division_code, Fonds.position, Fonds.id)
    if division:
        query = query.where(Fonds.division_code.in_(divisions_below(division, session)))
    if archive:
        query = query.where(
            or_(Fonds.reviewing_archive == archive, Fonds.receiving_archive == archive)
        )
    if node:
        query = query.where(Fonds.keeping_node == node)
    if text:
        query = query.where(
            or_(Fonds.name.contains(text, autoescape=True), Fonds.number == text.upper())
        )
    return list(session.scalars(query))


def fonds_count(session: Session) -> int:
    """How many fonds there are."""
    return session.scalar(select(func.count()).select_from(Fonds)) or 0


def fonds_counts(session: Session) -> dict[str, dict[str, int]]:
    """How many fonds each archive reviews and receives: by code, `reviews` and `receives`."""
    found: dict[str, dict[str, int]] = {}
    for column, name in (
        (Fonds.reviewing_archive, "reviews"),
        (Fonds.receiving_archive, "receives"),
    ):
        for code, count in session.execute(select(column, func.count()).group_by(column)):
            if code is not None:
                found.setdefault(code, {"reviews": 0, "receives": 0})[name] = count
    return found


def fonds_seen_by(actor: Actor) -> Select[Any]:
    """The fonds that an actor has to do with: by archive, by unit, or as its supervisor."""
    if actor.system or any(
        grant.archive_code is None and grant.fonds_id is None for grant in actor.grants
    ):
        return select(Fonds)
    conditions: list[ColumnElement[bool]] = [false()]
    for held in together(actor.grants):
        of_archive = or_(
            Fonds.reviewing_archive == held.archive_code,
            Fonds.receiving_archive == held.archive_code,
        )
        of_fonds = or_(Fonds.id.in_(held.fonds_ids), Fonds.supervisor.in_(held.fonds_ids))
        if not held.fonds_ids:
            conditions.append(of_archive)
        elif held.archive_code is None:
            conditions.append(of_fonds)
        else:
            conditions.append(and_(of_archive, of_fonds))
    return select(Fonds).where(or_(*conditions))


def fonds_within(actor: Actor, roles: Collection[Role]) -> Select[Any]:
    """The ids of the fonds for which an actor is one of these in the unit or where it transfers."""
    return select(Fonds.id).where(within_reach(actor, roles, Fonds.id, Fonds.receiving_archive))


def fonds_shown_to(actor: Actor, fonds_id: str, session: Session) -> Fonds:
    """The fonds, when the actor has to do with it. Raises NotFound otherwise."""
    found: Fonds | None = session.scalar(fonds_seen_by(actor).where(Fonds.id == fonds_id))
    if found is None:
        raise no_fonds()
    return found
