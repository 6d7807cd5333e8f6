"""From where an act comes: an address and program on the web, a command, a loop of the platform."""

from __future__ import annotations

import getpass
import os
import socket
import threading
from contextvars import ContextVar

#: The longest place that is kept.
PLACE_LENGTH = 200
_PLACE: ContextVar[str] = ContextVar("place", default="")


def act_from(place: str) -> None:
    """From here on this thread acts for somebody there: what it records says so."""
    _PLACE.set(place[:PLACE_LENGTH])


def act_from_command(name: str) -> None:
    """From here on this process is a command of an account of this computer."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in some containers
        user = str(os.getuid())
    except ImportError:  # on Windows, where nothing in the environment says it
        user = "-"
    act_from(f"{user}@{socket.gethostname()} {name}")


def place_of_act() -> str:
    """Where whoever acts now does so; without anybody, which loop of which computer it is."""
    return (
        _PLACE.get() or f"{socket.gethostname()} {threading.current_thread().name}"[:PLACE_LENGTH]
    )
