"""What is sent at once, and the port to the ways by which it goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from hub.sharing import feed
from hub.sharing.consumers import quotas
from hub.sharing.consumers.terms import Terms
from hub.sharing.pushing.models import Push
from shared.kernel.canonical import canonical_json


@dataclass(frozen=True)
class Message:
    """What is sent at once, and where its receiver stands afterwards."""

    push: Push
    terms: Terms
    after: feed.Cursor | None
    page: feed.FeedPage
    counted: quotas.Counted

    @property
    def id(self) -> str:
        """The same at every try: the consumer, and the part of its feed."""
        start = self.after.position if self.after else 0
        push, to = self.push, self.page.cursor
        return f"{push.consumer_id}.{push.series}.{to.generation}.{start}-{to.position}"

    def body(self) -> bytes:
        """Its JSON. `after` is null where the receiver has to begin anew."""
        head = canonical_json(
            {
                "after": self.after.text if self.after else None,
                "audience": self.terms.audience,
                "cursor": self.page.cursor.text,
                "more": self.page.more,
                "type": "shared.records",
            }
        )
        return head[:-1] + b',"entries":[' + ",".join(self.page.entries).encode() + b"]}"


@dataclass(frozen=True)
class Outcome:
    """What came of a message: the status of the answer, 200 where the broker has it.

    The receiver wants to be left alone for `pause`; with `is_over` it wants nothing any more.
    """

    status: int
    pause: timedelta = timedelta()
    is_over: bool = False

    @property
    def is_taken(self) -> bool:
        """Whether it is acknowledged."""
        return self.status // 100 == 2


@dataclass(frozen=True)
class Rest:
    """Why nothing is sent for a while."""

    pause: timedelta
    problem: str


class Way(Protocol):
    """A way by which messages go.

    Attributes:
        name: as rows of `Push` name it.
        longest_pause: what failed is tried again at least so often,
        patience: and for so long, then a person has to look; None for ever.
    """

    name: str
    longest_pause: timedelta
    patience: timedelta | None

    def asked(self, push: Push) -> quotas.Asked:
        """How a message stands in the log of requests."""

    def rest(self, push: Push) -> Rest | None:
        """Whether it has to wait now, though it is due. Raises DanglianError."""

    def bring(self, message: Message, body: bytes) -> Outcome:
        """Send it, and wait for the answer. Raises DanglianError where there was none."""
