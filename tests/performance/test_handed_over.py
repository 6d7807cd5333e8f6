"""Packages as they are handed over: built, verified, and received by a hub and its archive."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hub.receiving.models import Offer
from shared.packaging import verify_package
from tests.federation import Desk
from tests.node.transfer.conftest import pdf
from tests.performance.table import EMBEDDED, Table, seconds
from tests.performance.taking import against, beside_tools, took
from tests.performance.test_eep import LARGE_MB, RECORDS, SIZE, records_of
from tests.performance.town import Town, Use, time_until
from tests.shared.packaging.samples import Unit

RECEIVED = int(os.environ.get("BENCH_RECEIVED", "200"))

pytestmark = [pytest.mark.performance, pytest.mark.timeout(1800)]


@pytest.mark.parametrize("files", [1, 9])
def test_many_small_packages(tmp_path: Path, table: Table, files: int) -> None:
    unit, folder = Unit(tmp_path / "files"), tmp_path / "packages"
    folder.mkdir()
    made = []

    def build_all() -> None:
        for place, record in enumerate(records):
            path = folder / f"{place}.zip"
            made.append((path, unit.package(record, path)))

    records = records_of(unit, RECORDS, files)
    built = took(build_all)

    def verify_all() -> None:
        for path, identity in made:
            assert verify_package(path, seal=unit.seal.public, identity=identity) == []

    verified = took(verify_all)
    table.add(
        f"{RECORDS:,} packages of 200 KB in {files} file{'s'[: files - 1]}, "
        "built and sealed, then verified",
        EMBEDDED,
        f"{seconds(built.clock + verified.clock)} · built {built.each(RECORDS)}, "
        f"verified {verified.each(RECORDS)}, in one process, each on the disk before the next",
        aim="20 s on two cores" if RECORDS == 1000 else "",
    )


def test_a_large_package(tmp_path: Path, table: Table) -> None:
    unit, path = Unit(tmp_path / "files"), tmp_path / "large.zip"
    record = unit.record(unit.file("录像.mp4", os.urandom(LARGE_MB * 1_000_000)))
    made = []
    built = took(lambda: made.append(unit.package(record, path)))
    size = path.stat().st_size / 1e6

    def verify_it() -> None:
        assert verify_package(path, seal=unit.seal.public, identity=made[0]) == []

    verified, tools = beside_tools(verify_it, path)
    what = f"a package of {size:.0f} MB"
    table.add(f"{what}, built and sealed", EMBEDDED, built.rate(size))
    table.add(
        f"{what}, verified (SHA-256 of itself, SHA-256 and SM3 of its file)",
        EMBEDDED,
        f"{verified.rate(size)}; {against(verified, tools)}",
        aim="80 % of the raw digest",
    )
    for name, each in tools.items():
        table.add(f"{what}: {name}", EMBEDDED, each.rate(size))


class Archive(Desk):
    """The people of the archive, on the hub's folder."""

    def __init__(self, town: Town) -> None:
        self.hub = town.hub


def test_packages_are_received(town: Town, table: Table) -> None:
    unit, archive = town.unit("A001"), Archive(town)
    ids = unit.file(RECEIVED, files=[pdf(str(number), SIZE) for number in range(RECEIVED)])
    offered = took(lambda: unit.offer(ids))
    town.connect([unit])

    def checked() -> bool:
        with town.hub.database().read() as session:
            return session.query(Offer).filter(Offer.checked_at.is_not(None)).count() == RECEIVED

    with town.running([unit]) as node:
        use = Use(node=node, hub=town.hub_process)
        in_and_checked = time_until(checked)
        check_cpu = use.cpu
        (batch_id,) = archive.batch_states()
        time_until(lambda: archive.batch_states()[batch_id] == "under_review")
        archive.conclude(batch_id, "accepted")
        time_until(lambda: unit.batch_state(batch_id) == "accepted")
        unit.sign(batch_id)
        time_until(lambda: archive.batch_states()[batch_id] == "signed_by_unit")
        use = Use(node=node, hub=town.hub_process)
        archive.sign(batch_id)
        stored = time_until(lambda: archive.batch_states()[batch_id] == "received")
        told = stored + time_until(lambda: unit.batch_state(batch_id) == "received")
        memory, cpu = use.memory, use.cpu
    whole = in_and_checked + stored
    what = f"{RECEIVED} packages of 200 KB"
    table.add(
        f"{what}, inspected, built and sealed at the node",
        town.stack,
        offered.each(RECEIVED),
    )
    table.add(
        f"{what}, from node to hub, and inspected there",
        town.stack,
        f"{seconds(in_and_checked)} · {RECEIVED / in_and_checked:.0f}/s; CPU {check_cpu}",
    )
    table.add(
        f"{what}, received: from the archive's signature until all lie in the repository",
        town.stack,
        f"{seconds(stored)} · {RECEIVED / stored:.0f}/s, the node knows after {seconds(told)}; "
        f"{memory}; CPU {cpu}",
    )
    table.add(
        f"{what}, both together: what people take to decide and sign left out",
        town.stack,
        f"{RECEIVED / whole:.0f}/s",
    )
