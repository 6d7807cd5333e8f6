"""Records inspected, beside the plain chain over the same files: digest, format, qpdf --check.

With `BENCH_CLAMD` (such as `unix:/run/clamav/clamd.ctl`) and clamdscan, both scan for viruses, too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from tempfile import NamedTemporaryFile

import pikepdf
import pytest

from shared.inspection.clamd import Clamd
from shared.inspection.formats import identify
from shared.inspection.formats.remembering import Remembered
from shared.inspection.run import inspect_record
from shared.inspection.subject import Context
from shared.records.record import Record
from tests.performance.table import EMBEDDED, Table, ratio, seconds
from tests.performance.taking import took
from tests.shared.packaging.samples import Unit, sound_pdf

RECORDS = int(os.environ.get("BENCH_RECORDS_INSPECTED", "1000"))
_SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "data" / "samples"
_CLAMD = os.environ.get("BENCH_CLAMD", "") if shutil.which("clamdscan") else ""
_ROUNDS = 3
_ENDINGS = (".pdf", ".ofd", ".tif", ".jpg", ".docx")

pytestmark = [pytest.mark.performance, pytest.mark.timeout(1800)]


def contents() -> list[tuple[str, bytes]]:
    """The real samples where they lie beside the checkout, else one PDF of 200 KB."""
    found = sorted(each for each in _SAMPLES.glob("*") if each.suffix in _ENDINGS)
    if not found:
        return [("a.pdf", sound_pdf("A" * 200_000))]
    return [(each.name, each.read_bytes()) for each in found]


@pytest.mark.parametrize("each", [1, 200_000], ids=["of one file", "of 200 KB"])
def test_many_records_inspected(tmp_path: Path, table: Table, each: int) -> None:
    """Records of so many bytes at least; every sample comes in turn."""
    unit = Unit(tmp_path / "files")
    samples = cycle(contents())
    records = []
    for number in range(1, RECORDS + 1):
        files = [unit.file(*next(samples))]
        while sum(file.size for file in files) < each:
            files.append(unit.file(*next(samples)))
        records.append(unit.record(*files, number=number))
    paths = [path for record in records for path in unit.paths(record).values()]
    size = sum(path.stat().st_size for path in paths) / 1e6
    clamd = Clamd(_CLAMD) if _CLAMD else None
    context = Context(
        fonds=unit.fonds,
        code_used_by=lambda _code: None,
        scan=clamd.scan if clamd else None,
        scanner=clamd.scanner() if clamd else None,
    )
    remembering = replace(context, remembered=Remembered(tmp_path / "seen.sqlite"))

    def inspect_all(context: Context) -> Callable[[], None]:
        def inspect(record: Record) -> None:
            inspect_record(record, unit.paths(record), context)

        def work() -> None:
            with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
                list(pool.map(inspect, records))

        return work

    # In turn, as other work on the machine slows down whichever it meets; the middle one counts.
    rounds = [
        (took(lambda: plain_chain(paths)), took(inspect_all(context))) for _ in range(_ROUNDS)
    ]
    chain, first = (
        sorted(each, key=lambda one: one.clock)[_ROUNDS // 2] for each in zip(*rounds, strict=True)
    )
    inspect_all(remembering)()
    second = took(inspect_all(remembering))
    what = f"{RECORDS:,} records inspected, {len(paths):,} real files of {size:.0f} MB"
    said = f"{seconds(first.clock)} · {first.rate(size)} · {len(paths) / first.clock:.0f} files/s"
    table.add(what, EMBEDDED, said, aim="1.3 × the chain")
    told = "qpdf --check" if shutil.which("qpdf") else "the same by pikepdf, one process"
    scanned = "clamdscan" if _CLAMD else "no virus scanner in either"
    table.add(
        f"{what}: sha256sum, format, {told}; {scanned}",
        EMBEDDED,
        f"{seconds(chain.clock)}, {ratio(first.clock, chain.clock)}",
    )
    table.add(
        f"{what}, a second time",
        EMBEDDED,
        f"{seconds(second.clock)}, {second.clock / first.clock:.0%} of the first",
        aim="10 %",
    )


def plain_chain(paths: list[Path]) -> None:
    """What scripts do today: a digest, a look at the first bytes, qpdf."""
    subprocess.run(["sha256sum", *paths], check=True, stdout=subprocess.DEVNULL)
    if _CLAMD:
        with NamedTemporaryFile("w", suffix=".conf") as where:
            where.write(f"LocalSocket {_CLAMD.removeprefix('unix:')}\n")
            where.flush()
            subprocess.run(
                ["clamdscan", f"--config-file={where.name}", "--fdpass", "--no-summary", *paths],
                check=True,
                stdout=subprocess.DEVNULL,
            )
    with_qpdf = shutil.which("qpdf") is not None
    for path in paths:
        with path.open("rb") as stream:
            kind = identify(stream)
        if kind is None or kind.code != "pdf":
            continue
        if with_qpdf:
            subprocess.run(["qpdf", "--check", path], check=False, capture_output=True)
        else:
            check(path)


def check(path: Path) -> None:
    """What `qpdf --check` does, without a process of its own."""
    try:
        with pikepdf.open(path, suppress_warnings=True) as document:
            document.check_pdf_syntax()
    except (pikepdf.PdfError, pikepdf.PasswordError):
        return
