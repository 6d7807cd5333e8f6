"""Messages that must not be believed: each is put aside with its reason, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner

from hub.app import make_app
from hub.catalogue.models import CatalogueRecord
from hub.command import hub as hub_command
from hub.federation import letters as letters_module
from hub.federation.letters import FAILED, letters_lost, note_letter
from hub.federation.models import Node
from hub.federation.sync import PostOffice
from hub.health.doctor import alerts
from hub.wiring import handlers, holdings
from shared.audit import AuditEvent
from shared.kernel.actor import Grant, Role
from shared.kernel.canonical import sha256_hex
from shared.kernel.errors import Unavailable
from shared.kernel.identifiers import new_id
from shared.kernel.keys import SigningKey
from shared.messaging import embedded
from shared.messaging.envelope import VERSION, Header, Message, close_envelope, read_envelope
from shared.messaging.link import DEAD_BYTES_KEPT, dead_queue, hub_queue
from shared.messaging.log import append
from shared.messaging.models import DeadLetter
from tests.federation import Federation, Unit
from tests.people import employ

Forge = Callable[[Header, bytes, Unit], bytes]


def records(city: Federation) -> int:
    with city.hub.database().read() as session:
        return session.query(CatalogueRecord).count()


def _resign(header: Header, body: bytes, unit: Unit, **changes: Any) -> bytes:
    return close_envelope(unit.folder.keys.device(), replace(header, **changes), body)


@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        (lambda h, b, u: close_envelope(SigningKey.generate(), h, b), "signature"),
        (lambda h, b, u: _resign(h, b, u, sender=new_id()), "unknown_node"),
        (lambda h, b, u: _resign(h, b, u, recipient=new_id()), "recipient"),
        (lambda h, b, u: _resign(h, b, u, direction="down"), "direction"),
        (lambda h, b, u: _resign(h, b, u, version=VERSION + 1), "newer_version"),
        (lambda h, b, u: _resign(h, b"not a run", u), "run"),
        (lambda h, b, u: _resign(h, b, u)[:-40], "truncated"),
        (lambda h, b, u: b"<html>", "magic"),
    ],
)
def test_a_message_that_must_not_be_believed_is_put_aside_with_its_reason(
    city: Federation, unit: Unit, forge: Forge, reason: str
) -> None:
    unit.file(2)
    run = next(
        sealed
        for sealed in map(read_envelope, unit.agent._exchange.sending.due())
        if sealed.header.kind == "run"
    )
    city.link.send(hub_queue(city.hub.settings.hub_id), [forge(run.header, run.body, unit)])
    city.post.step_in()
    assert city.dead_letters() == [reason]
    assert records(city) == 0
    city.settle()
    assert records(city) == 2


def test_a_message_of_an_older_epoch_changes_nothing(city: Federation, unit: Unit) -> None:
    unit.file(1)
    old = unit.agent._exchange.sending.due()
    with city.hub.database().write() as session:
        node = session.get_one(Node, unit.node_id)
        city.post.reception.restart(session, node)
    city.link.send(hub_queue(city.hub.settings.hub_id), old)
    city.post.step_in()
    assert records(city) == 0
    city.settle()
    assert records(city) == 1


def test_an_entry_about_a_foreign_fonds_is_refused_and_shown_to_the_clerk(
    city: Federation, unit: Unit
) -> None:
    other = city.enrol("宜昌市水利局", number="A102")
    other.file(1)
    city.settle()
    with other.folder.database().read() as session:
        from node.filing import service as filing

        foreign = filing.wires(list(other.states()), session=session)[0]
    with unit.folder.database().write() as session:
        append(
            session, city.hub.settings.hub_id, "record", foreign["id"],
            {**foreign, "id": new_id(), "title": "别人的档案"},
        )  # fmt: skip
    city.settle()
    assert records(city) == 1
    with city.hub.database().read() as session:
        refused = session.query(AuditEvent).filter_by(action="entry.refused").one()
        assert "foreign_fonds" in str(refused.details)
    with unit.folder.database().read() as session:
        from node.filing.models import Objection

        assert [row.source for row in session.query(Objection)] == ["refused"]


def test_a_suspended_node_is_not_heard_until_it_is_resumed(city: Federation, unit: Unit) -> None:
    from hub.federation import service as federation
    from tests.federation import ADMIN

    with city.hub.database().write() as session:
        federation.suspend_node(ADMIN, unit.node_id, "核查中", session=session)
    unit.file(1)
    for _ in range(5):
        city.turn()
        city.clock.seconds += 30
    assert records(city) == 0
    with city.hub.database().write() as session:
        federation.resume_node(ADMIN, unit.node_id, session=session)
    city.settle()
    assert records(city) == 1


def _letters(city: Federation) -> list[DeadLetter]:
    with city.hub.database().read() as session:
        return session.query(DeadLetter).all()


def test_an_administrator_sees_dead_letters_and_puts_them_back_or_drops_them(
    city: Federation,
) -> None:
    queue = hub_queue(city.hub.settings.hub_id)
    with closing(city.hub.open_link()) as link:
        post = PostOffice(city.hub, link, handlers(city.hub), holdings)
        link.send(queue, [b"garbage", b"other garbage"])
        post.step_in()
        with city.hub.database().write() as session:
            employ(
                "admin", "管理员", "Yichang-2026",
                [Grant(Role.SYSTEM_ADMINISTRATOR)], session=session, must_change=False,
            )  # fmt: skip
        browser = make_app(city.hub).test_client()
        token = browser.get("/session").get_json()["csrf_token"]
        answer = browser.post(
            "/sign-in", data={"login": "admin", "password": "Yichang-2026", "csrf_token": token}
        )
        assert answer.status_code == 302
        page = browser.get("/letters/").get_data(as_text=True)
        assert "不是本系统的消息" in page
        assert "garbage" not in page

        other = next(each for each in _letters(city) if each.size == len(b"other garbage"))
        token = browser.get("/session").get_json()["csrf_token"]

        def decide(verb: str, letter_id: str) -> int:
            answer = browser.post(f"/letters/{letter_id}/{verb}", data={"csrf_token": token})
            return int(answer.status_code)

        assert decide("replay", other.id) == 302
        assert decide("replay", other.id) == 404, "it is off the list"
        assert [each.size for each in _letters(city)] == [len(b"garbage")]
        post.step_in()
        assert len(_letters(city)) == 2, "it came again, and was not believed again"
        for letter in _letters(city):
            assert decide("drop", letter.id) == 302
        assert _letters(city) == []
        assert link.size(dead_queue(city.hub.settings.hub_id)) == 0


def test_a_flood_of_nonsense_stays_bounded_and_the_good_messages_go_on(
    city: Federation, unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    city.settle()
    kept, hub_id = 100, city.hub.settings.hub_id  # the real bound is in the contract of links
    for module in (letters_module, embedded):
        monkeypatch.setattr(module, "DEAD_LETTERS_KEPT", kept)
    with closing(city.hub.open_link()) as link:
        city.post = PostOffice(city.hub, link, handlers(city.hub), holdings, clock=city.clock)
        nonsense = [f"nonsense {number}".encode() for number in range(kept + 50)]
        link.send(hub_queue(hub_id), nonsense[:70])
        unit.file(3)
        unit.agent.step_out()
        link.send(hub_queue(hub_id), city.link.waiting(hub_queue(hub_id)))
        link.send(hub_queue(hub_id), nonsense[70:])
        while city.post.step_in():
            pass
        assert records(city) == 3
        assert link.size(dead_queue(hub_id)) == kept
        letters = _letters(city)
        assert {each.sha256 for each in letters} == {sha256_hex(each) for each in nonsense[50:]}
        with city.hub.database().read() as session:
            assert letters_lost(session) == 50
            (said,) = [each for each in alerts(city.hub, session) if each.code == "dead_letters"]
        assert "更早的 50 条" in said.problem
        assert "更早的 50 条" in _list(city)


def test_large_nonsense_is_bounded_by_its_bytes(city: Federation) -> None:
    with city.hub.database().write() as session:
        for number in range(10):
            raw = bytes([number]) * (DEAD_BYTES_KEPT // 4)
            note_letter(session, "q", raw, sender="", reason="magic")
        note_letter(session, "q", raw, sender="", reason=FAILED)
    assert [each.reason for each in _letters(city)].count("magic") == 4
    assert [each.reason for each in _letters(city)].count(FAILED) == 1, "nonsense does not hide it"
    with city.hub.database().read() as session:
        assert letters_lost(session) == 6


def _list(city: Federation) -> str:
    """What the command lists."""
    command = ["letters", "list", "--dir", str(city.hub.path)]
    return CliRunner().invoke(hub_command, command, catch_exceptions=False).output


class _Faulty(PostOffice):
    """A hub with a fault that the messages of one node bring to light."""

    faulty: str | None = None
    away = False

    def _receive(self, message: Message) -> list[bytes]:
        if self.away:
            raise Unavailable("数据库暂时不可用。")
        if message.header.sender == self.faulty:
            raise ZeroDivisionError
        return super()._receive(message)


def _faulty(city: Federation) -> _Faulty:
    city.post = _Faulty(city.hub, city.link, handlers(city.hub), holdings, clock=city.clock)
    return city.post


def test_a_node_whose_messages_bring_a_fault_to_light_delays_nobody_else(
    city: Federation, unit: Unit
) -> None:
    post = _faulty(city)
    other = city.enrol("宜昌市广播电视台", number="A102")
    post.faulty = unit.node_id
    unit.file(2)
    other.file(3)
    for _ in range(3):
        city.turn()
    assert records(city) == 3
    (letter,) = _letters(city)
    assert (letter.reason, letter.claimed_sender) == ("failed", unit.node_id)
    assert letter.detail == "ZeroDivisionError"
    post.faulty = None
    city.settle()
    assert records(city) == 5


def test_a_link_that_goes_away_before_the_acknowledgement_stops_no_node(
    city: Federation, unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where its disk is full: the answer went out, the message comes again, the node goes on."""

    def away(_delivery: object) -> None:
        raise Unavailable("消息通道暂时不可用。")

    unit.file(3, year=2022)
    unit.agent.step_out()
    (delivery, *_) = city.link.receive(hub_queue(city.hub.settings.hub_id), wait_seconds=0)
    delivery.release()
    with monkeypatch.context() as patched:
        patched.setattr(type(delivery), "acknowledge", away)
        with pytest.raises(Unavailable):
            city.post.step_in()
    unit.file(2, year=2023)
    city.settle()
    assert records(city) == 5
    assert _letters(city) == []


def test_while_the_database_is_away_messages_wait_in_their_order(
    city: Federation, unit: Unit
) -> None:
    city.settle()
    post = _faulty(city)
    unit.file(3, year=2022)
    unit.agent.step_out()
    unit.file(2, year=2023)
    unit.agent.step_out()
    waiting = city.link.waiting(hub_queue(city.hub.settings.hub_id))
    post.away = True
    with pytest.raises(Unavailable):
        post.step_in()
    assert city.link.waiting(hub_queue(city.hub.settings.hub_id)) == waiting
    post.away = False
    post.step_in()
    assert records(city) == 5
    assert _letters(city) == []
