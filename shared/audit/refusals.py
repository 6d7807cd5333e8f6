"""What is refused leaves an event although its verb has rolled back, and a flood of it does not.

Every try of what is not the actor's is noted, also of a thing that is out of reach and answers as
if it did not exist, and of one that does not exist: otherwise the time of the answer would tell
the two apart. The first tries of an hour are written one by one; of many like them, by one person
at one place, an event is written each time their number has doubled.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from shared.audit.models import Outcome
from shared.audit.service import Act, record
from shared.kernel.actor import Actor
from shared.kernel.database import Database
from shared.kernel.errors import DanglianError, NotAllowed, NotFound, Unavailable

log = logging.getLogger(__name__)

_HOUR_SECONDS = 3600.0
_ONE_BY_ONE = 10

#: How often something has been tried in this hour, this try included.
Counter = Callable[[str], int]


class _Tally:
    """How often this process alone has seen each kind of try in this hour."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._since = 0.0
        self._seen: dict[str, int] = {}

    def one_more(self, key: str) -> int:
        """Count a try; its number in this hour."""
        with self._lock:
            moment = time.monotonic()
            if not self._since or moment - self._since > _HOUR_SECONDS:
                self._since = moment
                self._seen.clear()
            count = self._seen[key] = self._seen.get(key, 0) + 1
            return count


def _is_written(count: int) -> bool:
    """Whether the try of this number leaves an event."""
    times, rest = divmod(count, _ONE_BY_ONE)
    return count <= _ONE_BY_ONE or (rest == 0 and times & (times - 1) == 0)


_TALLY = _Tally()


def note_refusal(
    error: DanglianError,
    actor: Actor,
    place: str,
    database: Database,
    *,
    counter: Counter = _TALLY.one_more,
    **details: object,
) -> None:
    """Write down that somebody tried what is not theirs to do, in a transaction of its own.

    `place` is the page or command, as the event's subject; `counter` counts for all processes
    together, where there are several. Errors that are no refusal leave none.
    """
    if isinstance(error, NotFound) and not error.out_of_reach:
        action, code, act = "access.missed", error.code, Act(ended=Outcome.FAILED)
    elif isinstance(error, NotFound):
        action, code, act = "access.refused", "out_of_reach", Act()
    elif isinstance(error, NotAllowed):
        action, code, act = "access.refused", error.code, Act()
    else:
        return
    times = counter(f"{database.engine.url} {actor.id} {place} {action}")
    if not _is_written(times):
        return
    if times > _ONE_BY_ONE:
        details["times"] = times
    try:
        with database.write() as session:
            record(session, actor, action, place, act, code=code, **details)
    except Unavailable as unavailable:
        # Nothing was done, so nothing is lost but the note; the answer is a refusal anyhow.
        log.warning("%s at %s is not in the log: %s", action, place, unavailable.message)
