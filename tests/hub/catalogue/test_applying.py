"""What the catalogue takes from a node, and what it refuses."""

from dataclasses import replace

import pytest
from sqlalchemy import event, func, select

from hub.catalogue import service as catalogue
from hub.catalogue.models import CatalogueRecord
from hub.catalogue.told import read_told
from shared.kernel.errors import (
    Classified,
    Conflict,
    DanglianError,
    Invalid,
    NotAllowed,
    WrongState,
)
from shared.kernel.identifiers import new_id
from shared.records.record import content_digest, record_to_wire
from tests.records import next_version, with_event

DATABASES = ("sqlite", "postgresql")

TOWN, OTHER_TOWN = "420506101000", "420583101000"


@pytest.fixture
def place(city, session):
    """A town's fonds, kept by its node."""
    fonds = city.fonds("小溪塔街道办事处", "420506001000", session, number="J001")
    node = city.node("小溪塔街道办事处", fonds, session=session)
    return fonds, node


def titles(session):
    return session.scalars(select(CatalogueRecord.title).order_by(CatalogueRecord.code_key)).all()


def apply(session, node, entries):
    catalogue.apply_records(session, node.id, entries)


def test_what_a_node_tells_stands_in_the_catalogue(city, session, place):
    fonds, node = place
    record = city.record(fonds, 1)
    apply(session, node, city.entries(record))
    held = catalogue.record_of(record.id, session)
    assert held.wire == record_to_wire(record)
    assert held.digest == content_digest(record)
    assert (held.title, held.code, held.state) == (record.title, record.code, "filed")
    assert held.custody == f"node:{node.id}"
    assert not held.in_archive_custody


def test_the_same_told_twice_changes_nothing(city, session, place):
    fonds, node = place
    entries = city.entries(city.record(fonds, 1), city.record(fonds, 2))
    apply(session, node, entries)
    before = catalogue.sums(session, node.id)
    apply(session, node, entries)
    assert catalogue.sums(session, node.id) == before
    assert len(titles(session)) == 2


def test_a_newer_version_replaces_the_older(city, session, place):
    fonds, node = place
    first = city.record(fonds, 1)
    second = next_version(first, title="改正后的题名")
    apply(session, node, city.entries(first))
    apply(session, node, city.entries(second))
    assert titles(session) == ["改正后的题名"]
    assert catalogue.record_of(first.id, session).version == 2


def test_versions_of_one_record_in_one_run_are_taken_in_order(city, session, place):
    fonds, node = place
    first = city.record(fonds, 1)
    apply(session, node, city.entries(first, next_version(first, title="第二版")))
    assert titles(session) == ["第二版"]


def refused(session, node, entries, kind: type[DanglianError], code: str) -> DanglianError:
    before = titles(session)
    with pytest.raises(kind) as caught:
        apply(session, node, entries)
    assert caught.value.code == code
    assert titles(session) == before
    return caught.value


def test_an_older_version_or_the_same_with_other_content_is_a_conflict(city, session, place):
    fonds, node = place
    first = city.record(fonds, 1)
    second = next_version(first, title="第二版")
    apply(session, node, city.entries(second))
    refused(session, node, city.entries(first), Conflict, "version_conflict")
    other = replace(second, title="另一个第二版")
    refused(session, node, city.entries(other), Conflict, "version_conflict")


def test_a_fonds_of_another_node_is_refused(city, session, place):
    _, node = place
    foreign = city.fonds("某镇人民政府", "420583101000", session)
    refused(session, node, city.entries(city.record(foreign, 1)), NotAllowed, "foreign_fonds")


def test_an_unknown_fonds_is_refused(city, session, place):
    fonds, node = place
    record = replace(city.record(fonds, 1), fonds_id=new_id())
    refused(session, node, city.entries(record), NotAllowed, "foreign_fonds")


def test_a_record_that_an_archive_has_is_no_longer_the_nodes(city, session, place):
    fonds, node = place
    record = city.record(fonds, 1)
    apply(session, node, city.entries(record))
    catalogue.set_custody(session, [record.id], "420506", new_id())
    later = city.entries(next_version(record, title="改"))
    refused(session, node, later, WrongState, "in_archive_custody")
    apply(session, node, city.entries(record))


def test_a_code_is_given_once_in_a_fonds_whatever_its_spelling(city, session, place):
    fonds, node = place
    first = city.record(fonds, 1)
    apply(session, node, city.entries(first))
    second = replace(city.record(fonds, 1), code=first.code.replace("·", "．").lower())
    error = refused(session, node, city.entries(second), Conflict, "code_taken")
    assert first.id in error.message


def test_two_records_of_one_run_cannot_take_the_same_code(city, session, place):
    fonds, node = place
    entries = city.entries(city.record(fonds, 1), city.record(fonds, 1))
    refused(session, node, entries, Conflict, "code_taken")


def test_a_code_can_pass_from_one_record_to_another(city, session, place):
    fonds, node = place
    first, second = city.record(fonds, 1), city.record(fonds, 2)
    apply(session, node, city.entries(first, second))
    moved = next_version(first, number=3, code=first.code.replace("0001", "0003"))
    follows = next_version(second, number=1, code=first.code)
    apply(session, node, city.entries(moved, follows))
    assert catalogue.codes_in_use(fonds.id, [first.code, second.code], session) == {
        first.code: second.id
    }


def test_an_unreadable_code_is_refused(city, session, place):
    fonds, node = place
    refused(
        session,
        node,
        city.entries(city.record(fonds, 1, code="没有档号")),
        DanglianError,
        "bad_archival_code",
    )


def test_history_only_grows(city, session, place):
    fonds, node = place
    record = with_event(city.record(fonds, 1), "修改", "李四", agent_unit="办公室")
    apply(session, node, city.entries(record))
    shorter = next_version(record, events=record.events[:1])
    refused(session, node, city.entries(shorter), Conflict, "history_changed")
    longer = next_version(with_event(record, "检验", "李四", agent_unit="办公室"))
    apply(session, node, city.entries(longer))


def test_a_classified_title_leaves_nothing_behind(city, session, place):
    fonds, node = place
    wire = record_to_wire(city.record(fonds, 1))
    error = refused(
        session, node, city.entries({**wire, "title": "某事机密★10年"}), Classified, "classified"
    )
    assert "某事" not in error.message


def test_a_void_number_is_kept_and_its_code_stays_taken(city, session, place):
    fonds, node = place
    record = city.record(fonds, 1)
    apply(session, node, city.entries(record))
    void = next_version(record, state="void", void_reason="重份，不归档")
    apply(session, node, city.entries(void))
    assert catalogue.record_of(record.id, session).state == "void"
    refused(session, node, city.entries(city.record(fonds, 1)), Conflict, "code_taken")


def test_one_bad_entry_keeps_the_whole_run_out(city, session, place):
    fonds, node = place
    bad = record_to_wire(city.record(fonds, 2))
    del bad["title"]
    refused(session, node, city.entries(city.record(fonds, 1), bad), DanglianError, "bad_shape")


def test_a_run_of_a_thousand_takes_a_handful_of_queries(city, session, place):
    fonds, node = place
    asked = []
    listener = lambda *args: asked.append(args[2])  # noqa: E731
    event.listen(city.database.engine, "before_cursor_execute", listener)
    first = [city.record(fonds, number) for number in range(1, 1001)]
    apply(session, node, city.entries(*first))
    inserts = len(asked)
    asked.clear()
    apply(session, node, city.entries(*(next_version(each, pages=3) for each in first)))
    event.remove(city.database.engine, "before_cursor_execute", listener)
    assert inserts < 20
    assert len(asked) < 20


def test_many_records_come_in_runs(city, session, place):
    fonds, node = place
    for start in range(0, 5_000, 1000):
        years = 1990 + start // 1000
        records = [city.record(fonds, n, year=years) for n in range(1, 1001)]
        apply(session, node, city.entries(*records))
    assert session.scalar(select(func.count()).select_from(CatalogueRecord)) == 5_000
    assert len(catalogue.sums(session, node.id)) == 5
    assert not catalogue.recount(fonds.id, session=session)


@pytest.mark.parametrize("title", ["空\x00字", "半个\ud800字符", "题" * 501, "e\u0301"])
def test_a_title_that_only_one_of_the_databases_would_take_is_refused_on_both(
    city, session, place, title
):
    fonds, node = place
    told = record_to_wire(city.record(fonds, 1)) | {"title": title}
    with pytest.raises(Invalid):
        apply(session, node, city.entries(told))
    assert titles(session) == []


def test_what_was_read_ahead_is_held_to_the_same_rules(city, session, place, database_kind):
    fonds, node = place

    def read_ahead(*records):
        return [
            replace(each, body={}, read=list(read_told(each.body, database_kind)))
            for each in city.entries(*records)
        ]

    first, other = city.record(fonds, 1), city.record(fonds, 2)
    apply(session, node, read_ahead(first, other))
    assert catalogue.record_of(first.id, session).wire == record_to_wire(first)
    assert catalogue.record_of(first.id, session).digest == content_digest(first)
    second = next_version(first, title="第二版")
    apply(session, node, read_ahead(second, next_version(second, title="第三版")))
    assert sorted(titles(session)) == sorted(["第三版", other.title])
    foreign = city.fonds("某镇人民政府", "420583101000", session)
    refused(session, node, read_ahead(city.record(foreign, 1)), NotAllowed, "foreign_fonds")
    refused(session, node, read_ahead(city.record(fonds, 2)), Conflict, "code_taken")
    refused(session, node, read_ahead(replace(other, title="改")), Conflict, "version_conflict")
    rewritten = next_version(other, events=city.record(fonds, 3).events)
    refused(session, node, read_ahead(rewritten), Conflict, "history_changed")
    assert not catalogue.recount(fonds.id, session=session)
