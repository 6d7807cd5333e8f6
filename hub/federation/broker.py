"""The broker as the hub keeps it: durable queues, each node's shard, each node's account.

Everything here can be repeated: it looks at what there is and makes what is missing. No account's
password is kept at the hub; who asks with the right device key gets a new one, and the broker knows
only its digest. So to rotate an account is to remove it: its connections are cut, and the node
fetches the next one.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.federation.management import Management
from hub.federation.models import Node, NodeState
from hub.federation.nodes import node_of
from hub.federation.places import HubFolder
from hub.federation.requests import Answer, Request
from shared.audit import record as audit
from shared.kernel.actor import Actor, Role, require, system_actor
from shared.kernel.errors import WrongState
from shared.kernel.keys import PublicKey
from shared.messaging.link import (
    DEAD_BYTES_KEPT,
    DEAD_LETTERS_KEPT,
    dead_queue,
    hub_queue,
    node_queue,
    shard_of,
)
from shared.messaging.links import names_broker
from shared.messaging.rabbitmq.address import UP_EXCHANGE, BrokerAddress, up_key

#: No limit, said in a way that every version takes: from 4.0 on there is one unless a queue has its
#: own, and before that "none" cannot be said. With a limit, what is handed back keeps its place.
NO_DELIVERY_LIMIT = 2**31 - 1
#: A queue of a stream.
STREAM_QUEUE = {"x-queue-type": "quorum", "x-delivery-limit": NO_DELIVERY_LIMIT}
#: One consumer at a time takes from a shard; the others stand by.
SHARD_QUEUE = {**STREAM_QUEUE, "x-single-active-consumer": True}
#: What has no valid envelope is kept for a while, the newest of it.
DEAD_QUEUE = {
    **STREAM_QUEUE,
    "x-max-length": DEAD_LETTERS_KEPT,
    "x-max-length-bytes": DEAD_BYTES_KEPT,
    "x-overflow": "drop-head",
    "x-message-ttl": 30 * 24 * 3600 * 1000,
}
_ACCOUNT = re.compile(r"node\.[0-9a-f-]{36}\.[0-9a-f]{8}")
#: How often the broker is looked at though no node has changed: it may have been made anew.
_ANYWAY_SECONDS = 120.0
#: How often its queues are looked at, and how long one may say nothing while others do.
_LOOK_SECONDS = 15.0
_SILENT_SECONDS = 45.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Account:
    """What the broker knows of a node: who it is there, and which shard it is bound to."""

    node_id: str
    user: str
    shard: int


def account_name(node_id: str, device_key: PublicKey) -> str:
    """The name of the account that belongs to a node's device key; a new key has another one."""
    return f"node.{node_id}.{device_key.id[:8]}"


class Broker:
    """The virtual host of one hub."""

    def __init__(self, folder: HubFolder) -> None:
        settings = folder.settings
        if not names_broker(settings.link):
            raise WrongState(
                "平台没有使用消息服务器。", "请先把设置项 link 改为 amqps://… 再运行。"
            )
        self._hub_id = settings.hub_id
        self._shards = settings.shards
        self._vhost = BrokerAddress.parse(settings.link).vhost
        self._own_user = settings.broker_user
        self._for_nodes = folder.link_for_nodes
        self._ca = folder.broker_ca
        self._api = Management(
            settings.broker_management, folder.broker_account, ca=settings.broker_ca
        )

    def accounts(self, session: Session) -> list[Account]:
        """The accounts that there should be: one for each node that may talk."""
        nodes = session.scalars(select(Node).where(Node.state == NodeState.ENROLLED))
        return [self.account(node) for node in nodes if node.may_talk]

    def account(self, node: Node) -> Account:
        """The account of one node that may talk."""
        key = PublicKey.from_hex(node.device_public)
        return Account(node.id, account_name(node.id, key), shard_of(node.id, self._shards))

    # ---- what there should be

    def declare(self, accounts: Iterable[Account]) -> dict[str, int]:
        """Make what is missing and remove what should not be; returns how many of each.

        Messages in the queue of a shard that is no more are lost, and sent again.
        """
        self._declare_house()
        accounts = list(accounts)
        queues = {each["name"] for each in self._queues()}
        made = 0
        for account in accounts:
            if node_queue(account.node_id) not in queues:
                self._declare_queue(node_queue(account.node_id), STREAM_QUEUE)
                made += 1
        bound = self._bind({up_key(each.node_id): each.shard for each in accounts})
        prefix = hub_queue(self._hub_id, 0)[:-1]
        for queue in queues:
            number = queue.removeprefix(prefix)
            if number != queue and number.isdecimal() and int(number) >= self._shards:
                self.remove_queue(queue)
        return {"queues": made, "bindings": bound, "removed": self.remove_others(accounts)}

    def _declare_house(self) -> None:
        if self._api.call("GET", "vhosts", self._vhost) is None:
            self._api.call("PUT", "vhosts", self._vhost)
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        self._api.call("PUT", "permissions", self._vhost, self._own_user, body=everything)
        self._api.call(
            "PUT", "exchanges", self._vhost, UP_EXCHANGE, body={"type": "topic", "durable": True}
        )
        for shard in range(self._shards):
            self._declare_queue(hub_queue(self._hub_id, shard), SHARD_QUEUE)
        self._declare_queue(dead_queue(self._hub_id), DEAD_QUEUE)

    def _declare_queue(self, name: str, arguments: dict[str, Any]) -> None:
        body = {"durable": True, "arguments": arguments}
        self._api.call("PUT", "queues", self._vhost, name, body=body)

    def _bind(self, wanted: dict[str, int]) -> int:
        """Bind each key to its shard, then unbind it from any other; how many were new."""
        found = self._api.call(
            "GET", "exchanges", self._vhost, UP_EXCHANGE, "bindings", "source", missing=[]
        )
        there = {(each["routing_key"], each["destination"]) for each in found}
        missing = [
            (key, hub_queue(self._hub_id, shard))
            for key, shard in wanted.items()
            if (key, hub_queue(self._hub_id, shard)) not in there
        ]
        for key, queue in missing:
            self._bind_one(key, queue)
        for each in found:
            shard = wanted.get(each["routing_key"])
            if shard is not None and each["destination"] != hub_queue(self._hub_id, shard):
                self._api.call(
                    *("DELETE", "bindings", self._vhost, "e", UP_EXCHANGE, "q"),
                    *(each["destination"], each["properties_key"]),
                )
        return len(missing)

    def _bind_one(self, key: str, queue: str) -> None:
        self._api.call(
            *("POST", "bindings", self._vhost, "e", UP_EXCHANGE, "q", queue),
            body={"routing_key": key},
        )

    # ---- what there is

    def missing(self, accounts: Iterable[Account]) -> list[str]:
        """What `declare` would have to make: the virtual host, exchange, queues, bindings."""
        if self._api.call("GET", "vhosts", self._vhost) is None:
            return [f"vhost {self._vhost}"]
        found = self._api.call(
            "GET", "exchanges", self._vhost, UP_EXCHANGE, "bindings", "source", missing=[]
        )
        bound = {(each["routing_key"], each["destination"]) for each in found}
        queues = {each["name"] for each in self._queues()}
        wanted = [hub_queue(self._hub_id, shard) for shard in range(self._shards)]
        wanted.append(dead_queue(self._hub_id))
        lacking = []
        if self._api.call("GET", "exchanges", self._vhost, UP_EXCHANGE) is None:
            lacking.append(f"exchange {UP_EXCHANGE}")
        for account in accounts:
            wanted.append(node_queue(account.node_id))
            key, queue = up_key(account.node_id), hub_queue(self._hub_id, account.shard)
            if (key, queue) not in bound:
                lacking.append(f"binding {key}")
        return lacking + [f"queue {each}" for each in wanted if each not in queues]

    def shards_unheard(self) -> list[int]:
        """The shards whose queue nobody takes from."""
        heard = {each["name"] for each in self._queues() if each.get("consumers")}
        return [
            shard for shard in range(self._shards) if hub_queue(self._hub_id, shard) not in heard
        ]

    def silent(self, accounts: Iterable[Account]) -> set[str]:
        """The queues of streams that do not say how they are, while at least one other does.

        A queue whose broker was killed in the moment in which it was made may come back without a
        leader: it takes nothing, gives nothing, and RabbitMQ does not mend it.
        """
        wanted = {hub_queue(self._hub_id, shard) for shard in range(self._shards)}
        wanted |= {node_queue(each.node_id) for each in accounts}
        queues = self._queues()
        if not any("state" in each for each in queues):
            return set()
        return {each["name"] for each in queues if "state" not in each} & wanted

    def remove_queue(self, queue: str) -> None:
        """Remove a queue with what is in it; both sides send what was not acknowledged again."""
        self._api.call("DELETE", "queues", self._vhost, queue)

    def _queues(self) -> list[dict[str, Any]]:
        queues: list[dict[str, Any]] = self._api.call("GET", "queues", self._vhost, missing=[])
        return queues

    # ---- accounts

    def give_account(self, account: Account) -> dict[str, str]:
        """Make the node's account anew, with its queue; returns how the node reaches the broker.

        The node may write under its own key and read its own queue, and nothing else.
        """
        self._declare_queue(node_queue(account.node_id), STREAM_QUEUE)
        self._bind_one(up_key(account.node_id), hub_queue(self._hub_id, account.shard))
        password = secrets.token_urlsafe(32)
        self._api.call(*("PUT", "users", account.user), body={"password": password, "tags": ""})
        self._api.call(
            *("PUT", "permissions", self._vhost, account.user),
            body={
                "configure": "^$",
                "write": f"^{re.escape(UP_EXCHANGE)}$",
                "read": f"^{re.escape(node_queue(account.node_id))}$",
            },
        )
        self._api.call(
            *("PUT", "topic-permissions", self._vhost, account.user),
            body={
                "exchange": UP_EXCHANGE,
                "write": f"^{re.escape(up_key(account.node_id))}$",
                "read": "^$",
            },
        )
        return {
            "link": self._for_nodes,
            "user": account.user,
            "password": password,
            "ca": self._ca,
        }

    def remove_others(self, accounts: Iterable[Account]) -> int:
        """Remove the accounts of nodes in this virtual host but for these; their lines are cut."""
        kept = {each.user for each in accounts}
        permissions = self._api.call("GET", "vhosts", self._vhost, "permissions", missing=[])
        others = [
            each["user"]
            for each in permissions
            if _ACCOUNT.fullmatch(each["user"]) and each["user"] not in kept
        ]
        for user in others:
            self._api.call("DELETE", "users", user)
        return len(others)

    def remove(self, account: Account) -> None:
        """Remove one account."""
        self._api.call("DELETE", "users", account.user)


def rotate_account(actor: Actor, node_id: str, *, session: Session) -> Node:
    """Decide that a node needs a new account; the caller removes the old one from the broker."""
    require(actor, Role.SYSTEM_ADMINISTRATOR)
    node = node_of(node_id, session)
    if not node.may_talk:
        raise WrongState(f"“{node.name}”没有联网，或已停用。", "只有已联网的单位有通道账号。")
    audit(session, actor, "node.account_rotated", f"node:{node.id}")
    return node


class BrokerKeeper:
    """Keeps the broker as the nodes are: a loop of the hub process."""

    def __init__(self, folder: HubFolder, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = folder.database()
        self._broker = Broker(folder)
        self._clock = clock
        self._kept: list[Account] | None = None
        self._kept_at = 0.0
        self._looked_at = float("-inf")
        self._silent: dict[str, float] = {}

    def step(self) -> bool:
        """Declare anew when nodes came or went, when a queue is dead, and now and then anyway."""
        with self._database.read() as session:
            accounts = sorted(self._broker.accounts(session), key=lambda each: each.user)
        moment = self._clock()
        if moment >= self._looked_at + _LOOK_SECONDS:
            self._looked_at = moment
            if self._remove_dead(accounts, moment):
                self._kept = None
        if accounts == self._kept and moment < self._kept_at + _ANYWAY_SECONDS:
            return False
        self._broker.declare(accounts)
        self._kept, self._kept_at = accounts, moment
        return False

    def _remove_dead(self, accounts: list[Account], moment: float) -> bool:
        silent = self._broker.silent(accounts)
        self._silent = {each: self._silent.get(each, moment) for each in silent}
        dead = [each for each, since in self._silent.items() if moment >= since + _SILENT_SECONDS]
        for queue in dead:
            _log.warning("queue %s has no leader; it is made anew", queue)
            self._broker.remove_queue(queue)
            del self._silent[queue]
        return bool(dead)


def link_request(folder: HubFolder) -> Request:
    """Answers a node that asks how it reaches the hub's link, with an account when it needs one."""

    def answer(session: Session, node_id: str, question: dict[str, Any]) -> Answer:
        if not names_broker(folder.settings.link):
            return {"link": folder.link_for_nodes}
        broker = Broker(folder)
        node = node_of(node_id, session)
        account = broker.account(node)
        audit(session, system_actor("broker"), "node.account_given", f"node:{node_id}")
        return lambda: broker.give_account(account)

    return answer
