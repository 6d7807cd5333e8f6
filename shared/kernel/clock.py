"""Time: one way to ask for it, one way to write it, one way to show it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

#: Asia/Shanghai has had no daylight saving since 1991; a fixed offset needs no zone data.
SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")

_WRITTEN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")


def now() -> datetime:
    """The current time, aware, in UTC."""
    return datetime.now(UTC)


def format_utc(moment: datetime) -> str:
    """Write an aware time as `2024-06-01T02:03:04.000000Z` (sortable as text)."""
    if moment.tzinfo is None:
        raise ValueError("a time without zone")
    # A quarter of the time that `strftime` takes; every row has one or two of these.
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def parse_utc(text: str) -> datetime:
    """Read what `format_utc` wrote. Raises ValueError for anything else."""
    if not _WRITTEN.fullmatch(text):
        raise ValueError("not a time as it is written here")
    return datetime.fromisoformat(text)


def utc_text() -> str:
    """The current time as `format_utc` writes it."""
    return format_utc(now())


def local_text(moment: datetime | None, *, with_seconds: bool = False) -> str:
    """A time for people, in Asia/Shanghai: `2024-06-01 10:03`; empty for None."""
    if moment is None:
        return ""
    pattern = "%Y-%m-%d %H:%M:%S" if with_seconds else "%Y-%m-%d %H:%M"
    return moment.astimezone(SHANGHAI).strftime(pattern)


def today() -> str:
    """Today's date in Asia/Shanghai, `2024-06-01`."""
    return now().astimezone(SHANGHAI).strftime("%Y-%m-%d")
