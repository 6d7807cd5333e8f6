"""Ask the hub whether both sides hold the same, and repair only what differs (protocol §7).

Somebody may ask at any time; by itself the node asks when the last time is long enough ago.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from node.filing.reconciling import tell_again, told_sums
from node.office.places import NodeFolder
from node.office.service import office_of, require_grant
from node.sync.models import Reconciliation
from shared import audit
from shared.kernel.actor import Actor, Role, require, system_actor
from shared.kernel.canonical import sha256_hex
from shared.kernel.clock import now
from shared.messaging.log import append
from shared.messaging.models import IncomingStream

_KEPT = timedelta(days=400)
#: Seconds after the start of the process before it asks by itself: a whole county switches its
#: computers on at half past eight.
_AFTER_START = (300.0, 900.0)
#: By how much of the interval the times of the nodes are spread.
_SPREAD = 0.2


def ask(actor: Actor, *, session: Session) -> Reconciliation:
    """Put a comparison into the up stream, with the sums of this very moment of it.

    Raises NotAllowed, and WrongState without the hub's grant.
    """
    if not actor.has(Role.CLERK):
        require(actor, Role.SYSTEM_ADMINISTRATOR)
    office = require_grant(session)
    heard = session.get(IncomingStream, str(office.hub_id))
    seq = append(
        session,
        str(office.hub_id),
        "reconcile",
        str(office.node_id),
        {"sums": told_sums(session), "down": heard.seq if heard else 0},
    )
    asked = Reconciliation(seq=seq, epoch=office.epoch)
    session.execute(delete(Reconciliation).where(Reconciliation.asked_at < now() - _KEPT))
    session.add(asked)
    session.flush()
    act = audit.Act(became=audit.columns_of(asked))
    audit.record(session, actor, "node.reconcile_asked", f"node:{office.node_id}", act, seq=seq)
    return asked


def take_answer(session: Session, body: dict[str, Any]) -> None:
    """Note the hub's answer (entry `reconciled`), and tell again what differs."""
    asked = session.get(Reconciliation, (int(body["seq"]), office_of(session).epoch))
    if asked is None or asked.answered_at is not None:
        return
    asked.answered_at = now()
    asked.groups = int(body["groups"])
    asked.differing = list(body["differing"])
    asked.told_again = tell_again(asked.differing, session=session)


def last(session: Session) -> Reconciliation | None:
    """The newest comparison, answered or not."""
    newest = latest(session, most=1)
    return newest[0] if newest else None


def latest(session: Session, *, most: int) -> Sequence[Reconciliation]:
    """The newest comparisons, the last one first."""
    order = (Reconciliation.asked_at.desc(), Reconciliation.seq.desc())
    return session.scalars(select(Reconciliation).order_by(*order).limit(most)).all()


def due_at(asked: Reconciliation, hours: int) -> datetime:
    """When the next comparison after this one is due: about `hours` later, each node by itself."""
    chance = int(sha256_hex(f"{asked.epoch}/{asked.seq}/{asked.asked_at}".encode())[:8], 16)
    share = 1 - _SPREAD / 2 + _SPREAD * chance / 0xFFFFFFFF
    return asked.asked_at + timedelta(hours=hours) * share


def is_due(session: Session, hours: int) -> bool:
    """Whether the node should ask by itself now; never while an answer is still to come."""
    office = office_of(session)
    if hours <= 0 or not office.has_grant or office.adopting:
        return False
    asked = last(session)
    if asked is None:
        return True
    if asked.epoch == office.epoch and asked.answered_at is None:
        return False
    return due_at(asked, hours) <= now()


class Schedule:
    """Asks when it is due (a step for `Background`); what was asked last is in the database."""

    def __init__(
        self,
        folder: NodeFolder,
        *,
        clock: Callable[[], float] = time.monotonic,
        after_start: tuple[float, float] = _AFTER_START,
    ) -> None:
        self._database = folder.database()
        self._hours = folder.settings.reconcile_hours
        self._clock = clock
        self._not_before = clock() + random.uniform(*after_start)

    def step(self) -> bool:
        """Ask if it is due; there is never more to do at once."""
        if self._clock() < self._not_before:
            return False
        with self._database.read() as session:
            due = is_due(session, self._hours)
        if due:
            with self._database.write() as session:
                if is_due(session, self._hours):
                    ask(system_actor("定时核对"), session=session)
        return False
