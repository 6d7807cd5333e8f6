"""Accounts: made, changed, locked, closed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from shared import identity
from shared.audit import AuditEvent, verify_chain
from shared.identity import (
    Account,
    BearerToken,
    NotSignedIn,
    SignInRefused,
    actor_of,
    actor_of_token,
    authenticate,
    create_account,
    issue_token,
    revoke_token,
    sign_in,
)
from shared.identity.grants import told_grants
from shared.identity.passwords import check_password_rules
from shared.identity.policy import Policy
from shared.identity.service import account_of, must_change_password
from shared.kernel.actor import Actor, Grant, Role, system_actor
from shared.kernel.clock import now
from shared.kernel.database import Database
from shared.kernel.errors import Conflict, DanglianError, Invalid, NotAllowed, WrongState
from tests.people import employ

SYSTEM = system_actor("test")
PASSWORD = "danglian-2024"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.in_file(tmp_path / "test.sqlite", ("shared",))
    database.create_schema()
    yield database
    database.close()


@pytest.fixture
def clerk(database: Database) -> Account:
    with database.write() as session:
        grants = [Grant(Role.CLERK, fonds_id="f1"), Grant(Role.REVIEWER, archive_code="420500")]
        return employ("zhangsan", "张三", PASSWORD, grants, session=session)


def later(monkeypatch: pytest.MonkeyPatch, step: timedelta) -> None:
    def moved() -> datetime:
        return now() + step

    monkeypatch.setattr("shared.identity.signing_in.now", moved)


def actions(database: Database) -> list[str]:
    with database.read() as session:
        assert verify_chain(session) == []
        return list(session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)))


def test_an_account_acts_with_its_grants(database: Database, clerk: Account) -> None:
    account, _ = sign_in(" ZhangSan ", PASSWORD, database=database)
    actor = actor_of(account)
    assert actor.name == "张三"
    assert actor.may(Role.CLERK, fonds="f1")
    assert not actor.may(Role.CLERK, fonds="f2")
    assert actor.archives(Role.REVIEWER) == {"420500"}
    assert actions(database) == ["account.created", "account.grants_set", "sign_in.done"]


def test_only_administrators_make_accounts(database: Database) -> None:
    with pytest.raises(NotAllowed), database.write() as session:
        create_account(Actor("x", "某"), "lisi", "李四", PASSWORD, [], session=session)


def test_a_login_is_taken_once(database: Database, clerk: Account) -> None:
    with pytest.raises(Conflict) as refused, database.write() as session:
        create_account(SYSTEM, "ＺhangSan", "另一个", PASSWORD, [], session=session)
    assert refused.value.field == "login"


@pytest.mark.parametrize(
    ("login", "name", "password", "field"),
    [
        ("a", "某", PASSWORD, "login"),
        ("张三", "某", PASSWORD, "login"),
        ("lisi", "", PASSWORD, "name"),
        ("lisi", "某\x00", PASSWORD, "name"),
        ("lisi", "某", "short", "password"),
        ("lisisisi", "某", "LisiSiSi", "password"),
        ("lisi", "某", "12345678", "password"),
        ("lisi", "某", "aaaaaaaaaa", "password"),
        ("lisi", "某", "长" * 129, "password"),
    ],
)
def test_bad_values_are_refused_with_their_field(
    database: Database, login: str, name: str, password: str, field: str
) -> None:
    with pytest.raises(Invalid) as refused, database.write() as session:
        create_account(SYSTEM, login, name, password, [], session=session)
    assert refused.value.field == field
    assert refused.value.remedy


def test_five_failures_lock_the_account_for_ten_minutes(
    database: Database, clerk: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = []
    for _ in range(5):
        with pytest.raises(SignInRefused) as refused:
            authenticate("zhangsan", "wrong-password", database=database)
        codes.append(refused.value.code)
    assert codes == ["sign_in_refused"] * 4 + ["account_locked"]
    with pytest.raises(SignInRefused) as refused:
        authenticate("zhangsan", PASSWORD, database=database)
    assert refused.value.code == "account_locked"
    later(monkeypatch, timedelta(minutes=10, seconds=1))
    assert authenticate("zhangsan", PASSWORD, database=database).id == clerk.id
    assert actions(database).count("sign_in.locked") == 1


def test_the_security_administrator_unlocks(database: Database, clerk: Account) -> None:
    for _ in range(5):
        with pytest.raises(SignInRefused):
            authenticate("zhangsan", "wrong-password", database=database)
    with database.write() as session:
        account = identity.account_of(clerk.id, session)
        identity.unlock_account(SYSTEM, account, session=session)
    assert authenticate("zhangsan", PASSWORD, database=database)


def test_a_success_forgets_the_failures(database: Database, clerk: Account) -> None:
    for _ in range(3):
        for _ in range(4):
            with pytest.raises(SignInRefused):
                authenticate("zhangsan", "wrong-password", database=database)
        sign_in("zhangsan", PASSWORD, database=database)


def test_an_unknown_login_is_answered_like_a_wrong_password(
    database: Database, clerk: Account
) -> None:
    told = []
    for login in ("zhangsan", "nobody"):
        with pytest.raises(SignInRefused) as refused:
            authenticate(login, "wrong-password", database=database)
        told.append((refused.value.message, refused.value.remedy, refused.value.code))
    assert told[0] == told[1]


def test_what_was_typed_as_an_unknown_login_is_not_kept(database: Database) -> None:
    with pytest.raises(SignInRefused):
        authenticate("my-secret-password", "x", database=database)
    with database.read() as session:
        event = session.scalars(select(AuditEvent)).one()
    assert "my-secret" not in f"{event.subject}{event.details}{event.actor_name}"


def test_a_token_is_good_for_twelve_hours(
    database: Database, clerk: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, token = sign_in("zhangsan", PASSWORD, database=database)
    with database.read() as session:
        assert actor_of_token(token, session=session).id == clerk.id
        kept = session.scalars(select(BearerToken.digest)).one()
        assert kept != token
    later(monkeypatch, timedelta(hours=12, seconds=1))
    with database.read() as session, pytest.raises(NotSignedIn):
        actor_of_token(token, session=session)
    with database.write() as session:
        issue_token(clerk, session=session)
        assert len(session.scalars(select(BearerToken)).all()) == 1


def test_tokens_end_with_their_account(database: Database, clerk: Account) -> None:
    tokens = []
    for action in ("revoke", "password", "disable"):
        with database.write() as session:
            token = issue_token(clerk, session=session)
            account = identity.account_of(clerk.id, session)
            if action == "revoke":
                revoke_token(token, session=session)
            elif action == "password":
                me = actor_of(account)
                identity.change_password(me, account, PASSWORD, "an-other-2025", session=session)
            else:
                identity.disable_account(SYSTEM, account, session=session)
        tokens.append(token)
    with database.read() as session:
        for token in [*tokens, "", "made-up", "\ud800"]:
            with pytest.raises(NotSignedIn):
                actor_of_token(token, session=session)


def test_a_disabled_account_learns_so_only_with_its_password(
    database: Database, clerk: Account
) -> None:
    with database.write() as session:
        account = identity.account_of(clerk.id, session)
        identity.disable_account(SYSTEM, account, session=session)
    with pytest.raises(SignInRefused) as refused:
        authenticate("zhangsan", "wrong-password", database=database)
    assert refused.value.code == "sign_in_refused"
    with pytest.raises(SignInRefused) as refused:
        authenticate("zhangsan", PASSWORD, database=database)
    assert refused.value.code == "account_disabled"


def test_changing_a_password_asks_for_the_old_one(database: Database, clerk: Account) -> None:
    me = actor_of(clerk)
    with database.write() as session:
        account = identity.account_of(clerk.id, session)
        for old, new in (("wrong-password", "an-other-2025"), (PASSWORD, PASSWORD)):
            with pytest.raises(Invalid):
                identity.change_password(me, account, old, new, session=session)
        with pytest.raises(WrongState):
            identity.change_password(SYSTEM, account, PASSWORD, "an-other-2025", session=session)


@pytest.mark.parametrize(
    ("login", "password", "kinds", "good"),
    [
        ("admin", "adminadminadmin", 1, False),  # was taken: the login name, three times
        ("admin", "Admin123", 1, False),
        ("admin", "nimda2024-x9q", 1, True),
        ("admin", "Passw0rd2024", 1, False),  # of the 30,000 most common ones, as people vary them
        ("admin", "qwertyuiop123", 1, False),
        ("admin", "123456789012", 1, False),
        ("zhang", "guihua-zhang", 1, True),
        ("zhang", "qinghejie", 2, False),
        ("zhang", "Qinghe-9-Laoke", 4, True),
        ("zhang", "清河街的老槐树九十九", 1, False),  # ten characters
        ("zhang", "清河街的老槐树九十九棵9", 2, True),
    ],
)
def test_a_password_is_held_to_the_rules(login: str, password: str, kinds: int, good: bool) -> None:
    policy = Policy(password_kinds=kinds)
    with nullcontext() if good else pytest.raises(Invalid):
        check_password_rules(login, password, policy=policy)


def test_a_password_is_used_up_after_so_many_days(
    database: Database, clerk: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = Policy(password_days=90)
    with database.read() as session:
        held = account_of(clerk.id, session)
        assert must_change_password(held, policy) == ""
        monkeypatch.setattr("shared.identity.service.now", lambda: now() + timedelta(days=91))
        assert must_change_password(held, policy) == "expired"
        assert must_change_password(held, Policy()) == "", "unless the settings ask for it"
        held.password_set_at = None  # of an older release: since the account was made
        assert must_change_password(held, policy) == "expired"
        held.issuer = "https://id.example"
        assert must_change_password(held, policy) == "", "that password is not here"


def test_a_reset_password_must_be_changed(database: Database, clerk: Account) -> None:
    with database.write() as session:
        account = identity.account_of(clerk.id, session)
        identity.reset_password(SYSTEM, account, "first-of-many-1", session=session)
    assert authenticate("zhangsan", "first-of-many-1", database=database).must_change


def test_there_is_always_an_administrator(database: Database, clerk: Account) -> None:
    with database.write() as session:
        boss = employ(
            "boss", "管理员", PASSWORD, [Grant(Role.SYSTEM_ADMINISTRATOR)], session=session
        )
    actions_that_would_end_it = (
        lambda account, session: identity.disable_account(SYSTEM, account, session=session),
        lambda account, session: identity.set_grants(SYSTEM, account, [], session=session),
        lambda account, session: identity.disable_account(
            actor_of(account), account, session=session
        ),
    )
    for action in actions_that_would_end_it:
        with pytest.raises(WrongState), database.write() as session:
            action(identity.account_of(boss.id, session), session)
    with database.write() as session:
        second = identity.account_of(clerk.id, session)
        identity.set_grants(SYSTEM, second, [Grant(Role.SYSTEM_ADMINISTRATOR)], session=session)
        identity.set_grants(SYSTEM, identity.account_of(boss.id, session), [], session=session)
    assert actions(database)[-1] == "account.grants_set"


def test_saving_the_same_grants_again_writes_nothing(database: Database, clerk: Account) -> None:
    before = actions(database)
    with database.write() as session:
        account = identity.account_of(clerk.id, session)
        grants = actor_of(account).grants
        identity.set_grants(SYSTEM, account, reversed(grants), session=session)
        identity.rename_account(SYSTEM, account, "张三", session=session)
    assert actions(database) == before


def test_every_refusal_says_what_to_do() -> None:
    for error in (NotSignedIn(), SignInRefused("x", "y")):
        assert isinstance(error, DanglianError)
        assert error.remedy


def test_a_password_is_kept_at_its_cost() -> None:
    """In a process of its own: those of the tests keep passwords cheaply."""
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "from shared.identity.passwords import *; print(hash_password('x'))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_grant_that_has_ended_counts_nowhere_from_the_next_day(database: Database) -> None:
    ended = Grant(Role.CLERK, None, "f1", until="2020-12-31")
    lasting = Grant(Role.LEADER, until="2999-01-01")
    with database.write() as session:
        account = employ("wangwu", "王五", PASSWORD, [ended, lasting], session=session)
        told = told_grants(account.grants)
    actor = actor_of(account)
    assert actor.grants == (lasting,)
    assert not actor.may(Role.CLERK, fonds="f1")
    assert not Actor("a", "某人", (ended,)).has(Role.CLERK)
    assert told == ["clerk:f1 until=2020-12-31", "leader until=2999-01-01"]


def test_an_administrator_for_a_time_is_not_the_one_that_must_remain(database: Database) -> None:
    passing = [Grant(Role.SYSTEM_ADMINISTRATOR, until="2999-01-01")]
    lasting = [Grant(Role.SYSTEM_ADMINISTRATOR)]
    with database.write() as session:
        first = employ("admin", "甲", PASSWORD, lasting, session=session)
        employ("other", "乙", PASSWORD, passing, session=session)
        with pytest.raises(WrongState):
            identity.disable_account(SYSTEM, first, session=session)
        with pytest.raises(WrongState):
            identity.set_grants(SYSTEM, first, passing, session=session)
