"""Services for other platforms: is this paper genuine, does this record exist, and no more."""

from __future__ import annotations

import io
from typing import Any

import pytest

from hub.sharing import service as sharing
from hub.sharing.deciding import Deciding
from hub.sharing.lookup import service, verification
from hub.sharing.lookup.service import Asker, Question, look_up, read_question
from hub.sharing.policies import FIELDS, Audience
from hub.sharing.resources import service as resources
from shared.audit import AuditEvent
from shared.identity import TooManyAttempts
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.canonical import canonical_json, digest_of
from shared.kernel.errors import Classified, Invalid, NotFound
from shared.kernel.identifiers import new_id
from shared.records.record import Opening, Publicity
from shared.records.security import SecurityClass
from tests.hub.desk import Api, Browser, make_desk
from tests.hub.receiving.conftest import archivist, hub, reviewer, unit
from tests.hub.receiving.handover import YILING_ARCHIVE, Hub, Unit
from tests.hub.sharing.described import description

__all__ = ["archivist", "hub", "reviewer", "unit"]


class Kept:
    """A batch that an archive has received: open, controlled and internal records; its receipt."""

    def __init__(self, hub: Hub, unit: Unit, reviewer: Actor, archivist: Actor) -> None:
        self.hub, self.archivist = hub, archivist
        self.leader = hub.city.person(Grant(Role.LEADER, YILING_ARCHIVE))
        made = [
            *unit.records(1, opening=Opening("open", None)),
            *unit.records(1, opening=Opening("controlled", "涉及个人信息")),
            *unit.records(1, opening=Opening("open", None), security=SecurityClass.INTERNAL),
            *unit.records(
                1, opening=Opening("open", None), publicity=Publicity("none", "涉及他人隐私")
            ),
        ]
        self.waiting = unit.records(1, opening=Opening("open", None))[0][0]
        batch = unit.batch(made)
        unit.send("offer", *(each.body for each in batch.offers))
        unit.send("batch", batch.closing)
        hub.work("receiving.check")
        hub.conclude(reviewer, batch.id, "accepted")
        unit.sign(batch.id)
        hub.receive(archivist, batch.id)
        hub.work()
        assert hub.batch(batch.id).state == "received"
        self.open, self.controlled, self.internal, self.private = (each for each, _ in made)
        self.receipt = unit.heard("receipt")[-1]

    def share(self, **changes: Any) -> str:
        policy = sharing.NewPolicy(
            tuple(FIELDS), "馆务会决定", closed_fields=("code",), closed_years=0
        )
        with self.hub.city.database.write() as session:
            sharing.set_policy(
                self.archivist, YILING_ARCHIVE, Audience.GOVERNMENT, policy, session=session
            )
            made = resources.begin(
                self.archivist, YILING_ARCHIVE, description(**changes), session=session
            )
            resources.submit(self.archivist, made.id, session=session)
            approved = resources.approve(self.leader, made.id, session=session).id
        while Deciding(self.hub.city.database).step():
            pass
        return approved

    def ask(
        self,
        record: Any,
        purpose: str = "government_service",
        asker: Asker | None = None,
        **changes: Any,
    ) -> bool:
        said = {"number": record.code, "title": record.title, "matter": "42050620261126001"}
        question = read_question(**{**said, "purpose": purpose, **changes})
        asker = asker or Asker(self.archivist)
        with self.hub.city.database.write() as session:
            return look_up(asker, question, most=1000, session=session).exists


@pytest.fixture
def kept(hub: Hub, unit: Unit, reviewer: Actor, archivist: Actor) -> Kept:
    return Kept(hub, unit, reviewer, archivist)


def test_only_what_the_catalogue_shares_is_told_and_only_whole_names(kept: Kept) -> None:
    assert not kept.ask(kept.open), "nothing is told before the archive shares it"
    resource_id = kept.share()
    for number in (kept.open.code, kept.open.doc_no, kept.open.doc_no.replace("〔", " [")):
        assert kept.ask(kept.open, number=number), number
    assert kept.ask(kept.open, "compilation")
    for changes in (
        {"number": kept.open.code[:-1]},
        {"title": kept.open.title[:-1]},
        {"title": kept.controlled.title},
    ):
        assert not kept.ask(kept.open, **changes), changes
    for record in (kept.controlled, kept.internal, kept.private, kept.waiting):
        assert not kept.ask(record)
    closed = {"coverage": "controlled", "opening": {"open": False}}
    conditions = {"type": "conditional", "conditions": "核实证照"}
    kept.share(**closed, sharing={**conditions, "methods": ["mail"]})
    assert not kept.ask(kept.controlled), "it is not shared through the platform"
    kept.share(**closed, sharing=conditions)
    assert kept.ask(kept.controlled)
    assert not kept.ask(kept.controlled, "compilation"), "not for every purpose"
    assert not kept.ask(kept.internal)
    with kept.hub.city.database.write() as session:
        resources.withdraw(kept.leader, resource_id, "停止共享", session=session)
    assert not kept.ask(kept.open)


def test_a_consumer_hears_of_what_its_terms_cover_and_is_shared_with_its_audience(
    kept: Kept,
) -> None:
    kept.share()
    consumer = Actor("consumer:1", "省一体化政务服务平台")

    def ask(**terms: Any) -> bool:
        return kept.ask(kept.open, asker=Asker(consumer, **terms))

    assert ask()
    assert ask(covers=lambda archive, fonds: archive == YILING_ARCHIVE)
    assert ask(covers=lambda archive, fonds: fonds == kept.open.fonds_id)
    assert not ask(covers=lambda archive, fonds: False)
    assert not ask(audience=Audience.PUBLIC), "the public is shown nothing yet"


def test_each_look_up_is_in_the_log_without_what_was_typed(kept: Kept) -> None:
    kept.share()
    kept.ask(kept.open)
    kept.ask(kept.open, title="没有这样的题名")
    with kept.hub.city.database.read() as session:
        found, missed = (
            session.query(AuditEvent)
            .filter_by(action="record.looked_up")
            .order_by(AuditEvent.seq)
            .all()
        )
    assert found.subject == f"record:{kept.open.id}"
    assert missed.subject.startswith("lookup:")
    for each, was_found in ((found, True), (missed, False)):
        assert each.details["purpose"] == "government_service"
        assert each.details["matter"] == "42050620261126001"
        assert each.details["found"] is was_found
    assert "题名" not in str(missed.details)


def test_who_tries_names_out_is_stopped_and_starts_anew_with_the_hour(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.share()
    asked = Question("宜办发〔2024〕99号", "没有", "notarisation", "1")
    database = kept.hub.city.database

    def ask(question: Question, most: int = 20, who: Actor = kept.archivist) -> bool:
        with database.write() as session:
            return look_up(Asker(who), question, most=most, session=session).exists

    assert [ask(asked) for _ in range(2)] == [False, False]
    good = Question(str(kept.open.code), kept.open.title, "notarisation", "1")
    with pytest.raises(TooManyAttempts):
        ask(good)
    assert ask(good, who=kept.leader), "another account is not stopped"
    assert ask(good, most=40)
    hour = service._HOUR
    monkeypatch.setattr(service, "_HOUR", hour - 1)  # as if it were another hour
    assert ask(good)
    with pytest.raises(Invalid):
        read_question("1", "2", "curiosity", "3")
    with pytest.raises(Classified):
        read_question("1", "机密★10年 关于某事", "notarisation", "3")


def test_a_receipt_is_known_by_its_code_and_by_its_digest(kept: Kept) -> None:
    code, city = kept.receipt["receipt_id"], kept.hub.city
    store = city.folder.store

    def verify(code: str, digest: str | None = None) -> verification.Genuine:
        return verification.verify(code, digest, database=city.database, store=store)

    found = verify(f" {code.upper()} ")
    assert (found.kind, found.archive_code, found.count) == ("receipts", YILING_ARCHIVE, 4)
    assert (found.at, found.matches) == (kept.receipt["at"], None)
    digest = digest_of(kept.receipt)
    assert found.sha256 == digest
    assert verify(code, digest.upper()).matches is True
    assert verify(code, "0" * 64).matches is False
    for wrong in (new_id(), kept.open.id):
        with pytest.raises(NotFound):
            verify(wrong)
    for odd in ("", "1", f"{code}/../x"):
        with pytest.raises(Invalid):
            verify(odd)


def test_everybody_may_verify_on_the_page_and_nobody_may_guess(kept: Kept) -> None:
    app = make_desk(kept.hub.city, jiguan=Grant(Role.CLERK, None, kept.open.fonds_id))
    code = kept.receipt["receipt_id"]
    visitor = app.test_client()
    page = visitor.get(f"/verify/?code={code}").text
    assert code in page
    token = visitor.get("/session").get_json()["csrf_token"]

    def send(code: str, content: bytes | None = None) -> Any:
        said: dict[str, Any] = {"code": code, "csrf_token": token}
        if content is not None:
            said["file"] = (io.BytesIO(content), "receipt.json")
        return visitor.post("/verify/", data=said, content_type="multipart/form-data")

    assert "凭证属实" in send(code).text
    assert "完全一致" in send(code, canonical_json(kept.receipt)).text
    changed = {**kept.receipt, "by": "别人"}
    assert "不一致" in send(code, canonical_json(changed)).text
    assert "不一致" in send(code, b"%PDF").text
    assert kept.open.title not in send(code).text

    api = app.test_client()
    asked = {"code": code, "sha256": digest_of(kept.receipt)}
    answer = api.post("/api/v1/shared/verifications", json=asked)
    assert (answer.status_code, answer.get_json()["matches"]) == (200, True)
    assert api.post("/api/v1/shared/lookups", json={}).status_code == 401
    kept.share()
    program = Api(app, "jiguan")
    asked = {
        "number": kept.open.code, "title": kept.open.title,
        "purpose": "government_service", "matter": "1",
    }  # fmt: skip
    answer = program.post("/shared/lookups", asked)
    assert answer.status_code == 200, answer.text
    assert answer.get_json()["exists"] is True
    assert answer.get_json()["archive_code"] == YILING_ARCHIVE
    assert program.post("/shared/lookups", {**asked, "title": "x"}).get_json()["exists"] is False
    assert program.post("/shared/lookups", {**asked, "purpose": "x"}).status_code == 422

    statuses = [send(new_id()).status_code for _ in range(15)]
    answers = [api.post("/api/v1/shared/verifications", json={"code": new_id()}) for _ in range(16)]
    statuses += [each.status_code for each in answers]
    assert statuses == [404] * 30 + [429], "page and API count together"
    assert send(code).status_code == 429
    assert Browser(app, "jiguan").get("/").status_code == 200, "signing in has its own brake"
