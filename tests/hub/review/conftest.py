"""The desk, with the same units and people as in receiving."""

from __future__ import annotations

import pytest
from flask import Flask

from shared.kernel.actor import Grant, Role
from tests.hub.conftest import City
from tests.hub.desk import make_desk
from tests.hub.receiving.conftest import (
    archivist,
    hub,
    other_reviewer,
    other_unit,
    reviewer,
    unit,
)
from tests.hub.receiving.handover import YILING_ARCHIVE, ZHIJIANG_ARCHIVE

__all__ = ["archivist", "hub", "other_reviewer", "other_unit", "reviewer", "unit"]


@pytest.fixture
def desk(city: City) -> Flask:
    return make_desk(
        city,
        reviewer=Grant(Role.REVIEWER, YILING_ARCHIVE),
        archivist=Grant(Role.ARCHIVIST, YILING_ARCHIVE),
        stranger=Grant(Role.REVIEWER, ZHIJIANG_ARCHIVE),
    )
