"""Loads the program, every command of it: the process that imports this is ready to be forked."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec

import click
from sqlalchemy.orm import configure_mappers

from shared.command.main import COMMANDS, danglian
from shared.kernel.collector import calm_collector, let_load

let_load()

_CONTEXT = click.Context(danglian)
for _name in danglian.list_commands(_CONTEXT):
    danglian.get_command(_CONTEXT, _name)
# A part that has pages makes them in its `app`, which its commands load late: who forks, before.
for _part in {_entry.module.partition(".")[0] for _entry in entry_points(group=COMMANDS)}:
    if find_spec(f"{_part}.app") is not None:
        import_module(f"{_part}.app")
configure_mappers()  # what every command would do anew
calm_collector()  # and none of them looks for garbage among what all of them share
