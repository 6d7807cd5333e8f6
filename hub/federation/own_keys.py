"""The register of this hub's own keys: which there were, which is in force, who signed what.

The hub's key signs envelopes, verdicts and assignments; the archives' seals sign forms and
receipts. A paper that was signed with an earlier key stays verifiable here for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.federation.assignments import announce, hub_of, tell_node
from hub.federation.key_files import Link
from hub.federation.models import Archive, Fonds, HubKeyRange, OwnKey
from shared.audit import record as audit
from shared.kernel.actor import Actor, Role, require
from shared.kernel.errors import NotFound
from shared.kernel.keys import PublicKey, SigningKey
from shared.kernel.succession import hub_holder, read_succession, seal_holder
from shared.messaging.models import OutgoingStream


def own_keys(holder: str, session: Session) -> Sequence[OwnKey]:
    """The keys of a holder, the first one first."""
    return session.scalars(
        select(OwnKey).where(OwnKey.holder == holder).order_by(OwnKey.serial)
    ).all()


def hub_keys(session: Session) -> Sequence[OwnKey]:
    """The keys that this hub had, the first one first."""
    return own_keys(hub_holder(hub_of(session).hub_id), session)


def statements(session: Session) -> list[dict[str, Any]]:
    """How the hub's key was rolled over, from the first one on: what a new node is given."""
    return [row.statement for row in hub_keys(session) if row.statement is not None]


def letters_after(key_id: str, session: Session) -> list[bytes] | None:
    """What leads a node that knows this key of the hub to the one in force, in order.

    None for a key that the hub never had, or does not remember.
    """
    keys = hub_keys(session)
    known = next((row.serial for row in keys if row.key_id == key_id), None)
    if known is None:
        return None
    return [row.letter for row in keys if row.serial > known and row.letter is not None]


def all_letters(session: Session) -> list[bytes]:
    """What leads a node from any key of the hub to the one in force, in order."""
    return [row.letter for row in hub_keys(session) if row.letter is not None]


def hub_key_named(key_id: object, session: Session) -> PublicKey | None:
    """The key of this hub, in force or earlier, that has this short name."""
    return next((row.public for row in hub_keys(session) if row.key_id == key_id), None)


def seals_of(archive_code: str, session: Session) -> list[PublicKey]:
    """Every seal that an archive had; the one in force comes last."""
    return [row.public for row in own_keys(seal_holder(archive_code), session)]


def register_first(session: Session, holder: str, public: PublicKey) -> OwnKey:
    """Write down the first key of a holder."""
    row = OwnKey(holder=holder, serial=1, key_id=public.id, public_key=public.hex)
    session.add(row)
    session.flush()
    return row


def succeed_hub_key(actor: Actor, link: Link, *, session: Session) -> OwnKey:
    """Let the next key of the hub count: registered, and told to every node in its down stream."""
    require(actor, Role.SYSTEM_ADMINISTRATOR)
    hub = hub_of(session)
    row = _register(link, hub_holder(hub.hub_id), session)
    for node_id, epoch in session.execute(select(OutgoingStream.peer, OutgoingStream.epoch)).all():
        seq = tell_node(session, node_id, "hub_key", hub.hub_id, dict(link.statement))
        session.add(HubKeyRange(node_id=node_id, serial=row.serial, epoch=epoch, from_seq=seq))
    session.flush()
    audit(session, actor, "hub.key_rolled", "hub", serial=row.serial, key=row.key_id)
    return row


def succeed_seal(
    actor: Actor, archive: Archive, link: Link, *, key: SigningKey, session: Session
) -> OwnKey:
    """Let the next seal of an archive count, and have every node that keeps fonds hear of it.

    The list of seals comes with any assignment: one for each node is enough.
    """
    require(actor, Role.SYSTEM_ADMINISTRATOR, archive=archive.code)
    row = _register(link, seal_holder(archive.code), session)
    archive.seal_public = row.public_key
    session.flush()
    told: set[str | None] = {None}
    for fonds in session.scalars(select(Fonds).order_by(Fonds.position, Fonds.id)):
        if fonds.keeping_node not in told:
            announce(fonds, key=key, session=session)
            told.add(fonds.keeping_node)
    audit(
        session, actor, "archive.seal_rolled", f"archive:{archive.code}",
        serial=row.serial, key=row.key_id,
    )  # fmt: skip
    return row


def _register(link: Link, holder: str, session: Session) -> OwnKey:
    step = read_succession(link.statement, holder)
    before = session.get(OwnKey, (holder, step.serial - 1))
    if before is None or before.public != step.old:
        raise NotFound(
            "密钥登记里没有声明所说的前一把密钥。", "请核对 keys/ 目录是不是本平台的。",
            code="bad_succession",
        )  # fmt: skip
    row = OwnKey(
        holder=holder,
        serial=step.serial,
        key_id=step.new.id,
        public_key=step.new.hex,
        statement=dict(link.statement),
        letter=link.letter,
    )
    session.add(row)
    session.flush()
    return row
