"""A unit with records, and the real sample files where the checkout has them beside it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.shared.packaging.samples import Unit

SAMPLES = Path(__file__).resolve().parents[4] / "shared" / "data" / "samples"


@pytest.fixture
def unit(tmp_path: Path) -> Unit:
    return Unit(tmp_path / "files")


def sample_rows() -> list[dict[str, str]]:
    """The rows of index.csv, each with its `path`."""
    with (SAMPLES / "index.csv").open(encoding="utf-8", newline="") as stream:
        return [{**row, "path": str(SAMPLES / row["file"])} for row in csv.DictReader(stream)]


@pytest.fixture(scope="session")
def real_samples() -> list[dict[str, str]]:
    """Those rows; skipped where there are none beside the checkout."""
    if not (SAMPLES / "index.csv").is_file():
        pytest.skip("no real samples beside this checkout")
    return sample_rows()
