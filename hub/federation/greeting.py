"""Greetings: who a node is that says `hello`, and where both streams stand (protocol §4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy.orm import Session

from hub.federation import epochs
from hub.federation.contact import count_of, note_hello
from hub.federation.models import Node
from hub.federation.own_keys import letters_after
from hub.federation.places import HubFolder
from shared import audit
from shared.kernel.actor import Actor, system_actor
from shared.kernel.clock import utc_text
from shared.kernel.database import locked
from shared.kernel.identifiers import is_id
from shared.messaging.envelope import VERSION, BadEnvelope, Message
from shared.messaging.exchange import Exchange
from shared.messaging.log import digest_at, lock_streams, rebase
from shared.messaging.models import IncomingStream, OutgoingStream
from shared.records.values import repair_text

#: What the rooms above tell a node with every answer to its greeting: how far its things are. A
#: hint that may be lost (protocol §1): takes the node's id and its greeting, returns fields of the
#: answer.
News = Callable[[str, Mapping[str, Any], Session], Mapping[str, Any]]


def no_news(_node_id: str, _hello: Mapping[str, Any], _session: Session) -> Mapping[str, Any]:
    """Nothing to tell."""
    return {}


class Reception:
    """Answers greetings, and begins or grants epochs by what it learns from them."""

    def __init__(self, folder: HubFolder, holdings: epochs.Holdings, news: News) -> None:
        self._database = folder.database()
        self._grants_by_itself = folder.settings.grant_policy == "auto"
        self._key = folder.keys.hub()
        self._holdings = holdings
        self._news = news

    def greet(self, exchange: Exchange, message: Message) -> list[bytes]:
        """Answer a node's `hello`: is it the one with the grant, and where do both streams stand.

        `hello` travels in the same queue as the runs, so the answer counts everything before it.
        """
        hello = message.document()
        instance = hello.get("instance_id")
        if not isinstance(instance, str) or not is_id(instance):
            raise BadEnvelope("instance_id", claimed_sender=message.header.sender)
        with self._database.write() as session:
            lock_streams(session, [message.header.sender])
            node = locked(session, Node, message.header.sender)
            if node is None:
                raise BadEnvelope("unknown_node", claimed_sender=message.header.sender)
            note_hello(node, hello)
            known_epoch = count_of(hello.get("epoch"))
            if instance == node.instance_id:
                audit.take_from(node.id, hello, session)
                self._greet_holder(session, exchange, node, hello, known_epoch)
            elif hello.get("want_grant") or known_epoch > node.epoch:
                epochs.ask_grant(
                    session,
                    node,
                    instance_id=instance,
                    known_epoch=known_epoch,
                    reason=repair_text(hello.get("reason", "")),
                )
                if self._grants_by_itself:
                    self.grant(system_actor("grant_policy"), node.id, session=session)
            letters = self._letters(session, node, hello.get("hub_key"))
            body = self.welcome(session, exchange, node, hello)
        return [*letters, exchange.message("welcome", body)]

    def _letters(self, session: Session, node: Node, key_id: object) -> list[bytes]:
        """What a node needs to follow our key to the one in force (protocol §8)."""
        if not isinstance(key_id, str):
            return []
        letters = letters_after(key_id, session)
        if letters is None:
            what = "该单位认的平台密钥本平台没有登记，keys/ 不是最近一次更换以后的"
            epochs.suspect_restore(session, node, what)
        return letters or []

    def _greet_holder(
        self,
        session: Session,
        exchange: Exchange,
        node: Node,
        hello: Mapping[str, Any],
        known_epoch: int,
    ) -> None:
        """The instance with the grant greets: go on, or begin again when it lost its place."""
        if known_epoch == node.epoch and not hello.get("want_grant"):
            self._settle(session, exchange, node, hello)
        elif known_epoch >= node.epoch:
            node.epoch = known_epoch
            self.restart(session, node)

    def _settle(
        self, session: Session, exchange: Exchange, node: Node, hello: Mapping[str, Any]
    ) -> None:
        """Compare what the node knows of our streams with what we know ourselves."""
        incoming = locked(session, IncomingStream, node.id)
        outgoing = locked(session, OutgoingStream, node.id)
        down = hello.get("down")
        if incoming is None or outgoing is None or not isinstance(down, dict):
            return
        down_seq, down_digest = count_of(down.get("seq")), str(down.get("digest"))
        if down.get("epoch") != outgoing.epoch:
            return
        if not outgoing.unsure:
            if count_of(hello.get("generation")) != outgoing.generation:
                return
            acked = count_of(hello.get("acked"))
            if acked > incoming.seq or down_seq > outgoing.seq:
                epochs.suspect_restore(session, node, "该单位收到过本平台已没有的回执或消息")
            # Restored to before something of ours that it had acknowledged? One that lacks entries
            # of its own as well is not told here: a grant brings it all that we hold.
            forgot = down_seq < outgoing.acked and acked == incoming.seq
            if forgot and not exchange.tell_again(session, down_seq, down_digest):
                self.restart(session, node)
            return
        outgoing.unsure = False
        if outgoing.lost_after is not None and down_seq > outgoing.lost_after:
            rebase(session, outgoing, onto_seq=down_seq, onto_digest=down_digest)
        elif digest_at(session, outgoing, down_seq) != down_digest:
            self.restart(session, node)

    def welcome(
        self, session: Session, exchange: Exchange, node: Node, hello: Mapping[str, Any]
    ) -> dict[str, Any]:
        """What a node is told: which instance has the grant, and how far its stream has come."""
        outgoing = session.get(OutgoingStream, node.id)
        asked = hello.get("time")
        return {
            "epoch": node.epoch,
            "instance_id": node.instance_id,
            "position": exchange.position(session),
            "lost_after": outgoing.lost_after if outgoing else None,
            "reads": VERSION,
            "time": utc_text(),
            # The node's own words: from the way there and back it knows how its clock differs.
            "asked": asked if isinstance(asked, str) and len(asked) <= 40 else None,
            **audit.told_to(node.id, session),
            **self._news(node.id, hello, session),
        }

    def restart(self, session: Session, node: Node) -> None:
        """Begin a new epoch for the instance that has the grant."""
        epochs.restart(session, node, key=self._key, holdings=self._holdings)

    def grant(self, actor: Actor, node_id: str, *, session: Session) -> int:
        """Grant the instance of a node that asked; see `epochs.grant`."""
        return epochs.grant(actor, node_id, key=self._key, holdings=self._holdings, session=session)
