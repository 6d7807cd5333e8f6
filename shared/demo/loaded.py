"""Loads the program, every command of it: the process that imports this is ready to be forked."""

from __future__ import annotations

import click
from sqlalchemy.orm import configure_mappers

from shared.command.main import danglian
from shared.kernel.collector import calm_collector, let_load

let_load()

_CONTEXT = click.Context(danglian)
for _name in danglian.list_commands(_CONTEXT):
    danglian.get_command(_CONTEXT, _name)
configure_mappers()  # what every command would do anew
calm_collector()  # and none of them looks for garbage among what all of them share
