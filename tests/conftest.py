"""What every test may ask for."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# No deadline: a busy machine is slow, not wrong. CI repeats the same examples, so that it fails for
# what changed; everybody else's runs look for new ones.
settings.register_profile("danglian", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("danglian")

_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real titles, divisions and samples, where the checkout has it beside it."""
    if not _DATA.is_dir():
        pytest.skip(f"no real data at {_DATA}")
    return _DATA
