"""Following the hub from key to key: the one in force is pinned, the others verify old papers.

The hub rolls its key over by a statement that the old and the new key both sign (protocol §8). It
comes as a letter, in an envelope of the old key, to a node that knows only that one, and as an
entry of the down stream, which says from where on the new key counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from node.office.models import Office, OfficeHubKey
from node.office.service import office_of
from shared.audit import record as audit
from shared.kernel.actor import system_actor
from shared.kernel.errors import Invalid
from shared.kernel.keys import PublicKey
from shared.kernel.succession import Succession, hub_holder, read_chain, read_succession
from shared.messaging.entry import Entry
from shared.messaging.models import IncomingStream

_HUB = system_actor("市级平台")


def pin(office: Office, public: PublicKey, statements: Sequence[Any], *, session: Session) -> None:
    """Hold the hub to this key from now on, at enrolment; `statements` are how it came to it.

    Raises Invalid unless they end at this key. Earlier keys are only good for old papers.
    """
    chain = read_chain(statements, hub_holder(str(office.hub_id)))
    if chain and chain[-1].new != public:
        raise Invalid(
            "hub_keys", "平台密钥更换的声明与平台现用的密钥不符。",
            "请联系市档案馆核对平台，再登记。", code="bad_succession",
        )  # fmt: skip
    office.hub_public_key = public.hex
    first = chain[0].old if chain else public
    session.merge(OfficeHubKey(key_id=first.id, public_key=first.hex))
    for step, statement in zip(chain, statements, strict=True):
        session.merge(_row(step, statement))
    session.flush()


def follow(statement: Any, *, session: Session) -> PublicKey:
    """Go over to the hub's next key; returns the one in force. The same again is nothing.

    Raises Invalid unless the statement is signed by the key in force and by its follower.
    """
    office = office_of(session)
    step = read_succession(statement, hub_holder(str(office.hub_id)))
    pinned = PublicKey.from_hex(office.hub_public_key)
    if session.get(OfficeHubKey, step.new.id) is not None:
        return pinned
    if step.old != pinned:
        raise Invalid(
            "statement", "密钥更换的声明不是由平台现用的密钥签名的。",
            "系统会向平台重新要来其间的各次声明。", code="bad_succession",
        )  # fmt: skip
    if session.get(OfficeHubKey, pinned.id) is None:
        session.add(OfficeHubKey(key_id=pinned.id, public_key=pinned.hex))
    session.add(_row(step, statement))
    office.hub_public_key = step.new.hex
    session.flush()
    audit(session, _HUB, "hub.key_followed", "office", serial=step.serial, key=step.new.id)
    return step.new


def apply_hub_keys(session: Session, peer: str, entries: Sequence[Entry]) -> None:
    """Follow what the down stream says of the hub's keys (entry `hub_key`), and note from where."""
    stream = session.get_one(IncomingStream, peer)
    for entry in entries:
        follow(entry.body, session=session)
        step = read_succession(entry.body, hub_holder(peer))
        row = session.get_one(OfficeHubKey, step.new.id)
        if row.from_seq is None:
            row.epoch, row.from_seq = stream.epoch, entry.seq
    session.flush()


def _row(step: Succession, statement: Any) -> OfficeHubKey:
    return OfficeHubKey(key_id=step.new.id, public_key=step.new.hex, statement=dict(statement))
