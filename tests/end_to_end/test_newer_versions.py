"""What a newer minor version may add is passed over or refused by name; a newer form is refused."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from hub.app import make_app
from hub.catalogue.models import CatalogueRecord
from node.filing import service as filing
from node.filing.models import Objection
from node.office.models import OfficeState
from shared.kernel.identifiers import new_id
from shared.messaging.envelope import VERSION, Header, Message, close_envelope, read_envelope
from shared.messaging.link import hub_queue, node_queue
from shared.messaging.log import append
from tests.federation import NOTHING_WRONG, Federation, Unit, everywhere_the_same


def _say(unit: Unit, city: Federation, kind: str, body: Mapping[str, Any], **more: Any) -> None:
    """The node says something that this program would not say."""
    header = Header(unit.node_id, city.hub.settings.hub_id, "up", kind, epoch=1, generation=1)
    raw = close_envelope(unit.folder.keys.device(), replace(header, **more), dict(body))
    city.link.send(hub_queue(city.hub.settings.hub_id), [raw])
    city.post.step_in()


def _answers(city: Federation, unit: Unit) -> list[Message]:
    key = city.hub.keys.hub().public
    taken = city.link.receive(node_queue(unit.node_id), wait_seconds=0, most=100)
    return [read_envelope(each.body).open(key) for each in taken]


def _tell(unit: Unit, city: Federation, kind: str, subject: str, body: dict[str, Any]) -> None:
    with unit.folder.database().write() as session:
        append(session, city.hub.settings.hub_id, kind, subject, body)


def test_a_greeting_with_fields_that_are_not_known_yet_is_answered(
    city: Federation, unit: Unit
) -> None:
    unit.agent.step_out()
    (greeting,) = city.link.receive(hub_queue(city.hub.settings.hub_id), wait_seconds=0)
    body = read_envelope(greeting.body).open(unit.folder.keys.device().public).document()
    _say(unit, city, "hello", body | {"mood": "good", "reads": VERSION + 1, "down": {
        **body["down"], "colour": "green"}})  # fmt: skip
    assert [answer.header.kind for answer in _answers(city, unit)] == ["welcome"]
    assert city.dead_letters() == []


def test_a_welcome_with_fields_that_are_not_known_yet_is_taken(
    city: Federation, unit: Unit
) -> None:
    unit.agent.step_out()
    city.post.step_in()
    (welcome,) = _answers(city, unit)
    body = welcome.document() | {"mood": "good", "reads": VERSION + 1}
    raw = close_envelope(city.hub.keys.hub(), welcome.header, body)
    city.link.send(node_queue(unit.node_id), [raw])
    unit.agent.step_in()
    unit.file(2)
    city.settle()
    assert unit.state() == OfficeState.ACTIVE
    assert everywhere_the_same(city, unit) == NOTHING_WRONG


def test_an_entry_of_a_kind_that_the_hub_does_not_know_is_refused_by_name_and_the_rest_goes_on(
    city: Federation, unit: Unit
) -> None:
    unit.file(1)
    _tell(unit, city, "sound_recording", new_id(), {"seconds": 12})
    unit.file(1, year=2022)
    city.settle()
    with city.hub.database().read() as session:
        assert session.query(CatalogueRecord).count() == 2
    with unit.folder.database().read() as session:
        (objection,) = session.query(Objection)
        assert "sound_recording" in str(objection.problem)
    assert city.dead_letters() == []


def test_an_entry_of_a_kind_that_the_node_does_not_know_is_refused_and_the_rest_goes_on(
    city: Federation, unit: Unit
) -> None:
    ids = unit.file(1)
    with city.hub.database().write() as session:
        append(session, unit.node_id, "weather", new_id(), {"rain": True})
    batch = unit.offer(ids)
    city.settle()
    city.conclude(batch, "returned", returned=ids)
    city.settle()
    assert unit.batch_state(batch) == "returned"
    assert everywhere_the_same(city, unit) == NOTHING_WRONG


def test_a_message_of_a_kind_that_the_hub_does_not_know_is_put_aside_and_the_rest_goes_on(
    city: Federation, unit: Unit
) -> None:
    _say(unit, city, "applause", {"loud": True})
    assert city.dead_letters() == ["kind"]
    unit.file(1)
    city.settle()
    assert everywhere_the_same(city, unit) == NOTHING_WRONG


def test_a_message_of_a_kind_that_the_node_does_not_know_is_passed_over(
    city: Federation, unit: Unit
) -> None:
    header = Header(city.hub.settings.hub_id, unit.node_id, "down", "applause", epoch=1)
    raw = close_envelope(city.hub.keys.hub(), replace(header, generation=1), {"loud": True})
    city.link.send(node_queue(unit.node_id), [raw])
    unit.agent.step_in()
    unit.file(1)
    city.settle()
    assert everywhere_the_same(city, unit) == NOTHING_WRONG


def test_a_question_that_the_hub_does_not_know_is_refused_by_name(
    city: Federation, unit: Unit
) -> None:
    header = Header(unit.node_id, city.hub.settings.hub_id, "up", "request", epoch=1)
    raw = close_envelope(unit.folder.keys.device(), header, {"what": "a_poem"})
    with make_app(city.hub).test_client() as client:
        answer = client.post("/api/v1/nodes/requests", data=raw)
    assert answer.status_code == 422
    assert answer.get_json()["code"] == "unknown_request"


def test_a_newer_form_of_messages_is_refused_with_its_reason_at_the_hub(
    city: Federation, unit: Unit
) -> None:
    _say(unit, city, "hello", {}, version=VERSION + 1)
    assert city.dead_letters() == ["newer_version"]
    assert _answers(city, unit) == []


def test_a_newer_form_of_messages_is_refused_with_its_reason_at_the_node(
    city: Federation, unit: Unit, caplog: pytest.LogCaptureFixture
) -> None:
    header = Header(
        city.hub.settings.hub_id, unit.node_id, "down", "ack", version=VERSION + 1, epoch=1
    )
    city.link.send(node_queue(unit.node_id), [close_envelope(city.hub.keys.hub(), header, {})])
    with caplog.at_level(logging.WARNING):
        unit.agent.step_in()
    assert "newer_version" in caplog.text
    unit.file(1)
    city.settle()
    assert everywhere_the_same(city, unit) == NOTHING_WRONG


def test_a_record_with_a_field_that_the_hub_does_not_know_is_refused_by_name_not_cut(
    city: Federation, unit: Unit
) -> None:
    (record_id,) = unit.file(1)
    with unit.folder.database().read() as session:
        told = dict(filing.wires([record_id], session=session)[0])
    _tell(unit, city, "record", record_id, told | {"version": 2, "scent": "of roses"})
    city.settle()
    with unit.folder.database().read() as session:
        assert [(each.code, each.field) for each in session.query(Objection)] == [
            ("bad_shape", "scent")
        ]
