"""What one transaction tells is written together, and says what the transaction changed."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from shared import audit
from shared.audit import Act, AuditEvent, collecting
from shared.audit.plain import digest
from shared.identity.models import Account
from shared.kernel import bulk
from shared.kernel.actor import Actor
from shared.kernel.database import Database
from tests.shared.audit.log import database

__all__ = ["database"]
DATABASES = ("sqlite", "postgresql")
CLERK = Actor("a1", "张三")


def tell(session: Session, subject: str, act: Act | None = None) -> None:
    audit.record(session, CLERK, "account.renamed", subject, act or Act())


def told(database: Database) -> dict[str, AuditEvent]:
    with database.read() as session:
        found = session.scalars(select(AuditEvent).order_by(AuditEvent.id))
        return {each.subject: each for each in found}


def test_the_events_of_a_transaction_are_written_at_once_at_its_end(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []

    def add_rows(session: Session, table: Table, rows: list[dict[str, Any]]) -> None:
        written.append(len(rows))
        bulk.add_rows(session, table, rows)

    monkeypatch.setattr(collecting, "add_rows", add_rows)
    with database.write() as session:
        for number in range(2):
            tell(session, f"account:{number}")
        assert not written
    assert written == [2]
    assert list(told(database)) == ["account:0", "account:1"]


def test_who_asks_in_the_same_transaction_finds_what_it_told(database: Database) -> None:
    with database.write() as session:
        tell(session, "account:before")
        with suppress(KeyError), session.begin_nested():
            tell(session, "account:lost")
            assert len(session.scalars(audit.events()).all()) == 2
            raise KeyError
        # The look wrote both inside the savepoint: the first must not be lost with the second.
        assert [e.subject for e in session.scalars(audit.events())] == ["account:before"]
        for number in range(4):
            tell(session, f"account:{number}")
    assert list(told(database)) == ["account:before", *(f"account:{n}" for n in range(4))]


def test_an_event_says_what_its_subject_was_and_became(database: Database) -> None:
    with database.write() as session:
        for name in ("one", "other"):
            session.add(_account(name))
            tell(session, f"account:{name}")
    with database.write() as session:
        for name in ("one", "other"):
            account = session.get(Account, name)
            assert account is not None
            account.name = f"{name} anew"
            session.flush()
            account.name = f"{name} again"
            tell(session, f"account:{name}")
            tell(session, f"told:{name}", Act(was=1, became=2))
    first, second = (told(database)[f"account:{name}"] for name in ("one", "other"))
    assert first.before is not None
    assert first.after not in {None, first.before, second.after}
    with database.write() as session:
        session.delete(session.get(Account, "one"))
        tell(session, "account:one gone")
        tell(session, "told:one")
    gone = told(database)["account:one gone"]
    assert (gone.before, gone.after) == (first.after, None), "what it became, it was afterwards"
    assert told(database)["told:other"].before == digest(1)


def test_what_a_savepoint_took_back_is_not_in_a_digest(database: Database) -> None:
    with database.write() as session:
        session.add(_account("one"))
        with suppress(KeyError), session.begin_nested():
            session.add(_account("lost"))
            session.flush()
            raise KeyError
        tell(session, "account:all")
        tell(session, "account:one")
        tell(session, "account:lost")
    found = told(database)
    assert found["account:all"].after == found["account:one"].after == found["account:lost"].after


def test_an_event_is_not_lost_in_a_transaction_that_only_reads(database: Database) -> None:
    with database.read() as session, pytest.raises(RuntimeError, match="writing"):
        tell(session, "account:one")


def _account(name: str) -> Account:
    return Account(id=name, login=name, name=name, password_hash="")


def test_many_names_in_their_order_come_to_the_same_however_they_come() -> None:
    names = ["甲", "丙", "乙", "乙"]
    assert audit.Many.in_order(iter(sorted(names))) == audit.Many.of(names)
    with pytest.raises(ValueError, match="not in order"):
        audit.Many.in_order(names)
