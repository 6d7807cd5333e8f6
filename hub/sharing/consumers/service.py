"""The verbs on consumers: applied for by one person, approved by another, suspended at once."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.federation import service as federation
from hub.sharing.consumers.models import Consumer
from hub.sharing.consumers.terms import Terms, checked
from hub.sharing.feed import Scope
from shared import audit
from shared.kernel.actor import Actor, Role, require
from shared.kernel.canonical import sha256_hex
from shared.kernel.clock import now
from shared.kernel.database import locked
from shared.kernel.errors import Conflict, Invalid, NotAllowed, NotFound, WrongState
from shared.kernel.identifiers import is_id, new_id
from shared.records.values import NAME_LENGTH, REASON_LENGTH, clean_text, required_text

#: Who applies, suspends and gives out credentials; approving is for archivists.
KEEPERS = (Role.ARCHIVIST, Role.SYSTEM_ADMINISTRATOR)

_SECRET_BYTES = 32
_MOST_KEYS = 5
_LEAST_RSA_BITS = 2048


def apply(
    actor: Actor, name: str, body: str, terms: Terms, *, contact: str | None = None,
    session: Session,
) -> Consumer:  # fmt: skip
    """Apply for a new consumer. Raises NotAllowed, Invalid."""
    require_keeper(actor)
    consumer = Consumer(
        id=new_id(),
        name=required_text(name, "name", max_length=NAME_LENGTH),
        body=required_text(body, "body", max_length=NAME_LENGTH),
        contact=clean_text(contact, "contact", max_length=NAME_LENGTH),
        state="applied",
        applied_by_id=actor.id,
        applied_by=actor.name,
        series=1,
    )
    _propose(actor, consumer, terms, session)
    session.add(consumer)
    session.flush()
    return consumer


def apply_for_change(actor: Actor, consumer_id: str, terms: Terms, *, session: Session) -> Consumer:
    """Apply for other terms, or for a longer term; until they are approved the old ones hold.

    Raises NotAllowed, NotFound, Invalid.
    """
    consumer = _kept(actor, consumer_id, session)
    if consumer.state == "refused":
        consumer.state = "applied"
    _propose(actor, consumer, terms, session)
    return consumer


def _propose(actor: Actor, consumer: Consumer, terms: Terms, session: Session) -> None:
    # A person of flesh and blood answers for an application: another one decides on it.
    if actor.system:
        raise NotAllowed("共享应用须由人员申请。", "请用本人的账号登录后办理。")
    proposal = checked(
        terms,
        archives=[each.code for each in federation.archives(session)],
        fonds=federation.fonds_named(terms.fonds, session).keys(),
    )
    _not_taken(proposal.client_elsewhere, consumer.id, session)
    consumer.proposed = proposal.to_wire()
    consumer.applied_by_id, consumer.applied_by = actor.id, actor.name
    consumer.applied_at = now()
    audit.record(
        session, actor, "consumer.applied", consumer, name=consumer.name, body=consumer.body,
        **proposal.told(),
    )  # fmt: skip


def approve(actor: Actor, consumer_id: str, *, session: Session) -> Consumer:
    """Approve what is applied for; by another person, an archivist of all archives that it names.

    Raises NotAllowed, NotFound, WrongState.
    """
    consumer = _held(consumer_id, session)
    terms = _decides(actor, consumer)
    # What was right when it was applied for may have passed meanwhile.
    terms = checked(terms, archives=terms.archives, fonds=terms.fonds)
    _not_taken(terms.client_elsewhere, consumer.id, session)
    consumer.approved, consumer.proposed = terms.to_wire(), None
    consumer.until = terms.until
    consumer.client_elsewhere = terms.client_elsewhere or None
    if consumer.state == "applied":
        consumer.state = "active"
    _decided(actor, consumer, None)
    session.flush()
    audit.record(session, actor, "consumer.approved", consumer, **terms.told())
    return consumer


def refuse(actor: Actor, consumer_id: str, reason: str, *, session: Session) -> Consumer:
    """Refuse what is applied for; terms in force before stay. Raises as `approve`, and Invalid."""
    consumer = _held(consumer_id, session)
    _decides(actor, consumer)
    reason = required_text(reason, "reason", max_length=REASON_LENGTH)
    consumer.proposed = None
    if consumer.state == "applied":
        consumer.state = "refused"
    _decided(actor, consumer, reason)
    audit.record(session, actor, "consumer.refused", consumer, reason=reason)
    return consumer


def suspend(actor: Actor, consumer_id: str, reason: str, *, session: Session) -> Consumer:
    """Suspend a consumer: its next request is refused, and its tokens never count again.

    Raises NotAllowed, NotFound, WrongState, Invalid.
    """
    consumer = _kept(actor, consumer_id, session)
    if consumer.state != "active":
        raise WrongState("这个应用没有在使用。", "请刷新后查看它的状态。", code="not_active")
    reason = required_text(reason, "reason", max_length=REASON_LENGTH)
    consumer.state = "suspended"
    consumer.series += 1
    _decided(actor, consumer, reason)
    audit.record(session, actor, "consumer.suspended", consumer, reason=reason)
    return consumer


def resume(actor: Actor, consumer_id: str, *, session: Session) -> Consumer:
    """Let a suspended consumer in again, on its terms. Raises as `approve`."""
    consumer = _held(consumer_id, session)
    terms = consumer.terms
    if consumer.state != "suspended" or terms is None:
        raise WrongState("这个应用没有停用。", "请刷新后查看它的状态。", code="not_suspended")
    _require_archivist(actor, terms)
    consumer.state = "active"
    _decided(actor, consumer, None)
    audit.record(session, actor, "consumer.resumed", consumer)
    return consumer


def rotate_secret(actor: Actor, consumer_id: str, *, session: Session) -> str:
    """Give a consumer a new secret, and return it: it is kept nowhere.

    The one before and its tokens end. Raises NotAllowed, NotFound, WrongState.
    """
    consumer = approved_consumer(actor, consumer_id, session)
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    consumer.secret_digest = sha256_hex(secret.encode())
    consumer.secret_made_at = now()
    consumer.series += 1
    audit.record(session, actor, "consumer.secret_rotated", consumer)
    return secret


def set_public_keys(
    actor: Actor, consumer_id: str, keys: Mapping[str, Any] | None, *, session: Session
) -> Consumer:
    """Note the public keys (JWK set, RFC 7517) with which a consumer signs in (private_key_jwt).

    The secret, earlier keys and tokens end; None takes the keys away. Raises as `rotate_secret`,
    and Invalid.
    """
    consumer = approved_consumer(actor, consumer_id, session)
    consumer.public_keys = None if keys is None else _public(keys)
    consumer.secret_digest = consumer.secret_made_at = None
    consumer.series += 1
    listed = [each["kid"] for each in (consumer.public_keys or {"keys": []})["keys"]]
    audit.record(session, actor, "consumer.keys_set", consumer, keys=listed)
    return consumer


def approved_consumer(actor: Actor, consumer_id: str, session: Session) -> Consumer:
    """A consumer that was approved, held, for who keeps it.

    Raises NotAllowed, NotFound, WrongState.
    """
    consumer = _kept(actor, consumer_id, session)
    if consumer.approved is None:
        raise WrongState("这个应用还没有批准。", "批准以后再发密钥。", code="not_approved")
    return consumer


def _public(keys: Mapping[str, Any]) -> dict[str, Any]:
    """The public halves of a JWK set, each with its `kid`. Raises Invalid."""
    remedy = "请提供 JWK Set：RSA（2048 位以上）或椭圆曲线 P-256 的公钥，最多 5 把。"
    try:
        found = KeySet.import_key_set({"keys": list(keys["keys"])[: _MOST_KEYS + 1]})
        known = [each for each in found.keys if isinstance(each, (RSAKey, ECKey))]
        if not 0 < len(known) == len(found.keys) <= _MOST_KEYS or not all(map(_is_good, known)):
            raise Invalid("public_keys", "公钥的种类、长度或个数不合要求。", remedy)
        for each in known:
            each.ensure_kid()
        return {"keys": [each.as_dict(private=False) for each in known]}
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        # Whatever is no JWK set fails in the library in one of these ways.
        raise Invalid("public_keys", "公钥读不出来。", remedy) from error


def _is_good(key: RSAKey | ECKey) -> bool:
    if isinstance(key, RSAKey):
        return key.public_key.key_size >= _LEAST_RSA_BITS
    return key.curve_name == "P-256"


def _kept(actor: Actor, consumer_id: str, session: Session) -> Consumer:
    """A consumer, held, for a keeper of all archives that it reads. Raises NotAllowed, NotFound."""
    require_keeper(actor)
    consumer = _held(consumer_id, session)
    terms = consumer.terms or consumer.proposal
    for each in (terms.archives if terms else ()) or (None,):
        require(actor, *KEEPERS, archive=each)
    return consumer


def require_keeper(actor: Actor) -> None:
    """Raise NotAllowed unless the actor keeps consumers, for whatever archive."""
    if not actor.has(*KEEPERS):
        require(actor, *KEEPERS)


def may_decide(actor: Actor, consumer: Consumer) -> bool:
    """Whether the actor may approve or refuse what is applied for."""
    terms = consumer.proposal
    return terms is not None and actor.id != consumer.applied_by_id and _is_archivist(actor, terms)


def may_resume(actor: Actor, consumer: Consumer) -> bool:
    """Whether the actor may let a suspended consumer in again."""
    terms = consumer.terms
    return consumer.state == "suspended" and terms is not None and _is_archivist(actor, terms)


def _decides(actor: Actor, consumer: Consumer) -> Terms:
    terms = consumer.proposal
    if terms is None:
        raise WrongState("没有待批准的申请。", "请刷新后查看它的状态。", code="nothing_proposed")
    _require_archivist(actor, terms)
    if actor.id == consumer.applied_by_id:
        raise NotAllowed(
            "申请人不能批准自己的申请。", "请由另一位档案接收员办理。", code="same_person"
        )
    return terms


def _require_archivist(actor: Actor, terms: Terms) -> None:
    if not _is_archivist(actor, terms):
        raise NotAllowed(
            "批准和恢复须由有关档案馆的档案接收员办理。",
            "申请涉及几个档案馆的，须由对它们都有权限的人员办理。",
        )


def _is_archivist(actor: Actor, terms: Terms) -> bool:
    if actor.system:
        return False
    return all(actor.may(Role.ARCHIVIST, archive=each) for each in (terms.archives or (None,)))


def _decided(actor: Actor, consumer: Consumer, reason: str | None) -> None:
    consumer.decided_by, consumer.decided_at, consumer.reason = actor.name, now(), reason


def _not_taken(client_elsewhere: str, consumer_id: str, session: Session) -> None:
    if not client_elsewhere:
        return
    other = session.scalar(
        select(Consumer.id).where(
            Consumer.client_elsewhere == client_elsewhere, Consumer.id != consumer_id
        )
    )
    if other is not None:
        raise Conflict(
            "统一身份认证的这个客户端编号已属于另一个应用。",
            "请核对编号。",
            code="client_taken",
            field="client_elsewhere",
        )


def consumer_of(consumer_id: str, session: Session) -> Consumer:
    """The consumer with this id. Raises NotFound."""
    found = session.get(Consumer, consumer_id) if is_id(consumer_id) else None
    if found is None:
        raise _unknown()
    return found


def scope_read(terms: Terms) -> Scope:
    """The part of a feed that terms let a consumer read."""
    return Scope(terms.archives, terms.fonds)


def _held(consumer_id: str, session: Session) -> Consumer:
    found = locked(session, Consumer, consumer_id) if is_id(consumer_id) else None
    if found is None:
        raise _unknown()
    return found


def _unknown() -> NotFound:
    return NotFound("没有这个共享应用。", "请回到列表重新查看。")
