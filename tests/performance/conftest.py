"""The table of one run: filled by the tests, printed at the end as Markdown."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.performance.table import EMBEDDED, SERVERS, Table
from tests.performance.town import Servers, Town

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


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """The servers of the whole run."""
    servers = Servers(tmp_path_factory.mktemp("servers"))
    yield servers
    servers.remove()


@pytest.fixture(params=[EMBEDDED, SERVERS])
def town(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Town]:
    """A hub with its process, embedded and on servers."""
    on = request.getfixturevalue("servers") if request.param == SERVERS else None
    with Town(tmp_path, on) as town:
        yield town
