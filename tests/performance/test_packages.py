"""Packages on their way from a node into the hub's store, beside bare writes of the same bytes."""

from __future__ import annotations

import os
import shutil

import pytest

from hub.receiving.models import Offer, Upload
from shared.storage import FolderStore
from tests.node.transfer.conftest import pdf
from tests.performance.limits import (
    objects_into_bucket,
    objects_into_folder,
    objects_over_http,
)
from tests.performance.table import Table, seconds
from tests.performance.town import Town, Use, time_until

LARGEST_MB = int(os.environ.get("BENCH_PACKAGE_MB", "500"))
#: How many packages of how many bytes.
LOADS = ((20, 100_000), (5, 5_000_000), (1, LARGEST_MB * 1_000_000))

pytestmark = [pytest.mark.performance, pytest.mark.timeout(1800)]


@pytest.mark.parametrize(("count", "size"), LOADS)
def test_packages_go_up(town: Town, table: Table, count: int, size: int) -> None:
    unit = town.unit("A001")
    unit.offer(unit.file(count, files=[pdf(str(number), size) for number in range(count)]))
    town.connect([unit])

    def offers(condition: object) -> int:
        with town.hub.database().read() as session:
            return session.query(Offer).filter(condition).count()

    def uploads() -> int:
        with town.hub.database().read() as session:
            return session.query(Upload).count()

    with town.running([unit]) as node:
        use = Use(node=node, hub=town.hub_process)
        begun = time_until(lambda: uploads() > 0)
        going = time_until(lambda: offers(Offer.arrived) == count)
        taken = use.cpu
        up = begun + going
        checked = up + time_until(lambda: offers(Offer.checked_at.is_not(None)) == count)
        memory, cpu = use.memory, use.cpu
    what = f"{count} × {_size(size)} from node to hub's staging"
    objects = [_read(unit.folder.packages, name) for name in unit.folder.packages.names()]
    whole = sum(map(len, objects)) / 1e6

    def rate(taken: float) -> str:
        return f"{seconds(taken)} · {whole / taken:.0f} MB/s"

    if town.servers is None:
        written = objects_into_folder(town.path / "raw", objects)
        bare = objects_over_http(town.path / "bare", objects)
        limits = f"PUT {rate(bare)}; write {rate(written)}; ours is {{:.0%}} and {{:.0%}} of them"
        limit = limits.format(bare / going, written / going)
    else:
        bare = objects_into_bucket(town.servers.client(), f"raw-{size}", objects)
        limit = f"{rate(bare)}; ours is {bare / going:.0%} of it"
    table.add(what, town.stack, f"{rate(up)}; {memory}; CPU {taken}")
    table.add(
        f"{what}: of that, from the first grant on",
        town.stack,
        rate(going),
        aim="80 % of bare PUT when large",
    )
    table.add(f"{what}: bare PUT (embedded: also a bare write)", town.stack, limit)
    table.add(f"{what}, and checked there", town.stack, f"{seconds(checked)}; CPU {cpu}")
    for folder in ("raw", "bare"):
        shutil.rmtree(town.path / folder, ignore_errors=True)


def _size(size: int) -> str:
    return f"{size // 1_000_000} MB" if size >= 1_000_000 else f"{size // 1000} KB"


def _read(store: FolderStore, name: str) -> bytes:
    with store.open(name) as stream:
        return stream.read()
