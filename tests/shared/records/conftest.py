"""The real acceptance data, where the checkout has them beside it."""

import csv
from pathlib import Path

import pytest

_DATA = Path(__file__).resolve().parents[4] / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    if not _DATA.is_dir():
        pytest.skip("no real data beside this checkout")
    return _DATA


@pytest.fixture(scope="session")
def real_documents(real_data: Path) -> list[dict[str, str]]:
    with (real_data / "gov_documents.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="session")
def real_doc_numbers(real_data: Path) -> list[dict[str, str]]:
    with (real_data / "gov_doc_numbers.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))
