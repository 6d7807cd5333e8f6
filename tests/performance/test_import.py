"""How many rows a second a sheet is checked and taken with, and that this is linear in rows."""

from __future__ import annotations

import csv
import threading
import time
from pathlib import Path

import pytest

from node.filing import service as filing
from node.intake import service as intake
from node.intake.reading import Defaults
from node.intake.spool import Spool
from node.intake.work import IntakeWork
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.identifiers import new_id
from tests.node.conftest import Node, make_node

CLERK = Actor("account:clerk", "张档案", (Grant(Role.CLERK),))


def imported(node: Node, sheet: Path) -> tuple[float, float]:
    """Seconds to bring, check and take a sheet, and how many of them this thread worked."""
    start, worked = time.perf_counter(), time.thread_time()
    intake_id, spool, work = new_id(), Spool(node.folder.path), IntakeWork(node.folder)
    with sheet.open("rb") as stream:
        path = spool.keep(intake_id, stream)
    look = intake.look_into(path, sheet.name)
    defaults = Defaults.read({"retention": "D30"})
    with node.database.write() as session:
        intake.begin(CLERK, intake_id, node.fonds, look, session=session, defaults=defaults)
        job = intake.check(CLERK, intake_id, session=session)
    assert work.finish(job.id).state == "done"
    with node.database.write() as session:
        job = intake.take(CLERK, intake_id, session=session)
    assert work.finish(job.id).state == "done"
    return time.perf_counter() - start, time.thread_time() - worked


@pytest.mark.performance
@pytest.mark.timeout(600)
def test_rows_a_second_of_the_real_sheet(tmp_path: Path, real_data: Path) -> None:
    with (real_data / "gov_documents.csv").open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream)
    rates = {}
    for count in (len(rows) // 4, len(rows) // 2, len(rows)):
        sheet = tmp_path / f"{count}.csv"
        with sheet.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows([header, *rows[:count]])
        node = make_node(tmp_path / str(count))
        pauses: list[float] = []
        stop = threading.Event()
        watcher = threading.Thread(target=_look, args=(node, pauses, stop))
        watcher.start()
        seconds, worked = imported(node, sheet)
        stop.set()
        watcher.join()
        rates[count] = count / worked
        print(  # noqa: T201 - a measurement
            f"\n{count} rows: {seconds:.1f} s, {count / seconds:.0f} rows/s "
            f"({rates[count]:.0f} rows/s of work); "
            f"slowest list meanwhile {max(pauses) * 1000:.0f} ms"
        )
        with node.database.read() as session:
            assert filing.counts_by_state([node.fonds], session=session) == {"arranging": count}
        node.database.close()
    slowest, *_, fastest = sorted(rates.values())
    assert slowest > fastest / 2


def _look(node: Node, pauses: list[float], stop: threading.Event) -> None:
    """What a page does meanwhile: read the first rows of the list."""
    while not stop.is_set():
        start = time.perf_counter()
        with node.database.read() as session:
            query = filing.listing(filing.Filter(), [node.fonds]).limit(20)
            list(session.scalars(query))
        pauses.append(time.perf_counter() - start)
        time.sleep(0.1)
