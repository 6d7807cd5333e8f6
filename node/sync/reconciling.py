"""Ask the hub whether both sides hold the same, and repair only what differs (protocol §7)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.filing.reconciling import tell_again, told_sums
from node.office.service import office_of, require_grant
from node.sync.models import Reconciliation
from shared.kernel.clock import now
from shared.messaging import append
from shared.messaging.models import IncomingStream


def ask(session: Session) -> Reconciliation:
    """Put a comparison into the up stream, with the sums of this very moment of it.

    Raises WrongState without the hub's grant.
    """
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
    session.add(asked)
    session.flush()
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
    return session.scalar(select(Reconciliation).order_by(Reconciliation.asked_at.desc()).limit(1))
