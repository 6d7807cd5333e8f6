"""Packages of DA/T 48: built, verified, and beside them the plain digests of the same files."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from pathlib import Path

import pytest

from shared.packaging.eep import verify, write_original
from shared.records.record import Record
from tests.performance.table import EMBEDDED, Table, seconds
from tests.performance.taking import against, beside_tools, took
from tests.shared.packaging.eep.makers import making, modified, seal, trust
from tests.shared.packaging.samples import Unit

RECORDS = int(os.environ.get("BENCH_RECORDS_PACKED", "1000"))
LARGE_MB = int(os.environ.get("BENCH_PACKAGE_MB", "500"))
SIZE = 200_000

pytestmark = [pytest.mark.performance, pytest.mark.timeout(1800)]


def records_of(unit: Unit, count: int, files: int = 1) -> list[Record]:
    """So many records of 200 KB, in so many files each."""
    return [
        unit.record(
            *(unit.file(f"{at}.pdf", os.urandom(SIZE // files)) for at in range(files)),
            number=number,
        )
        for number in range(1, count + 1)
    ]


@pytest.mark.parametrize("files", [1, 9])
def test_many_small_packages(tmp_path: Path, table: Table, files: int) -> None:
    unit = Unit(tmp_path / "files")
    records = records_of(unit, RECORDS, files)
    made: list[io.BytesIO] = []
    how = making(seal(unit))

    def build_all() -> None:
        for record in records:
            made.append(io.BytesIO())
            write_original(record, unit.paths(record), made[-1], fonds=unit.fonds, making=how)

    built = took(build_all)
    told = trust(unit)

    def verify_all() -> None:
        assert all(verify(each, trust=told).is_proven for each in made)

    verified = took(verify_all)
    table.add(
        f"{RECORDS:,} EEP packages of 200 KB in {files} file{'s'[: files - 1]}, "
        "built and signed, then verified",
        EMBEDDED,
        f"{seconds(built.clock + verified.clock)} · built {built.each(RECORDS)}, "
        f"verified {verified.each(RECORDS)}, in one process",
        aim="20 s on two cores" if RECORDS == 1000 else "",
    )


def test_many_modified_packages(tmp_path: Path, table: Table) -> None:
    unit, count = Unit(tmp_path / "files"), max(RECORDS // 5, 1)
    records = records_of(unit, count)
    how = making(seal(unit))
    former = []
    for record in records:
        former.append(io.BytesIO())
        write_original(record, unit.paths(record), former[-1], fonds=unit.fonds, making=how)
    made: list[io.BytesIO] = []
    corrected = [replace(record, pages=3, version=record.version + 1) for record in records]
    built = took(lambda: made.extend(map(lambda *each: modified(unit, *each), former, corrected)))
    told = trust(unit)

    def verify_all() -> None:
        assert all(verify(each, trust=told).is_proven for each in made)

    verified = took(verify_all)
    table.add(
        f"{count:,} modified EEP packages, each around one of 200 KB",
        EMBEDDED,
        f"{seconds(built.clock + verified.clock)} · built {built.each(count)}, "
        f"verified {verified.each(count)}, in one process",
    )


def test_a_large_package(tmp_path: Path, table: Table) -> None:
    unit = Unit(tmp_path / "files")
    record = unit.record(unit.file("录像.mp4", os.urandom(LARGE_MB * 1_000_000)))
    path, how = tmp_path / "large.eep", making(seal(unit))

    def build() -> None:
        with path.open("wb") as to:
            write_original(record, unit.paths(record), to, fonds=unit.fonds, making=how)

    built = took(build)
    size = path.stat().st_size / 1e6

    def verify_it() -> None:
        with path.open("rb") as stream:
            assert verify(stream, trust=trust(unit)).is_proven

    verified, tools = beside_tools(verify_it, path)
    what = f"an EEP package of {size:.0f} MB"
    table.add(f"{what}, built and signed", EMBEDDED, built.rate(size))
    table.add(
        f"{what}, verified (SM3 of its signature, SHA-256 of itself and of its file)",
        EMBEDDED,
        f"{verified.rate(size)}; {against(verified, tools)}",
        aim="80 % of the raw digest",
    )
    for name, each in tools.items():
        table.add(f"{what}: {name}", EMBEDDED, each.rate(size))
