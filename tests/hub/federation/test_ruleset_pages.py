"""Pages 检测规则: an archivist changes the ruleset, imports a unit's table, lets it count."""

from __future__ import annotations

import io
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from hub.federation import service as federation
from hub.federation.models import Fonds
from hub.federation.rule_models import FondsSchedule, Ruleset
from hub.repository.models import Paper
from hub.repository.registers import RegisterWriter
from shared.kernel.actor import Grant, Role
from shared.kernel.clock import today
from tests.hub.conftest import YILING, City
from tests.hub.desk import Browser, make_desk

ARCHIVE, DRAFT = "420506", "/rulesets/draft/420506"
TOMORROW = (date.fromisoformat(today()) + timedelta(days=1)).isoformat()


@pytest.fixture
def fonds(city: City) -> Fonds:
    with city.database.write() as session:
        return city.fonds("夷陵区林业局", YILING, session, number="J020")


@pytest.fixture
def archivist(city: City, fonds: Fonds) -> Browser:
    app = make_desk(
        city,
        archivist=Grant(Role.ARCHIVIST, ARCHIVE),
        stranger=Grant(Role.ARCHIVIST, "420583"),
    )
    return Browser(app, "archivist")


def csv(*rows: str) -> tuple[io.BytesIO, str]:
    return io.BytesIO("\r\n".join(rows).encode("gb18030")), "保管期限表.csv"


def about(fonds: Fonds, **more: Any) -> dict[str, Any]:
    return {
        "fonds": fonds.id, "name": "林业局归档范围和保管期限表", "version": "2024年版",
        "approval": "夷档复〔2024〕6号", "approved_on": "2024-02-01", **more,
    }  # fmt: skip


def test_from_the_draft_to_a_version_that_counts(
    city: City, fonds: Fonds, archivist: Browser
) -> None:
    assert "还没有自己的检测规则" in archivist.get("/rulesets/").text
    assert "还没有修改" in archivist.get(DRAFT).text
    # What no ruleset may say is refused beside the form, and what was typed stays.
    wrong = archivist.send(f"{DRAFT}/items", {"weight.1-8": "700", "note": "试行"})
    assert wrong.status_code == 422
    assert 'value="700"' in wrong.text
    assert "试行" in wrong.text
    typed = {"mandatory.4-2": "no", "weight.1-8": "7", "days.4-1": "3", "pass_score": "60"}
    assert archivist.send(f"{DRAFT}/items", typed).status_code == 302
    chosen = {"own": "1", "format": ["ofd", "pdf"]}
    assert archivist.send(f"{DRAFT}/formats", chosen).status_code == 302

    page = archivist.send(
        f"{DRAFT}/schedule",
        about(
            fonds, file=csv("序号,归档范围,保管期限", "1,党组会议纪要,永久", "1,造林台账,一百年")
        ),
    )
    assert "有 2 处不对" in page.text
    assert "第 2 行重复" in page.text
    assert "不认识这个保管期限" in page.text
    right = csv(
        "附件：", "序号,归档范围,保管期限", ",一、党群,", "1,党组会议纪要,永久", "2,简报,30年或10年"
    )
    answer = archivist.send(f"{DRAFT}/schedule", about(fonds, file=right))
    assert answer.status_code == 302, answer.text

    draft = archivist.get(DRAFT).text
    for said in ("必检：否", "权重：7", "病毒库天数：3", "林业局归档范围和保管期限表", "OFD"):
        assert said in draft
    late = archivist.send(DRAFT, {"active_from": "2020-01-01", "approval": "馆务会"})
    assert "不能早于今天" in late.text
    done = archivist.send(DRAFT, {"active_from": today(), "approval": "馆务会 2026 年第 9 次"})
    assert done.headers["Location"] == "/rulesets/420506-1"
    assert "现行" in archivist.get("/rulesets/420506-1").text
    assert "420506-1" in archivist.get("/rulesets/").text
    archivist.send(f"{DRAFT}/items", {"weight.1-8": "8"})
    archivist.send(DRAFT, {"active_from": TOMORROW, "approval": "馆务会"})
    with city.database.write() as session:  # its addition was taken from this hub since
        row = session.get_one(Ruleset, "420506-2")
        row.document = {**row.document, "items": {"ACME-1": {"weight": 3}}}
    said = archivist.get("/rulesets/420506-2").text
    assert "待启用" in said
    assert "本程序没有这一项" in said
    with city.database.read() as session:
        rules = federation.rules_on(session.get_one(Fonds, fonds.id), session)
        (digest,) = session.scalars(select(FondsSchedule.sha256))
    assert rules.formats == {"ofd", "pdf"}
    assert [(each.section, each.retention, each.alternatives) for each in rules.schedule.items] == [
        ("一、党群", "Y", ()), ("一、党群", "D30", ("D10",)),
    ]  # fmt: skip
    assert "30年或10年" in archivist.get(f"/rulesets/schedules/{digest}").text


def test_the_version_is_in_the_repository_when_it_happens(
    city: City, fonds: Fonds, archivist: Browser
) -> None:
    writer = RegisterWriter(city.database)
    writer.step()
    archivist.send(f"{DRAFT}/items", {"weight.1-8": "7"})
    archivist.send(DRAFT, {"active_from": today(), "approval": "馆务会"})
    writer.step()
    with city.database.read() as session:
        names = session.scalars(select(Paper.name).where(Paper.name.contains("/ruleset/"))).all()
        assert session.scalar(select(Ruleset.version)) == "420506-1"
    assert len(names) == 1
    assert names[0].startswith("hub/registers/ruleset/420506-1/")


def test_nobody_sees_or_changes_the_ruleset_of_another_archive(
    city: City, fonds: Fonds, archivist: Browser
) -> None:
    archivist.send(f"{DRAFT}/items", {"weight.1-8": "7"})
    archivist.send(DRAFT, {"active_from": today(), "approval": "馆务会"})
    stranger = Browser(archivist.client.application, "stranger")
    assert "420506-1" not in stranger.get("/rulesets/").text
    for path in (DRAFT, f"{DRAFT}/items", f"{DRAFT}/schedule", "/rulesets/420506-1"):
        assert stranger.get(path).status_code == 404, path
    for path in (f"{DRAFT}/drop", f"{DRAFT}/schedule/{fonds.id}/leave-out"):
        assert stranger.send(path).status_code == 404, path
