"""Whatever is written into the audit log has a name that people understand."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub import audit_names as of_hub
from node import audit_names as of_node
from node.registry import service as registry
from shared.web.audit_log.names import ACTION_NAMES

_TREE = Path(__file__).parents[1]


@pytest.mark.parametrize(("folder", "own"), [("hub", of_hub), ("node", of_node), ("shared", None)])
def test_every_event_has_a_name(folder: str, own: object) -> None:
    known = {**ACTION_NAMES, **getattr(own, "ACTION_NAMES", {})}
    written = set(_written(_TREE / folder))
    assert written
    assert written <= known.keys()


def test_events_whose_names_are_put_together_have_names_too() -> None:
    made = {f"document.{verb}" for verb in registry._EVENTS.values()}
    made |= {
        f"{paper}.ignored" for paper in ("verdict", "receipt", "withdrawn", "changed", "declined")
    }
    made |= {f"correction.{state}" for state in ("made", "declined")}
    assert made <= of_node.ACTION_NAMES.keys()


def _written(folder: Path) -> Iterator[str]:
    """The third argument of each `audit(…)` and `audit.record(…)`."""
    for path in folder.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and ast.unparse(call.func) in ("audit", "audit.record"):
                action = call.args[2]
                if isinstance(action, ast.Constant):
                    yield action.value
