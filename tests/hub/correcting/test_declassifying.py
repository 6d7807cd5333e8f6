"""Declassification 解密: two people, one new version, and who sees the record from then on."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from hub.correcting import service as correcting
from hub.correcting.declassifying import KINDS
from hub.federation.visibility import Sight, sight
from hub.sharing.models import SharingState
from shared.audit.models import AuditEvent
from shared.identity import acts
from shared.identity.models import ProposedAct
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.errors import Conflict, NotAllowed, NotFound, WrongState
from shared.records.security import SecurityClass
from tests.hub.correcting.conftest import Kept
from tests.hub.desk import Api, Browser, make_desk
from tests.hub.receiving.handover import YILING_ARCHIVE, ZHIJIANG_ARCHIVE, Hub, Unit


@pytest.fixture
def restricted(hub: Hub, unit: Unit, reviewer: Actor, archivist: Actor) -> Kept:
    """A received record of 内部."""
    batch = unit.hand_over(1, security=SecurityClass.INTERNAL)
    hub.work("receiving.check")
    hub.conclude(reviewer, batch.id, "accepted")
    unit.sign(batch.id)
    hub.receive(archivist, batch.id)
    hub.work()
    return Kept(hub, unit, [each.record for each in batch.offers])


def propose(kept: Kept, who: Actor) -> ProposedAct:
    with kept.hub.city.database.write() as session:
        return correcting.propose_declassification(who, kept.id, "保密审查意见", session=session)


def confirm(kept: Kept, who: Actor, act: ProposedAct) -> str:
    with kept.hub.city.database.write() as session:
        return acts.confirm(who, act.id, act.digest, KINDS, session=session)


def why_not_public(kept: Kept) -> str | None:
    """Why nothing of the record is published, as the job of sharing has decided."""
    with kept.hub.city.database.read() as session:
        return session.scalar(
            select(SharingState.reason).where(
                SharingState.record_id == kept.id, SharingState.audience == "public"
            )
        )


def test_what_two_people_declassify_is_a_new_version_that_others_may_see(
    restricted: Kept, archivist: Actor
) -> None:
    city, before = restricted.hub.city, restricted.held()
    leader = city.person(Grant(Role.LEADER, YILING_ARCHIVE))
    reader = city.person(Grant(Role.READER, YILING_ARCHIVE))
    assert sight(reader, before) is Sight.COUNTS
    assert why_not_public(restricted) == "security_class"
    act = propose(restricted, archivist)
    with pytest.raises(Conflict):
        propose(restricted, archivist)
    restricted.hub.work("correcting.declassify")
    assert restricted.held().security == "internal"

    confirm(restricted, leader, act)
    restricted.hub.work()
    after = restricted.held()
    assert (after.version, after.security, after.wire["security"]) == (
        before.version + 1, "none", "none",
    )  # fmt: skip
    assert "解密" in after.wire["security_change"]
    assert after.wire["events"][-1]["action"] == "密级变更"
    assert after.wire["events"][-1]["basis"] == "保密审查意见"
    assert sight(reader, after) is Sight.FULL
    assert why_not_public(restricted) == "not_shared"
    [changed] = restricted.unit.heard("changed")
    assert changed["record"] == after.wire
    with city.database.read() as session:
        told = session.scalars(
            select(AuditEvent.actor_id).where(AuditEvent.action == "record.declassified")
        ).all()
    assert told == [leader.id]
    restricted.hub.work()
    assert restricted.held().version == after.version


def test_neither_one_person_nor_another_archive_declassifies(
    restricted: Kept, archivist: Actor
) -> None:
    city = restricted.hub.city
    both = city.person(Grant(Role.ARCHIVIST, YILING_ARCHIVE), Grant(Role.LEADER, YILING_ARCHIVE))
    with pytest.raises(NotFound):
        propose(restricted, city.archivist(ZHIJIANG_ARCHIVE))
    with pytest.raises(NotAllowed):
        propose(restricted, city.person(Grant(Role.LEADER, YILING_ARCHIVE)))
    act = propose(restricted, both)
    with pytest.raises(WrongState):
        confirm(restricted, both, act)
    for other in (archivist, city.person(Grant(Role.LEADER, ZHIJIANG_ARCHIVE))):
        with pytest.raises(NotAllowed):
            confirm(restricted, other, act)
    restricted.hub.work("correcting.declassify")
    assert restricted.held().security == "internal"


def test_what_is_not_restricted_is_not_declassified(kept: Kept, archivist: Actor) -> None:
    with pytest.raises(WrongState):
        propose(kept, archivist)


def test_one_proposes_on_the_page_of_the_record_and_the_other_confirms(restricted: Kept) -> None:
    desk = make_desk(
        restricted.hub.city,
        archivist=Grant(Role.ARCHIVIST, YILING_ARCHIVE),
        leader=Grant(Role.LEADER, YILING_ARCHIVE),
    )
    path = f"/corrections/records/{restricted.id}/declassify"
    archivist, leader = Browser(desk, "archivist"), Browser(desk, "leader")
    assert path in archivist.get(f"/catalogue/records/{restricted.id}").text
    assert path not in leader.get(f"/catalogue/records/{restricted.id}").text
    assert archivist.send(path, {"reason": "保密审查意见"}).status_code == 302
    again = Api(desk, "archivist").post(path, {"reason": "保密审查意见"})
    assert again.status_code == 409
    page = leader.get("/acts/").text
    digest = re.findall(r'name="digest" value="([0-9a-f]{64})"', page)[0]
    confirm_at = re.findall(r'action="(/acts/[^"/]+/confirm)"', page)[0]
    assert leader.send(confirm_at, {"digest": digest}).status_code == 302
    restricted.hub.work()
    assert restricted.held().security == "none"
    assert path not in archivist.get(f"/catalogue/records/{restricted.id}").text
