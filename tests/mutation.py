"""Mutation testing of the items' functions: each is made wrong in many small ways, one at a time.

    PYTHONPATH=. .venv/bin/python -m tests.mutation [FILE[:LINE] …]

For each wrong variant the samples of `test_findings` that run through its line are inspected, in a
process of its own. What none of them notices is a survivor. Each that may survive, because it does
the same, stands with its reason in `mutation.json`; the others are listed, and the command fails.
Sentences for people are not changed. All of `shared/inspection/checks` takes some minutes of
computing; it is no part of `make test`.
"""

from __future__ import annotations

import ast
import copy
import importlib
import json
import logging
import os
import resource
import signal
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, BinaryIO

from shared.inspection.formats.examination import Examination, Questions
from shared.kernel.canonical import sha256_hex
from tests.shared.inspection import test_findings
from tests.shared.packaging.samples import Unit

CHECKS = Path("shared/inspection/checks")
#: Why a variant does the same: by file, function, the text of its line, and what is changed.
EXPLAINED = Path(__file__).with_suffix(".json")
#: What a wrong variant may compute and use; one that goes beyond has been noticed.
_SECONDS, _BYTES = 120, 4 * 1024**3


@dataclass(frozen=True)
class Mutant:
    """One wrong variant: where in a file, what is changed there, and how to make it."""

    path: Path
    line: int
    function: str
    text: str
    what: str
    place: int
    change: Callable[[Any], ast.AST | None]

    @property
    def name(self) -> str:
        """What it is called in `mutation.json`; a line that only moves keeps it."""
        return f"{self.path.name} · {self.function} · {self.text} · {self.what}"

    def wrong(self) -> ast.Module:
        """The whole file with the change."""
        tree = ast.parse(self.path.read_text("utf-8"))
        changed: ast.Module = _Changing(self.place, self.change).visit(tree)
        return ast.fix_missing_locations(changed)


class Covering:
    """Notes which lines of the files each sample runs through."""

    def __init__(self, files: set[str]) -> None:
        self._lines: dict[tuple[str, int], set[str]] = defaultdict(set)
        self._seconds: dict[str, float] = {}
        self._files, self._sample = files, ""

    @contextmanager
    def of(self, sample: str) -> Iterator[None]:
        self._sample, begun = sample, time.monotonic()
        sys.settrace(self._trace)
        threading.settrace(self._trace)
        try:
            yield
        finally:
            sys.settrace(None)
            threading.settrace(None)
            self._seconds[sample] = time.monotonic() - begun

    def near(self, file: str, line: int) -> list[str]:
        """Those that run through a line, quickest first; all of the file for what is set once."""
        found = self._lines.get((file, line)) or {
            sample for (other, _), samples in self._lines.items() if other == file
            for sample in samples
        }  # fmt: skip
        return sorted(found, key=self._seconds.__getitem__)

    def _trace(self, frame: FrameType, event: str, _what: Any) -> Any:
        if frame.f_code.co_filename not in self._files:
            return None
        self._lines[frame.f_code.co_filename, frame.f_lineno].add(self._sample)
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
    lines, tree = source.splitlines(), ast.parse(source)
    docstrings = {
        id(each.body[0].value)
        for each in ast.walk(tree)
        if isinstance(each, (ast.Module, ast.FunctionDef, ast.ClassDef))
        and each.body
        and isinstance(each.body[0], ast.Expr)
    }
    functions = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)]
    line = 1
    for place, node in enumerate(_walked(tree)):
        line = getattr(node, "lineno", line)
        if id(node) in docstrings:
            continue
        within = [each.name for each in functions if each.lineno <= line <= (each.end_lineno or 0)]
        function = within[-1] if within else "-"
        for what, change in _changes(node):
            yield Mutant(path, line, function, lines[line - 1].strip(), what, place, change)


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


def _is_noticed(module: ModuleType, wrong: ast.Module, differ: Callable[[], bool]) -> bool:
    """Whether a process with the wrong variant finds it, breaks, or does not end."""
    child = os.fork()
    if child == 0:
        found = True
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
            resource.setrlimit(resource.RLIMIT_AS, (_BYTES, _BYTES))
            _apply(module, wrong)
            found = differ()
        except BaseException:  # noqa: BLE001 - a wrong variant may raise anything: it is noticed
            found = True
        finally:
            os._exit(int(found))
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) not in (signal.SIGXCPU, signal.SIGKILL):
        sys.exit(f"a process ended by signal {os.WTERMSIG(status)}: this says nothing of a variant")
    return status != 0


def _look_here() -> None:
    """Look into each file once, and in this process: what is in it does not change with a check."""
    from shared.inspection.formats import looking, sandbox

    seen: dict[str, Examination] = {}
    one_at_a_time = threading.Lock()  # the libraries that draw pages want to be alone

    def examine(_series: object, stream: BinaryIO, questions: Questions) -> Examination:
        stream.seek(0)
        key = sha256_hex(stream.read() + repr(sorted(questions.items())).encode())
        with one_at_a_time:
            if key not in seen:
                seen[key] = looking.examine(stream, questions, 20)
        return seen[key]

    here: Any = sandbox.Series
    here.examine = examine


def explained() -> dict[str, str]:
    """Why which variants do the same as what is right."""
    return dict(json.loads(EXPLAINED.read_text("utf-8")))


def main(arguments: list[str]) -> int:
    """List what survives unexplained, and how many there were."""
    named = [each.partition(":") for each in arguments]
    paths = sorted({Path(file) for file, _, _ in named} or CHECKS.glob("[!_]*.py"))
    lines = {(Path(file), int(line)) for file, _, line in named if line}
    modules = {
        path: importlib.import_module(".".join(path.with_suffix("").parts)) for path in paths
    }
    logging.disable()
    _look_here()
    covering = Covering({str(module.__file__) for module in modules.values()})
    with tempfile.TemporaryDirectory() as folder:
        unit = Unit(Path(folder) / "files")
        inspected = dict(test_findings.samples(unit, Path(folder)))
        right = {}
        for name, each in inspected.items():
            with covering.of(name):
                right[name] = test_findings.told(each())

        def is_noticed(path: Path, line: int, wrong: ast.Module) -> bool:
            near = covering.near(str(modules[path].__file__), line)
            return _is_noticed(
                modules[path],
                wrong,
                lambda: any(test_findings.told(inspected[each]()) != right[each] for each in near),
            )

        reasons, count, found = explained(), 0, 0
        for path in paths:
            if is_noticed(path, 0, ast.parse(path.read_text("utf-8"))):
                sys.exit(f"{path}: the samples differ although nothing is changed")
            for mutant in mutants(path):
                if lines and (path, mutant.line) not in lines:
                    continue
                count += 1
                if not is_noticed(path, mutant.line, mutant.wrong()):
                    if mutant.name not in reasons:
                        found += 1
                        print(f"{path}:{mutant.line}: {mutant.what}", flush=True)  # noqa: T201
                elif mutant.name in reasons:
                    found += 1
                    print(f"explained, but noticed: {mutant.name}", flush=True)  # noqa: T201
    print(f"{count} wrong variants, {found} to be explained", flush=True)  # noqa: T201
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
