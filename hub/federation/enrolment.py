"""Enrolment: a one-time code against a node's public keys, its first epoch and its fonds.

The node makes its keys, the hub keeps the public halves. A node that enrols again (its computer
was replaced) makes new keys and starts a new epoch, downward.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from hub.federation import epochs
from hub.federation.assignments import archives_wire, fonds_facts, hub_of
from hub.federation.models import (
    EnrolmentAttempt,
    EnrolmentCode,
    KeyPurpose,
    Node,
    NodeKey,
    NodeState,
)
from hub.federation.nodes import code_digest, held_node
from hub.federation.own_keys import statements
from hub.federation.places import LIMITS
from shared.audit import record as audit
from shared.identity import TooManyAttempts
from shared.kernel.actor import Actor, system_actor
from shared.kernel.clock import now
from shared.kernel.database import locked
from shared.kernel.errors import Invalid, NotAllowed
from shared.kernel.identifiers import is_id
from shared.kernel.keys import PublicKey, SigningKey
from shared.messaging.log import lock_streams
from shared.records.values import repair_text

_ATTEMPTS = 10
_WINDOW = timedelta(minutes=15)


class WrongCode(NotAllowed):
    """The code is unknown, used, cancelled or has run out; which of them is nobody's business."""

    code = "wrong_code"

    def __init__(self) -> None:
        super().__init__(
            "登记码不正确，或已经用过、已经过期。",
            "请核对后重新输入；仍不行的，请向市档案馆索取新的登记码。",
            field="code",
        )


@dataclass(frozen=True)
class Application:
    """What a node says of itself when it enrols."""

    code: str
    device_public: str
    seal_public: str
    instance_id: str
    version: str = ""


def enrol(
    application: Application,
    *,
    key: SigningKey,
    link: str,
    holdings: epochs.Holdings,
    session: Session,
) -> dict[str, Any]:
    """Enrol the node that has this code; returns the answer to it.

    The instance that used the code gets the same answer again, if it was lost. Raises WrongCode;
    the caller notes the attempt (`note_attempt`) in a transaction of its own.
    """
    device = PublicKey.from_hex(application.device_public)
    seal = PublicKey.from_hex(application.seal_public)
    if device == seal:
        raise Invalid("seal_public", "设备密钥与单位印章不能相同。", "请重新初始化本机。")
    if not is_id(application.instance_id):
        raise Invalid("instance_id", "实例编号不正确。", "请重新初始化本机。")
    digest = code_digest(application.code)
    named = session.get(EnrolmentCode, digest)
    if named is None:
        raise WrongCode
    lock_streams(session, [named.node_id])
    node = held_node(named.node_id, session)
    code = locked(session, EnrolmentCode, digest)
    if code is None or code.cancelled:
        raise WrongCode
    # A node that was killed before it read the answer asks again; it gets the same one.
    again = code.used_at is not None and (node.device_public, node.instance_id) == (
        device.hex,
        application.instance_id,
    )
    if node.state == NodeState.SUSPENDED or not (again or _valid(code)):
        raise WrongCode
    if not again:
        _enrol(node, code, application, device, seal, key=key, holdings=holdings, session=session)
    hub = hub_of(session)
    return {
        "node_id": node.id,
        "name": node.name,
        "hub_id": hub.hub_id,
        "hub_name": hub.name,
        "hub_public_key": key.public.hex,
        "hub_keys": statements(session),
        "generation": hub.generation,
        "epoch": node.epoch,
        "link": link,
        "limits": dict(LIMITS),
        "fonds": [body for _, _, body in fonds_facts(node.id, key=key, session=session)],
        "archives": archives_wire(session),
    }


def _valid(code: EnrolmentCode) -> bool:
    return code.used_at is None and code.expires_at > now()


def _enrol(
    node: Node,
    code: EnrolmentCode,
    application: Application,
    device: PublicKey,
    seal: PublicKey,
    *,
    key: SigningKey,
    holdings: epochs.Holdings,
    session: Session,
) -> None:
    code.used_at = now()
    node.device_public, node.seal_public = device.hex, seal.hex
    node.instance_id = application.instance_id
    node.software_version = repair_text(application.version)[:40]
    node.state = NodeState.ENROLLED
    node.enrolled_at = node.last_contact = now()
    node.asking_instance = node.asked_at = None
    if node.epoch == 0:
        epochs.open_streams(session, node, epoch=1)
    else:
        epochs.restart(session, node, key=key, holdings=holdings)
    for purpose, public in ((KeyPurpose.DEVICE, device), (KeyPurpose.SEAL, seal)):
        register_key(node, purpose, public, session=session)
    session.flush()
    actor = Actor(id=f"node:{node.id}", name=node.name)
    audit(
        session, actor, "node.enrolled", f"node:{node.id}", epoch=node.epoch, device_key=device.id
    )


def register_key(
    node: Node, purpose: KeyPurpose, public: PublicKey, *, session: Session, from_seq: int = 1
) -> NodeKey:
    """Append a key to the register; it holds from this seq of the node's epoch on."""
    row = NodeKey(
        node_id=node.id,
        purpose=purpose,
        key_id=public.id,
        public_key=public.hex,
        epoch=node.epoch,
        from_seq=from_seq,
    )
    session.add(row)
    return row


def key_at(
    node_id: str, purpose: KeyPurpose, epoch: int, seq: int, *, session: Session
) -> PublicKey | None:
    """The key that a node had for a purpose at a place in its up stream."""
    text = session.scalar(
        select(NodeKey.public_key)
        .where(NodeKey.node_id == node_id, NodeKey.purpose == purpose)
        .where((NodeKey.epoch < epoch) | ((NodeKey.epoch == epoch) & (NodeKey.from_seq <= seq)))
        .order_by(NodeKey.epoch.desc(), NodeKey.from_seq.desc(), NodeKey.id.desc())
        .limit(1)
    )
    return PublicKey.from_hex(text) if text else None


def node_seals(node_id: str, session: Session) -> list[PublicKey]:
    """Every seal 印章 that a node has had; the one in force comes last.

    What a unit signed before its computer was replaced, it has signed.
    """
    texts = session.scalars(
        select(NodeKey.public_key)
        .where(NodeKey.node_id == node_id, NodeKey.purpose == KeyPurpose.SEAL)
        .order_by(NodeKey.epoch, NodeKey.from_seq, NodeKey.id)
    )
    return [PublicKey.from_hex(text) for text in texts]


def unit_seals(key_id: str, session: Session) -> list[PublicKey]:
    """The seals 印章 of units, whichever, that are named so in what they have signed."""
    texts = session.scalars(
        select(NodeKey.public_key)
        .where(NodeKey.key_id == key_id, NodeKey.purpose == KeyPurpose.SEAL)
        .distinct()
    )
    return [PublicKey.from_hex(text) for text in texts]


def check_throttle(address: str, *, session: Session) -> None:
    """Raise TooManyAttempts when this address has tried too many wrong codes of late."""
    tried = session.scalar(
        select(func.count())
        .select_from(EnrolmentAttempt)
        .where(EnrolmentAttempt.address == address[:64], EnrolmentAttempt.at > now() - _WINDOW)
    )
    if (tried or 0) >= _ATTEMPTS:
        raise TooManyAttempts(
            "输错登记码的次数过多。",
            "请15分钟后再试。",
            retry_seconds=int(_WINDOW.total_seconds()),
        )


def note_attempt(address: str, *, session: Session) -> None:
    """Write down that a wrong code was tried; forgets what is older than the window."""
    session.execute(delete(EnrolmentAttempt).where(EnrolmentAttempt.at <= now() - _WINDOW))
    session.add(EnrolmentAttempt(address=address[:64]))
    session.flush()
    audit(session, system_actor("enrolment"), "node.wrong_code", f"address:{address[:64]}")
