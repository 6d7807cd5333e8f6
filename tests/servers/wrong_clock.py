"""`python -m tests.servers.wrong_clock …`: the command `danglian` where the clock is wrong.

By `CLOCK_DAYS` days, ahead when positive. Nothing in the program knows of it: `shared.kernel.clock`
and `time.time` answer as they would there. The certificates of TLS are checked by the real time all
the same, because OpenSSL asks the system.
"""

from __future__ import annotations

import os
import runpy
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from shared.kernel import clock


def turn_clock(days: int) -> None:
    """From here on the clock of this process is wrong by so many days."""
    ahead = timedelta(days=days)
    real = time.time
    time.time = lambda: real() + ahead.total_seconds()
    # The name that `clock.now` looks up; whoever has imported `now` already gets it too.
    clock.datetime = SimpleNamespace(  # type: ignore[attr-defined, assignment]
        now=lambda zone=UTC: datetime.now(zone) + ahead, fromisoformat=datetime.fromisoformat
    )


if __name__ == "__main__":
    turn_clock(int(os.environ["CLOCK_DAYS"]))
    runpy.run_module("shared.demo.child", run_name="__main__", alter_sys=True)
