"""A log of its own, on either database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.kernel.database import Database
from tests.servers.postgresql import PostgreSQL


@pytest.fixture
def database(
    request: pytest.FixtureRequest, tmp_path: Path, database_kind: str
) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path / 'log.sqlite'}"
    if database_kind == "postgresql":
        server: PostgreSQL = request.getfixturevalue("postgresql")
        url = server.url(server.create())
    database = Database(url, ("shared",))
    database.create_schema()
    yield database
    database.close()
