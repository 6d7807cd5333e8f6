"""A record whose file bears a mark, found only by the hub's check, leaves no title at the hub."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text

from hub.catalogue import service as catalogue
from hub.catalogue.models import CatalogueRecord
from hub.catalogue.service import Filters
from hub.receiving.models import Offer
from shared.audit import AuditEvent
from shared.kernel.actor import Actor
from shared.kernel.canonical import sha256_hex
from shared.kernel.identifiers import new_id
from shared.records.holdings import FileKind
from shared.records.record import (
    ComputerFile,
    Document,
    Record,
    content_digest,
    record_from_wire,
    record_to_wire,
)
from tests.hub.receiving.handover import HandedOver, Hub, Unit, pdf

NEUTRAL = "（含密级标志，未保存题名）"


@pytest.fixture
def batch(hub: Hub, unit: Unit) -> HandedOver:
    """A batch of one record in which the check has found a mark."""
    batch = unit.hand_over_marked()
    hub.work()
    return batch


@pytest.fixture
def marked(batch: HandedOver) -> Record:
    """The record as its node tells it."""
    return batch.offers[0].record


def held(hub: Hub, record: Record) -> CatalogueRecord:
    with hub.city.database.read() as session:
        return catalogue.record_of(record.id, session)


def found(hub: Hub, who: Actor, words: str) -> int:
    with hub.city.database.read() as session:
        return catalogue.search(who, Filters(text=words), session=session).total


def everything_in(hub: Hub) -> str:
    """All rows of all tables but the streams' logs."""
    with hub.city.database.read() as session:
        names = session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'table'")).all()
        return "\n".join(
            str(session.execute(text(f'SELECT * FROM "{name}"')).all()) for name in names
        )


def test_neither_catalogue_nor_search_nor_audit_keep_its_title(
    hub: Hub, unit: Unit, reviewer: Actor
) -> None:
    other = unit.records(1)[0][0]
    batch = unit.hand_over_marked()
    marked = batch.offers[0].record
    assert found(hub, reviewer, marked.title) == 1
    with hub.city.database.read() as session:
        sums = catalogue.sums(session, unit.node.id)
    hub.work()
    assert found(hub, reviewer, marked.title) == 0
    assert found(hub, reviewer, str(marked.code)) == 1
    assert found(hub, reviewer, other.title) == 1
    row = held(hub, marked)
    assert (row.title, row.doc_no, row.code) == (NEUTRAL, None, marked.code)
    assert row.digest == content_digest(record_to_wire(marked))
    assert marked.title not in everything_in(hub)
    with hub.city.database.read() as session:
        assert catalogue.sums(session, unit.node.id) == sums
        (event,) = session.query(AuditEvent).filter_by(action="offer.classified")
        assert event.subject == f"offer:{batch.offers[0].offer_id}"
        assert {each.title for each in session.query(Offer)} == {NEUTRAL}


def test_its_node_tells_of_it_again_and_both_sides_still_compare_equal(
    hub: Hub, unit: Unit, marked: Record
) -> None:
    for told in (marked, replace(marked, version=3, title="关于另一事项的报告", state="filed")):
        unit.tell(told)
        row = held(hub, told)
        assert (row.title, row.version) == (NEUTRAL, told.version)
        assert row.digest == content_digest(record_to_wire(told))
        assert told.title not in everything_in(hub)


def test_a_node_that_had_lost_it_gets_it_masked_and_both_sides_compare_equal(
    hub: Hub, unit: Unit, marked: Record
) -> None:
    with hub.city.database.read() as session:
        (body,) = catalogue.held_by(unit.node.id, session)
    assert body["digest"] == content_digest(record_to_wire(marked))
    given = record_from_wire(body["record"])
    assert (given.title, given.code, given.version) == (NEUTRAL, marked.code, 2)
    unit.tell(given)  # what the node then has is another content than the hub said
    assert held(hub, marked).digest == content_digest(record_to_wire(given))


def test_the_title_comes_back_when_the_marked_file_is_gone(
    hub: Hub, unit: Unit, reviewer: Actor, batch: HandedOver, marked: Record
) -> None:
    hub.conclude(reviewer, batch.id, "returned")
    content = pdf("一份没有标志的文件")
    file = ComputerFile(
        new_id(), "正文.pdf", len(content), sha256_hex(content), "pdf", FileKind.BORN_DIGITAL
    )
    clean = Document(new_id(), "正本", None, 1, (file,))
    mended = replace(marked, version=3, pages=1, documents=(clean,))
    unit.tell(mended)
    again = unit.batch([(mended, content)])
    unit.send("offer", *(each.body for each in again.offers))
    assert held(hub, marked).title == NEUTRAL
    unit.send("batch", again.closing)
    hub.work()
    assert hub.codes(again.id) == set()
    assert held(hub, marked).title == marked.title
    assert held(hub, marked).wire == record_to_wire(mended)
    assert [each.title for each in hub.offers(again.id).values()] == [marked.title]
    assert found(hub, reviewer, marked.title) == 1
