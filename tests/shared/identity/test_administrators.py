"""The three administrators 三员: each does only what is theirs, and nobody is two of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError

from shared.audit import AuditEvent
from shared.identity import (
    Account,
    account_of,
    actor_of,
    authenticate,
    create_account,
    disable_account,
    reset_password,
    set_grants,
    sign_in,
    unlock_account,
)
from shared.identity import acts as joint
from shared.identity.errors import SignInRefused
from shared.identity.founders import found_administrators
from shared.identity.models import AccountGrant, ActState, ProposedAct
from shared.kernel.actor import ADMINISTRATORS, Actor, Grant, Role, system_actor
from shared.kernel.database import Database
from shared.kernel.errors import Conflict, Invalid, NotAllowed, WrongState
from shared.kernel.identifiers import new_id
from tests.people import employ

MACHINE = system_actor("test")
PASSWORD = "danglian-2024"
KINDS = joint.ACCOUNT_ACTS


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.in_file(tmp_path / "test.sqlite", ("shared",))
    database.create_schema()
    yield database
    database.close()


@pytest.fixture
def three(database: Database) -> dict[Role, Actor]:
    """The three, as an installation has them at first."""
    with database.write() as session:
        found_administrators(MACHINE, session=session, password=PASSWORD)
        accounts = session.scalars(select(Account)).all()
        return {actor_of(each).grants[0].role: actor_of(each) for each in accounts}


def test_an_installation_begins_with_three_who_each_have_a_password_of_their_own(
    database: Database,
) -> None:
    with database.write() as session:
        made = found_administrators(MACHINE, session=session)
        assert set(made) == {"admin", "security", "auditor"}
        assert len(set(made.values())) == 3
        assert found_administrators(MACHINE, session=session) == {}, "nobody is made twice"
        assert set(found_administrators(MACHINE, session=session, more=Role.AUDITOR)) == {
            "auditor-2"
        }
    assert authenticate("security", made["security"], database=database).must_change
    with database.read() as session:
        for account in session.scalars(select(Account)):
            assert len(account.grants) == 1, "nobody could do everything"


def test_an_account_works_when_one_has_made_it_and_another_has_granted_it(
    database: Database, three: dict[Role, Actor]
) -> None:
    system, security, auditor = (three[each] for each in ADMINISTRATORS)
    wanted = [Grant(Role.CLERK)]
    for actor in (security, auditor):
        with pytest.raises(NotAllowed), database.write() as session:
            create_account(actor, "li", "李四", PASSWORD, wanted, session=session)
    with database.write() as session:
        made = create_account(system, "li", "李四", PASSWORD, wanted, session=session)
    with pytest.raises(SignInRefused) as refused:
        authenticate("li", PASSWORD, database=database)
    assert refused.value.code == "account_waiting"
    for actor in (system, auditor):
        with pytest.raises(NotAllowed), database.write() as session:
            set_grants(actor, account_of(made.id, session), wanted, session=session)
    with database.write() as session:
        set_grants(security, account_of(made.id, session), wanted, session=session)
    assert sign_in("li", PASSWORD, database=database)[0].id == made.id
    for verb in (
        lambda session: disable_account(security, account_of(made.id, session), session=session),
        lambda session: unlock_account(system, account_of(made.id, session), session=session),
        lambda session: reset_password(
            system, account_of(made.id, session), "x" * 12, session=session
        ),
    ):
        with pytest.raises(NotAllowed), database.write() as session:
            verb(session)


@pytest.mark.parametrize("role", ADMINISTRATORS)
def test_nobody_holds_two_of_the_three_or_one_and_business(
    database: Database, three: dict[Role, Actor], role: Role
) -> None:
    security = three[Role.SECURITY_ADMINISTRATOR]
    others = [each for each in (*ADMINISTRATORS, Role.CLERK) if each != role]
    with database.write() as session:
        account = employ("li", "李四", PASSWORD, [Grant(role)], session=session)
    for other in others:
        both = [Grant(role), Grant(other)]
        with pytest.raises(Invalid) as refused, database.write() as session:
            set_grants(security, account_of(account.id, session), both, session=session)
        assert refused.value.code == "separate_duties"
        # Nor by whoever writes past the services: the database itself takes no such row.
        for duty in ("business", "system", "security", "audit"):
            row = {"id": new_id(), "account_id": account.id, "role": other, "duty": duty}
            with pytest.raises(IntegrityError), database.write() as session:
                session.execute(insert(AccountGrant).values(row))
    with pytest.raises(IntegrityError), database.write() as session:
        session.execute(
            text("UPDATE identity_account SET duty = 'business' WHERE id = :id"),
            {"id": account.id},
        )
    with database.write() as session:  # from one to another, whole: that is no second role
        set_grants(MACHINE, account_of(account.id, session), [Grant(Role.CLERK)], session=session)
        assert account_of(account.id, session).duty == "business"


def test_nobody_grants_to_themselves_and_the_last_of_each_stays(
    database: Database, three: dict[Role, Actor]
) -> None:
    system, security, auditor = (three[each] for each in ADMINISTRATORS)
    wanted = [Grant(Role.CLERK)]
    with pytest.raises(WrongState), database.write() as session:
        set_grants(security, account_of(security.id, session), wanted, session=session)
    for actor in (system, auditor):
        with pytest.raises(WrongState) as refused, database.write() as session:
            set_grants(security, account_of(actor.id, session), wanted, session=session)
        assert refused.value.code == "last_one"
    for actor in (security, auditor):
        with pytest.raises(WrongState) as refused, database.write() as session:
            disable_account(system, account_of(actor.id, session), session=session)
        assert refused.value.code == "last_one"


def test_a_countys_three_act_for_the_county_only(
    database: Database, three: dict[Role, Actor]
) -> None:
    system, security, _ = (three[each] for each in ADMINISTRATORS)
    with database.write() as session:
        ours = create_account(system, "ours", "本县", PASSWORD, archive="420506", session=session)
        theirs = create_account(system, "theirs", "他县", PASSWORD, session=session)
        makes, grants = (
            actor_of(employ(f"c-{role}", "县", PASSWORD, [Grant(role, "420506")], session=session))
            for role in (Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR)
        )
        made = create_account(makes, "li", "李四", PASSWORD, session=session)
        assert made.archive_code == "420506", "the county's, by itself"
        county = [Grant(Role.AUDITOR, "420506")]
        asked = create_account(system, "watches", "县", PASSWORD, county, session=session)
        assert asked.archive_code == "420506", "whom the city makes for the county is the county's"
        both = [*county, Grant(Role.SYSTEM_ADMINISTRATOR, "420506")]
        with pytest.raises(Invalid) as refused:
            create_account(system, "both", "两员", PASSWORD, both, session=session)
        assert refused.value.code == "separate_duties"
        for account in (ours, made):
            set_grants(grants, account, [Grant(Role.CLERK, None, "f1")], session=session)
            (held,) = account.grants
            assert (held.archive_code, held.fonds_id) == ("420506", "f1"), "within the county"
    for verb in (
        lambda session: create_account(
            makes, "x", "某", PASSWORD, archive="420583", session=session
        ),
        lambda session: disable_account(makes, account_of(theirs.id, session), session=session),
        lambda session: set_grants(
            grants, account_of(theirs.id, session), [Grant(Role.CLERK)], session=session
        ),
        lambda session: set_grants(
            grants, account_of(ours.id, session), [Grant(Role.CLERK, "420583")], session=session
        ),
        lambda session: disable_account(makes, account_of(security.id, session), session=session),
    ):
        with pytest.raises(NotAllowed), database.write() as session:
            verb(session)


# Dangerous acts


def propose(database: Database, actor: Actor, kind: str, account_id: str) -> ProposedAct:
    with database.write() as session:
        return joint.propose_on_account(
            actor, kind, account_of(account_id, session), "离职", session=session
        )


def test_an_account_is_deleted_by_two_people_and_once(
    database: Database, three: dict[Role, Actor]
) -> None:
    system, security, auditor = (three[each] for each in ADMINISTRATORS)
    with database.write() as session:
        clerk = employ("li", "李四", PASSWORD, [Grant(Role.CLERK)], session=session)
        other = employ("li2", "李五", PASSWORD, [Grant(Role.CLERK)], session=session)
    sign_in("li", PASSWORD, database=database)
    with pytest.raises(NotAllowed):
        propose(database, security, joint.DELETE, clerk.id)
    act = propose(database, system, joint.DELETE, clerk.id)
    with pytest.raises(Conflict):
        propose(database, system, joint.DELETE, clerk.id)
    for actor, seen, refusal in (
        (system, act.digest, WrongState),
        (auditor, act.digest, NotAllowed),
        (security, "0" * 64, Conflict),
    ):
        with pytest.raises(refusal), database.write() as session:
            joint.confirm(actor, act.id, seen, KINDS, session=session)
    with database.write() as session:
        joint.confirm(security, act.id, act.digest, KINDS, session=session)
    with pytest.raises(WrongState), database.write() as session:
        joint.confirm(security, act.id, act.digest, KINDS, session=session)
    second = propose(database, system, joint.DELETE, other.id)
    with database.write() as session:
        joint.refuse(security, second.id, "还在职", KINDS, session=session)
    with database.read() as session:
        assert session.get(Account, clerk.id) is None
        assert session.get(Account, other.id) is not None
        told = [each.action for each in session.scalars(select(AuditEvent))]
        assert told.count("account.deleted") == 1
        assert told.count("act.confirmed") == 1
        assert told.count("act.refused") == 1


def test_what_was_altered_after_the_first_has_proposed_it_is_not_done(
    database: Database, three: dict[Role, Actor]
) -> None:
    system, security, _ = (three[each] for each in ADMINISTRATORS)
    with database.write() as session:
        clerk = employ("li", "李四", PASSWORD, [Grant(Role.CLERK)], session=session)
    act = propose(database, system, joint.DELETE, clerk.id)
    with database.write() as session:
        session.get_one(ProposedAct, act.id).arguments = {"account": system.id}
    with pytest.raises(Conflict), database.write() as session:
        joint.confirm(security, act.id, act.digest, KINDS, session=session)


def test_an_act_that_fails_leaves_it_to_be_decided(
    database: Database, three: dict[Role, Actor]
) -> None:
    system, security, auditor = (three[each] for each in ADMINISTRATORS)
    act = propose(database, system, joint.DELETE, auditor.id)
    with pytest.raises(WrongState) as refused, database.write() as session:
        joint.confirm(security, act.id, act.digest, KINDS, session=session)
    assert refused.value.code == "last_one"
    with database.read() as session:
        assert session.get_one(ProposedAct, act.id).state == ActState.PROPOSED


def test_nobody_alone_becomes_one_of_the_three_by_a_new_password(
    database: Database, three: dict[Role, Actor]
) -> None:
    system, security, auditor = (three[each] for each in ADMINISTRATORS)
    with pytest.raises(WrongState) as refused, database.write() as session:
        reset_password(security, account_of(auditor.id, session), "taken-over-1", session=session)
    assert refused.value.code == "two_people"
    act = propose(database, security, joint.PASSWORD, auditor.id)
    with database.write() as session:
        told = joint.confirm(system, act.id, act.digest, KINDS, session=session)
    password = told.split("密码：")[1].split("（")[0]
    assert authenticate("auditor", password, database=database).must_change
