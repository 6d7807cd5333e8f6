"""What nodes say of a hand-over (entries `hand_over_…`), checked before it is followed.

An entry that comes too late is answered with how the hand-over stands, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from marshmallow import Schema
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.catalogue import service as catalogue
from hub.custody import service
from hub.custody.bundles import bundles_of, clear_some
from hub.custody.models import Bundle, HandOver
from hub.custody.telling import tell_both
from hub.federation import epochs
from hub.federation import service as federation
from hub.federation.places import HubFolder
from shared.audit import record as audit
from shared.kernel.actor import system_actor
from shared.kernel.clock import now
from shared.kernel.errors import NotAllowed
from shared.kernel.keys import PublicKey, SigningKey, document_is_signed_by
from shared.messaging.entry import Entry, Handler
from shared.records import wire
from shared.records.hand_over import (
    AskedSchema,
    CalledOffSchema,
    FrozenSchema,
    SignedStatementSchema,
)
from shared.records.states import HAND_OVER

_Body = dict[str, Any]
_ORDER = list(HAND_OVER.states)


def handlers(folder: HubFolder) -> dict[str, Handler]:
    """The handlers of the entries that nodes send about hand-overs, by kind."""
    key = folder.keys.hub()

    def each(apply: Callable[..., None], schema: Schema | None) -> Handler:
        def handler(session: Session, node_id: str, entries: Sequence[Entry]) -> None:
            for entry in entries:
                body = wire.load(schema, entry.body) if schema is not None else entry.body
                apply(session, node_id, body, key=key)

        return handler

    return {
        "hand_over_asked": each(apply_asked, AskedSchema()),
        "hand_over_frozen": each(apply_frozen, FrozenSchema()),
        "hand_over_given": each(apply_given, SignedStatementSchema()),
        "hand_over_taken": each(apply_taken, SignedStatementSchema()),
        "hand_over_settled": each(apply_settled, FrozenSchema()),
        "hand_over_called_off": each(apply_called_off, CalledOffSchema()),
        "hand_over_evidence": each(apply_evidence, None),
    }


def apply_asked(session: Session, node_id: str, body: _Body, *, key: SigningKey) -> None:
    """A unit's leader asks that another unit keep a fonds; an administrator decides."""
    known = session.get(HandOver, body["hand_over_id"])
    if known is not None:
        _of(session, node_id, body, giving=True)
        tell_both(known, key=key, session=session)
        return
    if not federation.keeps(node_id, body["fonds_id"], session):
        raise NotAllowed(
            "这个全宗不由本单位保管。", "请联系市档案馆核对全宗的分配。", code="foreign_fonds"
        )
    hand_over = service.begin(
        body["fonds_id"], node_id, body["by"], body["reason"],
        id=body["hand_over_id"], session=session,
    )  # fmt: skip
    hand_over.wish = body["wish"]
    if service.others_open(hand_over, session=session):
        _call_off(hand_over, "另一次交接正在办理", key, session)
        return
    audit(
        session, system_actor("sync"), "hand_over.asked", f"fonds:{hand_over.fonds_id}",
        hand_over=hand_over.id, by=body["by"], wish=hand_over.wish,
    )  # fmt: skip
    tell_both(hand_over, key=key, session=session)


def apply_frozen(session: Session, node_id: str, body: _Body, *, key: SigningKey) -> None:
    """The giving node has stopped writing; everything it told before has been applied here."""
    hand_over = _of(session, node_id, body, giving=True)
    if hand_over.state != "proposed":
        tell_both(hand_over, key=key, session=session)
        return
    if said := service.hindrances(hand_over.fonds_id, session=session):
        _call_off(hand_over, said, key, session)
        return
    _move(hand_over, "freeze", body["by"], session)
    tell_both(hand_over, key=key, session=session)


def apply_given(session: Session, node_id: str, body: _Body, *, key: SigningKey) -> None:
    """The giving unit signed its inventory; the catalogue here must have what it says.

    Raises NotAllowed when the seal's signature is not over just this statement.
    """
    hand_over = _of(session, node_id, body, giving=True)
    if hand_over.state != "frozen":
        tell_both(hand_over, key=key, session=session)
        return
    statement = _checked(session, hand_over, body, node_id)
    ours = catalogue.sums_of([hand_over.fonds_id], session)
    theirs = statement["sums"]
    differing = sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
    if differing:
        years = "、".join(name.partition("/")[2] for name in differing[:5])
        said = f"清单与平台目录不一致（{years}年度）；请移出单位先核对目录，再重新办理"
        _call_off(hand_over, said, key, session)
        return
    hand_over.statement = statement
    hand_over.from_signed = body["signed"]
    _expect(hand_over, session)
    _move(hand_over, "give", body["by"], session)
    tell_both(hand_over, key=key, session=session)


def apply_taken(session: Session, node_id: str, body: _Body, *, key: SigningKey) -> None:
    """The taking unit signed the same statement: with both signatures the hub assigns."""
    hand_over = _of(session, node_id, body, giving=False)
    if not HAND_OVER.may("call_off", hand_over.state):
        tell_both(hand_over, key=key, session=session)
        return
    statement = _checked(session, hand_over, body, node_id)
    if hand_over.statement is not None and hand_over.statement != statement:
        raise NotAllowed(
            "所签的清单不是移出单位所签的那一份。", "请取消交接后重新办理。",
            code="other_statement",
        )  # fmt: skip
    hand_over.to_signed = body["signed"]
    audit(
        session, system_actor("sync"), "hand_over.taken", f"fonds:{hand_over.fonds_id}",
        hand_over=hand_over.id, by=body["by"],
    )  # fmt: skip
    service.conclude(hand_over, key=key, session=session)


def apply_settled(session: Session, node_id: str, body: _Body, *, key: SigningKey) -> None:
    """Everything is taken in and proven at the new keeper: nothing more is needed of the old."""
    hand_over = _of(session, node_id, body, giving=False)
    if hand_over.state == "assigned":
        _move(hand_over, "settle", body["by"], session)
    tell_both(hand_over, key=key, session=session)


def apply_called_off(session: Session, node_id: str, body: _Body, *, key: SigningKey) -> None:
    """A side does not want it (any more); before the assignment that ends it."""
    hand_over = _of(session, node_id, body)
    if not HAND_OVER.may("call_off", hand_over.state):
        tell_both(hand_over, key=key, session=session)
        return
    hand_over.ended = {"by": body["by"], "reason": body["reason"]}
    audit(
        session, system_actor("sync"), "hand_over.called_off", f"fonds:{hand_over.fonds_id}",
        hand_over=hand_over.id, node=node_id, reason=body["reason"],
    )  # fmt: skip
    service.conclude(hand_over, key=key, session=session)


def apply_evidence(session: Session, node_id: str, body: _Body, *, key: SigningKey) -> None:
    """What this hub had told of a hand-over before it was restored, handed back by a node.

    Only our own signature counts. An assignment always wins: it has no way back.
    Raises NotAllowed for a paper that we did not sign.
    """
    rest = _signed_by_us(body.get("document"), session)
    if node_id not in (rest["from_node"], rest["to_node"]):
        raise _foreign()
    hand_over = session.get(HandOver, rest["hand_over_id"])
    if hand_over is not None:
        hand_over = service.held_hand_over(hand_over.id, session)
    else:
        federation.fonds_of(rest["fonds_id"], session)
        if rest["to_node"] is not None:
            federation.node_of(rest["to_node"], session)
        hand_over = service.begin(
            rest["fonds_id"], rest["from_node"], rest["begun_by"], rest["reason"],
            id=rest["hand_over_id"], session=session,
        )  # fmt: skip
        hand_over.generation = min(int(rest["generation"]), hand_over.generation)
        hand_over.wish = rest["wish"]
    before = hand_over.state
    generation = federation.hub_of(session).generation
    if node_id == rest["from_node"]:
        hand_over.heard_from = generation
    if node_id == rest["to_node"]:
        hand_over.heard_to = generation
    _catch_up(session, hand_over, rest, key)
    service.conclude(hand_over, key=key, session=session)
    if hand_over.state != before:
        audit(
            session, system_actor("sync"), "hand_over.restored", f"fonds:{hand_over.fonds_id}",
            hand_over=hand_over.id, state=hand_over.state,
        )  # fmt: skip
    elif hand_over.state != rest["state"]:
        tell_both(hand_over, key=key, session=session)


def _signed_by_us(document: object, session: Session) -> dict[str, Any]:
    """A `hand_over` of ours without its signature; a key that was rolled over since counts.

    Raises NotAllowed for anything else.
    """
    rest = dict(document) if isinstance(document, dict) else {}
    signed = rest.pop("signed", None)
    key = federation.hub_key_named(signed.get("key"), session) if isinstance(signed, dict) else None
    try:
        ours = key is not None and document_is_signed_by(key, rest, signed)
    except TypeError:  # what has no canonical form was not signed by us
        ours = False
    if not ours or "hand_over_id" not in rest:
        raise NotAllowed(
            "交回的文书不是本平台所签，或已被改动。",
            "请把这份文书的编号告诉市档案馆管理员。",
            code="bad_signature",
        )
    return rest


def _catch_up(
    session: Session, hand_over: HandOver, told: Mapping[str, Any], key: SigningKey
) -> None:
    """Bring a hand-over to where our own signed word says that it was."""
    was_assigned = hand_over.state in service.ASSIGNED
    if told["state"] == "called_off":
        if not was_assigned and hand_over.ended is None:
            hand_over.ended = dict(told["ended"])
        return
    if hand_over.state == "called_off":
        if told["state"] not in service.ASSIGNED:
            return
    elif _ORDER.index(told["state"]) <= _ORDER.index(hand_over.state):
        return
    for name in ("to_node", "statement", "from_signed", "to_signed"):
        if told[name] is not None:
            setattr(hand_over, name, told[name])
    if told["state"] in service.ASSIGNED:
        if not was_assigned:
            # What the new keeper told of the fonds meanwhile was refused: its streams begin anew.
            hand_over.mend = True
            # All had arrived, or nobody would have assigned; what is lost is missed when fetched.
            _expect(hand_over, session, arrived=True)
            service.assign(hand_over, key=key, session=session)
        if told["state"] == "done":
            hand_over.state = "done"
            tell_both(hand_over, key=key, session=session)
        return
    # What staging holds after a restore is not known: the giving node offers the bundles again.
    hand_over.state = "given" if told["state"] == "arrived" else told["state"]
    hand_over.changed_at = now()
    if hand_over.statement is not None:
        _expect(hand_over, session)


class Custody:
    """What goes on by itself (a step for `Background`): arrivals, clearing up, mending."""

    def __init__(self, folder: HubFolder, holdings: epochs.Holdings) -> None:
        self._folder = folder
        self._database = folder.database()
        self._key = folder.keys.hub()
        self._holdings = holdings

    def step(self) -> bool:
        """Move one hand-over on; False when there is nothing to do."""
        with self._database.read() as session:
            wanted = session.scalar(
                select(HandOver.id)
                .where(
                    (HandOver.state == "given")
                    | HandOver.mend.is_(True)
                    | (HandOver.state.in_(service.ENDED) & HandOver.cleared.is_(False))
                )
                .limit(1)
            )
        if wanted is None:
            return False
        return self._mend() or self._arrive() or clear_some(self._database, self._folder.staging)

    def _arrive(self) -> bool:
        with self._database.write() as session:
            given = session.scalars(select(HandOver.id).where(HandOver.state == "given")).all()
            for each in given:
                if not all(bundle.arrived for bundle in bundles_of(each, session)):
                    continue
                hand_over = service.held_hand_over(each, session)
                if hand_over.state == "given":
                    _move(hand_over, "arrive", "", session)
                    tell_both(hand_over, key=self._key, session=session)
                    service.conclude(hand_over, key=self._key, session=session)
                    return True
        return False

    def _mend(self) -> bool:
        with self._database.write() as session:
            wanted = session.scalar(select(HandOver.id).where(HandOver.mend.is_(True)).limit(1))
            if wanted is None:
                return False
            hand_over = service.held_hand_over(wanted, session)
            hand_over.mend = False
            node = federation.node_of(str(hand_over.to_node), session)
            epochs.restart(session, node, key=self._key, holdings=self._holdings)
        return True


def steps(folder: HubFolder, holdings: epochs.Holdings) -> dict[str, Callable[[], bool]]:
    """The background steps of this room, by name."""
    return {"custody": Custody(folder, holdings).step}


def _of(
    session: Session, node_id: str, body: Mapping[str, Any], *, giving: bool | None = None
) -> HandOver:
    """The hand-over that a node speaks of, when it is that node's to speak. Locked."""
    hand_over = service.held_hand_over(body["hand_over_id"], session)
    sides = {True: hand_over.from_node, False: hand_over.to_node}
    allowed = sides.values() if giving is None else (sides[giving],)
    if node_id not in allowed:
        raise _foreign()
    return hand_over


def _checked(
    session: Session, hand_over: HandOver, body: Mapping[str, Any], node_id: str
) -> dict[str, Any]:
    """The statement that a node signed, when it is about this hand-over and its seal's."""
    statement: dict[str, Any] = dict(body["statement"])
    said = (
        statement["hub_id"], statement["hand_over_id"], statement["fonds_id"],
        statement["from_node"], statement["to_node"],
    )  # fmt: skip
    wanted = (
        federation.hub_of(session).hub_id, hand_over.id, hand_over.fonds_id,
        hand_over.from_node, hand_over.to_node,
    )  # fmt: skip
    if said != wanted:
        raise NotAllowed("清单说的不是这次交接。", "请取消交接后重新办理。", code="other_statement")
    seal = PublicKey.from_hex(federation.node_of(node_id, session).seal_public)
    if not document_is_signed_by(seal, statement, body["signed"]):
        raise NotAllowed(
            "清单上的签名不是该单位的印章。", "请在该单位的电脑上重新签字。", code="bad_signature"
        )
    return statement


def _expect(hand_over: HandOver, session: Session, *, arrived: bool = False) -> None:
    """Write down the bundles that the statement names; those that are known stay."""
    for number, each in enumerate((hand_over.statement or {})["bundles"], 1):
        if session.get(Bundle, each["id"]) is None:
            session.add(
                Bundle(
                    id=each["id"],
                    hand_over_id=hand_over.id,
                    number=number,
                    sha256=each["sha256"],
                    size=each["size"],
                    arrived=arrived,
                )
            )
    session.flush()


def _call_off(hand_over: HandOver, reason: str, key: SigningKey, session: Session) -> None:
    actor = system_actor("custody")
    hand_over.ended = {"by": "市级平台", "reason": reason}
    audit(
        session, actor, "hand_over.called_off", f"fonds:{hand_over.fonds_id}",
        hand_over=hand_over.id, reason=reason,
    )  # fmt: skip
    service.conclude(hand_over, key=key, session=session)


def _move(hand_over: HandOver, verb: str, by: str, session: Session) -> None:
    hand_over.state = HAND_OVER.after(verb, hand_over.state)
    hand_over.changed_at = now()
    audit(
        session, system_actor("sync"), "hand_over.moved", f"fonds:{hand_over.fonds_id}",
        hand_over=hand_over.id, state=hand_over.state, by=by,
    )  # fmt: skip


def _foreign() -> NotAllowed:
    return NotAllowed("这次交接与本节点无关。", "请联系市档案馆核对。", code="foreign_hand_over")
