"""A unit with records, and the real sample files where the checkout has them beside it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.shared.packaging.samples import Unit

_SAMPLES = Path(__file__).resolve().parents[4] / "shared" / "data" / "samples"


@pytest.fixture
def unit(tmp_path: Path) -> Unit:
    return Unit(tmp_path / "files")


@pytest.fixture(scope="session")
def real_samples() -> list[dict[str, str]]:
    """The rows of index.csv, each with its `path`."""
    if not (_SAMPLES / "index.csv").is_file():
        pytest.skip("no real samples beside this checkout")
    with (_SAMPLES / "index.csv").open(encoding="utf-8", newline="") as stream:
        return [{**row, "path": str(_SAMPLES / row["file"])} for row in csv.DictReader(stream)]
