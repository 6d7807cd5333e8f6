"""The sealer of a process that runs, for tests whose processes do not."""

from __future__ import annotations

from shared.audit import Sealer
from shared.kernel.database import Database
from shared.kernel.keys import SigningKey

KEY = SigningKey.generate()


def seal(database: Database) -> None:
    """Seal what was written so far."""
    Sealer(database, lambda: KEY).finish()
