"""Packages of DA/T 48: built, verified, and beside them the plain digests of the same files."""

from __future__ import annotations

import io
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.packaging.eep import verify
from tests.performance.table import EMBEDDED, Table, seconds
from tests.shared.packaging.eep.makers import original, trust
from tests.shared.packaging.samples import Unit

RECORDS = int(os.environ.get("BENCH_EEP_RECORDS", "1000"))
LARGE_MB = int(os.environ.get("BENCH_PACKAGE_MB", "500"))

pytestmark = [pytest.mark.performance, pytest.mark.timeout(1800)]


def took(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def test_many_small_packages(tmp_path: Path, table: Table) -> None:
    unit = Unit(tmp_path / "files")
    records = [
        unit.record(unit.file("通知.pdf", os.urandom(200_000)), number=number)
        for number in range(1, RECORDS + 1)
    ]
    made: list[io.BytesIO] = []
    built = took(lambda: made.extend(original(unit, record) for record in records))
    told = trust(unit)

    def verify_all() -> None:
        assert all(verify(each, trust=told).is_proven for each in made)

    verified = took(verify_all)
    what = f"{RECORDS} EEP packages of 200 KB"
    table.add(
        f"{what}, built and signed, then verified",
        EMBEDDED,
        f"{seconds(built + verified)} · built {RECORDS / built:.0f}/s, "
        f"verified {RECORDS / verified:.0f}/s, in one process",
        aim="20 s on two cores" if RECORDS == 1000 else "",
    )


def test_a_large_package(tmp_path: Path, table: Table) -> None:
    unit = Unit(tmp_path / "files")
    record = unit.record(unit.file("录像.mp4", os.urandom(LARGE_MB * 1_000_000)))
    path = tmp_path / "large.eep"
    path.write_bytes(original(unit, record).getbuffer())
    size = path.stat().st_size / 1e6
    with path.open("rb") as stream:
        verified = took(lambda: verify(stream, trust=trust(unit)))
    words = {"sha256sum": ["sha256sum"], "openssl dgst -sm3": ["openssl", "dgst", "-sm3"]}
    plain = {
        name: took(
            lambda command=command: subprocess.run(
                [*command, path], check=True, stdout=subprocess.DEVNULL
            )
        )
        for name, command in words.items()
    }
    what = f"an EEP package of {size:.0f} MB"
    table.add(f"{what} verified", EMBEDDED, f"{seconds(verified)} · {size / verified:.0f} MB/s")
    for name, time_taken in plain.items():
        table.add(
            f"{what}: {name}",
            EMBEDDED,
            f"{seconds(time_taken)} · {size / time_taken:.0f} MB/s; "
            f"verifying runs at {time_taken / verified:.0%} of it",
        )
