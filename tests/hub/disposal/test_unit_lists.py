"""What a unit destroyed by its own decision the hub keeps: the list, with the unit's seal."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete, select

from hub.disposal.models import UnitList
from hub.disposal.unit_lists import TakingUp
from hub.repository.models import Paper
from hub.repository.papers import UNIT_LISTS, read_document
from shared.audit.models import AuditEvent
from shared.kernel.actor import Grant, Role
from shared.kernel.canonical import canonical_json
from shared.kernel.clock import utc_text
from shared.kernel.errors import DanglianError
from shared.kernel.identifiers import new_id
from shared.kernel.keys import sign_document
from tests.hub.desk import Browser, make_desk
from tests.hub.receiving.conftest import hub, other_unit, unit
from tests.hub.receiving.handover import YILING_ARCHIVE, ZHIJIANG_ARCHIVE, Hub, Unit

__all__ = ["hub", "other_unit", "unit"]


def unit_list(unit: Unit, **changes: Any) -> dict[str, Any]:
    """A list as the node of a unit makes it (`node.filing.disposal_lists`)."""
    moment = utc_text()
    line = {
        "record_id": new_id(), "record_version": 2, "code": "J001-WS·2010-D10-BGS-0007",
        "title": "关于值班安排的通知", "date": "2010-05-06", "year": 2010, "retention": "D10",
        "level": "record", "opinion": "destroy", "longer": None, "reason": "无查考价值",
        "is_destroyed": True, "problem": None,
    }  # fmt: skip
    document = {
        "list_id": new_id(), "fonds_id": unit.fonds.id, "title": "2026年到期清册",
        "lines": [line], "drawn": {"name": "张档案", "at": moment},
        "approved": {"name": "李镇长", "at": moment},
        "witnesses": [{"name": "甲", "at": moment}, {"name": "乙", "at": moment}],
        "state": "done", "at": moment, **changes,
    }  # fmt: skip
    return {**document, "unit_signature": sign_document(unit.seal, document)}


def kept(hub: Hub) -> list[str]:
    with hub.city.database.read() as session:
        return list(session.scalars(select(Paper.name).where(Paper.name.startswith(UNIT_LISTS))))


def test_the_list_of_a_unit_is_kept_once_whatever_becomes_of_the_node(hub: Hub, unit: Unit) -> None:
    document = unit_list(unit)
    for _ in range(2):
        unit.send("disposal_list", document)
    hub.work()
    [name] = kept(hub)
    assert name == f"{UNIT_LISTS}{unit.fonds.id}/{document['list_id']}.json"
    with hub.city.folder.store.open(name) as stream:
        assert read_document(stream.read()) == document
    with hub.city.database.read() as session:
        events = session.scalars(
            select(AuditEvent).where(AuditEvent.action == "disposal.list_kept")
        ).all()
    assert [each.subject for each in events] == [f"disposal:{document['list_id']}"]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [("seal", "bad_signature"), ("fonds", "foreign_fonds"), ("altered", "bad_signature")],
)
def test_a_list_that_is_not_the_units_own_is_refused(
    hub: Hub, unit: Unit, other_unit: Unit, wrong: str, code: str
) -> None:
    document = unit_list(unit)
    if wrong == "seal":
        document["unit_signature"] = unit_list(other_unit)["unit_signature"]
    elif wrong == "altered":
        document["title"] = "另一份清册"
    sender = other_unit if wrong == "fonds" else unit
    with pytest.raises(DanglianError) as caught:
        sender.send("disposal_list", document)
    assert caught.value.code == code
    assert kept(hub) == []


def test_unit_and_receiving_archive_read_print_and_save_its_lists(
    hub: Hub, unit: Unit, other_unit: Unit
) -> None:
    mine, others = unit_list(unit), unit_list(other_unit, title="另一单位的清册")
    unit.send("disposal_list", mine, unit_list(unit, title="2025年到期清册"))
    other_unit.send("disposal_list", others)
    app = make_desk(
        hub.city,
        clerk=Grant(Role.CLERK, None, unit.fonds.id),
        neighbour=Grant(Role.CLERK, None, other_unit.fonds.id),
        archivist=Grant(Role.ARCHIVIST, YILING_ARCHIVE),
        elsewhere=Grant(Role.ARCHIVIST, ZHIJIANG_ARCHIVE),
    )
    page = f"/disposal/unit-lists/{mine['list_id']}"
    for login in ("clerk", "archivist"):
        reader = Browser(app, login)
        assert "2026年到期清册" in reader.get("/disposal/unit-lists/").text
        assert "单位销毁清册" in reader.get("/").text
        found = reader.get("/disposal/unit-lists/?q=2025&sort=-title&size=20").text
        assert ("2025年到期清册" in found, "2026年到期清册" in found) == (True, False)
        shown = reader.get(f"{page}?q=值班").text
        assert "J001-WS·2010-D10-BGS-0007" in shown
        assert "张档案" in shown
        assert reader.get(f"{page}/json").get_json() == mine
    assert reader.get(f"{page}/pdf").data.startswith(b"%PDF")
    assert "另一单位的清册" not in Browser(app, "clerk").get("/disposal/unit-lists/").text
    for login in ("neighbour", "elsewhere"):
        stranger = Browser(app, login)
        assert "2026年到期清册" not in stranger.get("/disposal/unit-lists/").text
        assert {stranger.get(page + end).status_code for end in ("", "/pdf", "/json")} == {404}


@pytest.mark.parametrize("is_stored", [False, True])
def test_lists_from_before_there_was_a_table_are_taken_up_at_the_start(
    hub: Hub, unit: Unit, is_stored: bool
) -> None:
    document = unit_list(unit)
    unit.send("disposal_list", document)
    if is_stored:
        hub.work()
    with hub.city.database.write() as session:
        before = session.get_one(UnitList, document["list_id"]).document
        session.execute(delete(UnitList))
    step = TakingUp(hub.city.database, hub.city.folder.store).step
    assert (step(), step()) == (False, False)
    with hub.city.database.read() as session:
        (row,) = session.scalars(select(UnitList)).all()
    assert (row.document, row.count, row.destroyed) == (before, 1, 1)


def test_a_list_in_the_store_that_no_unit_has_sealed_is_not_shown(hub: Hub, unit: Unit) -> None:
    document = unit_list(unit)
    unit.send("disposal_list", document)
    altered = {**document, "title": "改过的清册"}
    with hub.city.database.write() as session:
        session.execute(delete(UnitList))
        paper = session.scalars(select(Paper).where(Paper.name.startswith(UNIT_LISTS))).one()
        paper.content = canonical_json(altered)
    TakingUp(hub.city.database, hub.city.folder.store).step()
    with hub.city.database.read() as session:
        assert session.scalars(select(UnitList)).all() == []
