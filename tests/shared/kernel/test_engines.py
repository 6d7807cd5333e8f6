"""What databases of a process have in common."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, literal, select
from sqlalchemy.engine.default import DefaultExecutionContext

from shared.kernel.engines import open_engine, reading
from tests.servers.postgresql import PostgreSQL


def hit(engine: Engine, label: str) -> str:
    """How the statement was found among those already compiled."""
    with engine.connect() as connection:
        result = connection.execute(select(literal(1).label(label)))
        assert result.scalar_one() == 1
        assert isinstance(result.context, DefaultExecutionContext)
        return result.context.cache_hit.name


def test_a_statement_is_compiled_once_for_all_the_nodes_of_a_process(tmp_path: Path) -> None:
    first, second = (open_engine(f"sqlite:///{tmp_path}/{name}.db") for name in ("first", "second"))
    assert hit(first, "one") == "CACHE_MISS"
    assert hit(second, "one") == "CACHE_HIT"
    assert hit(reading(second), "one") == "CACHE_HIT"
    first.dispose()
    second.dispose()


def test_what_was_compiled_for_a_file_is_not_taken_for_a_server(
    tmp_path: Path, postgresql: PostgreSQL
) -> None:
    file = open_engine(f"sqlite:///{tmp_path}/file.db")
    names = postgresql.create(), postgresql.create()
    server, other = (open_engine(postgresql.url(name)) for name in names)
    assert hit(file, "two") == "CACHE_MISS"
    assert hit(server, "two") == "CACHE_MISS"
    assert hit(other, "two") == "CACHE_HIT"
    for engine in (file, server, other):
        engine.dispose()
    for name in names:
        postgresql.drop(name)
