"""Migrations lead to what the models say, there and back, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, MetaData, inspect, text

from shared.kernel.clock import now
from shared.kernel.database import Database
from shared.kernel.errors import DanglianError
from shared.kernel.migration import Schema, Standing
from tests.servers.postgresql import PostgreSQL

ROOT = Path(__file__).resolve().parents[3]
KINDS = ["hub on sqlite", "hub on postgresql", "node on sqlite"]


@pytest.fixture(params=KINDS)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Makes empty databases of a kind, each with its revisions."""
    side, _, kind = request.param.split()
    import_module(f"{side}.schema")
    made: list[Schema] = []

    def make() -> Schema:
        url = f"sqlite:///{tmp_path / f'{len(made)}.sqlite'}"
        if kind == "postgresql":
            server: PostgreSQL = request.getfixturevalue("postgresql")
            url = server.url(server.create())
        schema = Schema(Database(url, ("shared", side)), ROOT / side / "migrations")
        made.append(schema)
        return schema

    yield make
    for schema in made:
        schema.database.close()


def structure(engine: Engine) -> dict[str, Any]:
    """Everything about the tables that there are: columns, keys, indexes."""
    look = inspect(engine)
    # All tables at once: a table at a time is a thousand questions, dozens of times over.
    primary, foreign = look.get_multi_pk_constraint(), look.get_multi_foreign_keys()
    unique, indexes = look.get_multi_unique_constraints(), look.get_multi_indexes()
    found: dict[str, Any] = {
        place[1]: {
            "columns": sorted(
                (each["name"], str(each["type"]), each["nullable"], each["default"])
                for each in columns
            ),
            "primary": primary[place]["constrained_columns"],
            "foreign": sorted(
                (each["constrained_columns"], each["referred_table"])
                for each in foreign.get(place, ())
            ),
            "unique": sorted(each["column_names"] for each in unique.get(place, ())),
            "indexes": sorted(
                (each["name"], each["column_names"], bool(each["unique"]))
                for each in indexes.get(place, ())
                if not each.get("duplicates_constraint")
            ),
        }
        for place, columns in look.get_multi_columns().items()
        if place[1] != "alembic_version"
    }
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            query = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
            query += " AND indexname NOT LIKE '%_key' AND indexname NOT LIKE 'alembic%'"
        else:
            query = (
                "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql LIKE '%WHERE%'"
            )
        found["partial and other indexes"] = sorted(map(tuple, connection.execute(text(query))))
    return found


def test_the_steps_lead_to_what_the_models_say(empty: Any) -> None:
    """If this fails: `make migration NAME="what changed"` writes the step that is missing."""
    made, moved = empty(), empty()
    made.make()
    moved.upgrade()
    assert made.version() == moved.version() == moved.newest
    assert structure(moved.database.engine) == structure(made.database.engine)


def test_every_step_can_be_taken_back_and_again(empty: Any) -> None:
    schema = empty()
    forms = {}
    for revision in schema.revisions:
        schema.upgrade(revision)
        forms[revision] = structure(schema.database.engine)
    for revision in reversed(schema.revisions):
        assert structure(schema.database.engine) == forms[revision]
        earlier = schema.revisions[: schema.revisions.index(revision)]
        schema.downgrade(earlier[-1] if earlier else "base")
    with schema.database.engine.connect() as connection:
        left = set(inspect(connection).get_table_names()) - {"alembic_version"}
    assert not left
    schema.upgrade()
    assert schema.standing() is Standing.CURRENT


def test_a_database_of_release_0_1_0_is_recognised_and_moved_on(empty: Any) -> None:
    schema = empty()
    schema.upgrade("0001")
    with schema.database.write() as session:
        # That release did not number its tables.
        session.execute(text("DROP TABLE alembic_version"))
    assert schema.version() == "0001"
    schema.upgrade()
    assert schema.standing() is Standing.CURRENT


def test_a_database_of_a_later_release_is_left_alone(empty: Any) -> None:
    schema = empty()
    schema.make()
    with schema.database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert schema.standing() is Standing.AHEAD
    with pytest.raises(DanglianError) as caught:
        schema.upgrade()
    assert caught.value.code == "database_ahead"
    assert schema.version() == "9999"


def test_a_step_that_fails_changes_nothing(empty: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    schema = empty()
    schema.upgrade("0001")
    before = structure(schema.database.engine)

    def crash(*_: Any) -> None:
        raise KeyError("power cut")

    monkeypatch.setattr("alembic.runtime.migration.HeadMaintainer.update_to_step", crash)
    with pytest.raises(KeyError):
        schema.downgrade("base")
    assert structure(schema.database.engine) == before
    assert schema.version() == "0001"


def test_a_server_that_sorts_by_language_is_refused(postgresql: PostgreSQL) -> None:
    import_module("hub.schema")
    postgresql.do("CREATE DATABASE spoken TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    database = Database(postgresql.url("spoken"), ("shared", "hub"))
    with pytest.raises(DanglianError) as caught:
        Schema(database, ROOT / "hub" / "migrations").make()
    database.close()
    assert caught.value.field == "database"


def test_what_is_written_in_every_table_is_still_there_afterwards(empty: Any) -> None:
    schema = empty()
    schema.upgrade("0001")
    engine = schema.database.engine
    tables = fill(engine)
    schema.upgrade()
    assert emptied(engine, tables) == set()
    schema.downgrade("0001")
    assert emptied(engine, tables) == set()


def fill(engine: Engine) -> list[str]:
    """Write one row into every table, all of ones, so that each refers to the others."""
    look = MetaData()
    look.reflect(engine)
    tables = [each for each in look.sorted_tables if not each.name.startswith("alembic")]
    tables = [each for each in tables if not each.name.startswith("catalogue_text")]
    with engine.begin() as connection:
        for table in tables:
            connection.execute(
                table.insert(),
                {
                    column.name: {int: 1, bool: True, bytes: b"1", datetime: now()}.get(
                        column.type.python_type, "1"
                    )
                    for column in table.columns
                },
            )
    return [table.name for table in tables]


def emptied(engine: Engine, tables: list[str]) -> set[str]:
    """Those of some tables that have no row."""
    with engine.connect() as connection:
        return {
            name for name in tables if not connection.scalar(text(f'SELECT count(*) FROM "{name}"'))
        }


def test_an_administrator_of_before_is_one_of_three_or_keeps_business(tmp_path: Path) -> None:
    import_module("node.schema")
    database = Database.in_file(tmp_path / "x.sqlite", ("shared", "node"))
    schema = Schema(database, ROOT / "node" / "migrations")
    schema.upgrade("0009")
    held = {"boss": ["administrator"], "both": ["administrator", "clerk"], "li": ["clerk"]}
    with database.write() as session:
        for login, roles in held.items():
            account = {"id": login, "now": now().isoformat()}
            session.execute(
                text(
                    "INSERT INTO identity_account (id, login, name, password_hash, must_change,"
                    " disabled, failures, created_at) VALUES (:id, :id, :id, '', 0, 0, 0, :now)"
                ),
                account,
            )
            for role in roles:
                session.execute(
                    text("INSERT INTO identity_grant (id, account_id, role) VALUES (:i, :a, :r)"),
                    {"i": f"{login}-{role}", "a": login, "r": role},
                )
    schema.upgrade()
    question = text(
        "SELECT account.login, account.duty, role FROM identity_account AS account"
        " JOIN identity_grant ON account_id = account.id ORDER BY login"
    )
    with database.read() as session:
        assert [tuple(row) for row in session.execute(question)] == [
            ("boss", "system", "system_administrator"),
            ("both", "business", "clerk"),
            ("li", "business", "clerk"),
        ]
    schema.downgrade("0009")
    with database.read() as session:
        left = session.scalars(text("SELECT role FROM identity_grant ORDER BY role"))
        assert list(left) == ["administrator", "clerk", "clerk"]
    database.close()
