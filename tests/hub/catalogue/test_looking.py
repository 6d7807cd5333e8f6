"""What is found in the catalogue, and by whom."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.catalogue import service as catalogue
from hub.catalogue.query import MASKED_TITLE, Filters
from hub.federation import service as federation
from hub.federation.visibility import Sight
from shared.kernel.actor import Grant, Openness, Role
from shared.kernel.errors import NotFound
from shared.kernel.identifiers import new_id
from shared.records.security import SecurityClass
from tests.records import next_version

DATABASES = ("sqlite", "postgresql")

YILING, ZHIJIANG, CITY = "420506", "420583", "420500"


@pytest.fixture
def towns(city, session):
    """A town of each of two counties; in the first, the city's archive receives."""
    federation.make_agreement(city.admin, YILING, "集中保管协议", key=city.key, session=session)
    made = []
    for name, division, number in (
        ("小溪塔街道办事处", "420506001000", "J001"),
        ("马家店街道办事处", "420583001000", "J002"),
    ):
        fonds = city.fonds(name, division, session, number=number)
        node = city.node(name, fonds, session=session)
        records = [
            city.record(fonds, 1, title=f"{name}关于防汛抗旱工作的通知"),
            city.record(fonds, 2, title=f"{name}关于林权登记的批复", year=2023),
            city.record(fonds, 3, title=f"{name}内部事项", security=SecurityClass.INTERNAL),
        ]
        catalogue.apply_records(session, node.id, city.entries(*records))
        made.append((fonds, node, records))
    return made


def found(actor, session, **filters):
    return catalogue.search(actor, Filters(**filters), session=session)


def test_a_unit_finds_its_own_and_nothing_else(city, session, towns):
    (fonds, _, records), (other, _, _) = towns
    clerk = city.clerk(fonds)
    rows = found(clerk, session).rows
    assert [row.id for row in rows] == [records[1].id, records[0].id, records[2].id]
    assert found(clerk, session, fonds=other.id).rows == []


def test_a_reviewer_of_one_county_sees_nothing_of_another(city, session, towns):
    (_, _, yiling), (_, _, zhijiang) = towns
    reviewer = city.reviewer(ZHIJIANG)
    assert {row.id for row in found(reviewer, session).rows} == {each.id for each in zhijiang}
    for each in yiling:
        with pytest.raises(NotFound):
            catalogue.look_at(reviewer, each.id, session=session)


def test_the_reviewing_archive_sees_a_record_only_while_it_lies_before_it(city, session, towns):
    (_, node, records), _ = towns
    reviewer = city.reviewer(YILING)
    assert found(reviewer, session).rows == []
    offered = next_version(records[0], state="offered")
    catalogue.apply_records(session, node.id, city.entries(offered))
    assert [row.id for row in found(reviewer, session).rows] == [records[0].id]
    catalogue.set_custody(session, [records[0].id], CITY, new_id())
    assert found(reviewer, session).rows == []
    assert len(found(city.archivist(CITY), session).rows) == 3


def test_what_is_masked_shows_no_title_and_is_not_found_by_it(city, session, towns):
    (fonds, _, records), _ = towns
    archivist = city.archivist(CITY)
    federation.set_disclosure(city.admin, fonds.id, {"WS": "masked"}, session=session)
    rows = found(archivist, session, year=2023).rows
    assert [(row.title, row.doc_no) for row in rows] == [(MASKED_TITLE, None)]
    assert found(archivist, session, text="林权登记").rows == []
    assert [row.id for row in found(archivist, session, text="j001-ws．2023").rows] == [
        records[1].id
    ]
    look = catalogue.look_at(archivist, records[1].id, session=session)
    assert look.sight is Sight.MASKED
    assert "林权" not in str(look.wire)
    federation.set_disclosure(city.admin, fonds.id, {"*": "counts"}, session=session)
    assert found(archivist, session).rows == []


def test_everybody_may_know_how_many_there_are(city, session, towns):
    (fonds, _, _), _ = towns
    assert catalogue.counted(city.admin, Filters(), session=session, by=("year",)) == [
        {"year": 2023, "records": 2},
        {"year": 2024, "records": 4},
    ]
    assert catalogue.counted(
        city.admin, Filters(fonds=fonds.id, year=2024), session=session, by=("state",)
    ) == [{"state": "filed", "records": 2}]
    of_zhijiang = Filters(division="420583000000")
    assert catalogue.counted(city.admin, of_zhijiang, session=session, by=()) == [{"records": 3}]


def test_what_is_internal_is_counted_only_for_those_who_may_see_it(city, session, towns):
    """A record of 内部 was in every total: a neighbour could watch its number grow."""
    (fonds, _, _), (other, _, _) = towns

    def of(actor):
        rows = catalogue.counted(actor, Filters(), session=session, by=("fonds_id",))
        return {row["fonds_id"]: row["records"] for row in rows}

    assert of(city.clerk(fonds)) == {fonds.id: 3, other.id: 2}
    assert of(city.archivist(CITY)) == {fonds.id: 3, other.id: 2}
    assert of(city.archivist(ZHIJIANG)) == {fonds.id: 2, other.id: 3}
    assert of(city.person()) == {fonds.id: 2, other.id: 2}
    assert of(city.admin) == {fonds.id: 3, other.id: 3}


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_numbers_and_lists_agree_for_everybody(city, session, towns, data):
    """A total is the length of its list; groups add up to it, and hold nothing hidden."""
    (fonds, _, records), (other, _, others) = towns
    archives, units = st.sampled_from([YILING, ZHIJIANG, CITY]), st.sampled_from([fonds, other])
    grants = st.builds(
        Grant,
        st.sampled_from(list(Role)),
        st.none() | archives,
        st.none() | units.map(lambda each: each.id),
        st.sampled_from([None, None, "WS", "KJ"]),
        st.sampled_from([Openness.ALL, Openness.ALL, Openness.OPEN]),
    )
    actor = city.person(*data.draw(st.lists(grants, max_size=2)))
    narrowed = data.draw(
        st.sampled_from([{}, {"year": 2024}, {"fonds": fonds.id}, {"class_code": "WS"}])
    )
    page = found(actor, session, **narrowed)
    assert page.total == len(page.rows)
    told = [catalogue.record_of(each.id, session) for each in (*records, *others)]
    known = [
        each
        for each in told
        if (each.security == "none" or catalogue_sight(actor, each, session) is not Sight.COUNTS)
        and narrowed.get("year") in (None, each.year)
        and narrowed.get("fonds") in (None, each.fonds_id)
    ]
    for by in ((), ("year",), ("fonds_id", "retention"), ("state", "level")):
        rows = catalogue.counted(actor, Filters(**narrowed), session=session, by=by)
        assert sum(row["records"] for row in rows) == len(known)
        assert all(row["records"] for row in rows) or not by


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("防汛抗旱", 2),
        ("防汛 小溪塔", 1),
        ("宜办发[2024]1号", 2),
        ("J001－WS•2024", 2),
        ("没有这样的文件", 0),
    ],
)
def test_titles_numbers_and_codes_are_found(city, session, towns, query, count):
    assert found(city.admin, session, text=query).total == count


def test_filters_narrow_by_place_archive_and_class(city, session, towns):
    assert found(city.admin, session, division="420506000000").total == 3
    assert found(city.admin, session, division="420500000000").total == 6
    assert found(city.admin, session, archive=YILING).total == 3
    assert found(city.admin, session, archive=CITY, year=2023).total == 1
    assert found(city.admin, session, class_code="KU").total == 0
    assert found(city.admin, session, retention="D30", state="filed").total == 6


def test_a_changed_title_is_found_by_the_new_one_only(city, session, towns):
    (_, node, records), _ = towns
    changed = next_version(records[0], title="关于春耕备耕的意见")
    catalogue.apply_records(session, node.id, city.entries(changed))
    assert found(city.admin, session, text="春耕备耕").total == 1
    assert found(city.admin, session, text="小溪塔街道办事处关于防汛").total == 0


def test_records_follow_their_fonds_to_another_archive(city, session, towns):
    _, (fonds, _, _) = towns
    assert len(found(city.archivist(ZHIJIANG), session).rows) == 3
    federation.set_archives(
        city.admin, fonds.id, reviewing=ZHIJIANG, receiving=CITY, key=city.key, session=session
    )
    assert found(city.archivist(ZHIJIANG), session).rows == []
    assert found(city.archivist(CITY), session, fonds=fonds.id).total == 3


def test_records_follow_their_fonds_to_another_node(city, session, towns):
    (fonds, first, records), (_, second, _) = towns
    federation.assign_fonds(
        federation.fonds_of(fonds.id, session), second.id, key=city.key, session=session
    )
    later = city.entries(next_version(records[0], pages=9))
    catalogue.apply_records(session, second.id, later)
    assert {held["record"]["id"] for held in catalogue.held_by(second.id, session)} >= {
        each.id for each in records
    }
    assert list(catalogue.held_by(first.id, session)) == []


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_no_list_ever_shows_or_finds_a_title_that_may_not_be_seen(city, session, towns, data):
    (fonds, _, records), (other, _, _) = towns
    level = data.draw(st.sampled_from(["full", "masked", "counts"]))
    federation.set_disclosure(city.admin, fonds.id, {"*": level}, session=session)
    actor = data.draw(
        st.sampled_from(
            [
                city.clerk(other),
                city.reviewer(YILING),
                city.reviewer(ZHIJIANG),
                city.archivist(CITY),
                city.person(),
            ]
        )
    )
    record = data.draw(st.sampled_from(records))
    start = data.draw(st.integers(0, len(record.title) - 2))
    end = data.draw(st.integers(start + 2, len(record.title)))
    result = found(actor, session, text=record.title[start:end])
    titles = {each.title for each in records}
    may = catalogue_sight(actor, record, session) is Sight.FULL
    assert (record.id in {row.id for row in result.rows}) == may
    for row in found(actor, session).rows:
        assert row.sight is Sight.FULL or row.title not in titles


def catalogue_sight(actor, record, session):
    try:
        return catalogue.look_at(actor, record.id, session=session).sight
    except NotFound:
        return Sight.COUNTS


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(st.sampled_from(["told", "state", "custody", "void"]), max_size=12))
def test_the_running_tally_is_what_a_recount_finds(city, session, towns, steps):
    (fonds, node, records), _ = towns
    record = catalogue.record_of(records[0].id, session)
    current = records[0]
    current = replace(current, version=record.version)
    for step in steps:
        if step == "state":
            state = "offered" if record.state == "filed" else "filed"
            catalogue.move_state(session, [current.id], state)
        elif step == "told":
            fresh = city.record(fonds, int(new_id()[-3:], 16) + 10, year=2020)
            if not catalogue.codes_in_use(fonds.id, [fresh.code], session):
                catalogue.apply_records(session, node.id, city.entries(fresh))
    assert not catalogue.recount(fonds.id, session=session)
