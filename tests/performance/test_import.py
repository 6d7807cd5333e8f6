"""How many rows a second a sheet is checked and taken with, and that this is linear in rows."""

from __future__ import annotations

import csv
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from node.filing import service as filing
from node.intake import service as intake
from node.intake.defaults import Defaults
from node.intake.looking import look_into
from node.intake.spool import Spool
from node.intake.work import IntakeWork
from shared.demo.generator import Unit, UnitKind, papers_of
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.identifiers import new_id
from tests.node.conftest import Node, make_node
from tests.performance.table import EMBEDDED, Table, ratio, seconds

CLERK = Actor("account:clerk", "张档案", (Grant(Role.CLERK),))


def imported(node: Node, sheet: Path) -> tuple[float, float]:
    """Seconds to bring, check and take a sheet, and how many of them this thread worked."""
    start, worked = time.perf_counter(), time.thread_time()
    intake_id, spool, work = new_id(), Spool(node.folder.path), IntakeWork(node.folder)
    with sheet.open("rb") as stream:
        path = spool.keep(intake_id, stream)
    look = look_into(path, sheet.name)
    defaults = Defaults.read({"retention": "D30"})
    with node.database.write() as session:
        intake.begin(CLERK, intake_id, node.fonds, look, session=session, defaults=defaults)
        job = intake.check(CLERK, intake_id, session=session)
    assert work.finish(job.id).state == "done"
    with node.database.write() as session:
        job = intake.take(CLERK, intake_id, session=session)
    assert work.finish(job.id).state == "done"
    return time.perf_counter() - start, time.thread_time() - worked


SIZES = (5_000, 10_000, 19_603)
MADE_UP = Unit(
    name="宜昌市民政局",
    kind=UnitKind.CITY_DEPARTMENT,
    matters="civil",
    sign="宜民发",
    superiors=(("宜昌市人民政府", "宜府发"),),
    places=("夷陵区",),
)


def _rows(real_data: Path | None) -> tuple[list[str], list[list[str]]]:
    """The real titles where they are; else as many made-up ones, of many years."""
    if real_data is not None:
        with (real_data / "gov_documents.csv").open(encoding="utf-8", newline="") as stream:
            header, *rows = csv.reader(stream)
        return header, rows
    rows = []
    for year in range(1990, 2025):
        for paper in papers_of(MADE_UP, year, 600, seed=1):
            rows.append([paper.title, paper.doc_no or "", paper.author, paper.day.isoformat()])
    return ["title", "doc_no", "issuer", "date"], rows


def _plain_limit(header: list[str], rows: list[list[str]], path: Path) -> float:
    """Seconds that SQLite alone needs to take the same rows in, in one transaction."""
    start = time.perf_counter()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(f"CREATE TABLE rows ({', '.join(header)})")
        marks = ", ".join("?" * len(header))
        database.executemany(f"INSERT INTO rows VALUES ({marks})", rows)
        database.commit()
    return time.perf_counter() - start


@pytest.mark.performance
@pytest.mark.timeout(600)
def test_rows_a_second_beside_the_plain_limit(tmp_path: Path, table: Table) -> None:
    data = Path(__file__).resolve().parents[3] / "shared" / "data"
    header, rows = _rows(data if data.is_dir() else None)
    rates = {}
    for count in SIZES:
        sheet = tmp_path / f"{count}.csv"
        with sheet.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows([header, *rows[:count]])
        node = make_node(tmp_path / str(count))
        pauses: list[float] = []
        stop = threading.Event()
        watcher = threading.Thread(target=_look, args=(node, pauses, stop))
        watcher.start()
        took, worked = imported(node, sheet)
        stop.set()
        watcher.join()
        plain = _plain_limit(header, rows[:count], tmp_path / f"{count}.sqlite")
        rates[count] = count / worked
        table.add(
            f"import of {count:,} rows, checked and taken at the node",
            EMBEDDED,
            f"{seconds(took)} · {count / took:,.0f}/s ({seconds(worked)} of work); bare rows "
            f"{seconds(plain)}, {ratio(took, plain)}; "
            f"slowest list meanwhile {seconds(max(pauses))}",
        )
        with node.database.read() as session:
            taken = filing.counts_by_state([node.fonds], session=session)
        # Rows that say the same twice are recognised; of the real ones all differ.
        assert taken["arranging"] == count or not data.is_dir()
        node.database.close()
    slowest, *_, fastest = sorted(rates.values())
    assert slowest > fastest / 2, "not linear in rows"


def _look(node: Node, pauses: list[float], stop: threading.Event) -> None:
    """What a page does meanwhile: read the first rows of the list."""
    while not stop.is_set():
        start = time.perf_counter()
        with node.database.read() as session:
            query = filing.listing(filing.Filter(), [node.fonds]).limit(20)
            list(session.scalars(query))
        pauses.append(time.perf_counter() - start)
        time.sleep(0.1)
