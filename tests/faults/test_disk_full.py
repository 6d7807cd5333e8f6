"""A disk that is really full under the database of a node, or of the hub, while both run.

Each disk is a small file system of its own (tmpfs, mounted for the test), and is filled to its last
byte. What is shown: a clear sentence, nothing half written, processes that live on, pages that
open, and all goes on by itself as soon as there is room again.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import ANY

import psycopg
import pytest
import requests

from node.registry.models import Registered
from node.sync import doctor
from shared.kernel.actor import Grant, Role
from shared.kernel.database import Database
from shared.kernel.errors import Unavailable
from tests.city import wait_for
from tests.federation import NOTHING_WRONG, Federation, everywhere_the_same
from tests.pair import NAME, Pair
from tests.people import employ
from tests.servers.postgresql import PostgreSQL
from tests.small_disk import small_disk

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

# What waits must fit after the filler is gone, with a log of SQLite that a reader keeps from being
# folded in: 4,000 records need 20 MB, or 30.
_MEGABYTES, _MEGABYTES_OF_SERVER = 64, 96
_PASSWORD = "danglian-2024"


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[dict[str, Path]]:
    """Two small disks, `hub` and `node`."""
    folders = {name: tmp_path / "disks" / name for name in ("hub", "node")}
    with ExitStack() as stack:
        for folder in folders.values():
            folder.mkdir(parents=True)
            stack.enter_context(small_disk(folder, _MEGABYTES))
        yield folders


@pytest.fixture
def link_elsewhere() -> bool:
    """Whether the link lies on another disk than the hub, as a broker does."""
    return True


@pytest.fixture
def pair(tmp_path: Path, disks: dict[str, Path], link_elsewhere: bool) -> Iterator[Pair]:
    link = {"link": f"embedded://{tmp_path / 'link.sqlite'}"} if link_elsewhere else {}
    pair = Pair(tmp_path, hub=disks["hub"] / "hub", node=disks["node"] / "node", settings=link)
    pair.start_node()
    yield pair
    pair.stop()


def fill(disk: Path) -> Path:
    """Leave not one byte; returns what must be deleted to have room again."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as stream:
        for size in (1 << 20, 1 << 12):
            while True:
                try:
                    stream.write(b"x" * size)
                except OSError:
                    break
    return filler


class Person:
    """Somebody with a browser, signed in at a running process."""

    def __init__(self, url: str, database: Database, role: Role) -> None:
        self._url = url
        self._http = requests.Session()
        grants = (Grant(role),)
        with database.write() as session:
            employ(role, "张档案", _PASSWORD, grants, session=session)
        self._post("/sign-in", login=role, password=_PASSWORD)

    def reads(self, path: str) -> str:
        """Open a page that must open."""
        answer = self._http.get(self._url + path, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.text

    def registers(self, title: str, fonds_id: str) -> tuple[int, str]:
        """Register a document on the page; the status and the page that come back."""
        return self._post(
            "/registry/new", title=title, fonds_id=fonds_id, direction="incoming",
            registered_on="2024-03-05", security="none", urgency="normal", role="正本",
        )  # fmt: skip

    def _post(self, path: str, **fields: str) -> tuple[int, str]:
        page = self._http.get(self._url + path, timeout=60).text
        token = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert token, page
        fields["csrf_token"] = token[1]
        answer = self._http.post(self._url + path, data=fields, timeout=90)
        return answer.status_code, answer.text


def rows_of(pair: Pair) -> int:
    return len(pair.unit.states())


def test_a_full_disk_under_a_node_stops_the_clerk_with_a_sentence_and_loses_nothing(
    pair: Pair, disks: dict[str, Path]
) -> None:
    unit = pair.unit
    unit.file(20, year=2020)
    pair.settle()
    clerk = Person(pair.node_process.url, unit.folder.database(), Role.CLERK)
    filler = fill(disks["node"])
    done = 0
    with pytest.raises(Unavailable, match="存储空间已满，本次未保存任何内容") as refused:  # noqa: PT012
        for done in range(200):
            unit.file(100, year=1800 + done)
    assert refused.value.code == "disk_full"
    assert refused.value.remedy == "请清理或扩充磁盘后再试。"
    # `file` collects in one transaction and closes the class in the next.
    assert rows_of(pair) in (20 + 100 * done, 20 + 100 * (done + 1)), "all of a step or nothing"
    status, page = clerk.registers("装不下的来文", unit.fonds_id)
    assert status == 503
    assert "存储空间已满，本次未保存任何内容" in page
    assert "请清理或扩充磁盘后再试" in page
    assert "收文" in clerk.reads("/registry/")
    assert "disk_nearly_full" in [each.code for each in doctor.examine_folder(unit.folder)]
    assert pair.both_live()

    filler.unlink()
    assert clerk.registers("装得下的来文", unit.fonds_id) == (200, ANY)
    with unit.folder.database().read() as session:
        assert [row.title for row in session.query(Registered)] == ["装得下的来文"]
    unit.file(20, year=2021)
    pair.settle()
    assert pair.both_live()
    assert everywhere_the_same(pair, unit) == NOTHING_WRONG


@pytest.mark.parametrize("link_elsewhere", [pytest.param(True, marks=pytest.mark.at_length), False])
def test_a_full_disk_under_the_hub_makes_nodes_wait_and_loses_nothing(
    pair: Pair, disks: dict[str, Path], link_elsewhere: bool
) -> None:
    unit = pair.unit
    unit.file(20, year=2020)
    pair.settle()
    admin = Person(pair.hub_process.url, pair.hub.database(), Role.SYSTEM_ADMINISTRATOR)
    filler = fill(disks["hub"])
    for year in range(1990, 2010):
        unit.file(200, year=year)
    log = pair.hub_process.log_file
    said = "存储空间已满" if link_elsewhere else "暂时不可用"
    wait_for(lambda: said in log.read_text() + pair.node_process.log_file.read_text(), said)
    assert not pair.settled()
    page = admin.reads("/running/")
    assert "数据目录所在的磁盘只剩 0 MB" in page
    assert "腾出空间或换更大的磁盘" in page
    assert pair.both_live()

    filler.unlink()
    pair.settle()
    assert pair.both_live()
    assert everywhere_the_same(pair, unit) == NOTHING_WRONG


@pytest.fixture
def full_server() -> Iterator[tuple[PostgreSQL, Path]]:
    """A server of PostgreSQL on a small disk, and that disk."""
    with tempfile.TemporaryDirectory(prefix="dl-") as name:
        folder = Path(name)
        with small_disk(folder, _MEGABYTES_OF_SERVER):
            folder.chmod(0o755)
            server = PostgreSQL(durable=True, where=folder)
            yield server, folder
            server.remove()


def test_a_full_disk_under_postgresql_makes_nodes_wait_and_loses_nothing(
    tmp_path: Path, full_server: tuple[PostgreSQL, Path]
) -> None:
    """Should not even its log have room, the server ends, and starts again by itself."""
    server, disk = full_server
    city = Federation(tmp_path, database=server.url(server.create()))
    unit = city.enrol(NAME, number="A101")
    unit.file(20, year=2020)
    city.settle()
    filler = fill(disk)
    said = set()
    for year in range(1900, 1912):
        unit.file(200, year=year)
        try:
            city.turn()
        except Unavailable as error:
            said.add(error.code)
        city.clock.seconds += 25
    assert "disk_full" in said
    filler.unlink()
    wait_for(lambda: _answers(server), "the server to be there again")
    city.settle()
    assert everywhere_the_same(city, unit) == NOTHING_WRONG
    city.hub.database().close()


def _answers(server: PostgreSQL) -> bool:
    try:
        server.do("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True
