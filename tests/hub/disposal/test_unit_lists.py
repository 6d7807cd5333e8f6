"""What a unit destroyed by its own decision the hub keeps: the list, with the unit's seal."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from hub.repository.models import Paper
from hub.repository.papers import UNIT_LISTS, read_document
from shared.audit.models import AuditEvent
from shared.kernel.clock import utc_text
from shared.kernel.errors import DanglianError
from shared.kernel.identifiers import new_id
from shared.kernel.keys import sign_document
from tests.hub.receiving.conftest import hub, other_unit, unit
from tests.hub.receiving.handover import Hub, Unit

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
