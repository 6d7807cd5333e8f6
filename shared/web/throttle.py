"""Limits of an account or an address, one for all processes of an app: failures, and requests.

What is counted lies in one small SQLite file in the data folder, beside the database and not in it:
a door under attack must not take the database's only writer. Whoever cannot read the file counts
for themselves alone; the lock of an account (`shared.identity`) holds all the same.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from shared.identity import TooManyAttempts, TooManyRequests
from shared.kernel.canonical import sha256_hex

log = logging.getLogger(__name__)

FILE_NAME = "limits.sqlite"
#: Under this name an app has its counts.
COUNTS = "danglian.counts"
#: And under this one, what counts refused tries.
TRIES = "danglian.tries"

_PATIENCE = 2.0
_MOST_DOUBLINGS = 8
#: A place that has not failed for so long begins anew.
_FORGOTTEN_SECONDS = 86_400
_MINUTE, _HOUR = 60, 3600
#: A process tells the others of every twentieth part of an allowance.
_PARTS = 20
_MOST_PLACES = 10_000
_TABLES = """
create table if not exists failing (place text primary key, since real not null,
    failures integer not null, pauses integer not null, until real not null, last real not null);
create table if not exists asking
    (place text primary key, minute integer not null, requests integer not null);
create table if not exists trying
    (what text primary key, hour integer not null, tries integer not null);
"""


class Counts:
    """The file in which the processes of an app count together."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME

    @contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """One transaction, alone. Raises sqlite3.Error."""
        with closing(
            sqlite3.connect(self._path, timeout=_PATIENCE, isolation_level=None)
        ) as database:
            # Losing the last ones in a power cut forgives some failures.
            database.execute("pragma synchronous = off")
            database.executescript(_TABLES)
            database.execute("begin immediate")
            yield database
            database.execute("commit")

    @property
    def exists(self) -> bool:
        """Whether anything was counted yet."""
        return self._path.exists()


class Throttle:
    """A brake on guessing 防猜测: so many failures in so much time, then a pause that grows.

    Counts failures by place (an address, an account). The first pause lasts as long as the time in
    which failures are counted, each further one twice as long as the one before. `says` is
    what somebody is told who is braked.
    """

    def __init__(
        self,
        counts: Counts,
        most: int = 30,
        seconds: int = 300,
        clock: Callable[[], float] = time.time,
        *,
        says: str = "登录失败次数过多，已暂停登录。",
    ) -> None:
        self._counts = counts
        self._says = says
        self._most = most
        self._seconds = seconds
        self._clock = clock

    def check(self, place: str) -> None:
        """Raise TooManyAttempts while this place has failed too often."""
        if not self._counts.exists:
            return
        try:
            with self._counts.open() as database:
                row = database.execute(
                    "select until from failing where place = ?", (place,)
                ).fetchone()
        except sqlite3.Error:
            log.warning("failures at the door cannot be read", exc_info=True)
            return
        left = row[0] - self._clock() if row else 0
        # A clock that was set back must not lock anybody out for longer than there are pauses.
        if 0 < left <= self._seconds * 2**_MOST_DOUBLINGS:
            minutes = max(1, -int(-left // 60))
            raise TooManyAttempts(
                self._says,
                f"请在 {minutes} 分钟后再试。",
                retry_seconds=int(left) + 1,
            )

    def failed(self, place: str) -> None:
        """Count one failure."""
        try:
            with self._counts.open() as database:
                self._count(database, place, self._clock())
        except sqlite3.Error:
            log.warning("failures at the door cannot be counted", exc_info=True)

    def _count(self, database: sqlite3.Connection, place: str, now: float) -> None:
        database.execute("delete from failing where last <= ?", (now - _FORGOTTEN_SECONDS,))
        row = database.execute(
            "select since, failures, pauses, until from failing where place = ?", (place,)
        ).fetchone()
        since, failures, pauses, until = row or (now, 0, 0, 0.0)
        if now - since >= self._seconds:
            since, failures = now, 0
        failures += 1
        if failures >= self._most:
            until = now + self._seconds * 2 ** min(pauses, _MOST_DOUBLINGS)
            pauses, failures = pauses + 1, 0
        database.execute(
            "insert or replace into failing values (?, ?, ?, ?, ?, ?)",
            (place, since, failures, pauses, until, now),
        )


class Tries:
    """How often somebody has tried what is not theirs in this hour, for all processes together."""

    def __init__(self, counts: Counts, clock: Callable[[], float] = time.time) -> None:
        self._counts = counts
        self._clock = clock
        self._lock = threading.Lock()
        self._alone: dict[str, int] = {}
        self._hour = 0

    def one_more(self, what: str) -> int:
        """Count a try; its number in this hour. Where the file cannot be read, by itself alone."""
        hour = int(self._clock() // _HOUR)
        try:
            with self._counts.open() as database:
                database.execute("delete from trying where hour < ?", (hour,))
                row = database.execute(
                    "insert into trying values (?, ?, 1) on conflict (what) do update "
                    "set tries = tries + 1 returning tries",
                    (sha256_hex(what.encode()), hour),
                ).fetchone()
                return int(row[0])
        except sqlite3.Error:
            log.warning("tries cannot be counted together", exc_info=True)
            with self._lock:
                if self._hour != hour:
                    self._hour, self._alone = hour, {}
                self._alone[what] = count = self._alone.get(what, 0) + 1
                return count


@dataclass
class _Asking:
    """What a process knows of one place in this minute."""

    minute: int
    total: int = 0
    untold: int = 0


class Allowance:
    """How many requests an account or an address may make in a minute 访问频率限制.

    Each process counts by itself and tells the file in steps, so that a request costs nothing; a
    limit may be passed by a twentieth for each process.
    """

    def __init__(self, counts: Counts, clock: Callable[[], float] = time.time) -> None:
        self._counts = counts
        self._clock = clock
        self._lock = threading.Lock()
        self._places: dict[str, _Asking] = {}
        self._swept = 0

    def take(self, place: str, most: int) -> None:
        """Count one request; TooManyRequests when this minute's are used up. 0 is no limit."""
        if not most:
            return
        now = self._clock()
        minute = int(now // _MINUTE)
        with self._lock:
            asking = self._places.get(place)
            if asking is None or asking.minute != minute:
                asking = self._places[place] = _Asking(minute)
                if len(self._places) > _MOST_PLACES:
                    self._places.pop(next(iter(self._places)))
            asking.untold += 1
            told = asking.untold >= max(1, most // _PARTS)
            if told:
                self._tell(place, asking)
            if asking.total + asking.untold <= most:
                return
            asking.untold -= not told  # who is refused has not been served
        raise TooManyRequests(retry_seconds=int((minute + 1) * _MINUTE - now) + 1)

    def _tell(self, place: str, asking: _Asking) -> None:
        try:
            with self._counts.open() as database:
                if self._swept != asking.minute:
                    database.execute("delete from asking where minute < ?", (asking.minute,))
                    self._swept = asking.minute
                database.execute(
                    "insert into asking values (?, ?, ?) on conflict (place) do update set "
                    "requests = requests * (minute = excluded.minute) + excluded.requests, "
                    "minute = excluded.minute",
                    (place, asking.minute, asking.untold),
                )
                row = database.execute(
                    "select requests from asking where place = ?", (place,)
                ).fetchone()
        except sqlite3.Error:
            log.warning("requests cannot be counted together", exc_info=True)
            asking.total += asking.untold
        else:
            asking.total = row[0]
        asking.untold = 0
