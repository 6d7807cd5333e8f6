"""The hub's doctor: each stuck state is made, and named; a healthy hub is not slandered."""

from __future__ import annotations

import json
import shutil
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy.orm import Session

from hub.correcting.models import Correction
from hub.custody.models import HandOver
from hub.federation.key_files import KeyFiles
from hub.federation.letters import FAILED
from hub.federation.models import Fonds, Hub, Node
from hub.federation.places import HubFolder
from hub.health import doctor
from hub.receiving.models import Batch, Offer, Receipt, Upload
from shared import audit
from shared.audit.models import AuditEvent
from shared.command.main import danglian
from shared.kernel.actor import Grant, Role
from shared.kernel.ailment import Ailment
from shared.kernel.clock import format_utc, now
from shared.kernel.identifiers import new_id
from shared.kernel.settings import save_settings
from shared.messaging.models import DeadLetter, OutgoingStream
from tests.hub.conftest import CITY, City
from tests.hub.desk import Browser, make_desk
from tests.sealing import seal

LONG_AGO = now() - timedelta(days=30)


@pytest.fixture
def node(city: City) -> str:
    with city.database.write() as session:
        fonds = city.fonds("市水利局", CITY, session, number="J001")
        other = city.fonds("市水务局", CITY, session, number="J002")
        city.node("市水务局", other, session=session)
        return city.node("市水利局", fonds, session=session).id


def codes(city: City) -> dict[str, Ailment]:
    return {each.code: each for each in doctor.examine(city.folder)}


def test_a_healthy_hub_has_nothing(city: City, node: str) -> None:
    assert codes(city) == {}


def _batch(session: Session, node_id: str, state: str, **more: object) -> Batch:
    fonds = session.query(Fonds).filter_by(keeping_node=node_id).one()
    id_ = new_id()
    batch = Batch(
        id=id_, batch_id=id_, node_id=node_id, fonds_id=fonds.id, fonds_name=fonds.name,
        reviewing_archive="420500", receiving_archive="420500", title="2023年度文书",
        state=state, count=2, arrived_at=LONG_AGO, **more,
    )  # fmt: skip
    session.add(batch)
    session.flush()
    return batch


def _offer(session: Session, batch: Batch, **more: object) -> Offer:
    offer = Offer(
        id=new_id(), batch_id=batch.id, node_id=batch.node_id, fonds_id=batch.fonds_id,
        record_id=new_id(), record_version=1, record_digest="0" * 64, package_sha256="0" * 64,
        package_size=9, title="题名", class_code="WS", year=2023, retention="Y", **more,
    )  # fmt: skip
    session.add(offer)
    session.flush()
    return offer


def _node(session: Session, node_id: str) -> Node:
    return session.get_one(Node, node_id)


def _restore_suspected(session: Session, node_id: str) -> None:
    session.query(Hub).one().restore_suspected = "该单位收到过本平台已没有的回执"


def _grant_asked(session: Session, node_id: str) -> None:
    found = _node(session, node_id)
    found.asking_instance, found.asked_at = new_id(), now()


def _waiting_for_greeting(session: Session, node_id: str) -> None:
    stream = session.get_one(OutgoingStream, node_id)
    stream.unsure, stream.lost_after = True, 0


def _silent(session: Session, node_id: str) -> None:
    _node(session, node_id).last_contact = LONG_AGO


def _backlog_old(session: Session, node_id: str) -> None:
    found = _node(session, node_id)
    found.last_contact, found.backlog, found.oldest_waiting = now(), 7, LONG_AGO


def _clock_off(session: Session, node_id: str) -> None:
    _node(session, node_id).clock_offset_ms = 86_400_000 * 365


def _reconcile_differs(session: Session, node_id: str) -> None:
    found = _node(session, node_id)
    found.compared_at, found.compared_differing = now(), 2


def _entries_refused(session: Session, node_id: str) -> None:
    audit.record(session, City.admin, "entry.refused", f"node:{node_id}", seq=3, code="x")


def _letter(session: Session, node_id: str, reason: str) -> None:
    session.add(
        DeadLetter(
            id=new_id(), queue="q", claimed_sender=node_id, reason=reason, size=1, sha256="0" * 64
        )
    )


def _dead_letters(session: Session, node_id: str) -> None:
    _letter(session, node_id, "signature")


def _node_parked(session: Session, node_id: str) -> None:
    _letter(session, node_id, FAILED)


def _batch_arriving(session: Session, node_id: str) -> None:
    _offer(session, _batch(session, node_id, "arriving"))


def _upload_stalled(session: Session, node_id: str) -> None:
    offer = _offer(session, _batch(session, node_id, "arriving"))
    session.add(
        Upload(
            id=offer.id, node_id=node_id, sha256="0" * 64, size=9, token_digest="",
            granted_at=LONG_AGO, expires_at=LONG_AGO,
        )
    )  # fmt: skip


def _checking_long(session: Session, node_id: str) -> None:
    _offer(session, _batch(session, node_id, "checking"), arrived=True)


def _receipt_unfinished(session: Session, node_id: str) -> None:
    batch = _batch(session, node_id, "receiving")
    session.add(
        Receipt(
            id=new_id(), batch_id=batch.id, archive_code="420500", document={}, digest="0" * 64,
            made_by="某人", made_at=LONG_AGO,
        )
    )  # fmt: skip


def _correction_unfinished(session: Session, node_id: str) -> None:
    session.add(
        Correction(
            id=new_id(), archive_code="420500", fonds_id=new_id(), record_id=new_id(),
            state="making", decided_at=LONG_AGO,
        )
    )  # fmt: skip


def _hand_over(state: str, *, generation: int = 1) -> Callable[[Session, str], None]:
    def make(session: Session, node_id: str) -> None:
        fonds = session.query(Fonds).filter_by(keeping_node=node_id).one()
        other = session.query(Node).filter(Node.id != node_id).one()
        session.add(
            HandOver(
                id=new_id(), fonds_id=fonds.id, from_node=node_id, to_node=other.id, state=state,
                reason="机构改革", begun_by="某人", generation=generation, changed_at=LONG_AGO,
            )
        )  # fmt: skip

    return make


STATES: dict[str, Callable[[Session, str], None]] = {
    "restore_suspected": _restore_suspected,
    "grant_asked": _grant_asked,
    "waiting_for_greeting": _waiting_for_greeting,
    "silent": _silent,
    "backlog_old": _backlog_old,
    "clock_off": _clock_off,
    "reconcile_differs": _reconcile_differs,
    "entries_refused": _entries_refused,
    "dead_letters": _dead_letters,
    "node_parked": _node_parked,
    "batch_arriving": _batch_arriving,
    "upload_stalled": _upload_stalled,
    "checking_long": _checking_long,
    "receipt_unfinished": _receipt_unfinished,
    "correction_unfinished": _correction_unfinished,
    **{
        f"hand_over_{state}": _hand_over(state)
        for state in ("asked", "proposed", "frozen", "given", "arrived", "assigned")
    },
    "hand_over_uncertain": _hand_over("given", generation=0),
}


@pytest.mark.parametrize("code", STATES)
def test_the_stuck_state_is_named(city: City, node: str, code: str) -> None:
    with city.database.write() as session:
        STATES[code](session, node)
    found = codes(city)
    assert code in found
    assert "None" not in found[code].problem + found[code].remedy
    # An upload that stalls belongs to a batch that does not arrive.
    assert set(found) - {code} <= {"batch_arriving"}


def test_what_is_on_its_way_is_not_stuck(city: City, node: str) -> None:
    with city.database.write() as session:
        batch = _batch(session, node, "arriving")
        batch.arrived_at = now()
        _offer(session, batch)
        found = _node(session, node)
        found.backlog, found.oldest_waiting, found.clock_offset_ms = 3, now(), 4_000
    assert codes(city) == {}


def test_a_log_that_is_not_sealed_is_named(city: City, node: str) -> None:
    with city.database.write() as session:
        audit.record(session, city.admin, "audit.verified", "audit")
        session.flush()
        session.query(AuditEvent).filter_by(seq=None).first().time = now() - timedelta(minutes=6)
    assert "audit_unsealed" in codes(city)
    seal(city.database)
    assert codes(city) == {}


def test_an_altered_log_is_named(city: City, node: str) -> None:
    seal(city.database)
    with city.database.write() as session:
        session.query(AuditEvent).first().actor_name = "别人"
    assert "audit_broken" in codes(city)


def test_a_roll_over_that_was_killed_is_named(city: City) -> None:
    KeyFiles(city.folder.path / "keys", "hub").prepare()
    assert set(codes(city)) == {"key_roll_unfinished"}


def test_keys_of_another_hub_are_named(city: City) -> None:
    (city.folder.path / "keys" / "hub.key").unlink()
    assert "keys_wrong" in codes(city)


def test_a_full_disk_is_named(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 10**12, 10**6))
    assert set(codes(city)) == {"disk_nearly_full"}


def test_with_the_database_away_the_rest_is_still_looked_at(city: City) -> None:
    city.database.close()
    changed = replace(city.folder.settings, database="postgresql+psycopg://nobody@127.0.0.1:1/none")
    save_settings(changed, city.folder.path)
    city.folder = HubFolder(city.folder.path)
    assert set(codes(city)) == {"database_away"}


def test_a_database_of_an_older_program_names_the_command(city: City) -> None:
    city.database.close()
    folder = HubFolder(city.folder.path)
    folder.schema.downgrade("0002")
    folder.schema.database.close()
    city.folder = HubFolder(city.folder.path)
    found = codes(city)
    assert set(found) == {"database_unfit"}
    assert "danglian hub migrate" in found["database_unfit"].remedy


def test_a_broker_that_does_not_answer_is_named(city: City, tmp_path: Path) -> None:
    save_settings(
        replace(
            city.folder.settings,
            link="amqp://127.0.0.1:1/town",
            broker_management="http://127.0.0.1:1",
            broker_user="hub",
            broker_password="x",
        ),
        city.folder.path,
    )
    city.database.close()
    city.folder = HubFolder(city.folder.path)
    city.database = city.folder.database()
    assert set(codes(city)) == {"broker_away"}


def test_status_tells_programs_of_every_node_and_of_what_needs_a_person(
    city: City, node: str
) -> None:
    with city.database.write() as session:
        _backlog_old(session, node)
        _clock_off(session, node)
    call = ["hub", "status", "--dir", str(city.folder.path), "--json"]
    told = json.loads(CliRunner().invoke(danglian, call).output)
    one = next(each for each in told["each_node"] if each["node_id"] == node)
    assert (one["backlog"], one["oldest_waiting"]) == (7, format_utc(LONG_AGO))
    assert one["clock_offset_ms"] == 86_400_000 * 365
    assert {each["code"] for each in told["alerts"]} == {"backlog_old", "clock_off"}


def test_letters_are_listed_and_dropped_by_command(city: City, node: str) -> None:
    with city.database.write() as session:
        _node_parked(session, node)

    def letters(*words: str) -> Any:
        call = ["hub", "letters", *words, "--dir", str(city.folder.path), "--json"]
        answer = CliRunner().invoke(danglian, call)
        assert answer.exit_code == 0, answer.output
        return json.loads(answer.output)

    (letter,) = letters("list")["letters"]
    assert (letter["claimed_sender"], letter["reason"]) == (node, FAILED)
    letters("drop", letter["letter_id"])
    assert letters("list")["letters"] == []


def test_the_page_lists_what_needs_a_person_for_administrators_alone(city: City, node: str) -> None:
    with city.database.write() as session:
        _clock_off(session, node)
    desk = make_desk(city, admin=Grant(Role.SYSTEM_ADMINISTRATOR), reader=Grant(Role.REVIEWER))
    page = Browser(desk, "admin").get("/running/")
    assert "“市水利局”的电脑时钟慢 365 天。" in page.text
    assert Browser(desk, "reader").get("/running/").status_code == 403


def test_thousands_of_alerts_come_page_by_page_and_are_searched(city: City, node: str) -> None:
    with city.database.write() as session:
        for number in range(250):
            id_, moment = new_id(), now()
            session.add(
                Node(
                    id=id_, name=f"第{number}村", division_code=CITY, state="enrolled",
                    last_contact=moment, clock_offset_ms=86_400_000,
                )
            )  # fmt: skip
    desk = make_desk(city, admin=Grant(Role.SYSTEM_ADMINISTRATOR))
    admin = Browser(desk, "admin")
    page = admin.get("/running/").text
    assert page.count("的电脑时钟慢 1 天。") == 50
    assert "共 250 条，第 1–50 条" in page
    assert "第 201–250 条" in admin.get("/running/?page=5").text
    assert admin.get("/running/?q=第17村").text.count("的电脑时钟慢 1 天。") == 1
