"""What a greeting tells of a node, and what of it can be believed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from hub.federation.contact import clock_difference, note_hello
from hub.federation.models import Node
from shared.kernel.clock import format_utc, now

HOUR = 3_600_000


def greeted(**hello: Any) -> Node:
    node = Node()
    note_hello(node, {"version": "0.3.0", "backlog": 7, **hello})
    return node


def test_the_oldest_waiting_change_is_kept_by_the_hubs_clock() -> None:
    written = now() - timedelta(hours=5)
    node = greeted(oldest=format_utc(written), clock_offset_ms=2 * HOUR)
    assert node.oldest_waiting == written + timedelta(hours=2)
    assert node.clock_offset_ms == 2 * HOUR
    assert node.backlog == 7


def test_a_clock_that_is_ahead_does_not_put_the_oldest_change_into_the_future() -> None:
    node = greeted(oldest=format_utc(now() + timedelta(days=365)), clock_offset_ms=None)
    assert node.oldest_waiting is not None
    assert node.oldest_waiting <= now()


def test_the_clock_of_an_older_node_is_read_from_its_greeting() -> None:
    node = greeted(time=format_utc(now() - timedelta(days=400)))
    assert node.clock_offset_ms is not None
    assert clock_difference(node) == "慢 400 天"


def test_a_node_that_does_not_know_its_clock_leaves_what_was_known() -> None:
    node = greeted(clock_offset_ms=-90_000)
    note_hello(node, {"clock_offset_ms": None, "time": format_utc(now())})
    assert clock_difference(node) == "快 1 分钟"


def test_nothing_waits_any_more() -> None:
    node = greeted(oldest=format_utc(now()))
    note_hello(node, {"backlog": 0, "oldest": None})
    assert (node.backlog, node.oldest_waiting) == (0, None)


def test_the_time_that_release_0_1_0_wrote_is_read() -> None:
    assert greeted(oldest="2024-06-01T02:03:04+00:00").oldest_waiting is not None


@pytest.mark.parametrize(
    "said", [17, "gestern", "2024-06-01", "9" * 41, "9999-12-31T23:59:59.000000Z", ["x"], {"a": 1}]
)
def test_nonsense_is_kept_as_not_known(said: Any) -> None:
    node = greeted(oldest=said, time=said)
    assert node.clock_offset_ms is None or abs(node.clock_offset_ms) <= 10**12
    assert greeted(clock_offset_ms=said).oldest_waiting is None


@pytest.mark.parametrize("said", [True, 1.5, "5", 1 << 60])
def test_an_offset_that_is_no_number_of_milliseconds_is_not_kept(said: Any) -> None:
    assert greeted(clock_offset_ms=said).clock_offset_ms is None
