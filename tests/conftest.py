"""What every test may ask for."""

from pathlib import Path

import pytest

_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real titles, divisions and samples, where the checkout has it beside it."""
    if not _DATA.is_dir():
        pytest.skip(f"no real data at {_DATA}")
    return _DATA
