"""Inspection in keeping 保存环节: in turn, with its history, and by name for what fails."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import event, select

from hub.command import hub as command
from hub.federation.places import HubFolder
from hub.repository import doctor
from hub.repository.models import KeptInspection, KeptObject, KeptPackage
from hub.repository.reinspecting import LONG_AGO, Reinspecting, Standing, period
from shared.audit import AuditEvent
from shared.inspection.scheme import CURRENT
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.clock import now
from tests.hub.desk import Browser, make_desk
from tests.hub.receiving.handover import YILING_ARCHIVE, Hub, Unit
from tests.killed import Bomb, dies


@pytest.fixture
def kept(hub: Hub, unit: Unit, reviewer: Actor, archivist: Actor) -> Hub:
    """An archive that has received three records."""
    batch = unit.hand_over(3)
    hub.work()
    hub.conclude(reviewer, batch.id, "accepted")
    unit.sign(batch.id)
    hub.receive(archivist, batch.id)
    hub.work()
    return hub


def again(hub: Hub, days: int = 0) -> Reinspecting:
    folder = hub.city.folder
    return Reinspecting(folder.database(), folder.store, every=timedelta(days=days))


def outcomes(hub: Hub) -> list[str]:
    with hub.city.database.read() as session:
        return list(session.scalars(select(KeptInspection.outcome).order_by(KeptInspection.at)))


def spoil(hub: Hub) -> str:
    """One of the packages loses its end; returns its place."""
    with hub.city.database.read() as session:
        package = session.scalar(select(KeptPackage).order_by(KeptPackage.name))
        place = session.scalar(
            select(KeptObject.place).where(KeptObject.record_id == package.record_id)
        )
    path = hub.city.folder.path / "store" / package.name
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-400])
    return place


def test_everything_has_its_turn_least_recently_inspected_first(kept: Hub) -> None:
    # It was inspected on receipt: nothing is due for a year.
    assert not again(kept, 365).step()
    assert outcomes(kept) == []
    with kept.city.database.write() as session:
        rows = session.scalars(select(KeptObject).where(KeptObject.record_id.is_not(None))).all()
        for days, row in zip((500, 700, 600), rows, strict=True):
            row.inspected_at = now() - timedelta(days=days)
        wanted = [rows[1].place, rows[2].place, rows[0].place]
    # Half of it within a year is all of it within two.
    assert period(365, 50) == timedelta(days=730)
    for _ in range(2):
        again(kept, 365).step()
    with kept.city.database.read() as session:
        done = session.scalars(select(KeptInspection).order_by(KeptInspection.at)).all()
        assert [each.place for each in done] == wanted
        assert {each.scheme for each in done} == {CURRENT}
        # Without a virus scanner nothing reads as passed.
        assert {each.outcome for each in done} == {Standing.INCOMPLETE}
        assert all(each.outcomes["4-2"] == "not_run" for each in done)
        assert "4-2 病毒感染检测没有检测：未配置杀毒软件。" in done[0].problems


def test_what_does_not_pass_is_named_until_it_does(kept: Hub) -> None:
    place = spoil(kept)
    found = {each.place: each.standing for each in again(kept).run(now())}
    assert found.pop(place) is Standing.FAILED
    assert set(found.values()) == {Standing.INCOMPLETE}
    with kept.city.database.read() as session:
        named = list(doctor.examine(kept.city.folder, session))
        assert [each.code for each in named] == ["record_not_passing"]
        # Fixity, which names the file and mends it, reads it next and not within its 90 days.
        assert session.get_one(KeptObject, place).looked_at == LONG_AGO
        actions = session.scalars(
            select(AuditEvent.action).where(AuditEvent.action.like("object.%pass%"))
        ).all()
    assert list(actions) == ["object.not_passing"]
    answer = CliRunner().invoke(
        command, ["reinspect", "--dir", str(kept.city.folder.path), "--now", place, "--json"]
    )
    assert answer.exit_code == 1, answer.output
    assert json.loads(answer.output)["outcomes"]["failed"] == 1


def inspects_until_death(path: Path, started: datetime, at: int) -> None:
    """Inspect what is kept, and die before the `at`-th outcome is committed."""
    folder = HubFolder(path)
    bomb = Bomb(at)
    event.listen(folder.database().engine, "commit", lambda _connection: bomb.tick())
    list(Reinspecting(folder.database(), folder.store).run(started))


def test_who_was_killed_in_the_middle_goes_on(kept: Hub) -> None:
    started = now()
    kept.city.database.close()
    assert dies(inspects_until_death, kept.city.folder.path, started, 2)
    assert len(outcomes(kept)) == 1
    assert len(list(again(kept).run(started))) == 2
    assert len(outcomes(kept)) == 3


def test_the_page_shows_it_beside_fixity_and_stops_it(kept: Hub) -> None:
    app = make_desk(kept.city, archivist=Grant(Role.ARCHIVIST, YILING_ARCHIVE))
    browser = Browser(app, "archivist")
    place = spoil(kept)
    list(again(kept).run(now()))
    page = browser.get("/fixity/?tab=failing").text
    assert "3 / 3 件" in page
    assert "1 件" in page
    assert "不合格" in browser.get(f"/fixity/objects/{place}").text
    assert browser.send(f"/fixity/inspection/{YILING_ARCHIVE}/stop").status_code == 302
    browser.send(f"/fixity/inspect/{place}")
    assert not again(kept, 365).step()
    assert len(outcomes(kept)) == 3
    assert "继续检测" in browser.get("/fixity/").text
    browser.send(f"/fixity/inspection/{YILING_ARCHIVE}/resume")
    again(kept, 365).step()
    assert len(outcomes(kept)) == 4
    assert browser.send("/fixity/inspection/420583/stop").status_code == 404
