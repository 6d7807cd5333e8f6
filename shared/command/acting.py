"""Who acts in the command that runs, so that its refusal can be written down under their name."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

import click

from shared.kernel.errors import DanglianError

if TYPE_CHECKING:
    from shared.kernel.actor import Actor
    from shared.kernel.database import Database

_WHO: ContextVar[tuple[Actor, Database] | None] = ContextVar("who", default=None)


def acts(actor: Actor, database: Database) -> None:
    """From here on this command acts for somebody."""
    _WHO.set((actor, database))


def nobody_acts() -> None:
    """A command begins: who acts is not known yet."""
    _WHO.set(None)


def note_refusal(error: DanglianError) -> None:
    """Write down what was refused to whoever acts in this command, after it has rolled back."""
    who = _WHO.get()
    if who is None:
        return
    from shared import audit  # what only a refusal needs is not loaded by every command

    actor, database = who
    name = click.get_current_context().command_path
    audit.note_refusal(error, actor, f"command:{name}", database)
