"""Mutation testing of the items' functions: each is made wrong in many small ways, one at a time.

    PYTHONPATH=. .venv/bin/python -m tests.mutation [--thorough] [FILE[:LINE] …]

For each wrong one the samples of `test_findings` that run through its line are inspected, in a
process of its own; with `--thorough` the tests as well, for what the samples do not notice. What
nothing notices is a survivor, and is listed. Sentences for people are not changed. All of
`shared/inspection/checks` takes some minutes of computing; it is no part of `make test`.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import importlib
import io
import logging
import os
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import pytest

from tests.shared.inspection import test_findings
from tests.shared.packaging.samples import Unit

CHECKS = Path("shared/inspection/checks")
NEAR = "tests/shared/inspection"
_IGNORED = ("fuzzing", "sandbox", "clamd", "formats", "marks", "first_words", "verdict")
_OPTIONS = ["-q", "-x", "-n", "0", "-p", "no:cacheprovider", "-m", "not at_length", "--no-header"]
_SECONDS = 60

Mutant = tuple[Path, int, str, ast.Module]


class Covering:
    """A pytest plugin that notes which lines of the files each test runs through."""

    def __init__(self, files: set[str]) -> None:
        self.lines: dict[tuple[str, int], set[str]] = defaultdict(set)
        self.seconds: dict[str, float] = {}
        self._files, self._test, self._begun = files, "", 0.0

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._test, self._begun = nodeid, time.monotonic()
        sys.settrace(self._trace)
        threading.settrace(self._trace)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        sys.settrace(None)
        threading.settrace(None)
        self.seconds[nodeid] = time.monotonic() - self._begun

    def near(self, file: str, line: int) -> list[str]:
        """Those that run through a line, quickest first; all of the file for what is set once."""
        found = self.lines.get((file, line)) or {
            test for (other, _), tests in self.lines.items() if other == file for test in tests
        }
        return sorted(found, key=lambda each: self.seconds.get(each, 0.0))

    def _trace(self, frame: FrameType, event: str, _what: Any) -> Any:
        if frame.f_code.co_filename not in self._files:
            return None
        self.lines[frame.f_code.co_filename, frame.f_lineno].add(self._test)
        return self._trace


_COMPARED = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE,
    ast.GtE: ast.Gt, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip


def _changes(node: ast.AST) -> Iterator[tuple[str, Callable[[Any], ast.AST | None]]]:
    """What can be made wrong at one place: a name for it, and how; None takes it out."""
    yield from _changes_of_conditions(node)
    yield from _changes_of_values(node)
    if isinstance(node, ast.keyword) and node.arg:
        yield f"{node.arg}= left out", lambda _each: None
    if isinstance(node, ast.YieldFrom):
        yield "yield from left out", lambda _each: ast.Constant(None)
    if isinstance(node, (ast.Raise, ast.Continue, ast.Break, ast.Return)):
        yield f"{type(node).__name__.lower()} left out", lambda _each: ast.Pass()


def _changes_of_conditions(node: ast.AST) -> Iterator[tuple[str, Callable[[Any], ast.AST]]]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        other = _COMPARED[type(node.ops[0])]
        yield (
            f"{type(node.ops[0]).__name__} → {other.__name__}",
            lambda each: ast.Compare(each.left, [other()], each.comparators),
        )
    if isinstance(node, ast.BoolOp):
        other_op = ast.Or if isinstance(node.op, ast.And) else ast.And
        yield f"→ {other_op.__name__}", lambda each: ast.BoolOp(other_op(), each.values)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "not left out", lambda each: each.operand
    if isinstance(node, (ast.If, ast.IfExp)):
        yield "condition turned", lambda each: _with(each, test=ast.UnaryOp(ast.Not(), each.test))


def _changes_of_values(node: ast.AST) -> Iterator[tuple[str, Callable[[Any], ast.AST]]]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
        turned = ast.Sub if isinstance(node.op, ast.Add) else ast.Add
        yield f"→ {turned.__name__}", lambda each: ast.BinOp(each.left, turned(), each.right)
    if isinstance(node, ast.Constant):
        value = node.value
        if isinstance(value, bool):
            yield f"{value} turned", lambda each: ast.Constant(not each.value)
        elif isinstance(value, int):
            yield f"{value} + 1", lambda each: ast.Constant(each.value + 1)
        elif isinstance(value, str) and value.isascii() and value.strip():
            yield f"{value!r} changed", lambda each: ast.Constant(each.value + "X")


def _with(node: Any, **fields: Any) -> Any:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


class _Changing(ast.NodeTransformer):
    """Makes one change at the node that is the `place`-th when all are walked."""

    def __init__(self, place: int, change: Callable[[Any], ast.AST | None]) -> None:
        self._left, self._change = place, change

    def visit(self, node: ast.AST) -> Any:
        if self._left == 0:
            self._left -= 1
            return self._change(node)
        self._left -= 1
        return self.generic_visit(node)


def _walked(tree: ast.AST) -> Iterator[ast.AST]:
    yield tree
    for each in ast.iter_child_nodes(tree):
        yield from _walked(each)


def mutants(path: Path) -> Iterator[Mutant]:
    """Every wrong variant of a file."""
    source = path.read_text("utf-8")
    tree = ast.parse(source)
    docstrings = {
        id(each.body[0].value)
        for each in ast.walk(tree)
        if isinstance(each, (ast.Module, ast.FunctionDef, ast.ClassDef))
        and each.body
        and isinstance(each.body[0], ast.Expr)
    }
    line = 1
    for place, node in enumerate(_walked(tree)):
        line = getattr(node, "lineno", line)
        if id(node) in docstrings:
            continue
        for what, change in _changes(node):
            wrong = _Changing(place, change).visit(ast.parse(source))
            yield path, line, what, ast.fix_missing_locations(wrong)


def _apply(module: ModuleType, wrong: ast.Module) -> None:
    """Put the wrong functions in the place of the right ones, wherever these are known."""
    from shared.inspection import registry

    before = dict(vars(module))
    for number, function in list(registry._FUNCTIONS.items()):
        if function.examine.__module__ == module.__name__:
            del registry._FUNCTIONS[number]
    registry.checks_of.cache_clear()
    exec(compile(wrong, str(module.__file__), "exec"), vars(module))
    for other in list(sys.modules.values()):
        if other.__name__.startswith(("shared.inspection", "tests.", "hub.", "node.")):
            for name, value in list(vars(other).items()):
                if name in before and value is before[name] and vars(module)[name] is not value:
                    setattr(other, name, vars(module)[name])


def _is_noticed(module: ModuleType, wrong: ast.Module, find: Callable[[], bool]) -> bool:
    """Whether a process with the wrong variant finds it, breaks, or does not end."""
    child = os.fork()
    if child == 0:
        found = True
        try:
            with (
                Path(os.devnull).open("w", encoding="utf-8") as nowhere,
                contextlib.redirect_stdout(nowhere),
                contextlib.redirect_stderr(nowhere),
            ):
                logging.disable()
                _apply(module, wrong)
                found = find()
        except BaseException:  # noqa: BLE001 - a wrong variant may raise anything: it is noticed
            found = True
        finally:
            os._exit(int(found))
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status != 0
        time.sleep(0.002)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return True


def _look_here() -> None:
    """Look into files in this process: a process of its own for each costs more than the tests."""
    from shared.inspection import measuring
    from shared.inspection.formats import looking

    here: Any = measuring
    here.examine = lambda stream, asked=None: looking.examine(stream, asked or {}, 20)


def _tests_notice(tests: list[str]) -> bool:
    return bool(pytest.main([*_OPTIONS, *tests]))


def main(arguments: list[str]) -> None:
    """List what survives, and how many there were."""
    thorough = "--thorough" in arguments
    named = [each.partition(":") for each in arguments if not each.startswith("--")]
    paths = sorted({Path(file) for file, _, _ in named} or CHECKS.glob("[!_]*.py"))
    lines = {(Path(file), int(line)) for file, _, line in named if line}
    modules = {
        path: importlib.import_module(".".join(path.with_suffix("").parts)) for path in paths
    }
    files = {path: str(module.__file__) for path, module in modules.items()}
    _look_here()
    samples = Covering(set(files.values()))
    tests = Covering(set(files.values()))
    with tempfile.TemporaryDirectory() as folder:
        unit = Unit(Path(folder) / "files")
        inspected = dict(test_findings.samples(unit, Path(folder)))
        right = {}
        for name, each in inspected.items():
            samples.pytest_runtest_logstart(name)
            right[name] = test_findings.told(each())
            samples.pytest_runtest_logfinish(name)
        if thorough:
            ignored = [f"--ignore={NEAR}/test_{each}.py" for each in _IGNORED]
            with contextlib.redirect_stdout(io.StringIO()):
                if pytest.main([*_OPTIONS, *ignored, NEAR], plugins=[tests]):
                    sys.exit("the tests fail as they are")
        count = survived = 0
        for path in paths:
            for _, line, what, wrong in mutants(path):
                if lines and (path, line) not in lines:
                    continue
                count += 1
                near = samples.near(files[path], line)

                def differ(near: list[str] = near) -> bool:
                    return any(
                        test_findings.told(inspected[each]()) != right[each] for each in near
                    )

                if _is_noticed(modules[path], wrong, differ):
                    continue
                near = tests.near(files[path], line)
                if near and _is_noticed(modules[path], wrong, partial(_tests_notice, near)):
                    continue
                survived += 1
                print(f"{path}:{line}: {what}", flush=True)  # noqa: T201 - its answer
    print(f"{count} wrong variants, {survived} not noticed", flush=True)  # noqa: T201 - its answer


if __name__ == "__main__":
    main(sys.argv[1:])
