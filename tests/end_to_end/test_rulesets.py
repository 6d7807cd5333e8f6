"""A ruleset 检测规则 from the archive's desk down to a unit, and back with a batch."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from hub.federation import service as federation
from hub.federation.rule_models import Ruleset, RulesTold
from hub.federation.rules_told import refusals_of
from hub.receiving import service as receiving
from hub.receiving.models import InspectionRun
from hub.receiving.rules import compared
from node.office.models import OfficeRuleset, OfficeSchedule
from node.office.rules import apply_ruleset, apply_schedule, rules_on, versions_in_force
from node.office.service import fonds_of
from node.transfer import service as transfer
from shared import audit
from shared.audit import AuditEvent
from shared.inspection.scheme import CURRENT, Occasion
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.clock import today
from shared.kernel.errors import Conflict, Invalid, NotAllowed, NotFound, Unavailable, WrongState
from shared.kernel.keys import SigningKey, sign_document
from shared.messaging.models import OutgoingEntry
from shared.records.fonds_schedule import schedule_document
from tests.federation import ADMIN, ARCHIVIST, Federation, Unit

CITY_ARCHIVE = "420500"
LATER = (date.fromisoformat(today()) + timedelta(days=20)).isoformat()


@pytest.fixture
def city(tmp_path: Path) -> Federation:
    return Federation(tmp_path)


@pytest.fixture
def unit(city: Federation) -> Unit:
    return city.enrol("宜昌市水利局", number="A101")


def activate(city: Federation, day: str = "", **changes: Any) -> str:
    """The archivist changes the ruleset, and lets it count from a day on (today)."""
    with city.hub.database().write() as session:
        federation.change_draft(ARCHIVIST, CITY_ARCHIVE, changes, session=session)
    return federation.activate_ruleset(
        city.hub,
        ARCHIVIST,
        CITY_ARCHIVE,
        active_from=date.fromisoformat(day or today()),
        approval="宜档发〔2026〕12号",
    )


def put_table(city: Federation, unit: Unit, *rows: tuple[str, str]) -> str:
    items = [
        {"number": str(n), "section": "行政", "scope": scope, "retention": term, "alternatives": []}
        for n, (scope, term) in enumerate(rows, 1)
    ]
    document = schedule_document(
        unit.fonds_id, name="水利局归档范围和保管期限表", version="2026",
        approved_on=date(2026, 1, 8), approval="宜档复〔2026〕3号", items=items,
    )  # fmt: skip
    with city.hub.database().write() as session:
        return federation.put_schedule(ARCHIVIST, document, session=session).sha256


def versions_at(unit: Unit) -> list[str]:
    with unit.folder.database().read() as session:
        return list(session.scalars(select(OfficeRuleset.version).order_by(OfficeRuleset.number)))


def rules_at(unit: Unit, day: str | None = None) -> Any:
    with unit.folder.database().read() as session:
        return rules_on(fonds_of(unit.fonds_id, session), session, day)


def told(city: Federation) -> list[tuple[str, str]]:
    """The rules in the streams of all nodes, in their order."""
    with city.hub.database().read() as session:
        rows = session.execute(
            select(OutgoingEntry.kind, OutgoingEntry.subject)
            .where(OutgoingEntry.kind.in_(("ruleset", "schedule")))
            .order_by(OutgoingEntry.peer, OutgoingEntry.seq)
        )
        return [(kind, subject) for kind, subject in rows]


def test_a_batch_is_inspected_by_the_version_that_it_names(city: Federation, unit: Unit) -> None:
    digest = put_table(city, unit, ("防汛抗旱事项", "D30"))
    first = activate(city, items={"1-8": {"weight": 7}}, formats=["ofd", "pdf"])
    city.settle()
    assert told(city) == [("schedule", digest), ("ruleset", first)]
    record_ids = unit.file(2, word="防汛抗旱事项")
    batch_id = unit.offer(record_ids[:1])
    # The archive goes on to another version before the batch has come.
    second = activate(city, items={"1-8": {"weight": 9}}, formats=None)
    city.settle()
    assert versions_at(unit) == [first, second]
    assert told(city) == [("schedule", digest), ("ruleset", first), ("ruleset", second)]
    with unit.folder.database().read() as session:
        batch = session.get_one(transfer.Batch, batch_id)
        said = batch.closing["self_check"]
    assert said["scheme"] == f"{CURRENT}/{first}"
    with city.hub.database().read() as session:
        held = session.get_one(receiving.Batch, batch_id)
        run = session.scalar(select(InspectionRun))
        assert held.scheme == run.scheme == f"{CURRENT}/{first}"
        # Without the unit's own table, both would leave it to a person.
        assert said["inspected"]["items"]["2-9"] == run.tally["items"]["2-9"] == {"passed": 1}
        # So are the items of the batch as a whole.
        for number in ("2-6", "DL-11"):
            assert said["inspected"]["items"][number] == run.tally["items"][number]
        (offer,) = session.query(receiving.Offer)
        assert offer.report["scheme"] == f"{CURRENT}/{first}"
        # What the archive knows and the unit does not is a difference with its reason.
        for each in compared(held, session=session).differences:
            assert each.reasons
            assert each.theirs is not each.ours


def test_a_node_inspects_off_line_by_the_version_of_the_day(city: Federation, unit: Unit) -> None:
    assert rules_at(unit).scheme.version == CURRENT
    first = activate(city, items={"4-1": {"days": 3, "mandatory": False}})
    second = activate(city, LATER, items={"4-1": {"days": 2}})
    city.settle()
    with unit.folder.database().read() as session:
        assert versions_in_force(session) == [f"{first}（{today()} 起）"]
    now, then = rules_at(unit), rules_at(unit, LATER)
    assert now.scheme.version.endswith(first)
    assert then.scheme.version.endswith(second)
    item = now.scheme.item("4-1", Occasion.RECEIVING)
    assert (item.parameters["days"], item.mandatory) == (3, False)


def test_a_node_that_was_away_has_each_version_once_and_in_order(
    city: Federation, unit: Unit
) -> None:
    away = city.nodes.pop()
    made = []
    for month in range(3):
        made.append(activate(city, note=f"第{month}稿"))
        city.pass_time(turns=2)
    city.nodes.append(away)
    city.settle()
    assert versions_at(unit) == made
    city.settle()
    assert len(told(city)) == 3


def test_a_table_reaches_a_unit_that_keeps_its_fonds_only(city: Federation, unit: Unit) -> None:
    other = city.enrol("宜昌市林业局", number="A102")
    put_table(city, unit, ("防汛抗旱事项", "Y"))
    activate(city)
    city.settle()
    for each, count in ((unit, 1), (other, 0)):
        with each.folder.database().read() as session:
            assert session.query(OfficeSchedule).count() == count
    assert rules_at(unit).schedule.items[0].retention == "Y"
    assert rules_at(other).schedule is None
    assert versions_at(unit) == versions_at(other)
    # The village hall knows, before anything is sent, what the archive would say.
    record_ids = unit.file(1, word="防汛抗旱事项")
    with pytest.raises(WrongState, match="检测不合格"):
        unit.offer(record_ids)
    with unit.folder.database().read() as session:
        (record,) = session.query(transfer.BatchRecord)
        found = [each["code"] for each in record.findings if each["number"] == "2-9"]
    assert found == ["retention_too_short"]


def test_what_is_not_the_archives_is_refused_by_name_and_never_half_used(
    city: Federation, unit: Unit
) -> None:
    first = activate(city)
    city.settle()
    with city.hub.database().read() as session:
        body = dict(session.get_one(Ruleset, first).document)
    document = {name: value for name, value in body.items() if name != "signed"}
    seal = city.hub.keys.seal(CITY_ARCHIVE)

    def offered(code: str, error: type[Exception], said: dict[str, Any], key: SigningKey) -> None:
        wrong = {**said, "signed": sign_document(key, said)}
        with (
            pytest.raises(error) as caught,
            unit.folder.database().write() as session,
        ):
            apply_ruleset(session, wrong)
        assert caught.value.code == code  # type: ignore[attr-defined]
        assert versions_at(unit) == [first]

    later = {**document, "number": 2}
    offered("ruleset_bad_signature", NotAllowed, later, SigningKey.generate())
    offered("ruleset_altered", Conflict, {**document, "pass_score": 60}, seal)
    offered("ruleset_item_unknown", Invalid, {**later, "items": {"ZZ-9": {"weight": 2}}}, seal)
    offered("ruleset_format_unknown", Invalid, {**later, "formats": ["heic9"]}, seal)
    offered("ruleset_setting_wrong", Invalid, {**later, "items": {"DL-1": {"veto": False}}}, seal)
    offered("bad_shape", Invalid, {**later, "code": "import os"}, seal)
    with unit.folder.database().write() as session, pytest.raises(NotAllowed):
        apply_ruleset(session, {**later, "signed": body["signed"]})
    # The archive sees who has not taken it, and why; the unit goes on by what it has.
    with city.hub.database().write() as session:
        forged = {**later, "signed": sign_document(SigningKey.generate(), later)}
        session.add(
            Ruleset(
                version=f"{CITY_ARCHIVE}-2", archive_code=CITY_ARCHIVE, number=2,
                active_from=later["active_from"], document=forged,
            )
        )  # fmt: skip
        audit.record(session, ARCHIVIST, "ruleset.activated", f"ruleset:{CITY_ARCHIVE}-2")
    city.settle()
    assert versions_at(unit) == [first]
    with city.hub.database().read() as session:
        ((name, problem),) = refusals_of(f"{CITY_ARCHIVE}-2", session)
        actions = session.scalars(select(AuditEvent.action)).all()
    assert name == "宜昌市水利局"
    assert "印章" in problem
    assert actions.count("entry.refused_by_node") == 1
    assert "entry.refused" not in actions
    # Told again to a program that can take it, it is there; the page went on showing the refusal.
    with city.hub.database().write() as session:
        row = session.get_one(Ruleset, f"{CITY_ARCHIVE}-2")
        row.document = {**later, "signed": sign_document(seal, later)}
        for told in session.scalars(select(RulesTold)):
            told.software_version = "of before the update"
        audit.record(session, ARCHIVIST, "ruleset.activated", f"ruleset:{row.version}")
    city.settle()
    assert versions_at(unit) == [first, f"{CITY_ARCHIVE}-2"]
    with city.hub.database().read() as session:
        assert not refusals_of(f"{CITY_ARCHIVE}-2", session)


def test_a_ruleset_without_its_table_is_not_used(city: Federation, unit: Unit) -> None:
    digest = put_table(city, unit, ("防汛抗旱事项", "Y"))
    activate(city)
    city.settle()
    with unit.folder.database().write() as session:
        row = session.get_one(OfficeSchedule, digest)
        document = row.document
        session.delete(row)
    with pytest.raises(Unavailable) as caught:
        rules_at(unit)
    assert caught.value.code == "ruleset_incomplete"
    with unit.folder.database().write() as session:
        apply_schedule(session, document)
    assert rules_at(unit).schedule.version == "2026"


def test_only_an_archivist_of_the_archive_decides_and_by_name(city: Federation, unit: Unit) -> None:
    stranger = Actor("account:x", "外馆", (Grant(Role.ARCHIVIST, "420506"),))
    for actor in (stranger, replace(ARCHIVIST, system=True), ADMIN):
        with city.hub.database().write() as session, pytest.raises((NotAllowed, NotFound)):
            federation.change_draft(actor, CITY_ARCHIVE, {"note": "x"}, session=session)
    with pytest.raises(WrongState):
        federation.activate_ruleset(
            city.hub, ARCHIVIST, CITY_ARCHIVE, active_from=date(2099, 1, 1), approval="x"
        )
    first = activate(city, LATER)
    with pytest.raises(Invalid, match="不能早于"):
        activate(city)
    with city.hub.database().read() as session:
        assert [each.version for each in federation.rulesets_of(CITY_ARCHIVE, session)] == [first]
        actions = session.scalars(
            select(AuditEvent.action).where(AuditEvent.subject == f"ruleset:{first}")
        )
        assert list(actions) == ["ruleset.activated"]
