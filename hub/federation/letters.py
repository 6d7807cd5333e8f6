"""Dead letters: what came without a valid envelope, kept in a queue of its own for a while.

The database says what was wrong with each and never what it said; the bytes are in the queue
`dead.<hub>` alone. Both keep the newest within the same bounds, so that a flood of nonsense fills
neither; how many fell out is counted. An administrator has one put back to where it came from, or
thrown away.
"""

from __future__ import annotations

from contextlib import closing
from enum import StrEnum

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from hub.federation.assignments import hub_of
from hub.federation.models import Hub
from hub.federation.places import HubFolder
from shared.audit import record as audit
from shared.kernel.actor import Actor, Role, require
from shared.kernel.canonical import sha256_hex
from shared.kernel.database import locked
from shared.kernel.errors import NotFound, WrongState
from shared.kernel.identifiers import new_id
from shared.messaging.link import (
    DEAD_BYTES_KEPT,
    DEAD_LETTERS_KEPT,
    Delivery,
    Link,
    dead_queue,
)
from shared.messaging.models import DeadLetter

#: The reason of what is no dead letter, but a fault of ours: its node sends it again.
FAILED = "failed"
_WAIT_SECONDS = 2.0


class Outcome(StrEnum):
    """What an administrator decides about a letter."""

    REPLAYED = "replayed"
    DROPPED = "dropped"


def note_letter(
    session: Session, queue: str, raw: bytes, *, sender: str, reason: str, detail: str = ""
) -> None:
    """Write down that a bad message came in a queue, and why; never what it said.

    What is then beyond the bound is forgotten, the oldest first, and counted. A fault of ours is
    counted apart, so that nonsense does not hide it.
    """
    hub = locked(session, Hub, 1) or hub_of(session)
    session.add(
        DeadLetter(
            id=new_id(),
            queue=queue,
            claimed_sender=sender[:80],
            reason=reason,
            detail=detail[:500],
            size=len(raw),
            sha256=sha256_hex(raw),
        )
    )
    session.flush()
    newest_first = (DeadLetter.arrived_at.desc(), DeadLetter.id.desc())
    ranked = (
        select(
            DeadLetter.id,
            func.row_number().over(order_by=newest_first).label("place"),
            func.sum(DeadLetter.size).over(order_by=newest_first).label("bytes"),
        )
        .where((DeadLetter.reason == FAILED) == (reason == FAILED))
        .subquery()
    )
    beyond = session.scalars(
        select(ranked.c.id).where(
            or_(ranked.c.place > DEAD_LETTERS_KEPT, ranked.c.bytes > DEAD_BYTES_KEPT)
        )
    ).all()
    if beyond:
        session.execute(delete(DeadLetter).where(DeadLetter.id.in_(beyond)))
        hub.letters_lost += len(beyond)


def letters_lost(session: Session) -> int:
    """How many letters were forgotten because newer ones took their place."""
    return hub_of(session).letters_lost


def letter_for(actor: Actor, letter_id: str, *, session: Session) -> DeadLetter:
    """The letter that an administrator decides about. Raises NotFound."""
    require(actor, Role.SYSTEM_ADMINISTRATOR)
    letter = session.get(DeadLetter, letter_id)
    if letter is None:
        raise NotFound("没有这条无效消息，可能已被处理。", "请刷新页面。")
    return letter


def carry_out(letter: DeadLetter, outcome: Outcome, hub_id: str, link: Link) -> None:
    """Put the letter's bytes back into the queue that they came from, or throw them away.

    Raises WrongState when the bytes that were to be put back are there no more.
    """
    delivery = _find(letter, hub_id, link)
    if outcome == Outcome.REPLAYED:
        if delivery is None:
            raise WrongState(
                "这条消息的内容已不再保留，无法重新处理。", "如仍需要，请该单位重新发送。"
            )
        link.send(letter.queue, [delivery.body])
        link.flush()
    if delivery is not None:
        delivery.acknowledge()


def settle(actor: Actor, letter_id: str, outcome: Outcome, *, session: Session) -> None:
    """Strike a letter off the list, after `carry_out`."""
    letter = letter_for(actor, letter_id, session=session)
    audit(
        session,
        actor,
        f"letter.{outcome}",
        f"letter:{letter.id}",
        claimed_sender=letter.claimed_sender,
        reason=letter.reason,
        sha256=letter.sha256,
    )
    session.delete(letter)


def decide(actor: Actor, folder: HubFolder, letter_id: str, outcome: Outcome) -> None:
    """Carry out what an administrator decides about a letter, and strike it off the list."""
    with folder.database().read() as session:
        letter = letter_for(actor, letter_id, session=session)
    if letter.reason != FAILED:
        with closing(folder.open_link()) as link:
            carry_out(letter, outcome, folder.settings.hub_id, link)
    with folder.database().write() as session:
        settle(actor, letter_id, outcome, session=session)


def _find(letter: DeadLetter, hub_id: str, link: Link) -> Delivery | None:
    """Look through the queue once; what is not the letter goes to the end of it."""
    queue = dead_queue(hub_id)
    for _ in range(link.size(queue)):
        for delivery in link.receive(queue, wait_seconds=_WAIT_SECONDS):
            if sha256_hex(delivery.body) == letter.sha256:
                return delivery
            link.send(queue, [delivery.body])
            link.flush()
            delivery.acknowledge()
    return None
