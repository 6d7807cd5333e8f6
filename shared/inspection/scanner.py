"""What an inspection needs of a virus scanner: that it looks a file through, and says how it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from shared.kernel.clock import SHANGHAI

#: Looks a file through; the name of what it found, None, or an `Unscanned`. Raises Unavailable.
VirusScanner = Callable[[BinaryIO], str | None]


class Unscanned(str):
    """The answer of a scanner that did not look at a file; its text is the reason."""

    __slots__ = ()


@dataclass(frozen=True)
class Scanner:
    """What a scanner says of itself.

    Attributes:
        name: the program, `ClamAV 1.4.3`.
        definitions: number of its definitions 病毒库; empty when it has none.
        made_at: when these were made; None when it does not say.
    """

    name: str
    definitions: str
    made_at: datetime | None

    @property
    def label(self) -> str:
        """Program, definitions and their date, as a report names them."""
        made = f"，{self.made_at.astimezone(SHANGHAI):%Y-%m-%d}" if self.made_at else ""
        return f"{self.name}/{self.definitions}{made}"
