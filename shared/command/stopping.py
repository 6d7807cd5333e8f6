"""How a command that runs until it is stopped hears of that."""

from __future__ import annotations

import signal
import threading
from types import FrameType


def stop_on_signal(stopping: threading.Event) -> None:
    """Set the event at Ctrl-C, and when the system asks the process to end."""

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    # On Windows a closed window and the end of a service come as SIGBREAK.
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), stop)


def wait_until_stopped(stopping: threading.Event) -> None:
    """Wait until the event is set. Looks up each second: on Windows no signal ends a long wait."""
    while not stopping.wait(1.0):
        pass
