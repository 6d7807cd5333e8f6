"""The life of a fonds: registered, numbered, renamed, succeeded, assigned."""

from datetime import date

import pytest
from sqlalchemy import select

from hub.federation import service as federation
from hub.federation.models import FondsState
from shared.audit import AuditEvent, events
from shared.kernel.actor import Grant, Role
from shared.kernel.clock import today
from shared.kernel.errors import Conflict, DanglianError, Invalid, NotAllowed, NotFound, WrongState
from shared.kernel.keys import document_is_signed_by
from shared.messaging.models import OutgoingEntry

DATABASES = ("sqlite", "postgresql")

CITY, YILING, ZHIJIANG = "420500", "420506", "420583"
TOWN, VILLAGE = "420506101000", "420506101001"


def test_the_city_has_its_divisions_and_fourteen_archives(session):
    archives = federation.archives(session)
    assert [archives[0].code, archives[0].name] == [CITY, "宜昌市档案馆"]
    assert len(archives) == 14
    assert len(federation.divisions_below("420500000000", session)) == 1777
    assert len(federation.divisions_below("420506000000", session)) == 1 + 14 + 210
    assert federation.full_name(TOWN, session).startswith("宜昌市夷陵区")
    assert len({each.seal_public for each in archives}) == 14


@pytest.mark.parametrize(
    ("division", "reviewing", "receiving"),
    [
        ("420500000000", CITY, CITY),
        ("420506000000", YILING, YILING),
        (TOWN, YILING, YILING),
        (VILLAGE, YILING, None),
    ],
)
def test_a_fonds_belongs_to_the_archive_of_its_level(city, session, division, reviewing, receiving):
    fonds = city.fonds("某单位", division, session)
    assert (fonds.reviewing_archive, fonds.receiving_archive) == (reviewing, receiving)


def test_central_keeping_holds_for_fonds_of_now_and_later(city, session):
    before = city.fonds("龙泉镇人民政府", TOWN, session, number="J001")
    village = city.fonds("某村", VILLAGE, session)
    other = city.fonds("某市直部门", "420500000000", session)
    federation.make_agreement(city.admin, YILING, "集中保管协议", key=city.key, session=session)
    later = city.fonds("夷陵区林业局", "420506000000", session)
    for fonds in (before, later):
        assert (fonds.reviewing_archive, fonds.receiving_archive) == (YILING, CITY)
        assert fonds.shape.receiving_archive == CITY
    assert village.receiving_archive is None
    assert other.reviewing_archive == CITY
    with pytest.raises(Conflict):
        federation.make_agreement(city.admin, YILING, "再一份", key=city.key, session=session)
    with pytest.raises(Invalid):
        federation.make_agreement(city.admin, CITY, "市馆", key=city.key, session=session)


def test_a_number_is_given_once_in_an_archive(city, session):
    first = city.fonds("甲局", "420506000000", session, number="J001")
    second = city.fonds("乙局", "420506000000", session)
    with pytest.raises(Conflict) as caught:
        federation.assign_number(
            city.admin, second.id, YILING, "j001", key=city.key, session=session
        )
    assert "甲局" in caught.value.message
    federation.assign_number(city.admin, second.id, YILING, "J002", key=city.key, session=session)
    assert second.number == second.shape.number == "J002"
    with pytest.raises(Conflict):
        federation.assign_number(
            city.admin, first.id, YILING, "J003", key=city.key, session=session
        )
    other = city.fonds("丙局", "420583000000", session, number="J001")
    assert other.number == "J001"


def test_the_county_numbers_its_own_and_nobody_elses(city, session):
    fonds = city.fonds("甲局", "420506000000", session)
    elsewhere = city.archivist(ZHIJIANG)
    with pytest.raises(NotAllowed):
        federation.assign_number(elsewhere, fonds.id, YILING, "J001", key=city.key, session=session)
    with pytest.raises(Invalid):
        federation.assign_number(
            elsewhere, fonds.id, ZHIJIANG, "J001", key=city.key, session=session
        )
    federation.assign_number(
        city.archivist(YILING), fonds.id, YILING, "J001", key=city.key, session=session
    )


def test_the_approved_retention_schedule_is_noted_and_told_to_the_node(city, session):
    fonds = city.fonds("夷陵区林业局", "420506000000", session)
    node = city.node("夷陵区林业局", fonds, session=session)
    told = ("夷陵区林业局归档范围和保管期限表", "2024年版", date(2024, 1, 5))
    federation.approve_schedule(city.admin, fonds.id, *told, key=city.key, session=session)
    assert str(fonds.shape.retention_schedule) == (
        "夷陵区林业局归档范围和保管期限表（2024年版，2024-01-05 批准）"
    )
    entries = session.scalars(
        select(OutgoingEntry)
        .where(OutgoingEntry.peer == node.id, OutgoingEntry.kind == "fonds")
        .order_by(OutgoingEntry.seq.desc())
    )
    assert "夷陵区林业局归档范围和保管期限表" in next(iter(entries)).body.decode()
    county = city.person(Grant(Role.AUTHORITY, YILING))
    federation.approve_schedule(county, fonds.id, *told, key=city.key, session=session)
    for other, problem in (
        (city.archivist(ZHIJIANG), NotFound),
        (city.person(Grant(Role.AUTHORITY, ZHIJIANG)), NotFound),
        (city.person(Grant(Role.SYSTEM_ADMINISTRATOR, YILING)), NotAllowed),
    ):
        with pytest.raises(problem):
            federation.approve_schedule(other, fonds.id, *told, key=city.key, session=session)
    with pytest.raises(Invalid):
        federation.approve_schedule(
            city.admin, fonds.id, "", "1", None, key=city.key, session=session
        )


def test_the_authority_consents_to_an_early_transfer_and_nobody_else_does(city):
    authority = city.person(Grant(Role.AUTHORITY, YILING))
    with city.database.write() as session:
        fonds = city.fonds("夷陵区林业局", "420506000000", session)
        asked = (fonds.id, "early", (2010, 2012), "机构撤销，夷档函〔2026〕3号")
        federation.consent_to_transfer(authority, *asked, session=session)
        (consent,) = federation.transfer_consents(fonds.id, session)
        assert (consent.timing, consent.first_year, consent.last_year) == ("early", 2010, 2012)
        assert consent.given_by == authority.name
        with pytest.raises(NotAllowed):
            federation.consent_to_transfer(city.archivist(YILING), *asked, session=session)
        for wrong in (("sometime", (2010, 2012)), ("late", (2012, 2010)), ("late", (2010, 2999))):
            with pytest.raises(Invalid):
                federation.consent_to_transfer(authority, fonds.id, *wrong, "理由", session=session)
    with city.database.read() as session:
        (event,) = session.scalars(events(action="fonds.transfer_consented"))
        assert event.subject == f"fonds:{fonds.id}"


def test_the_authority_says_when_a_fonds_transfers_and_what_then_needs_its_consent(city, session):
    authority = city.person(Grant(Role.AUTHORITY, YILING))
    fonds = city.fonds("夷陵区林业局", "420506000000", session)
    this_year = int(today()[:4])
    years = (this_year - 31, this_year - 10, this_year - 9)

    def missing():
        return federation.without_consent(fonds.id, years, session)

    assert missing() == {}
    federation.set_transfer_rule(authority, fonds.id, 10, 30, session=session)
    assert missing() == {"early": [this_year - 9], "late": [this_year - 31]}
    early = (fonds.id, "early", (this_year - 9, this_year), "机构撤销")
    federation.consent_to_transfer(authority, *early, session=session)
    assert missing() == {"late": [this_year - 31]}
    federation.set_transfer_rule(authority, fonds.id, 10, None, session=session)
    assert missing() == {}
    for wrong in ((0, None), (20, 10), (None, 5), (99, None)):
        with pytest.raises(Invalid):
            federation.set_transfer_rule(authority, fonds.id, *wrong, session=session)
    with pytest.raises(NotAllowed):
        federation.set_transfer_rule(city.archivist(YILING), fonds.id, 1, None, session=session)
    federation.set_transfer_rule(authority, fonds.id, None, None, session=session)
    assert federation.transfer_rule(fonds.id, session) is None


def test_a_mere_renaming_keeps_the_fonds(city, session):
    fonds = city.fonds("夷陵区农业局", "420506000000", session, since=date(2001, 1, 1))
    renamed = federation.rename_fonds(
        city.admin,
        fonds.id,
        "夷陵区农业农村局",
        date(2019, 3, 1),
        key=city.key,
        session=session,
    )
    assert renamed.id == fonds.id
    assert renamed.name == "夷陵区农业农村局"
    assert renamed.shape.name_on(date(2010, 5, 5)) == "夷陵区农业局"
    assert renamed.shape.names[0].until == date(2019, 2, 28)
    with pytest.raises(Invalid):
        federation.rename_fonds(
            city.admin, fonds.id, "更早的名称", date(1999, 1, 1), key=city.key, session=session
        )


def test_a_merger_closes_the_old_fonds_unmixed_and_opens_a_new_one(city, session):
    one = city.fonds("甲局", "420506000000", session)
    two = city.fonds("乙局", "420506000000", session)
    merged = federation.succeed(
        city.admin,
        [one.id, two.id],
        federation.NewFonds("甲乙局", "420506000000"),
        "机构改革合并",
        key=city.key,
        session=session,
    )
    assert merged.shape.predecessors == (one.id, two.id)
    for old in (one, two):
        assert old.state == FondsState.CLOSED
        assert old.shape.successors == (merged.id,)
        with pytest.raises(WrongState):
            federation.rename_fonds(
                city.admin, old.id, "又改名", date(2024, 1, 1), key=city.key, session=session
            )


def told(session, node):
    return session.scalars(
        select(OutgoingEntry).where(OutgoingEntry.peer == node.id).order_by(OutgoingEntry.seq)
    ).all()


def test_every_change_of_an_assignment_goes_down_signed(city, session):
    import json

    fonds = city.fonds("龙泉镇人民政府", TOWN, session)
    node = city.node("龙泉镇", fonds, session=session)
    federation.assign_number(city.admin, fonds.id, YILING, "J001", key=city.key, session=session)
    federation.rename_fonds(
        city.admin, fonds.id, "龙泉镇政府", date(2024, 1, 1), key=city.key, session=session
    )
    federation.make_agreement(city.admin, YILING, "协议", key=city.key, session=session)
    entries = told(session, node)
    assert [each.kind for each in entries] == ["fonds"] * 3
    last = json.loads(entries[-1].body)
    assert last["kept"] is True
    assert last["fonds"]["receiving_archive"] == CITY
    assert last["fonds"]["numbers"] == {YILING: "J001"}
    signed = last.pop("signed")
    assert document_is_signed_by(city.key.public, last, signed)
    last["fonds"]["receiving_archive"] = ZHIJIANG
    assert not document_is_signed_by(city.key.public, last, signed)


def test_one_fonds_belongs_to_one_node_at_a_time(city, session):
    import json

    fonds = city.fonds("龙泉镇人民政府", TOWN, session)
    other = city.fonds("鸦鹊岭镇人民政府", "420506102000", session)
    first = city.node("龙泉镇", fonds, session=session)
    second = city.node("鸦鹊岭镇", other, session=session)
    with pytest.raises(WrongState) as caught:
        federation.reassign_fonds(city.admin, fonds.id, second.id, key=city.key, session=session)
    assert (caught.value.code, "全宗交接" in caught.value.remedy) == ("fonds_written", True)
    federation.assign_fonds(fonds, second.id, key=city.key, session=session)
    assert not federation.keeps(first.id, fonds.id, session)
    assert federation.keeps(second.id, fonds.id, session)
    assert [json.loads(each.body)["kept"] for each in told(session, first)] == [False]
    assert [json.loads(each.body)["kept"] for each in told(session, second)] == [True]
    with pytest.raises(Conflict):
        federation.create_node_with_code(
            city.admin, "又一个", TOWN, [fonds.id], key=city.key, session=session
        )


def test_a_fonds_that_nobody_has_written_into_is_simply_given_to_another_node(city, session):
    fonds = city.fonds("龙泉镇人民政府", TOWN, session)
    first, second = (
        federation.create_node_with_code(
            city.admin, name, TOWN, fonds_ids, key=city.key, session=session
        ).node
        for name, fonds_ids in (("龙泉镇", [fonds.id]), ("鸦鹊岭镇", []))
    )
    federation.reassign_fonds(city.admin, fonds.id, second.id, key=city.key, session=session)
    assert not federation.keeps(first.id, fonds.id, session)
    assert federation.keeps(second.id, fonds.id, session)


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.ARCHIVIST, Role.CLERK])
def test_only_administrators_register_fonds(city, session, role):
    actor = city.person(Grant(role, YILING))
    with pytest.raises(NotAllowed):
        federation.register_fonds(
            actor, federation.NewFonds("某局", "420506000000"), session=session
        )


def test_an_administrator_of_one_archive_registers_its_fonds_only(city, session):
    actor = city.person(Grant(Role.SYSTEM_ADMINISTRATOR, YILING))
    federation.register_fonds(actor, federation.NewFonds("某局", "420506000000"), session=session)
    with pytest.raises(NotAllowed):
        federation.register_fonds(
            actor, federation.NewFonds("某局", "420583000000"), session=session
        )
    assert [each.name for each in session.scalars(federation.fonds_seen_by(actor))] == ["某局"]


def test_noting_a_schedule_leaves_an_event(city):
    with city.database.write() as session:
        fonds = city.fonds("某局", "420506000000", session)
        federation.approve_schedule(
            city.admin, fonds.id, "某局保管期限表", "2024年版", None, key=city.key, session=session
        )
    with city.database.read() as session:
        (noted,) = session.scalars(events(action="fonds.schedule_set"))
        assert noted.subject == f"fonds:{fonds.id}"


def test_each_act_leaves_one_event(city):
    with city.database.write() as session:
        fonds = city.fonds("某局", "420506000000", session, number="J001")
    with city.database.read() as session:
        found = session.scalars(events().where(events_subject(f"fonds:{fonds.id}")))
        actions = [each.action for each in found]
    assert sorted(actions) == ["fonds.number_assigned", "fonds.registered"]


def events_subject(subject):

    return AuditEvent.subject == subject


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"division_code": "420000000000"}, "division_code"),
        ({"number": "太长"}, "number"),
        ({"name": " "}, "name"),
        ({"name": "某\x07局"}, "name"),
        ({"disclosure": {"WS": "everything"}}, "disclosure"),
        ({"disclosure": {"??": "full"}}, "disclosure"),
    ],
)
def test_a_wrong_field_is_named(city, session, changes, field):
    given = {"name": "某局", "division_code": "420506000000", **changes}
    with pytest.raises(DanglianError) as caught:
        federation.register_fonds(city.admin, federation.NewFonds(**given), session=session)
    assert caught.value.field == field
