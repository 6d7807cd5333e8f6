"""What every link must do; each link's own tests run this class."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

from shared.messaging.link import DEAD_BYTES_KEPT, DEAD_LETTERS_KEPT, Delivery, Link

#: The queues that the contract uses.
QUEUES = ("q", "a", "b", "busy", "dead.hub")
_SOON = 30.0


def one(link: Link, queue: str) -> Delivery:
    """The next message of a queue that has one."""
    return link.receive(queue, wait_seconds=_SOON)[0]


def drained(link: Link, queue: str, count: int, most: int = 50) -> Iterator[Delivery]:
    """The next so many messages of a queue, as they come."""
    while count > 0:
        deliveries = link.receive(queue, wait_seconds=_SOON, most=min(most, count))
        assert deliveries, f"{count} messages have not come"
        count -= len(deliveries)
        yield from deliveries


class LinkContract:
    """A link hands out what was sent, in order, again if it was not acknowledged."""

    def test_messages_come_out_in_the_order_in_which_they_went_in(self, link: Link) -> None:
        sent = [b"\x00\xff" + str(number).encode() for number in range(400)]
        link.send("q", sent[:200])
        link.send("q", sent[200:])
        link.flush()
        taken = []
        for delivery in drained(link, "q", 400):
            taken.append(delivery.body)
            delivery.acknowledge()
        assert taken == sent
        assert link.receive("q", wait_seconds=0) == []
        assert link.size("q") == 0

    def test_queues_do_not_mix(self, link: Link) -> None:
        link.send("a", [b"for a"])
        link.flush()
        assert link.receive("b", wait_seconds=0.2) == []
        assert one(link, "a").body == b"for a"

    def test_a_released_message_comes_again_before_the_later_ones(self, link: Link) -> None:
        link.send("q", [b"first", b"second"])
        one(link, "q").release()
        assert one(link, "q").body == b"first"

    def test_several_that_are_released_come_again_in_their_order(self, link: Link) -> None:
        sent = [str(number).encode() for number in range(20)]
        link.send("q", sent)
        taken = list(drained(link, "q", 20))
        taken[3].acknowledge()
        for delivery in reversed([*taken[:3], *taken[4:]]):
            delivery.release()
        again = [delivery.body for delivery in drained(link, "q", 19)]
        assert again == sent[:3] + sent[4:]

    def test_closing_gives_back_what_was_not_acknowledged(self, link: Link, again: Link) -> None:
        link.send("q", [b"done", b"kept", b"done too"])
        first, _, third = drained(link, "q", 3, most=3)
        assert again.receive("q", wait_seconds=0.2) == []
        third.acknowledge()
        first.acknowledge()
        link.close()
        assert one(again, "q").body == b"kept"
        assert again.receive("q", wait_seconds=0.2) == []

    def test_large_messages_arrive_whole(self, link: Link) -> None:
        large = os.urandom(2_000_000)
        link.send("q", [large])
        assert one(link, "q").body == large

    def test_purging_empties_one_queue(self, link: Link) -> None:
        link.send("a", [b"1", b"2"])
        link.send("b", [b"3"])
        link.flush()
        assert link.purge("a") == 2
        assert (link.size("a"), link.size("b")) == (0, 1)

    def test_the_newest_dead_letters_are_kept(self, link: Link) -> None:
        letters = [str(number).encode() for number in range(DEAD_LETTERS_KEPT + 5)]
        link.send("dead.hub", letters)
        link.flush()
        assert link.size("dead.hub") == DEAD_LETTERS_KEPT
        assert one(link, "dead.hub").body == letters[5]

    def test_dead_letters_are_kept_within_their_bytes(self, link: Link) -> None:
        large = DEAD_BYTES_KEPT // 40
        for number in range(45):
            link.send("dead.hub", [bytes([number]) * large])
        link.flush()
        kept = [each.body[0] for each in drained(link, "dead.hub", link.size("dead.hub"), most=5)]
        assert 35 <= len(kept) <= 40
        assert kept == list(range(45 - len(kept), 45))

    def test_many_threads_share_one_link(self, link: Link) -> None:
        def send(publisher: int) -> None:
            for number in range(50):
                link.send("busy", [f"{publisher}:{number}".encode()])
            link.flush()

        senders = [threading.Thread(target=send, args=(publisher,)) for publisher in range(4)]
        for sender in senders:
            sender.start()
        seen: dict[bytes, list[int]] = {}
        for delivery in drained(link, "busy", 200):
            publisher, number = delivery.body.split(b":")
            seen.setdefault(publisher, []).append(int(number))
            delivery.acknowledge()
        for sender in senders:
            sender.join()
        assert list(seen.values()) == [list(range(50))] * 4
