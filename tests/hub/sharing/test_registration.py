"""Services registered with the provincial platform: told until it has them, and told once."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import event

from hub.federation.places import HubFolder
from hub.sharing.registration import doctor, service
from hub.sharing.registration.commands import registrations_group
from hub.sharing.registration.models import Registration
from hub.sharing.registration.platform import Platform, PlatformHttp, load_platform
from hub.sharing.registration.sending import MOST_TRIES, Sending
from hub.sharing.resources import service as resources
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.clock import now
from shared.kernel.errors import Invalid, NotAllowed, NotFound, Unavailable, WrongState
from shared.kernel.settings import save_settings
from tests.hub.conftest import City
from tests.hub.desk import Browser, make_desk
from tests.hub.sharing.described import description
from tests.hub.sharing.province import NAME, SECRET, Province, ReferencePlatform, install
from tests.killed import Bomb, dies, mined

YILING, ZHIJIANG = "420506", "420583"
BASE = "https://hub.example"
OPENAPI: dict[str, Any] = {
    "paths": {
        "/api/v1/shared/lookups": {
            "post": {
                "summary": "查证",
                "parameters": [{"name": "lang", "in": "query", "schema": {"type": "string"}}],
                "requestBody": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Q"}}}
                },
                "responses": {"200": {"$ref": "#/components/responses/A"}},
            }
        },
        "/api/v1/nodes": {"get": {"summary": "not for others"}},
    },
    "components": {
        "schemas": {
            "Q": {"properties": {"number": {"type": "string"}}, "required": ["number"]},
            "Loop": {"$ref": "#/components/schemas/Loop"},
        },
        "responses": {
            "A": {
                "content": {
                    "application/json": {
                        "schema": {
                            "properties": {
                                "exists": {"type": "boolean"},
                                "archive": {"type": ["string", "null"]},
                                "odd": {"$ref": "#/components/schemas/Loop"},
                            }
                        }
                    }
                }
            }
        },
    },
}


class Desk:
    """An archive that shares a resource by an interface, and the platform of its province."""

    def __init__(self, city: City, province: Province) -> None:
        self.city, self.province = city, province
        self.editor = city.archivist(YILING)
        self.leader = city.person(Grant(Role.LEADER, YILING))
        with city.database.write() as session:
            made = resources.begin(self.editor, YILING, description(), session=session)
            resources.submit(self.editor, made.id, session=session)
            resources.approve(self.leader, made.id, session=session)
            self.resource_id = made.id

    def terms(self, **changes: Any) -> dict[str, Any]:
        return {
            "resource_id": self.resource_id,
            "operation": "POST /api/v1/shared/lookups",
            "name": "档案查证服务",
            "authentication": "bearer",
            "per_second": 10,
            "per_day": 1000,
            "person": "王某",
            "phone": "0717-1234567",
            "remark": None,
            **changes,
        }

    def propose(self, **changes: Any) -> str:
        with self.city.database.write() as session:
            return service.propose(
                self.editor, self.terms(**changes), description=OPENAPI, base=BASE, session=session
            ).id

    def approve(self, registration_id: str, who: Actor | None = None) -> None:
        with self.city.database.write() as session:
            service.approve(who or self.leader, registration_id, session=session)

    def change(self, registration_id: str, **changes: Any) -> None:
        terms = self.terms(**changes)
        with self.city.database.write() as session:
            service.change(
                self.editor, registration_id, terms, description=OPENAPI, base=BASE,
                session=session,
            )  # fmt: skip

    def sending(self) -> Sending:
        return Sending(self.city.database, self.platform())

    def platform(self) -> Platform | None:
        return load_platform(self.city.folder.settings)

    def work(self) -> None:
        sending = self.sending()
        while sending.step():
            pass

    def later(self, registration_id: str, **changes: Any) -> None:
        """Let the time come at which something is due."""
        with self.city.database.write() as session:
            row = session.get_one(Registration, registration_id)
            row.due_at = now() - timedelta(seconds=1)
            for name, value in changes.items():
                setattr(row, name, value)

    def row(self, registration_id: str) -> Registration:
        with self.city.database.read() as session:
            return session.get_one(Registration, registration_id)

    def sick(self) -> list[str]:
        with self.city.database.read() as session:
            return [each.code for each in doctor.examine(session)]


@pytest.fixture
def province() -> Iterator[Province]:
    server = Province()
    yield server
    server.close()


@pytest.fixture
def desk(city: City, province: Province, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.syspath_prepend(install(tmp_path / "plugin"))
    options = tmp_path / "province.toml"
    options.write_text(f'secret = "{SECRET}"\n')
    settings = replace(
        city.folder.settings,
        province_platform=NAME,
        province_url=province.url,
        province_options=str(options),
    )
    save_settings(settings, city.folder.path)
    city.folder = HubFolder(city.folder.path)
    return Desk(city, province)


def test_a_service_is_approved_by_another_told_and_goes_online(desk: Desk) -> None:
    found = desk.propose()
    desk.work()
    assert desk.province.asked == 0, "nothing is told before it is approved"
    for who in (desk.editor, desk.city.admin, desk.city.person(Grant(Role.LEADER, ZHIJIANG))):
        with pytest.raises((NotAllowed, NotFound)):
            desk.approve(found, who)
    desk.approve(found)
    desk.work()
    row = desk.row(found)
    assert (row.state, row.reference, row.words) == ("sent", "P0001", "已收到")
    told = desk.province.services["P0001"]["service"]
    assert told["serviceCode"] == "420506-0001"
    assert told["resourceCode"] == "307001/000001"
    assert told["url"] == f"{BASE}/api/v1/shared/lookups"
    assert told["params"] == ["lang", "number"]
    types = [each["type"] for each in row.record["response"]]
    assert types == ["boolean", "string、null", "object"]

    desk.province.stands = "online"
    desk.work()
    assert desk.row(found).state == "sent", "it is not asked all the time"
    desk.later(found)
    desk.work()
    assert desk.row(found).state == "online"

    desk.change(found, per_second=20)
    assert (desk.row(found).version, desk.row(found).state) == (2, "proposed")
    desk.approve(found)
    desk.work()
    assert list(desk.province.services) == ["P0001"]
    assert desk.province.services["P0001"]["service"]["qps"] == 20
    assert desk.province.services["P0001"]["tellings"] == [f"{found}.1", f"{found}.2"]


def test_what_is_not_served_or_not_shared_is_not_registered(desk: Desk) -> None:
    with pytest.raises(Invalid) as caught:
        desk.propose(operation="GET /api/v1/nodes")
    assert caught.value.code == "no_such_operation"
    found = desk.propose()
    with desk.city.database.write() as session:
        resources.withdraw(desk.leader, desk.resource_id, "重复", session=session)
    with pytest.raises(WrongState):
        desk.approve(found)
    with desk.city.database.write() as session:
        service.call_off(desk.editor, found, "资源已撤销", session=session)
    assert desk.row(found).state == "called_off"


def test_an_answer_that_got_lost_does_not_register_twice(desk: Desk) -> None:
    found = desk.propose()
    desk.approve(found)
    desk.province.answers = lambda answer: None
    desk.work()
    row = desk.row(found)
    assert (row.state, row.tries, len(desk.province.services)) == ("waiting", 1, 1)
    assert "503" in str(row.problem)
    desk.province.answers = lambda answer: answer
    desk.later(found)
    desk.work()
    assert desk.row(found).state == "sent"
    assert desk.province.services["P0001"]["tellings"] == [f"{found}.1"]


def test_a_platform_that_stays_away_is_tried_less_and_less_and_then_shown(desk: Desk) -> None:
    found = desk.propose()
    desk.approve(found)
    desk.province.answers = lambda answer: None
    pauses = []
    for tries in (0, 1, 12):
        desk.later(found, tries=tries)
        desk.work()
        due = desk.row(found).due_at
        assert due is not None
        pauses.append(round((due - now()).total_seconds() / 60))
    assert pauses == [1, 2, 360]
    desk.later(found, tries=MOST_TRIES - 1)
    desk.work()
    assert desk.row(found).state == "given_up"
    assert desk.sick() == ["registration_undelivered"]
    desk.province.answers = lambda answer: answer
    place = ["--dir", str(desk.city.folder.path)]
    shown = CliRunner().invoke(registrations_group, ["list", *place])
    assert "420506-0001" in shown.output
    again = CliRunner().invoke(registrations_group, ["again", *place, "420506-0001"])
    assert again.exit_code == 0, again.output
    desk.work()
    assert (desk.row(found).state, desk.sick()) == ("sent", [])


def test_what_the_platform_refuses_is_changed_and_proposed_anew(desk: Desk) -> None:
    found = desk.propose()
    desk.approve(found)
    desk.province.refuses = "缺少联系人"
    desk.work()
    row = desk.row(found)
    assert (row.state, row.reference, row.due_at) == ("refused", None, None)
    assert "缺少联系人" in str(row.words)
    assert desk.sick() == ["registration_refused"]
    desk.province.refuses = ""
    desk.change(found, person="李某")
    desk.approve(found)
    desk.work()
    assert (desk.row(found).state, desk.row(found).version) == ("sent", 2)


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b"[" * 200_000,
        b'{"state": "online", "id": "' + b"9" * 2_000_000 + b'"}',
        b'{"state": "gone", "id": "P1"}',
        b'{"state": "online", "id": "P\\u0000"}',
        b'{"state": "online"}',
        b"[]",
    ],
    ids=["html", "deep", "long", "state", "control", "half", "list"],
)
def test_a_hostile_answer_is_a_failed_try_and_holds_up_nobody(desk: Desk, answer: bytes) -> None:
    first = desk.propose()
    desk.approve(first)
    desk.province.answers = lambda _: answer
    desk.work()
    assert (desk.row(first).state, desk.row(first).tries) == ("waiting", 1)
    assert desk.row(first).problem


def test_a_plug_in_with_a_fault_holds_up_nobody(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = desk.propose()
    desk.approve(first)
    monkeypatch.setattr(ReferencePlatform, "register", lambda *_: None)
    desk.work()
    row = desk.row(first)
    assert (row.state, row.tries) == ("waiting", 1)
    assert "插件出错" in str(row.problem)


def test_settings_that_cannot_be_used_stop_the_start(desk: Desk) -> None:
    settings = desk.city.folder.settings
    for changes, code in (
        ({"province_platform": "hubei"}, "no_such_plugin"),
        ({"province_url": "http://province.example"}, "invalid"),
        ({"province_options": "/nowhere/at/all"}, "invalid"),
    ):
        with pytest.raises(Invalid) as caught:
            load_platform(replace(settings, **changes))
        assert caught.value.code == code
    assert load_platform(replace(settings, province_platform="")) is None
    with pytest.raises(Unavailable):
        PlatformHttp("http://127.0.0.1:9", timeout=1).ask("GET", "/")


# ---- kill -9


def sends(folder: Path, plugin: str, what: str, at: int) -> None:
    """Send until death: before a commit, or once the platform has answered."""
    sys.path.insert(0, plugin)
    hub = HubFolder(folder)
    bomb = Bomb(at)
    platform = load_platform(hub.settings)
    assert platform is not None
    if what == "commit":
        event.listen(hub.database().engine, "commit", lambda connection: bomb.tick())
    else:
        platform.register = mined(platform.register, bomb, after=True)  # type: ignore[method-assign]
    sending = Sending(hub.database(), platform)
    while sending.step():
        pass


@pytest.mark.faults
@pytest.mark.parametrize(("what", "at"), [("commit", 1), ("answer", 1), ("commit", 2)])
def test_killed_while_sending_it_is_registered_once(
    desk: Desk, tmp_path: Path, *, what: str, at: int
) -> None:
    found = desk.propose()
    desk.approve(found)
    desk.city.database.close()
    assert dies(sends, desk.city.folder.path, str(tmp_path / "plugin"), what, at)
    desk.work()
    if (what, at) != ("commit", 1):
        assert desk.row(found).state == "waiting", "who has begun is left to it for a while"
        desk.later(found)
        desk.work()
    assert desk.row(found).state == "sent"
    assert desk.province.services["P0001"]["tellings"] == [f"{found}.1"]
    assert len(desk.province.services) == 1


# ---- at the screen


def test_from_the_form_to_the_platform(desk: Desk) -> None:
    app = make_desk(
        desk.city,
        bianzhi=Grant(Role.ARCHIVIST, YILING),
        guanzhang=Grant(Role.LEADER, YILING),
        other=Grant(Role.ARCHIVIST, ZHIJIANG),
    )
    editor, leader, other = (Browser(app, each) for each in ("bianzhi", "guanzhang", "other"))
    assert "还没有登记的服务" in editor.get("/registrations/").text
    assert "POST /api/v1/shared/lookups" in editor.get("/registrations/new").text
    form = {**desk.terms(remark=""), "phone": "无"}
    answer = editor.send("/registrations/new", form)
    assert answer.status_code == 422
    assert "应为电话号码" in answer.text
    assert "档案查证服务" in answer.text
    answer = editor.send("/registrations/new", {**form, "phone": "0717-1234567"})
    assert answer.status_code == 302, answer.text
    page = answer.headers["Location"]
    assert editor.send(f"{page}/approve").status_code == 403
    assert "purpose" in leader.get(page).text, "parameters are those of the interface"
    assert leader.send(f"{page}/return", {"reason": "限额太高"}).status_code == 302
    assert "限额太高" in editor.get(page).text
    answer = editor.send(f"{page}/change", {**form, "phone": "0717-1234567", "per_day": "500"})
    assert answer.status_code == 302
    assert "1 项" not in leader.get("/").text
    assert "项服务登记等待批准" in leader.get("/").text
    assert leader.send(f"{page}/approve").status_code == 302
    desk.work()
    assert "P0001" in editor.get(page).text
    assert "省级平台审核中" in editor.get("/registrations/?sort=name&q=查证").text
    assert editor.get(f"{page}/record.json").get_json()["per_day"] == 500
    assert other.get(page).status_code == 404
    assert "查证服务" not in other.get("/registrations/").text
