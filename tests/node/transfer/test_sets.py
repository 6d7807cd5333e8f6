"""A batch as a whole on the node: the gaps and twins that the archive will ask about."""

from __future__ import annotations

import io

import pytest
from sqlalchemy import update

from node.filing import service as filing
from node.filing.models import Category, Record
from node.registry.files import keep_file
from node.transfer import service as transfer
from shared.kernel.actor import Actor, Grant, Role, system_actor
from shared.kernel.errors import NotFound
from tests.node.browser import Browser
from tests.node.conftest import Node
from tests.node.transfer.conftest import Archive, Office, pdf


def gaps(node: Node) -> list[tuple[int, int, str, str]]:
    with node.database.read() as session:
        found = transfer.gaps_of(system_actor("test"), node.fonds, session=session)
    return [(run.first, run.last, run.standing.value, run.reason) for run in found]


def received(node: Node, *ids: str) -> None:
    with node.database.write() as session:
        session.execute(update(Record).where(Record.id.in_(ids)).values(state="received"))


def void(office: Office, record_id: str, reason: str) -> None:
    with office.node.database.write() as session:
        record = session.get_one(Record, record_id)
        filing.remove_filed(office.clerk, record, reason, session=session)


def test_the_unit_registers_how_much_it_hands_over(office: Office, archive: Archive) -> None:
    office.offered(2)
    (closing,) = archive.told("batch")
    files = [file for record in archive.told("record")[-2:] for file in record["documents"]]
    assert len(files) == 2
    sizes = sum(len(pdf(row["title"])) for row in office.node.rows(2))
    assert closing["registered"] == {"records": 2, "files": 2, "bytes": sizes}


def test_the_unit_sees_what_the_archive_lacks_and_why(office: Office, node: Node) -> None:
    ids = office.filed(6)
    void(office, ids[1], "重份文件")
    void(office, ids[2], "另处保存：机要室")
    received(node, ids[0], ids[4])
    with node.database.write() as session:
        session.execute(update(Category).values(highest=8))  # two that are gone
    assert gaps(node) == [
        (2, 2, "void", "重份文件"),
        (3, 3, "elsewhere", "另处保存：机要室"),
        (4, 4, "unsent", ""),
        (7, 8, "unknown", ""),
    ]
    stranger = Actor("y", "别人", (Grant(Role.CLERK, None, "other"),))
    with node.database.read() as session, pytest.raises(NotFound):
        transfer.gaps_of(stranger, node.fonds, session=session)


def test_returned_and_withdrawn_records_are_told_apart(
    office: Office, archive: Archive, node: Node
) -> None:
    ids = office.filed(4)
    batches = [office.prepared([each]) for each in ids[:2]]
    for batch_id in batches:
        office.inspect(batch_id)
        office.approve(batch_id)
        office.offer(batch_id)
    archive.send(transfer.apply_verdict, archive.verdict(batches[0], "returned"))
    with node.database.write() as session:
        transfer.withdraw(office.clerk, batches[1], "拿错了", session=session)
    answer = {"batch_id": batches[1], "granted": True, "reason": None}
    archive.send(transfer.apply_withdrawn, answer)
    received(node, ids[3])
    assert [each[:3] for each in gaps(node)] == [
        (1, 1, "returned"),
        (2, 2, "withdrawn"),
        (3, 3, "unsent"),
    ]


def test_before_it_offers_the_unit_sees_gaps_and_twins_of_its_batch(
    office: Office, node: Node
) -> None:
    ids = office.filed(3)
    with node.database.write() as session:
        first = session.get_one(Record, ids[0])
        for each in (ids[1], ids[2]):
            twin = session.get_one(Record, each)
            twin.doc_no, twin.title = first.doc_no, first.title
        same = keep_file(node.folder.files, io.BytesIO(pdf(first.title)), "同.pdf")
        for each in (ids[0], ids[2]):
            record = session.get_one(Record, each)
            filing.attach(office.clerk, record, "附件", same, session=session)
    batch_id = office.prepared([ids[0], ids[2]])
    office.inspect(batch_id)
    with node.database.read() as session:
        batch = session.get_one(transfer.Batch, batch_id)
        found = transfer.report_on(batch, session=session).findings
    assert [(each.code, each.actual) for each in found if each.number == "2-6"] == [
        ("number_unsent", "2")
    ]
    twins = [each for each in found if each.number == "DL-11"]
    assert sorted(each.code for each in twins) == [
        *["duplicate_content"] * 2,
        *["duplicate_number_and_title"] * 2,
    ]
    browser = Browser(node, "clerk", "张档案", Grant(Role.CLERK))
    page = browser.get(f"/transfer/{batch_id}").text
    assert "文号和题名与本全宗另一件档案的相同" in page
    assert "尚未移交的件号 2" in page


def test_the_gap_list_is_a_page_and_a_spreadsheet(office: Office, node: Node) -> None:
    ids = office.filed(3)
    received(node, ids[0], ids[2])
    browser = Browser(node, "clerk", "张档案", Grant(Role.CLERK))
    place = f"/transfer/gaps/{node.fonds}"
    assert place in browser.get("/filing/classes").text
    assert "尚未移交 1 件" in browser.get(place).text
    assert "0002" in browser.get(f"{place}.csv").data.decode("utf-8-sig")
    assert browser.get(f"{place}.xlsx").data.startswith(b"PK")
    browser.get("/transfer/gaps/nobody", 404)
