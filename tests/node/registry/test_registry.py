"""收发文: a document from its registration to where it goes."""

from __future__ import annotations

import pytest

from node.filing import service as filing
from node.registry import service as registry
from node.registry.files import StoredFile
from shared.kernel.actor import Actor
from shared.kernel.errors import Invalid, NotAllowed, WrongState
from tests.node.conftest import Node

VALUES = {"title": "关于防汛工作的通知", "date": "2023年5月1日", "registered_on": "2023-05-04"}


def test_a_document_goes_from_the_book_to_file_with_its_files(node: Node, clerk: Actor) -> None:
    with node.database.write() as session:
        document = registry.register(clerk, node.fonds, "incoming", VALUES, session=session)
        assert document.number == "2023-收-0001"
        registry.attach_file(
            clerk, document, "正本", StoredFile("正文.ofd", 9, "b" * 64, "ofd"), session=session
        )
        registry.attach_file(
            clerk, document, "文件处理单", StoredFile("单.pdf", 9, "c" * 64, "pdf"), session=session
        )
        with pytest.raises(WrongState, match="不能“列入归档”"):
            filing.send_to_filing(clerk, document, session=session)
        registry.take_in_hand(clerk, document, handler="王干事", session=session)
        registry.close(clerk, document, session=session)
        record = filing.send_to_filing(clerk, document, {"retention": "D10"}, session=session)
        wire = filing.wire(record, session=session)
    assert (wire["title"], wire["year"], wire["state"]) == (VALUES["title"], 2023, "arranging")
    assert [each["role"] for each in wire["documents"]] == ["文件处理单", "正本"]
    assert (document.state, document.record_id) == ("to_file", record.id)


def test_a_record_filed_by_mistake_goes_back_to_the_book(node: Node, clerk: Actor) -> None:
    with node.database.write() as session:
        document = registry.register(
            clerk, node.fonds, "outgoing", VALUES, state="closed", session=session
        )
        record = filing.send_to_filing(clerk, document, session=session)
        filing.discard(clerk, record, "点错了", session=session)
        assert (document.state, document.record_id) == ("closed", None)
        registry.keep_not(clerk, document, "重份文件", session=session)
        assert document.state == "not_kept"


def test_what_is_not_kept_needs_a_reason(node: Node, clerk: Actor) -> None:
    with node.database.write() as session:
        document = registry.register(
            clerk, node.fonds, "internal", VALUES, state="closed", session=session
        )
        with pytest.raises(Invalid, match="原因"):
            registry.keep_not(clerk, document, " ", session=session)
        registry.keep_elsewhere(clerk, document, "县财政局", session=session)
        registry.reconsider(clerk, document, session=session)
        registry.return_to_issuer(clerk, document, "退回县委办", session=session)
        assert document.reason == "退回县委办"


def test_serial_numbers_run_in_each_book_of_each_year(
    node: Node, clerk: Actor, villager: Actor
) -> None:
    with node.database.write() as session:
        numbers = [
            registry.register(
                actor, fonds, direction, {**VALUES, "registered_on": day}, session=session
            ).number
            for actor, fonds, direction, day in (
                (clerk, node.fonds, "incoming", "2023-05-04"),
                (clerk, node.fonds, "incoming", "2023-06-04"),
                (clerk, node.fonds, "outgoing", "2023-06-04"),
                (clerk, node.fonds, "incoming", "2024-01-04"),
                (villager, node.village, "incoming", "2023-06-04"),
            )
        ]
        assert numbers == [
            "2023-收-0001", "2023-收-0002", "2023-发-0001", "2024-收-0001", "2023-收-0001",
        ]  # fmt: skip
        assert len(list(session.scalars(registry.listing(villager, session=session)))) == 1
        with pytest.raises(NotAllowed):
            registry.register(villager, node.fonds, "incoming", VALUES, session=session)
