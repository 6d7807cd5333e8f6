"""What a node says of itself when it greets: its version, what waits there, how its clock goes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from hub.federation.models import Node
from shared.kernel.clock import now
from shared.records.values import repair_text

#: A difference of more than this (in ms, some thirty years) is a slip of the pen.
_MOST_OFFSET = 10**12
#: Clocks that differ by less go alike.
_SAME_SECONDS = 5
_UNITS = ((86_400, "天"), (3_600, "小时"), (60, "分钟"), (1, "秒"))


def note_hello(node: Node, hello: Mapping[str, Any]) -> None:
    """Keep what the greeting tells; whatever cannot be understood is kept as not known.

    `clock_offset_ms` is what must be added to the node's time to have ours (protocol §8). A node
    measures it by the way of a greeting and its answer. Older ones do not say it: then it is read
    from the greeting, which may have waited on its way.
    """
    node.software_version = repair_text(hello.get("version", ""))[:40]
    node.backlog = count_of(hello.get("backlog"))
    measured = hello.get("clock_offset_ms")
    if "clock_offset_ms" not in hello:
        sent = _moment(hello.get("time"))
        measured = None if sent is None else (now() - sent) // timedelta(milliseconds=1)
    if type(measured) is int and abs(measured) <= _MOST_OFFSET:
        node.clock_offset_ms = measured
    node.oldest_waiting = _ours(_moment(hello.get("oldest")), node.clock_offset_ms or 0)


def clock_difference(node: Node) -> str:
    """How a node's clock differs from ours, in words; empty when it is not known."""
    if node.clock_offset_ms is None:
        return ""
    seconds = abs(node.clock_offset_ms) // 1000
    if seconds < _SAME_SECONDS:
        return "一致"
    length, unit = next(each for each in _UNITS if seconds >= each[0])
    return f"{'慢' if node.clock_offset_ms > 0 else '快'} {seconds // length} {unit}"


def count_of(value: object) -> int:
    """A number that a node counted; 0 for whatever is none."""
    return value if type(value) is int and 0 <= value < 1 << 31 else 0


def _moment(value: object) -> datetime | None:
    """A time as nodes have written it in every release; None for anything else."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _ours(moment: datetime | None, offset_ms: int) -> datetime | None:
    """A node's time by our clock; never later than now."""
    if moment is None:
        return None
    try:
        return min(moment + timedelta(milliseconds=offset_ms), now())
    except OverflowError:
        return None
