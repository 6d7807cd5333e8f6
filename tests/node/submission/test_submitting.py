"""OA 归档: an office system hands in what it has finished, and follows it to the archive."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from node.app import make_node_app
from node.filing import service as filing
from node.office.places import NodeFolder
from node.office.service import fonds_here
from node.registry import service as registry
from node.registry.files import object_name
from node.registry.models import Registered
from node.submission import service as submissions
from node.submission.arriving import Arriving, Sweeping
from node.submission.models import Arrival, Submission
from node.submission.schemas import HandedSchema
from shared.identity import access_keys, account_of, create_account, disable_account, set_grants
from shared.identity.models import AccessKey
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.clock import now
from tests.killed import Bomb, dies, mined
from tests.node.browser import Browser
from tests.node.conftest import TOWN, VILLAGE, Node
from tests.people import MACHINE

PATH = "/api/v1/submissions"
TEXT, SHEET = b"%PDF-1.7 text of the notice", b"%PDF-1.7 sheet"
TITLE = "关于做好防汛工作的通知"


def handed(name: str, role: str, content: bytes) -> dict[str, Any]:
    return {
        "name": name,
        "role": role,
        "size": len(content),
        "sha256": sha256(content).hexdigest(),
    }


DOCUMENT: dict[str, Any] = {
    "fonds_id": TOWN,
    "direction": "outgoing",
    "title": TITLE,
    "doc_no": "樟政发〔2026〕7号",
    "author": "樟村坪镇人民政府",
    "date": "2026-03-05",
    "registered_on": "2026-03-06",
    "events": [
        {
            "action": "签发", "time": "2026-03-05T01:00:00.000000Z", "agent": "李镇长",
            "agent_unit": "樟村坪镇人民政府",
        },
        {
            "action": "起草", "time": "2026-03-04T01:00:00.000000Z", "agent": "王干事",
            "agent_unit": "办公室",
        },
    ],
    "files": [handed("通知.pdf", "正本", TEXT), handed("发文稿纸.pdf", "发文稿纸", SHEET)],
}  # fmt: skip
FILING = {"class_code": "WS", "retention": "D30", "year": 2026, "organ": "BGS"}


class Office:
    """An office system that speaks to a node."""

    def __init__(self, node: Node, client: FlaskClient, key: str) -> None:
        self.node, self.client, self.key = node, client, key

    def send(
        self, key: str = "OA-1", came: tuple[bytes, ...] = (TEXT, SHEET), **changed: Any
    ) -> TestResponse:
        parts: dict[str, Any] = {"document": json.dumps({**DOCUMENT, **changed})}
        parts["file"] = [(io.BytesIO(each), f"{number}.pdf") for number, each in enumerate(came)]
        return self.client.post(PATH, data=parts, headers={**self.headers, "Idempotency-Key": key})

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def ask(self, path: str = "", status: int = 200) -> Any:
        answer = self.client.get(PATH + path, headers=self.headers)
        assert answer.status_code == status, answer.text
        return answer.get_json()

    def nothing_is_left(self) -> bool:
        with self.node.database.read() as session:
            counts = [
                session.scalar(select(func.count()).select_from(model))
                for model in (Registered, Submission, Arrival, filing.Record)
            ]
        return counts == [0, 0, 0, 0] and list(self.node.folder.files.names()) == []


INTEGRATOR = Grant(Role.INTEGRATOR, fonds_id=TOWN)


@pytest.fixture
def office(node: Node) -> Iterator[Office]:
    # Without a password: another system has none.
    with node.database.write() as session:
        account = employ_system(session)
        key = access_keys.issue_key(MACHINE, account, session=session)
    with make_node_app(node.folder).test_client() as client:
        yield Office(node, client, key)


def employ_system(session: Session, login: str = "oa", grant: Grant = INTEGRATOR) -> Any:
    account = create_account(MACHINE, login, "OA 系统", "", [grant], session=session)
    set_grants(MACHINE, account, [grant], session=session)
    return account


def test_a_document_comes_in_whole_and_is_followed_to_its_number(
    office: Office, clerk: Actor
) -> None:
    answer = office.send()
    assert answer.status_code == 201, answer.text
    told = answer.get_json()
    assert (told["state"], told["number"], told["code"]) == ("registered", "2026-发-0001", None)
    assert [each["role"] for each in told["files"]] == ["正本", "发文稿纸"]
    again = office.send()
    assert (again.status_code, again.get_json()) == (201, told)
    with office.node.database.write() as session:
        document = session.scalars(select(Registered)).one()
        assert (document.state, document.registered_by) == ("closed", "OA 系统")
        record = filing.send_to_filing(clerk, document, FILING, session=session)
        wire = filing.wire(record, session=session)
    assert [each["action"] for each in wire["events"]] == ["起草", "签发", "收集"]
    assert office.ask(f"/{told['submission_id']}")["state"] == "arranging"
    office.node.close(clerk, year=2026)
    filed = office.ask(f"/{told['submission_id']}")
    assert (filed["state"], filed["code"]) == ("filed", "A182-WS·2026-D30-BGS-0001")
    assert office.ask("?key=OA-1")["submissions"][0]["state"] == "filed"
    assert office.ask("?key=OA-2")["total"] == 0


def test_with_its_class_it_is_filed_at_once_and_what_is_wrong_is_told(
    office: Office, clerk: Actor
) -> None:
    told = office.send(filing=FILING).get_json()
    assert told["state"] == "arranging"
    with office.node.database.write() as session:
        record = session.scalars(select(filing.Record)).one()
        session.add(
            filing.Objection(
                record_id=record.id, source="returned", code="reviewer", field="date",
                problem="日期与落款不符。", remedy="请核对。",
            )
        )  # fmt: skip
    office.node.close(clerk, year=2026)
    told = office.ask(f"/{told['submission_id']}")
    assert told["state"] == "returned"
    (finding,) = told["findings"]
    assert (finding["source"], finding["field"]) == ("returned", "date")


def test_the_same_key_for_something_else_is_refused(office: Office) -> None:
    assert office.send().status_code == 201
    other = office.send(title="关于另一件事的通知")
    assert (other.status_code, other.get_json()["code"]) == (409, "idempotency_key_reused")
    assert office.send("OA-2", title="关于另一件事的通知").status_code == 201
    assert office.send(" ").get_json()["code"] == "bad_idempotency_key"
    with office.node.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Registered)) == 2


WRONG: list[tuple[dict[str, Any], tuple[bytes, ...], str, str]] = [
    ({"title": ""}, (TEXT, SHEET), "title", "invalid"),
    ({"titel": "x"}, (TEXT, SHEET), "titel", "invalid"),
    ({"date": "2026-02-30"}, (TEXT, SHEET), "date", "invalid"),
    ({"files": [{**DOCUMENT["files"][0], "role": "草稿"}]}, (TEXT,), "files.0.role", "invalid"),
    ({"events": [{"action": "起草"}]}, (TEXT, SHEET), "", "invalid"),
    ({"filing": {**FILING, "retention": "三百年"}}, (TEXT, SHEET), "filing.retention", ""),
    ({"security": "机密"}, (TEXT, SHEET), "security", "classified"),
    ({"remark": "秘密★10年"}, (TEXT, SHEET), "security", "classified"),
    ({}, (TEXT,), "files.1.sha256", "file_missing"),
    ({}, (TEXT, SHEET, b"%PDF other"), "file", "file_not_listed"),
    ({}, (TEXT, SHEET + b" altered"), "file", "file_not_listed"),
]


def test_what_is_wrong_is_told_with_its_field_and_nothing_is_left(office: Office) -> None:
    for changed, came, field, code in WRONG:
        answer = office.send(came=came, **changed)
        assert answer.status_code == 422, answer.text
        said = answer.get_json()
        assert (said["field"] or "") == field or not field, said
        assert not code or said["code"] == code
        assert said["remedy"]
    assert office.nothing_is_left()


def test_a_wrong_size_several_problems_and_no_description_are_told(office: Office) -> None:
    wrong = [{**DOCUMENT["files"][0], "size": 3}]
    answer = office.send(came=(TEXT,), files=wrong)
    assert answer.get_json()["field"] == "files.0.size"
    many = office.send(title="", direction="sideways").get_json()
    assert {each["field"] for each in many["errors"]} == {"title", "direction"}
    for sent, code in (({}, "required"), ({"document": "{"}, "not_json")):
        answer = office.client.post(
            PATH, data=sent, headers={**office.headers, "Idempotency-Key": "1"},
            content_type="multipart/form-data",
        )  # fmt: skip
        assert (answer.status_code, answer.get_json()["code"]) == (422, code)
    assert office.nothing_is_left()


def test_the_description_may_come_as_a_file_and_the_only_fonds_need_not_be_said(
    office: Office,
) -> None:
    described = json.dumps({**DOCUMENT, "fonds_id": None, "files": []}).encode()
    answer = office.client.post(
        PATH,
        data={"document": (io.BytesIO(described), "meta.json", "application/json")},
        headers={**office.headers, "Idempotency-Key": '"quoted"'},
    )
    assert answer.status_code == 201, answer.text
    assert (answer.get_json()["key"], answer.get_json()["fonds_id"]) == ("quoted", TOWN)


def test_a_system_reaches_its_own_submissions_in_its_own_fonds_and_nothing_else(
    office: Office,
) -> None:
    mine = office.send().get_json()["submission_id"]
    refused = office.send("OA-2", fonds_id=VILLAGE)
    assert (refused.status_code, refused.get_json()["code"]) == (404, "fonds_unknown")
    with office.node.database.write() as session:
        account = employ_system(session, "other")
        other = Office(
            office.node, office.client, access_keys.issue_key(MACHINE, account, session=session)
        )
    other.ask(f"/{mine}", status=404)
    assert other.ask()["total"] == 0
    assert office.client.get("/registry/", headers=office.headers).status_code == 302
    with office.node.database.write() as session:
        actor = Actor("oa", "OA 系统", (INTEGRATOR,))
        with pytest.raises(Exception, match="文书档案员"):
            registry.register(actor, TOWN, "incoming", {"title": "x"}, session=session)


def test_a_key_that_has_ended_opens_nothing_and_its_last_use_is_known(office: Office) -> None:
    office.ask()
    with office.node.database.write() as session:
        kept = session.scalars(select(AccessKey)).one()
        assert kept.used_at is not None
        assert kept.used_from == "127.0.0.1"
        kept.expires_at = now() - timedelta(seconds=1)
    office.ask(status=401)
    with office.node.database.write() as session:
        kept.expires_at = now() + timedelta(days=1)
        session.merge(kept)
    office.ask()
    with office.node.database.write() as session:
        disable_account(MACHINE, account_of(kept.account_id, session), session=session)
    office.ask(status=401)
    assert office.client.get(PATH).status_code == 401


def test_administrators_give_and_end_keys_and_clerks_see_what_came(node: Node) -> None:
    with node.database.write() as session:
        account_id = employ_system(session).id
    admin = Browser(node, "boss", "周管理", Grant(Role.SYSTEM_ADMINISTRATOR))
    page = admin.post(f"/accounts/{account_id}/key").text
    key = page.split("dlk_")[1].split("<")[0]
    assert key not in admin.get(f"/accounts/{account_id}/key").text
    office = Office(node, admin.client, f"dlk_{key}")
    assert office.send(filing=FILING).status_code == 201
    assert "127.0.0.1" in admin.get("/accounts/systems/?key=valid").text
    clerk = Browser(node, "zhang", "张档案", Grant(Role.CLERK, fonds_id=TOWN))
    listed = clerk.get("/submissions/?q=防汛&state=to_file&sort=title").text
    assert TITLE in listed
    assert "待整理" in listed
    assert "没有符合条件" in clerk.get("/submissions/?state=open").text
    with node.database.read() as session:
        document_id = session.scalars(select(Registered.id)).one()
    assert "原系统中的经过" in clerk.get(f"/registry/{document_id}").text
    villager = Browser(node, "wang", "王村文书", Grant(Role.CLERK, fonds_id=VILLAGE))
    assert TITLE not in villager.get("/submissions/").text
    admin = Browser(node, "boss2", "周管理", Grant(Role.SYSTEM_ADMINISTRATOR))
    admin.post(f"/accounts/{account_id}/key/revoke")
    Office(node, admin.client, f"dlk_{key}").ask(status=401)
    admin.post(f"/accounts/{account_id}/key/revoke", status=404)


def hand_in(folder: Path, when: str) -> None:
    """One submission; dies by -9 `before` or `after` one of its commits."""
    moment, _, number = when.partition(" ")
    if number:
        commit = mined(Session.commit, Bomb(int(number)), after=moment == "after")
        Session.commit = commit  # type: ignore[method-assign]
    place = NodeFolder(folder)
    with place.database().read() as session:
        fonds = fonds_here(session)[0].id
        actor = Actor("oa", "OA 系统", (Grant(Role.INTEGRATOR, fonds_id=fonds),))
        read = HandedSchema().load({**DOCUMENT, "fonds_id": fonds})
        given = submissions.check(actor, read, session=session)
    digests = [each["sha256"] for each in given["files"]]
    with Arriving(place, digests) as files:
        stored = {
            each.sha256: each
            for each in (files.keep(io.BytesIO(TEXT), "a"), files.keep(io.BytesIO(SHEET), "b"))
        }
        with place.database().write() as session:
            submissions.submit(actor, "OA-1", given, stored, session=session)
            files.done(session)


@pytest.mark.faults
def test_killed_anywhere_it_is_whole_or_leaves_nothing(node: Node) -> None:
    def there() -> tuple[int, int, list[str]]:
        with node.database.read() as session:
            assert session.scalar(select(Arrival.id)) is None
            counts = [
                session.scalar(select(func.count()).select_from(model)) or 0
                for model in (Submission, Registered)
            ]
        return counts[0], counts[1], list(node.folder.files.names())

    for when in ("before 1", "after 1", "before 2"):
        assert dies(hand_in, node.folder.path, when)
        Sweeping(node.folder).step()
        assert there() == (0, 0, []), when
    assert dies(hand_in, node.folder.path, "after 2")
    hand_in(node.folder.path, "")
    kept = sorted(object_name(sha256(each).hexdigest()) for each in (TEXT, SHEET))
    assert there() == (1, 1, kept)


def test_the_sweep_leaves_what_somebody_needs_or_is_just_bringing(office: Office) -> None:
    assert office.send().status_code == 201
    digest = DOCUMENT["files"][0]["sha256"]
    with office.node.database.write() as session:
        session.add(Arrival(digests=[digest]))
    sweeping = Sweeping(office.node.folder)
    with Arriving(office.node.folder, [digest]):
        sweeping.step()
        with office.node.database.read() as session:
            assert session.scalar(select(func.count()).select_from(Arrival)) == 2
    sweeping.step()
    with office.node.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Arrival)) == 0
    assert office.node.folder.files.exists(object_name(digest))
