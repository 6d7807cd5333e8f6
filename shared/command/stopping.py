"""How a command that runs until it is stopped hears of that."""

from __future__ import annotations

import signal
import threading
from types import FrameType


def stop_on_signal(stopping: threading.Event) -> None:
    """Set the event at Ctrl-C, and when the system asks the process to end."""

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
