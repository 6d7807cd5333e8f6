"""How the proofs of the catalogue came out (protocol §7): kept here, where the pages show them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.federation.models import Fonds, TallyCheck
from hub.federation.nodes import held_node
from shared.kernel.clock import now


def note_comparison(node_id: str, *, groups: int, differing: int, session: Session) -> None:
    """Keep how the last comparison with a node came out."""
    node = held_node(node_id, session)
    node.compared_at = now()
    node.compared_groups = groups
    node.compared_differing = differing


def note_tally(fonds_id: str, *, was_right: bool, session: Session) -> None:
    """Keep that the running tally of a fonds was recounted, and whether it had been right."""
    check = session.get(TallyCheck, fonds_id)
    if check is None:
        check = TallyCheck(fonds_id=fonds_id)
        session.add(check)
    check.checked_at = now()
    if not was_right:
        check.corrected_at = check.checked_at
    session.flush()


def tally_checks(fonds_ids: Sequence[str], session: Session) -> dict[str, TallyCheck]:
    """When these fonds were recounted last, by id; without those that never were."""
    found = session.scalars(select(TallyCheck).where(TallyCheck.fonds_id.in_(fonds_ids)))
    return {each.fonds_id: each for each in found}


def next_to_recount(before: datetime, session: Session) -> str | None:
    """The fonds that was recounted longest ago (or never), if that was before this time."""
    return session.scalar(
        select(Fonds.id)
        .outerjoin(TallyCheck, TallyCheck.fonds_id == Fonds.id)
        .where(TallyCheck.checked_at.is_(None) | (TallyCheck.checked_at < before))
        .order_by(TallyCheck.checked_at, Fonds.id)
        .limit(1)
    )
