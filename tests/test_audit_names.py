"""Whatever is written into the audit log has a name that people understand."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from hub import audit_names as of_hub
from node import audit_names as of_node
from node.registry import service as registry
from shared.web.audit_log.names import ACTION_NAMES, ACTOR_NAMES, DETAIL_NAMES, KIND_NAMES
from tests.audit_digests import EXEMPT

_TREE = Path(__file__).parents[1]
_PARTS = ("hub", "node", "shared")
_AUDIT = ("audit", "audit.record")


@pytest.mark.parametrize(("folder", "own"), [("hub", of_hub), ("node", of_node), ("shared", None)])
def test_every_event_has_a_name(folder: str, own: object) -> None:
    known = {**ACTION_NAMES, **getattr(own, "ACTION_NAMES", {})}
    written = set(_written(folder))
    assert written
    assert written <= known.keys()


def test_what_is_no_change_is_a_known_action() -> None:
    known = {*ACTION_NAMES, *of_hub.ACTION_NAMES, *of_node.ACTION_NAMES}
    assert known >= EXEMPT


def test_events_whose_names_are_put_together_have_names_too() -> None:
    made = {f"document.{verb}" for verb in registry._EVENTS.values()}
    made |= {
        f"{paper}.ignored" for paper in ("verdict", "receipt", "withdrawn", "changed", "declined")
    }
    made |= {f"correction.{state}" for state in ("made", "declined")}
    assert made <= of_node.ACTION_NAMES.keys()


def test_who_acts_what_it_is_about_and_each_detail_have_names() -> None:
    events = [call for part in _PARTS for call in _calls(part, *_AUDIT)]
    details = {each.arg for call in events for each in call.keywords if each.arg is not None}
    assert details <= DETAIL_NAMES.keys()
    kinds = {_text(call.args[3]).partition(":")[0] for call in events}
    kinds |= {
        _text(value).partition(":")[0]
        for part in _PARTS
        for function in _nodes(part)
        if isinstance(function, ast.FunctionDef) and function.name == "audit_name"
        for value in ast.walk(function)
        if isinstance(value, ast.JoinedStr)
    }
    assert {"hand_over", "correction"} <= kinds
    assert kinds - {""} <= KIND_NAMES.keys()
    actors = {_text(call.args[0]) for part in _PARTS for call in _calls(part, "system_actor")}
    assert {f"system:{each}" for each in actors if each and each.isascii()} <= ACTOR_NAMES.keys()


def _written(part: str) -> Iterator[str]:
    """The third argument of each `audit(…)` and `audit.record(…)`."""
    for call in _calls(part, *_AUDIT):
        if isinstance(call.args[2], ast.Constant):
            yield _text(call.args[2])


def _calls(part: str, *names: str) -> Iterator[ast.Call]:
    for node in _nodes(part):
        if isinstance(node, ast.Call) and _dotted(node.func) in names:
            yield node


def _dotted(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id=of), attr=name):
            return f"{of}.{name}"
    return ""


@cache
def _nodes(part: str) -> list[ast.Call | ast.FunctionDef]:
    """The calls and functions of a part of the program."""
    trees = (ast.parse(path.read_bytes()) for path in (_TREE / part).rglob("*.py"))
    nodes = (node for tree in trees for node in ast.walk(tree))
    return [node for node in nodes if isinstance(node, ast.Call | ast.FunctionDef)]


def _text(node: ast.AST) -> str:
    """The text that a constant or an f-string begins with; empty for anything else."""
    first = node.values[0] if isinstance(node, ast.JoinedStr) else node
    return str(first.value) if isinstance(first, ast.Constant) else ""
