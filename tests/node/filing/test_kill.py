"""kill -9 while a class is being closed: all of its numbers are final, or none is."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from sqlalchemy import select

from node.filing import service as filing
from node.filing.models import Record
from node.office.places import NodeFolder
from shared.kernel.actor import Actor
from tests.killed import dies
from tests.node.conftest import Node


def close(folder: Path, fonds: str, clerk: Actor) -> None:
    """The clerk closes the class of 2023."""
    with NodeFolder(folder).database().write() as session:
        filing.close_class(clerk, fonds, "WS", 2023, session=session)


@pytest.mark.faults
@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_a_kill_while_closing_leaves_all_final_or_none(node: Node, clerk: Actor, seed: int) -> None:
    count = 1500
    node.collect(clerk, count)
    seconds = random.Random(seed).uniform(0.02, 0.6)
    dies(close, node.folder.path, node.fonds, clerk, seconds=seconds)
    node.database.close()

    node.database = NodeFolder(node.folder.path).database()
    with node.database.read() as session:
        states = list(session.scalars(select(Record.state)))
    told = len(node.told())
    assert (set(states), told) in [({"arranging"}, 0), ({"filed"}, count)]
    if told == 0:
        node.close(clerk)
    with node.database.read() as session:
        numbers = list(session.scalars(select(Record.number)))
        assert filing.check_gaps(node.fonds, session=session) == []
    assert sorted(number or 0 for number in numbers) == list(range(1, count + 1))
    assert len(node.told()) == count
