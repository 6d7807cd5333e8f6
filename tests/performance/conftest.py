"""The table of one run: filled by the tests, printed at the end as Markdown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.performance.table import Table

_TABLE = pytest.StashKey[Table]()


def pytest_configure(config: pytest.Config) -> None:
    """One table for the whole run."""
    config.stash[_TABLE] = Table()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the table; with `BENCH_TABLE=file` also write it there."""
    table = config.stash[_TABLE]
    if not table:
        return
    terminalreporter.section("figures")
    terminalreporter.write(table.markdown())
    if "BENCH_TABLE" in os.environ:
        Path(os.environ["BENCH_TABLE"]).write_text(table.markdown(), encoding="utf-8")


@pytest.fixture(scope="session")
def table(pytestconfig: pytest.Config) -> Table:
    """Where a test notes its figures."""
    return pytestconfig.stash[_TABLE]
