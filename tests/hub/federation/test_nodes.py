"""Nodes: invited, enrolled, replaced, suspended."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from hub.federation import service as federation
from hub.federation.enrolment import WrongCode, enrol, key_at
from hub.federation.models import EnrolmentCode, KeyPurpose, NodeKey, NodeState
from shared.kernel.actor import Grant, Role
from shared.kernel.clock import now
from shared.kernel.errors import Invalid, NotAllowed, NotFound, WrongState
from shared.kernel.keys import SigningKey, document_is_signed_by
from shared.messaging.models import IncomingStream, OutgoingStream

DATABASES = ("sqlite", "postgresql")

TOWN = "420506101000"


@pytest.fixture
def fonds(city, session):
    return city.fonds("龙泉镇人民政府", TOWN, session, number="J001")


@pytest.fixture
def invitation(city, session, fonds):
    return federation.create_node_with_code(
        city.admin, "龙泉镇", TOWN, [fonds.id], key=city.key, session=session
    )


def test_a_node_enrols_with_its_code_and_learns_what_it_keeps(city, session, fonds, invitation):
    answer = city.enrol(invitation.code, session=session)
    node = invitation.node
    assert answer["node_id"] == node.id
    assert (answer["epoch"], answer["generation"]) == (1, 1)
    assert answer["hub_public_key"] == city.key.public.hex
    assert answer["limits"] == {
        "inline_package": 65536,
        "run_entries": 1000,
        "run_bytes": 1048576,
    }
    assert len(answer["archives"]) == 14
    assert answer["archives"][0]["seal_public_key"] == city.folder.keys.seal("420500").public.hex
    (body,) = answer["fonds"]
    signed = body.pop("signed")
    assert document_is_signed_by(city.key.public, body, signed)
    assert (body["fonds"]["id"], body["kept"]) == (fonds.id, True)
    assert node.state == NodeState.ENROLLED
    assert node.may_talk
    assert session.get(OutgoingStream, node.id).epoch == 1
    assert session.get(IncomingStream, node.id).epoch == 1


def test_a_code_is_never_kept_in_clear(session, invitation):
    (row,) = session.scalars(select(EnrolmentCode))
    assert invitation.code not in str(vars(row))


def test_a_code_may_be_typed_in_any_spelling(city, session, invitation):
    spelled = invitation.code.replace("-", " ").lower()
    assert city.enrol(spelled, session=session)["node_id"] == invitation.node.id


def test_a_code_works_once(city, session, invitation):
    city.enrol(invitation.code, session=session)
    with pytest.raises(WrongCode):
        city.enrol(invitation.code, session=session)


def test_an_old_cancelled_or_made_up_code_does_not_work(city, session, invitation):
    with pytest.raises(WrongCode):
        city.enrol("AAAAA-AAAAA-AAAAA-AAAAA", session=session)
    newer = federation.new_code(city.admin, invitation.node.id, session=session)
    with pytest.raises(WrongCode):
        city.enrol(invitation.code, session=session)
    for row in session.scalars(select(EnrolmentCode)):
        row.expires_at = now() - timedelta(seconds=1)
    session.flush()
    with pytest.raises(WrongCode):
        city.enrol(newer.code, session=session)


@pytest.mark.parametrize(
    "changes", [{"device_public": "ff"}, {"seal_public": "x" * 128}, {"instance_id": "1"}]
)
def test_keys_and_instance_must_be_well_formed(city, session, invitation, changes):
    with pytest.raises(Invalid):
        _enrol(city, session, replace(city.application(invitation.code), **changes))


def test_device_key_and_seal_are_different_keys(city, session, invitation):
    key = SigningKey.generate().public.hex
    application = replace(city.application(invitation.code), device_public=key, seal_public=key)
    with pytest.raises(Invalid):
        _enrol(city, session, application)


def _enrol(city, session, application, holdings=lambda node_id, session: []):
    return enrol(application, key=city.key, link="x", holdings=holdings, session=session)


def test_a_replaced_node_starts_a_new_epoch_with_new_keys(city, session, invitation):
    node = invitation.node
    old = city.application(invitation.code)
    _enrol(city, session, old)
    again = federation.new_code(city.admin, node.id, session=session)
    new = city.application(again.code)
    answer = _enrol(city, session, new, lambda node_id, session: [("held", "x", {"record": {}})])
    assert (answer["node_id"], answer["epoch"]) == (node.id, 2)
    assert node.device_public == new.device_public
    assert session.get(OutgoingStream, node.id).seq == 3
    for epoch, application in ((1, old), (2, new)):
        key = key_at(node.id, KeyPurpose.DEVICE, epoch, 7, session=session)
        assert key.hex == application.device_public
    assert len(session.scalars(select(NodeKey)).all()) == 4


def test_a_suspended_node_is_not_heard_until_it_is_resumed(city, session, invitation):
    node = invitation.node
    with pytest.raises(WrongState):
        federation.suspend_node(city.admin, node.id, "未登记", session=session)
    city.enrol(invitation.code, session=session)
    federation.suspend_node(city.admin, node.id, "电脑遗失", session=session)
    assert not node.may_talk
    with pytest.raises(WrongState):
        federation.new_code(city.admin, node.id, session=session)
    federation.resume_node(city.admin, node.id, session=session)
    assert node.may_talk


def test_nodes_are_seen_and_managed_within_ones_archives(city, session, invitation):
    node = invitation.node
    for archive, seen in (("420506", True), ("420583", False)):
        for role in (Role.REVIEWER, Role.SYSTEM_ADMINISTRATOR):
            actor = city.person(Grant(role, archive))
            found = session.scalars(federation.nodes_seen_by(actor, session)).all()
            assert (node in found) == seen
    elsewhere = city.person(Grant(Role.SYSTEM_ADMINISTRATOR, "420583"))
    with pytest.raises(NotFound):
        federation.new_code(elsewhere, node.id, session=session)
    with pytest.raises(NotFound):
        federation.node_shown_to(elsewhere, node.id, session)
    with pytest.raises(NotAllowed):
        federation.suspend_node(city.reviewer("420506"), node.id, "x", session=session)
