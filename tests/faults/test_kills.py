"""Every process is killed with -9 once, at a random moment of a fixed seed, and started again.

Also broker, database and object store, where the city stands on real ones. The quick sister is the
city of `tests/end_to_end/test_city.py`: what is looked at there has been through the same.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.unattended import Run, killed_once

pytestmark = [pytest.mark.faults, pytest.mark.at_length, pytest.mark.timeout(3000)]

#: `make test-faults` asks for a real number.
_RECORDS = int(os.environ.get("RECORDS", "60"))


@pytest.mark.parametrize(("stack", "seed"), [("embedded", 11), ("full", 12)])
def test_nothing_is_lost_doubled_or_altered_when_every_process_is_killed_once(
    tmp_path: Path, stack: str, seed: int
) -> None:
    run = Run(tmp_path / "city", seed, stack, records=_RECORDS)
    result = killed_once(run, random.Random(seed))
    total = result["total"]
    assert (total["lost"], total["doubled"], total["altered"]) == (0, 0, 0), result["problems"]
    assert total["received"] == total["offered"] > 0
