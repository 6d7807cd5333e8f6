"""The matrix of faults: the tests that `docs/reliability.md` names, and how each went.

A plugin of pytest, for `make test-faults`, which also runs what is marked `at_length`. With
`--write-matrix` the result goes into the document.
"""

from __future__ import annotations

import os
import platform
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
#: Below it stands what the last run said.
_MARK = "<!-- last run -->"
_ROW = re.compile(r"^\| (?P<fault>.+?) \| (?P<tests>`tests/.+) \|$", re.MULTILINE)
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
#: What makes the tests longer.
_SIZES = ("RECORDS", "SCHEDULES", "DEATHS", "SILENCE")
_OUTCOMES = ("passed", "failed", "skipped")


@dataclass(frozen=True)
class Fault:
    """One row of the document: what breaks, and the tests (file, name) that break it."""

    name: str
    tests: tuple[tuple[str, str], ...]


@dataclass
class _Result:
    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


def faults(text: str) -> list[Fault]:
    """The rows of the document, in order."""
    return [Fault(row["fault"], tuple(_TEST.findall(row["tests"]))) for row in _ROW.finditer(text)]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-matrix", action="store_true", help="write results into the document")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_Matrix(faults(DOCUMENT.read_text(encoding="utf-8"))))


class _Matrix:
    def __init__(self, rows: list[Fault]) -> None:
        self._rows = rows
        self._results: dict[tuple[str, str], _Result] = defaultdict(_Result)
        self._began = time.monotonic()

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        named = {test for row in self._rows for test in row.tests}
        wanted, others = [], []
        for item in items:
            is_wanted = _test_of(item.nodeid) in named or item.get_closest_marker("at_length")
            (wanted if is_wanted else others).append(item)
        items[:] = wanted
        config.hook.pytest_deselected(items=others)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        result = self._results[_test_of(report.nodeid)]
        result.seconds += report.duration
        if report.when == "call" or report.outcome != "passed":
            result.outcomes[report.outcome] += 1

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        # A fault that nobody caused is not one that was survived.
        missing = any("not run" in self._of(row).outcomes for row in self._rows)
        if missing and not hasattr(session.config, "workerinput"):  # a worker knows its own alone
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter, config: pytest.Config
    ) -> None:
        terminalreporter.section("what may break")
        lines = list(self._table())
        for line in lines:
            terminalreporter.write_line(line)
        if config.getoption("--write-matrix"):
            before = DOCUMENT.read_text(encoding="utf-8").partition(_MARK)[0]
            DOCUMENT.write_text(before + "\n".join([_MARK, *lines]) + "\n", encoding="utf-8")

    def _table(self) -> Iterator[str]:
        total = _Result()
        for result in self._results.values():
            total.outcomes += result.outcomes
        minutes = (time.monotonic() - self._began) / 60
        today = date.today().isoformat()  # noqa: DTZ011 - for people who read it here
        machine = f"{os.cpu_count()} processors, Python {platform.python_version()}"
        sizes = " ".join(f"{name}={os.environ[name]}" for name in _SIZES if name in os.environ)
        yield f"{today}, {machine}, {sizes or 'small sizes'}, {minutes:.0f} minutes."
        yield f"{len(self._rows)} faults; tests: {_said(total)}."
        yield ""
        yield "| fault | tests | seconds |"
        yield "|---|---|---|"
        for row in self._rows:
            result = self._of(row)
            yield f"| {row.name} | {_said(result)} | {result.seconds:.0f} |"

    def _of(self, row: Fault) -> _Result:
        found = _Result()
        for test in row.tests:
            result = self._results.get(test, _Result())
            found.outcomes += result.outcomes or Counter({"not run": 1})
            found.seconds += result.seconds
        return found


def _said(result: _Result) -> str:
    told = [*_OUTCOMES, *(set(result.outcomes) - set(_OUTCOMES))]
    return ", ".join(f"{result.outcomes[each]} {each}" for each in told if result.outcomes[each])


def _test_of(nodeid: str) -> tuple[str, str]:
    path, _, name = nodeid.partition("[")[0].partition("::")
    return path, name.rpartition("::")[2]
