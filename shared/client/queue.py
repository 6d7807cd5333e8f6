"""The queue of a consumer on the hub's broker, read in order; what is missing is seen."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from shared.client.feed import Page, change_of
from shared.kernel.errors import DanglianError
from shared.messaging.link import Delivery
from shared.messaging.links import open_link


class MessagesMissed(DanglianError):
    """Between what is held and the next message something is missing: ask to be told again."""

    code = "messages_missed"


@dataclass(frozen=True)
class Told:
    """One message: drop what you hold if it is `anew`, keep changes and cursor, then say so."""

    anew: bool
    page: Page
    _delivery: Delivery

    def kept(self) -> None:
        """It is kept: the broker may forget it."""
        self._delivery.acknowledge()


class Queue:
    """A queue that was agreed with the archive.

    ```python
    queue = Queue("amqps://mq.example:5671/city", "shared.0192…", "PASSWORD")
    while True:
        try:
            told = queue.next(cursor, wait_seconds=60)
        except MessagesMissed:
            feed.tell_again(cursor)
            continue
        if told is not None:
            ...  # keep told.page.changes and told.page.cursor, in one transaction
            told.kept()
            cursor = told.page.cursor
    ```

    `ca` is the certificate (PEM) that the broker's must lead to, where it is not a public one.
    """

    def __init__(self, link: str, name: str, password: str, *, ca: str = "") -> None:
        self._name = name
        self._link = open_link(link, account=(name, password), ca=ca)
        self._missed_at: str | None = None

    def next(self, cursor: str | None, *, wait_seconds: float = 30.0) -> Told | None:
        """The next message that goes on from a cursor; None when none came for so long.

        What came before is passed over. Raises MessagesMissed, once until something fits again,
        CopyDiffers for a record that is not as its digest, and Unavailable.
        """
        while delivered := self._link.receive(self._name, wait_seconds=wait_seconds):
            (delivery,) = delivered
            said: dict[str, Any] = json.loads(delivery.body)
            fit = _fit(said["after"], said["cursor"], cursor)
            if fit == 0:
                self._missed_at = None
                changes = [change_of(each) for each in said["entries"]]
                page = Page(changes, said["cursor"], said["more"])
                return Told(said["after"] is None, page, delivery)
            delivery.acknowledge()
            missed_at = cursor or ""
            if fit > 0 and self._missed_at != missed_at:
                self._missed_at = missed_at
                raise MessagesMissed(
                    "队列里少了消息。", "请从手里的游标重新要（tell_again），或从头读取。"
                )
        return None

    def close(self) -> None:
        """Give the connection back; what was not kept is handed out again."""
        self._link.close()


def _fit(after: str | None, to: str, at: str | None) -> int:
    """Where a message lies for a reader: 0 goes on from there, -1 is known, 1 leaves a gap."""
    if after is None:
        return 0
    if at is None:
        return 1
    begin, end, here = (tuple(map(int, each.split("-"))) for each in (after, to, at))
    if begin > here or begin[0] != here[0]:
        return 1
    # An empty message repeats where the hub is: nothing new for who is there.
    return 0 if end > here else -1
