"""One connection to the broker, kept up by a thread of its own.

pika's connections belong to one thread. Here this thread does nothing but read, write and answer
heartbeats; whatever takes long is done by others, who hand over and take out under one condition.
So a slow database never makes the broker believe that we are dead.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from typing import Any, Protocol

import pika
from pika import exceptions
from pika.adapters.select_connection import IOLoop, SelectConnection

from shared.kernel.errors import Unavailable
from shared.messaging.link import Refused
from shared.messaging.rabbitmq.address import BrokerAddress, tls_context

log = logging.getLogger(__name__)

_HEARTBEAT_SECONDS = 30
_CONNECT_SECONDS = 10
#: Between attempts to connect, doubling, with jitter: after an outage not all come at once.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.3, 30.0
_CLOSE_SECONDS = 5.0
#: How often one connection may break down on its way to its end before it is dropped as it is.
_BREAKDOWNS = 3
#: The broker's codes for "not with this account" and "not in this virtual host".
_REFUSALS = (403, 530)


class Part(Protocol):
    """What uses the connection through a channel of its own. Called in the connection's thread."""

    def opened(self, connection: Any) -> None:
        """The connection is up, again or for the first time."""

    def lost(self, problem: Unavailable) -> None:
        """The connection is gone, and with it every channel."""


class Connection:
    """Connects, and connects again; `condition` guards all that is shared with other threads."""

    def __init__(self, address: BrokerAddress, ca: str = "") -> None:
        self._parameters = _parameters(address, ca)
        self._name = f"{address.user}@{address.host}:{address.port}"
        self.condition = threading.Condition()
        #: Why there is no connection; None while it is up, and before the first attempt ended.
        self.problem: Unavailable | None = None
        self._parts: list[Part] = []
        self._loop: IOLoop | None = None
        self._open: Any = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="broker", daemon=True)
        self._thread.start()

    def add(self, part: Part) -> None:
        """Let a part use the connection, now and after every loss."""
        with self.condition:
            self._parts.append(part)
        self.call(lambda: self._show(part))

    def remove(self, part: Part) -> None:
        """Forget a part."""
        with self.condition:
            self._parts.remove(part)

    def call(self, work: Callable[[], object]) -> None:
        """Do something in the connection's thread, soon; nothing while there is no connection."""
        with self.condition:
            if self._loop is not None:
                self._loop.add_callback_threadsafe(work)

    def later(self, seconds: float, part: Part) -> None:
        """Open a part anew after a while (its channel was closed); in the connection's thread."""
        connection = self._open
        if connection is not None:
            connection.ioloop.call_later(
                seconds, lambda: self._show(part) if self._open is connection else None
            )

    def close(self) -> None:
        """Close the connection and end the thread; what was in hand is handed out again."""
        self._closing.set()
        self.call(self._say_goodbye)
        self._thread.join(_CLOSE_SECONDS)

    # ---- in the thread

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while not self._closing.is_set():
            if self._live():
                pause = _FIRST_PAUSE
            if not self._closing.is_set():
                self._closing.wait(pause * random.uniform(0.5, 1.5))
                pause = min(_LONGEST_PAUSE, pause * 2)

    def _live(self) -> bool:
        """One connection from its first byte to its last; whether it ever was open."""
        loop = IOLoop()
        self._was_open = self._ended = False
        connection = SelectConnection(
            self._parameters,
            on_open_callback=self._on_open,
            on_open_error_callback=self._on_end,
            on_close_callback=self._on_end,
            custom_ioloop=loop,
        )
        with self.condition:
            self._loop = loop
        # What breaks down in the middle is closed like any other: a loop that is left with its
        # connection open leaves the socket open too, and the broker with a consumer that is none.
        for _ in range(_BREAKDOWNS):
            try:
                loop.start()
            except Exception:  # whatever it was, the line is closed and made anew; the log has it
                log.exception("the connection to %s broke down", self._name)
                self._lose(_problem_of(None))
                if connection.is_open:
                    connection.close()
            if self._ended:
                break
        with self.condition:
            self._loop = None
        loop.close()
        return self._was_open

    def _on_open(self, connection: Any) -> None:
        connection.add_on_connection_blocked_callback(self._on_blocked)
        connection.add_on_connection_unblocked_callback(self._on_unblocked)
        self._was_open = True
        with self.condition:
            self._open, self.problem = connection, None
            parts = list(self._parts)
        for part in parts:
            self._show(part)
        if self._closing.is_set():
            self._say_goodbye()

    def _on_end(self, connection: Any, reason: object) -> None:
        if not self._closing.is_set():
            log.warning("no connection to %s: %s", self._name, reason)
        self._lose(_problem_of(reason))
        self._ended = True
        connection.ioloop.stop()

    def _show(self, part: Part) -> None:
        """Let a part use the connection, unless it is closed or about to be."""
        if self._open is not None and self._open.is_open:
            part.opened(self._open)

    def _lose(self, problem: Unavailable) -> None:
        with self.condition:
            self._open, self.problem = None, problem
            for part in self._parts:
                part.lost(problem)
            self.condition.notify_all()

    def _on_blocked(self, connection: Any, method: object) -> None:
        log.warning("%s takes nothing more for now: %s", self._name, method)
        with self.condition:
            self.problem = Unavailable("消息服务器空间不足，暂停收件。", "请检查它的磁盘和内存。")
            self.condition.notify_all()

    def _on_unblocked(self, connection: Any, method: object) -> None:
        with self.condition:
            self.problem = None

    def _say_goodbye(self) -> None:
        # An attempt that is under way comes to its own end, soon: a loop that is stopped in the
        # middle of it leaves its sockets open.
        if self._open is not None and self._open.is_open:
            self._open.close()


def problem_of_channel(reason: object) -> Unavailable:
    """Why the broker closed a channel, as an error for people."""
    if isinstance(reason, exceptions.ChannelClosedByBroker) and reason.reply_code == 404:
        return no_queue()
    return _problem_of(reason)


def no_queue() -> Unavailable:
    """Nobody has declared the queue."""
    return Unavailable(
        "消息服务器上还没有所需的队列。", "请管理员运行 danglian hub broker declare。"
    )


def _problem_of(reason: object) -> Unavailable:
    refused = isinstance(
        reason,
        exceptions.ProbableAuthenticationError
        | exceptions.AuthenticationError
        | exceptions.ProbableAccessDeniedError,
    )
    closed = exceptions.ConnectionClosedByBroker | exceptions.ChannelClosedByBroker
    if isinstance(reason, closed) and reason.reply_code in _REFUSALS:
        refused = True
    if refused:
        return Refused("消息服务器不接受这个账号。", "系统会自动重新领取；请检查单位是否停用。")
    return Unavailable("消息服务器暂时连不上。", "系统会自动重连；如持续出现，请检查网络。")


def _parameters(address: BrokerAddress, ca: str) -> pika.ConnectionParameters:
    return pika.ConnectionParameters(
        host=address.host,
        port=address.port,
        virtual_host=address.vhost,
        credentials=pika.PlainCredentials(address.user, address.password, erase_on_connect=False),
        heartbeat=_HEARTBEAT_SECONDS,
        socket_timeout=_CONNECT_SECONDS,
        stack_timeout=_CONNECT_SECONDS + 5,
        connection_attempts=1,
        ssl_options=pika.SSLOptions(tls_context(ca), address.host) if address.tls else None,
    )
