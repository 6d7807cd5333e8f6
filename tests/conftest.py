"""What every test may ask for."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from argon2 import PasswordHasher
from flask import Flask
from hypothesis import settings
from jinja2 import FileSystemBytecodeCache

from shared.identity import passwords
from tests.audit_digests import hold_to_digests
from tests.servers.postgresql import PostgreSQL

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.servers.clamav import ClamAV
    from tests.servers.rabbitmq import RabbitMQ

# No deadline: a busy machine is slow, not wrong. CI repeats the same examples, so that it fails for
# what changed; everybody else's runs look for new ones.
settings.register_profile("danglian", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("danglian")

# Tests start `danglian` hundreds of times: what the first one has compiled, the others need not.
# And what pytest has rewritten of a test it need not rewrite the next time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# In the processes of the tests themselves passwords are kept cheaply, and a template is compiled
# once for all the apps that they make; what they start is as it is anywhere.
hold_to_digests()
passwords.HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
_MEMORY, _ROOM = "/dev/shm", 8 << 30


def _has_room(folder: str) -> bool:
    """Whether temporary folders may lie there: its size, and programs may be started from it."""
    try:
        there = os.statvfs(folder)
    except OSError:
        return False
    usable = not there.f_flag & (os.ST_RDONLY | os.ST_NOEXEC) and os.access(folder, os.W_OK)
    free = there.f_bavail * there.f_frsize
    return usable and min(free, os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")) >= _ROOM


# Tests kill processes, never the machine: what they write may lie in memory, where it has room.
# Nobody waits for a disk then, and what a kill -9 leaves is the same.
if "TMPDIR" not in os.environ and _has_room(_MEMORY):
    os.environ["TMPDIR"] = _MEMORY
    tempfile.tempdir = None
_templates = tempfile.TemporaryDirectory(prefix="danglian-templates-")
Flask.jinja_options = {
    **Flask.jinja_options,
    "bytecode_cache": FileSystemBytecodeCache(_templates.name),
}

_PATIENCE = 600
_CHROMIUM = Path("/usr/bin/chromium")
_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--lang=zh-CN",  # what the browser itself draws, such as the fields of a date
)
_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What works with real processes has time also on a machine on which everything else runs.

    And what may take longest begins first, so that no worker is left alone with it at the end. But
    people at browsers come last: the city that they share need not run beside everything else.
    """
    longest: dict[Path, float] = {}
    browsing: set[Path] = set()
    for item in items:
        if item.get_closest_marker("browser"):
            browsing.add(item.path)
        slow = item.path in browsing or item.get_closest_marker("faults")
        if slow and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(_PATIENCE))
        mark = item.get_closest_marker("timeout")
        if mark is not None:
            longest[item.path] = max(longest.get(item.path, 0.0), float(mark.args[0]))
    items.sort(key=lambda item: (item.path in browsing, -longest.get(item.path, 0.0)))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real titles, divisions and samples, where the checkout has it beside it."""
    if not _DATA.is_dir():
        pytest.skip(f"no real data at {_DATA}")
    return _DATA


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests of a module that names `DATABASES` run once on each."""
    kinds = getattr(metafunc.module, "DATABASES", None)
    if kinds and "database_kind" in metafunc.fixturenames:
        metafunc.parametrize("database_kind", kinds)


@pytest.fixture
def database_kind() -> str:
    """What the hub's database is in this test: `sqlite`, or `postgresql`."""
    return "sqlite"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A private server, one for the whole run; for what kills servers, start another."""
    server = PostgreSQL()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, one for the whole run: Playwright cannot be started a second time."""
    from playwright.sync_api import sync_playwright

    if not _CHROMIUM.exists():
        pytest.fail("没有 Chromium：请安装 Debian 软件包 chromium 和 fonts-noto-cjk。")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_CHROMIUM, args=list(_FLAGS), env={**os.environ, "LANGUAGE": "zh_CN"}
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitMQ]:
    """A private RabbitMQ, one for the whole run; each test takes a virtual host of its own."""
    from tests.servers.rabbitmq import RabbitMQ

    broker = RabbitMQ()
    yield broker
    broker.remove()


@pytest.fixture(scope="session")
def clamav() -> Iterator[ClamAV]:
    """A private virus scanner that knows one signature, one for the whole run."""
    from tests.servers.clamav import ClamAV

    scanner = ClamAV()
    yield scanner
    scanner.remove()
