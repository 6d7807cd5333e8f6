"""A unit and a package of one of its records."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.shared.packaging.samples import Unit


@pytest.fixture
def unit(tmp_path: Path) -> Unit:
    return Unit(tmp_path / "files")
