"""One applies, another approves, an archivist of all the archives that are named."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from hub.sharing.consumers import service as consumers
from hub.sharing.consumers.models import Consumer
from hub.sharing.consumers.terms import Terms
from shared.audit import AuditEvent
from shared.kernel.actor import Actor, Grant, Role, system_actor
from shared.kernel.errors import Conflict, DanglianError, Invalid, NotAllowed, WrongState
from tests.hub.conftest import City
from tests.hub.sharing.consumers.conftest import Desk, day, terms

YILING, CITY = "420506", "420500"


def apply(actor: Actor, session: Session, **changes: Any) -> Consumer:
    return consumers.apply(actor, "目录汇聚", "省档案馆", terms(**changes), session=session)


def actions(session: Session) -> list[str]:
    return [
        each.action
        for each in session.query(AuditEvent).order_by(AuditEvent.seq)
        if each.action.startswith("consumer.")
    ]


def test_nobody_approves_their_own_application(desk: Desk, city: City, session: Session) -> None:
    made = apply(desk.applicant, session)
    assert (made.state, made.terms) == ("applied", None)
    with pytest.raises(NotAllowed) as refused:
        consumers.approve(desk.applicant, made.id, session=session)
    assert refused.value.code == "same_person"
    for actor in (
        city.reviewer(CITY),
        city.person(Grant(Role.SYSTEM_ADMINISTRATOR)),
        city.archivist(CITY),  # it is for all archives
        system_actor("command"),
    ):
        with pytest.raises(NotAllowed):
            consumers.approve(actor, made.id, session=session)
    assert consumers.approve(desk.approver, made.id, session=session).state == "active"
    with pytest.raises(WrongState):
        consumers.approve(desk.approver, made.id, session=session)
    session.flush()
    session.commit()
    assert actions(session) == ["consumer.applied", "consumer.approved"]


def test_an_archive_approves_what_is_about_it_alone(
    desk: Desk, city: City, session: Session
) -> None:
    ours, both = (
        apply(desk.applicant, session, archives=each) for each in ((YILING,), (YILING, CITY))
    )
    of_yiling = city.archivist(YILING)
    consumers.approve(of_yiling, ours.id, session=session)
    with pytest.raises(NotAllowed):
        consumers.approve(of_yiling, both.id, session=session)
    found = consumers.consumer_of(ours.id, session).terms
    assert found is not None
    assert found.covers(YILING, "f1")
    assert not found.covers(CITY, "f1")
    assert not terms(fonds=("f2",)).covers(YILING, "f1")


def test_other_terms_count_once_they_are_approved(desk: Desk, session: Session) -> None:
    made = consumers.approve(desk.approver, apply(desk.applicant, session).id, session=session)
    consumers.apply_for_change(desk.approver, made.id, terms(rows=7), session=session)
    assert made.terms is not None
    assert made.terms.rows == 100_000
    with pytest.raises(NotAllowed):
        consumers.approve(desk.approver, made.id, session=session)
    consumers.refuse(desk.applicant, made.id, "条数太少", session=session)
    assert (made.state, made.proposal, made.terms.rows) == ("active", None, 100_000)
    consumers.apply_for_change(desk.approver, made.id, terms(rows=8), session=session)
    consumers.approve(desk.applicant, made.id, session=session)
    assert made.terms.rows == 8


def test_what_was_refused_can_be_applied_for_again(desk: Desk, session: Session) -> None:
    made = apply(desk.applicant, session)
    consumers.refuse(desk.approver, made.id, "用途不明", session=session)
    assert (made.state, made.reason) == ("refused", "用途不明")
    with pytest.raises(WrongState, match="还没有批准"):
        consumers.rotate_secret(desk.applicant, made.id, session=session)
    consumers.apply_for_change(desk.applicant, made.id, terms(), session=session)
    assert consumers.approve(desk.approver, made.id, session=session).state == "active"


def test_suspending_is_quick_and_resuming_is_decided_on(
    desk: Desk, city: City, session: Session
) -> None:
    made = consumers.approve(desk.approver, apply(desk.applicant, session).id, session=session)
    before = made.series
    consumers.suspend(
        city.person(Grant(Role.SYSTEM_ADMINISTRATOR)), made.id, "疑似泄露", session=session
    )
    assert (made.state, made.reason, made.series) == ("suspended", "疑似泄露", before + 1)
    with pytest.raises(NotAllowed):
        consumers.resume(city.person(Grant(Role.SYSTEM_ADMINISTRATOR)), made.id, session=session)
    with pytest.raises(NotAllowed):
        consumers.suspend(city.reviewer(CITY), made.id, "x", session=session)
    consumers.resume(desk.approver, made.id, session=session)
    assert (made.state, made.reason) == ("active", None)


def test_a_secret_is_kept_nowhere(desk: Desk, session: Session) -> None:
    made = consumers.approve(desk.approver, apply(desk.applicant, session).id, session=session)
    secret = consumers.rotate_secret(desk.applicant, made.id, session=session)
    session.commit()
    assert len(secret) >= 40
    kept = [str(value) for value in vars(made).values()]
    kept += [str(each.details) for each in session.query(AuditEvent)]
    assert not any(secret in each for each in kept)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("purpose", {"purpose": " "}),
        ("audience", {"audience": "everybody"}),
        ("services", {"services": ()}),
        ("services", {"services": ("records", "root")}),
        ("archives", {"archives": ("999999",)}),
        ("fonds", {"fonds": ("nothing",)}),
        ("since", {"since": "soon"}),
        ("until", {"until": day(-1), "since": day(-9)}),
        ("until", {"until": day(3000)}),
        ("requests", {"requests": 0}),
        ("rows", {"rows": 10**9}),
        ("networks", {"networks": ("10.0.0.0/8", "example.org")}),
        ("certificate", {"certificate": "ab:cd"}),
    ],
)
def test_terms_that_cannot_be_are_refused_by_their_field(
    desk: Desk, session: Session, field: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(Invalid) as refused:
        apply(desk.applicant, session, **changes)
    assert refused.value.field == field


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"keys": []},
        {"keys": "x"},
        {"keys": [{"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQ"}]},
        {
            "keys": [
                {"kty": "RSA", "n": "sXchDaQebHnPiGvyDOAT4saGEUetSyo9MKLOoWFsueri", "e": "AQAB"}
            ]
        },
        {"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]},
    ],
)
@pytest.mark.filterwarnings("ignore:Key size")
def test_keys_that_do_not_do_are_refused(desk: Desk, session: Session, keys: Any) -> None:
    made = consumers.approve(desk.approver, apply(desk.applicant, session).id, session=session)
    with pytest.raises(DanglianError) as refused:
        consumers.set_public_keys(desk.applicant, made.id, keys, session=session)
    assert refused.value.field == "public_keys"


def test_a_client_of_the_identity_service_is_one_consumer(desk: Desk, session: Session) -> None:
    first = apply(desk.applicant, session, client_elsewhere="prov-1")
    consumers.approve(desk.approver, first.id, session=session)
    with pytest.raises(Conflict):
        apply(desk.applicant, session, client_elsewhere="prov-1")


def test_terms_are_kept_as_they_were_approved() -> None:
    told = terms(archives=(YILING,), networks=("10.0.0.0/8",), certificate="0" * 64)
    assert Terms.from_wire(told.to_wire()) == told
