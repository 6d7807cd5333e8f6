"""The rules of the door: growing locks, second factors, sealed accounts, sessions, off line."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest
from sqlalchemy import select
from werkzeug.security import generate_password_hash

from shared import identity
from shared.identity import (
    Account,
    BearerToken,
    NotSignedIn,
    Policy,
    SignInRefused,
    Visit,
    account_of,
    actor_of,
    actor_of_token,
    authenticate,
    begin,
    emergency,
    factors,
    issue_token,
    sign_in,
)
from shared.identity.elsewhere import (
    account_elsewhere,
    confirm,
    link_elsewhere,
    register_elsewhere,
    revoke_elsewhere,
    set_pin,
)
from shared.identity.factor_key import FactorKey
from shared.identity.models import Factor, FactorKind
from shared.identity.notices import notices_since
from shared.identity.sessions import (
    end_all_sessions,
    end_provider_sessions,
    end_session,
    sessions_of,
)
from shared.kernel.actor import Actor, Grant, Role, system_actor
from shared.kernel.canonical import sha256_hex
from shared.kernel.clock import now
from shared.kernel.database import Database
from shared.kernel.errors import Invalid, NotAllowed, Unavailable, WrongState
from tests.people import employ

SYSTEM = system_actor("test")
PASSWORD = "danglian-2024"
KEY = FactorKey(bytes(32))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.in_file(tmp_path / "test.sqlite", ("shared",))
    database.create_schema()
    yield database
    database.close()


def add(database: Database, login: str, *roles: Role, **more: object) -> Account:
    with database.write() as session:
        grants = [Grant(each) for each in roles]
        return employ(login, login, PASSWORD, grants, session=session, **more)


def refused(login: str, password: str, database: Database, **more: object) -> str:
    with pytest.raises(SignInRefused) as error:
        authenticate(login, password, database=database, **more)
    return error.value.code


def later(monkeypatch: pytest.MonkeyPatch, step: timedelta, *modules: str) -> None:
    for each in modules:
        monkeypatch.setattr(f"shared.identity.{each}.now", lambda: now() + step)


def test_each_lock_lasts_twice_as_long(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    add(database, "zhangsan", Role.CLERK)
    policy = Policy(lock_after=3, lock_minutes=10)
    for locks in range(3):
        later(monkeypatch, timedelta(days=locks), "signing_in")
        for _ in range(3):
            refused("zhangsan", "wrong-password", database, policy=policy)
        wait = timedelta(days=locks, minutes=10 * 2**locks, seconds=-5)
        later(monkeypatch, wait, "signing_in")
        assert refused("zhangsan", PASSWORD, database, policy=policy) == "account_locked"
    assert policy.locked_for(99) == timedelta(days=1)
    later(monkeypatch, timedelta(days=9), "signing_in")
    account, _ = sign_in("zhangsan", PASSWORD, database=database, policy=policy)
    assert account.locks == 0


def test_a_password_of_version_0_1_is_kept_anew_when_it_is_used(database: Database) -> None:
    account = add(database, "zhangsan", Role.CLERK)
    with database.write() as session:
        kept = generate_password_hash(PASSWORD, method="scrypt:256:8:1")
        account_of(account.id, session).password_hash = kept
    refused("zhangsan", "wrong-password", database)
    with database.read() as session:
        assert account_of(account.id, session).password_hash == kept
    for _ in range(2):
        assert authenticate("zhangsan", PASSWORD, database=database)
    with database.read() as session:
        assert account_of(account.id, session).password_hash.startswith("$argon2id$")


def test_a_sign_in_tells_of_the_last_one_and_of_failures_since(database: Database) -> None:
    account = add(database, "zhangsan", Role.CLERK)
    with database.write() as session:
        begin(account, Visit("10.0.0.7", "某浏览器"), session=session)
    refused("zhangsan", "wrong-password", database)
    refused("zhangsan", "wrong-password", database)
    with database.write() as session:
        done = begin(account_of(account.id, session), Visit("10.0.0.8"), session=session)
        assert (done.last_place, done.failed_since) == ("10.0.0.7", 2)
        assert done.last_sign_in is not None
        kept = sessions_of(account.id, session)
        assert {each.place for each in kept} == {"10.0.0.7", "10.0.0.8"}


def test_sessions_are_ended_by_oneself_an_administrator_and_the_provider(
    database: Database,
) -> None:
    account, other = add(database, "zhangsan", Role.CLERK), add(database, "lisi", Role.CLERK)
    me, somebody = actor_of(account), actor_of(other)
    with database.write() as session:
        held = account_of(account.id, session)
        held.issuer, held.subject = "https://id.example", "1"
        tokens = [
            issue_token(held, session=session, visit=Visit(way="provider", provider_session=sid))
            for sid in ("a", "a", "b", "c")
        ]
        digest = sessions_of(account.id, session)[0].digest
        with pytest.raises(NotAllowed):
            end_session(somebody, held, digest, session=session)
        end_session(me, held, digest, session=session)
        end_provider_sessions(
            "https://else.example", subject="1", provider_session=None, session=session
        )
        assert len(sessions_of(account.id, session)) == 3
        end_provider_sessions(
            "https://id.example", subject="1", provider_session="a", session=session
        )
        assert {each.provider_session for each in sessions_of(account.id, session)} <= {"b", "c"}
        assert end_all_sessions(SYSTEM, held, session=session) <= 2
    with database.read() as session:
        for token in tokens:
            with pytest.raises(NotSignedIn):
                actor_of_token(token, session=session)


def test_a_code_of_the_app_counts_once(database: Database) -> None:
    account = add(database, "zhangsan", Role.CLERK)
    secret = factors.new_totp_secret()
    app = pyotp.TOTP(secret)
    with database.write() as session:
        held = account_of(account.id, session)
        with pytest.raises(Invalid):
            factors.add_totp(actor_of(held), held, secret, "000000x", key=KEY, session=session)
        with pytest.raises(WrongState):
            factors.add_totp(SYSTEM, held, secret, app.now(), key=KEY, session=session)
        earlier = app.at(now(), counter_offset=-1)
        factors.add_totp(actor_of(held), held, secret, earlier, key=KEY, session=session)
        codes = factors.make_recovery_codes(actor_of(held), held, session=session)
    code = app.now()
    assert factors.check_code(account.id, f" {code[:3]} {code[3:]} ", key=KEY, database=database)
    for used in (code, "123", ""):
        with pytest.raises(SignInRefused):
            factors.check_code(account.id, used, key=KEY, database=database)
    with database.read() as session:
        told = [each.action for each in notices_since(account, account.created_at, session)]
    assert told[:2] == ["sign_in.code_reused", "account.recovery_codes_made"]
    with database.write() as session:
        kept = session.scalars(select(Factor).where(Factor.kind == FactorKind.RECOVERY)).all()
        assert len({each.secret.partition(":")[0] for each in kept}) == 10, "a salt for each"
        # As version 0.1 kept them: without a salt.
        kept[-1].secret = sha256_hex(b"ABCDABCDABCD")
        identity.enable_account(SYSTEM, account_of(account.id, session), session=session)
        account_of(account.id, session).failures = 0
    assert factors.check_code(account.id, codes[0].lower(), key=KEY, database=database)
    with pytest.raises(SignInRefused):
        factors.check_code(account.id, codes[0], key=KEY, database=database)
    assert factors.check_code(account.id, "abcd-abcd-abcd", key=KEY, database=database)
    with database.read() as session:
        assert factors.recovery_codes_left(account.id, session) == 8


def test_guessed_codes_lock_the_account_like_passwords(database: Database) -> None:
    account = add(database, "zhangsan", Role.CLERK)
    for _ in range(5):
        with pytest.raises(SignInRefused):
            factors.check_code(account.id, "000000", key=KEY, database=database)
    assert refused("zhangsan", PASSWORD, database) == "account_locked"


def test_half_a_sign_in_opens_nothing(database: Database) -> None:
    account = add(database, "zhangsan", Role.CLERK)
    with database.write() as session:
        half = issue_token(account, session=session, awaits_factor=True)
    with database.read() as session, pytest.raises(NotSignedIn):
        actor_of_token(half, session=session)


def test_an_emergency_account_is_not_bound_to_one_persons_device(database: Database) -> None:
    policy = Policy(factor_for_administrators=True)
    boss = add(database, "boss", Role.SYSTEM_ADMINISTRATOR)
    emergency = add(database, "emergency", Role.SYSTEM_ADMINISTRATOR, emergency=True)
    assert factors.must_have_factor(boss, policy)
    assert not factors.must_have_factor(emergency, policy), "two people open it instead"


def test_the_last_factor_of_an_administrator_stays(database: Database) -> None:
    account = add(database, "boss", Role.SYSTEM_ADMINISTRATOR)
    policy = Policy(factor_for_administrators=True)
    secret = factors.new_totp_secret()
    with database.write() as session:
        held = account_of(account.id, session)
        me = actor_of(held)
        factors.add_totp(me, held, secret, pyotp.TOTP(secret).now(), key=KEY, session=session)
        factor = factors.factors_of(held.id, session)[0]
        with pytest.raises(WrongState):
            factors.remove_factor(me, held, factor.id, session=session, policy=policy)
        with pytest.raises(NotAllowed):
            factors.reset_factors(me, held, session=session)
        token = issue_token(held, session=session)
        factors.reset_factors(SYSTEM, held, session=session)
        assert not factors.has_factor(held.id, session)
        with pytest.raises(NotSignedIn):
            actor_of_token(token, session=session)
        assert held.signed_out_at is not None, "nodes end theirs at their next question"


def test_a_first_password_that_nobody_came_for_ends(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = add(database, "zhangsan", Role.CLERK, must_change=True)
    assert authenticate("zhangsan", PASSWORD, database=database)
    later(monkeypatch, timedelta(days=7, seconds=1), "signing_in")
    assert refused("zhangsan", "wrong", database) == "sign_in_refused"
    assert refused("zhangsan", PASSWORD, database) == "first_password_ended"
    with database.write() as session:
        account_of(account.id, session).must_change = False
    assert authenticate("zhangsan", PASSWORD, database=database), "one's own has no such end"


def test_two_administrators_open_the_emergency_account(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = add(database, "emergency", Role.SYSTEM_ADMINISTRATOR, emergency=True)
    first, second = (
        actor_of(add(database, login, Role.SYSTEM_ADMINISTRATOR)) for login in ("boss", "chief")
    )
    assert refused("emergency", PASSWORD, database) == "account_sealed"
    with database.write() as session:
        held = account_of(account.id, session)
        with pytest.raises(WrongState):
            emergency.open_sealed(second, held, session=session)
        with pytest.raises(Invalid):
            emergency.ask_opening(first, held, " ", session=session)
        with pytest.raises(NotAllowed):
            emergency.ask_opening(Actor("x", "某"), held, "演练", session=session)
        emergency.ask_opening(first, held, "统一身份认证中断", session=session)
        with pytest.raises(WrongState):
            emergency.open_sealed(first, held, session=session)
        emergency.open_sealed(second, held, session=session)
    _, token = sign_in("emergency", PASSWORD, database=database)
    with database.read() as session:
        assert actor_of_token(token, session=session).has(Role.SYSTEM_ADMINISTRATOR)
    later(monkeypatch, timedelta(hours=8, seconds=1), "signing_in")
    with database.read() as session, pytest.raises(NotSignedIn):
        actor_of_token(token, session=session)
    assert refused("emergency", PASSWORD, database) == "account_sealed"


def test_an_emergency_account_is_nobodys_last_administrator(database: Database) -> None:
    add(database, "emergency", Role.SYSTEM_ADMINISTRATOR, emergency=True)
    boss = add(database, "boss", Role.SYSTEM_ADMINISTRATOR)
    with pytest.raises(WrongState), database.write() as session:
        identity.set_grants(SYSTEM, account_of(boss.id, session), [], session=session)


def test_a_local_account_becomes_that_of_the_identity_service(database: Database) -> None:
    local = add(database, "zhangsan", Role.CLERK)
    watcher = actor_of(add(database, "security", Role.SECURITY_ADMINISTRATOR))
    with database.write() as session:
        other = register_elsewhere(
            SYSTEM,
            "https://id.example",
            "7",
            login="zs",
            name="张三",
            waiting=True,
            session=session,
        )
        auditor = employ("auditor", "审计", PASSWORD, [Grant(Role.AUDITOR)], session=session)
    for wrong in (auditor.id, other.id):
        with pytest.raises(WrongState), database.write() as session:
            link_elsewhere(
                watcher, account_of(wrong, session), account_of(other.id, session), session=session
            )
    with database.write() as session:
        link_elsewhere(
            watcher, account_of(local.id, session), account_of(other.id, session), session=session
        )
    with database.read() as session:
        (person,) = [account_elsewhere("https://id.example", "7", session)]
        assert person is not None
        assert (person.id, person.login) == (local.id, "zhangsan")
        assert [each.role for each in person.grants] == ["clerk"]
        assert session.get(Account, other.id) is None
    assert refused("zhangsan", PASSWORD, database) == "sign_in_refused"


def test_the_secret_of_an_app_is_not_in_the_database(database: Database) -> None:
    account, plain = add(database, "zhangsan", Role.CLERK), factors.new_totp_secret()
    old, secret = factors.new_totp_secret(), pyotp.TOTP(plain)
    with database.write() as session:
        session.add(Factor(id="old", account_id=account.id, kind=FactorKind.TOTP, secret=old))
        held = account_of(account.id, session)
        code = secret.at(int(time.time()) - 30)
        factors.add_totp(actor_of(held), held, plain, code, session=session, key=KEY)
    with database.read() as session:
        kept = [each.secret for each in session.scalars(select(Factor))]
    assert len(kept) == 2
    assert not [each for each in kept if plain in each or old in each], "and what was plain is not"
    assert factors.check_code(account.id, pyotp.TOTP(old).now(), database=database, key=KEY)
    with pytest.raises(Unavailable):  # another folder's key, or a row moved to another account
        factors.check_code(
            account.id, secret.now(), database=database, key=FactorKey(bytes(31) + b"x")
        )


def hub_account(database: Database) -> Account:
    with database.write() as session:
        account = register_elsewhere(
            SYSTEM, "hub", "s1", login="Zhang San", name="张三", waiting=False, session=session
        )
        said(account, session)
        set_pin(actor_of(account), account, "", "735190", session=session)
        return account


def said(account: Account, session: object, **more: object) -> None:
    told = {"name": "张三", "grants": [Grant(Role.CLERK, None, "f1")], "signed_out_at": None}
    confirm(SYSTEM, account, **{**told, **more}, session=session)


def test_without_net_whoever_was_here_signs_in_for_some_days(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = hub_account(database)
    assert account.login == "zhang-san"
    assert authenticate("zhang-san", "735190", database=database).id == account.id
    later(monkeypatch, timedelta(days=30, seconds=1), "signing_in")
    assert refused("zhang-san", "735190", database) == "account_unconfirmed"
    later(monkeypatch, timedelta(days=30, seconds=1), "signing_in", "elsewhere")
    with database.write() as session:
        said(account_of(account.id, session), session)
    assert authenticate("zhang-san", "735190", database=database)


@pytest.mark.parametrize("pin", ["12345", "123456", "654321", "111111", "zhang-san"])
def test_a_pin_that_anybody_would_try_is_refused(database: Database, pin: str) -> None:
    account = hub_account(database)
    with database.write() as session:
        held = account_of(account.id, session)
        with pytest.raises(Invalid):
            set_pin(actor_of(held), held, "735190", pin, session=session)


def test_what_the_hub_ends_ends_here(database: Database) -> None:
    account = hub_account(database)
    with database.write() as session:
        held = account_of(account.id, session)
        token = issue_token(held, session=session)
        said(held, session)
        assert actor_of_token(token, session=session)
        ended = now()
        said(held, session, signed_out_at=ended)
        with pytest.raises(NotSignedIn):
            actor_of_token(token, session=session)
        # What was ended here is not ended once more by the same word of the hub.
        end_all_sessions(SYSTEM, held, session=session)
        token = issue_token(held, session=session)
        said(held, session, signed_out_at=ended)
        assert actor_of_token(token, session=session)
        revoke_elsewhere(SYSTEM, held, session=session)
    assert refused("zhang-san", "735190", database) == "sign_in_refused"
    with database.write() as session:
        held = account_of(account.id, session)
        said(held, session)
        assert not held.disabled
        identity.disable_account(SYSTEM, held, session=session)
        said(held, session)
        assert held.disabled  # who was closed here is not opened by the hub


def test_a_login_that_is_taken_gets_a_number(database: Database) -> None:
    add(database, "zhangsan", Role.CLERK)
    with database.write() as session:
        logins = [
            register_elsewhere(
                SYSTEM, "hub", str(number), login=login, name="", waiting=True, session=session
            ).login
            for number, login in enumerate(["zhangsan", "ZHANGSAN", "张三", "x"])
        ]
    assert logins == ["zhangsan-2", "zhangsan-3", "user-2", "user-3"]


def test_tokens_of_no_use_are_swept(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    account = add(database, "zhangsan", Role.CLERK)
    with database.write() as session:
        issue_token(account, session=session, awaits_factor=True)
    later(monkeypatch, timedelta(minutes=6), "signing_in")
    with database.write() as session:
        issue_token(account, session=session)
        assert session.query(BearerToken).count() == 1


@pytest.mark.parametrize(
    "wrong",
    [{"password_length": 4}, {"lock_after": 0}, {"session_hours": 900}, {"offline_days": 0}],
)
def test_a_setting_that_weakens_the_door_too_far_stops_the_start(wrong: dict[str, int]) -> None:
    with pytest.raises(Invalid):
        Policy(**wrong)
