"""What an archive may correct, who may ask, and what is refused without a trace."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select

from hub.catalogue import service as catalogue
from hub.catalogue.query import Filters
from hub.catalogue.tally import recount
from hub.correcting import service as correcting
from hub.correcting.models import Correction
from hub.repository import service as repository
from shared.audit.models import AuditEvent
from shared.kernel.actor import Actor
from shared.kernel.errors import (
    Classified,
    Conflict,
    DanglianError,
    Invalid,
    NotAllowed,
    NotFound,
    WrongState,
)
from shared.kernel.keys import PublicKey, document_is_signed_by
from tests.hub.correcting.conftest import Kept
from tests.hub.receiving.handover import YILING_ARCHIVE, ZHIJIANG_ARCHIVE, Hub, Unit


def count(kept: Kept) -> int:
    with kept.hub.city.database.read() as session:
        return session.scalar(select(func.count()).select_from(Correction)) or 0


def test_a_correction_is_the_next_version_sealed_by_the_archive(
    kept: Kept, archivist: Actor
) -> None:
    before = kept.held()
    asked = kept.ask(title="更正后的题名")
    kept.make(archivist, asked, title="更正后的题名")
    assert kept.correction(asked).state == "making"
    assert kept.held().version == before.version
    kept.hub.work()
    after = kept.held()
    assert (after.version, after.title, after.state) == (
        before.version + 1,
        "更正后的题名",
        "received",
    )
    assert after.wire["events"][: len(before.wire["events"])] == before.wire["events"]
    [changed] = kept.unit.heard("changed")
    assert changed["record"] == after.wire
    assert changed["correction_id"] == asked
    assert changed["request"]["reason"] == "题名漏字"
    signed = changed.pop("archive_signature")
    with kept.hub.city.database.read() as session:
        from hub.federation import service as federation

        seal = federation.archive_of(YILING_ARCHIVE, session).seal_public
        assert document_is_signed_by(PublicKey.from_hex(seal), changed, signed)


def test_the_corrected_title_is_found_and_the_tally_stays_right(
    kept: Kept, archivist: Actor
) -> None:
    old = kept.held().title
    kept.make(archivist, title="关于乡村振兴示范片的批复")
    kept.hub.work()
    with kept.hub.city.database.write() as session:
        found = catalogue.search(archivist, Filters(text="示范片"), session=session)
        assert [row.id for row in found.rows] == [kept.id]
        gone = catalogue.search(archivist, Filters(text=old), session=session)
        assert kept.id not in [row.id for row in gone.rows]
        assert not recount(kept.unit.fonds.id, session=session)


@pytest.mark.parametrize(
    ("values", "error", "code"),
    [
        ({"code": "0001-WS·2024-Y-0009"}, Invalid, "not_correctable"),
        ({"retention": "Y"}, Invalid, "not_correctable"),
        ({"security": "none"}, Invalid, "not_correctable"),
        ({"title": ""}, Invalid, "required"),
        ({"title": "字" * 501}, Invalid, None),
        ({"title": "有控制字符\x07的题名"}, Invalid, None),
        ({"date": "2024-02-30"}, Invalid, None),
        ({"pages": "0"}, Invalid, "bad_pages"),
        ({"opening_reason": "含隐私"}, Invalid, None),
        ({"opening_opinion": "也许"}, Invalid, None),
        ({"title": "机密★10年 关于某事的通知"}, Classified, "classified"),
        ({"remark": "（秘密）"}, Classified, "classified"),
    ],
)
def test_what_may_not_be_changed_or_breaks_the_value_domain_is_refused(
    kept: Kept, archivist: Actor, values: dict[str, Any], error: type[DanglianError], code: str
) -> None:
    before = kept.held().digest
    with pytest.raises(error) as found:
        kept.make(archivist, **values)
    assert code is None or found.value.code == code
    kept.hub.work()
    assert (kept.held().digest, count(kept)) == (before, 0)


def test_what_is_right_already_is_no_correction(kept: Kept, archivist: Actor) -> None:
    with pytest.raises(Invalid) as found:
        kept.make(archivist, title=kept.held().title, pages=1)
    assert found.value.code == "nothing_to_change"


def test_a_request_in_classified_words_leaves_nothing_at_the_hub(kept: Kept) -> None:
    mark = "机密★20年"
    for body in (
        kept.request(title=f"{mark}关于某事的通知"),
        kept.request(reason=f"原件有{mark}字样", title="题名"),
        {**kept.request(title="题名"), "by": "张三"} | {"reason": mark},
    ):
        with pytest.raises(Classified):
            kept.unit.send("correction", body)
    assert count(kept) == 0
    with kept.hub.city.database.read() as session:
        for event in session.scalars(select(AuditEvent)):
            assert "机密" not in str(event.__dict__)


@pytest.mark.parametrize(
    "spoil",
    [
        {"changes": []},
        {"changes": [{"field": "code", "was": None, "value": "x"}]},
        {"changes": [{"field": "title", "was": "旧", "value": " 新 "}]},
        {"changes": [{"field": "pages", "was": None, "value": "3页"}]},
        {"changes": [{"field": "title", "was": "旧", "value": {"a": 1}}]},
        {"changes": [{"field": "title", "was": "旧", "value": "新"}] * 2},
        {"changes": [{"field": "title", "was": "旧", "value": "新"}] * 40},
        {"reason": None},
        {"reason": "理" * 501},
        {"record_version": -1},
        {"more": "一项"},
    ],
)
def test_a_malformed_request_is_refused(kept: Kept, spoil: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        kept.unit.send("correction", {**kept.request(title="题名"), **spoil})
    assert count(kept) == 0


def test_a_unit_asks_only_about_its_own_records_that_an_archive_has(
    kept: Kept, other_unit: Unit
) -> None:
    with pytest.raises(NotAllowed) as foreign:
        kept.unit.send("correction", kept.request(title="题名"), as_node=other_unit.node.id)
    assert foreign.value.code == "foreign_fonds"
    [(record, _)] = kept.unit.records(1)
    with pytest.raises(WrongState) as early:
        kept.unit.send("correction", {**kept.request(title="题名"), "record_id": record.id})
    assert early.value.code == "not_in_custody"
    with pytest.raises(NotFound) as unknown:
        kept.unit.send(
            "correction", {**kept.request(title="题名"), "record_id": kept.unit.fonds.id}
        )
    assert unknown.value.code == "record_unknown"
    assert count(kept) == 0


def test_a_record_that_is_about_to_be_the_archive_s_may_be_asked_about_but_not_corrected_yet(
    kept: Kept, reviewer: Actor, archivist: Actor
) -> None:
    batch = kept.unit.hand_over(1)
    kept.hub.work("receiving.check")
    kept.hub.conclude(reviewer, batch.id, "accepted")
    kept.unit.sign(batch.id)
    kept.hub.receive(archivist, batch.id)
    signed_for = Kept(kept.hub, kept.unit, [batch.offers[0].record])
    asked = signed_for.ask(pages=7)
    with pytest.raises(WrongState) as found:
        signed_for.make(archivist, asked, pages=7)
    assert found.value.code == "not_in_custody"
    kept.hub.work()
    signed_for.make(archivist, asked, pages=7)
    kept.hub.work()
    assert signed_for.held().wire["pages"] == 7


def test_the_same_request_again_is_nothing_and_another_under_its_number_is_refused(
    kept: Kept,
) -> None:
    body = kept.request(title="题名一")
    kept.unit.send("correction", body, body)
    kept.unit.send("correction", body)
    assert count(kept) == 1
    with pytest.raises(Conflict) as found:
        kept.unit.send("correction", {**body, "reason": "另一个理由"})
    assert found.value.code == "other_correction"


def test_only_the_archivist_of_the_archive_that_has_the_record_decides(
    kept: Kept, reviewer: Actor
) -> None:
    asked = kept.ask(title="题名")
    stranger = kept.hub.city.archivist(ZHIJIANG_ARCHIVE)
    for who, problem in ((reviewer, NotAllowed), (stranger, NotFound)):
        with pytest.raises(problem):
            kept.make(who, asked, title="题名")
        with pytest.raises(problem):
            correcting.decline(kept.hub.city.folder, who, asked, "理由")
        with kept.hub.city.database.read() as session, pytest.raises(NotFound):
            correcting.correction_seen_by(who, asked, session=session)


def test_a_request_is_answered_once(kept: Kept, archivist: Actor) -> None:
    asked = kept.ask(title="题名")
    with pytest.raises(Invalid):
        correcting.decline(kept.hub.city.folder, archivist, asked, " ")
    correcting.decline(kept.hub.city.folder, archivist, asked, "与原件一致")
    with pytest.raises(WrongState):
        correcting.decline(kept.hub.city.folder, archivist, asked, "再答")
    with pytest.raises(WrongState):
        kept.make(archivist, asked, title="题名")
    [declined] = kept.unit.heard("declined")
    assert (declined["reason"], declined["request"]["correction_id"]) == ("与原件一致", asked)
    kept.hub.work()
    paper = repository.paper_of(kept.hub.city.folder.store, YILING_ARCHIVE, "corrections", asked)
    assert paper == declined


def test_one_correction_of_a_record_after_the_other(kept: Kept, archivist: Actor) -> None:
    kept.make(archivist, title="第一次")
    with pytest.raises(Conflict) as found:
        kept.make(archivist, title="第二次")
    assert found.value.code == "correction_under_way"
    kept.hub.work()
    kept.make(archivist, title="第二次")
    kept.hub.work()
    actions = [event["action"] for event in kept.held().wire["events"]]
    assert (actions.count("接收"), actions.count("更正")) == (1, 2)


def test_two_drafts_of_one_version_end_with_one_of_them(kept: Kept, archivist: Actor) -> None:
    database = kept.hub.city.database
    with database.read() as session:
        drafts = [
            correcting.draft_correction(
                archivist, kept.id, {"title": title}, "核对", session=session
            )
            for title in ("甲", "乙")
        ]
    with database.write() as session:
        correcting.settle_correction(archivist, drafts[0], session=session)
    with database.write() as session, pytest.raises(Conflict):
        correcting.settle_correction(archivist, drafts[1], session=session)
    kept.hub.work()
    with database.write() as session, pytest.raises(Conflict):
        correcting.settle_correction(archivist, drafts[1], session=session)
    assert kept.held().title == "甲"


def test_the_node_no_longer_writes_a_corrected_record(kept: Kept, archivist: Actor) -> None:
    kept.make(archivist, title="更正后的题名")
    kept.hub.work()
    with pytest.raises(WrongState) as found:
        kept.unit.tell(replace(kept.records[0], version=9, title="单位自己改的题名"))
    assert found.value.code == "in_archive_custody"


class TestEvidence:
    def test_of_a_known_answer_changes_nothing(self, kept: Kept, archivist: Actor) -> None:
        kept.make(archivist, title="更正后的题名")
        kept.hub.work()
        [changed] = kept.unit.heard("changed")
        kept.unit.send("evidence", {"kind": "changed", "document": changed})
        kept.hub.work()
        assert len(kept.unit.heard("changed")) == 1

    def test_that_no_archive_has_sealed_is_refused(self, kept: Kept, archivist: Actor) -> None:
        kept.make(archivist, title="更正后的题名")
        kept.hub.work()
        [changed] = kept.unit.heard("changed")
        altered = {**changed, "reason": "另一个依据"}
        with pytest.raises(NotAllowed) as found:
            kept.unit.send("evidence", {"kind": "changed", "document": altered})
        assert found.value.code == "bad_signature"
        unsigned = {name: changed[name] for name in changed if name != "archive_signature"}
        with pytest.raises(NotAllowed):
            kept.unit.send("evidence", {"kind": "changed", "document": unsigned})

    def test_of_another_unit_is_refused(
        self, kept: Kept, archivist: Actor, other_unit: Unit
    ) -> None:
        kept.make(archivist, title="更正后的题名")
        kept.hub.work()
        [changed] = kept.unit.heard("changed")
        with pytest.raises(NotAllowed):
            other_unit.send("evidence", {"kind": "changed", "document": changed})

    def test_that_contradicts_what_was_decided_since_is_refused(
        self, kept: Kept, archivist: Actor
    ) -> None:
        asked = kept.ask(title="题名")
        database = kept.hub.city.database
        with database.read() as session:
            forgotten = correcting.draft_correction(
                archivist, kept.id, {"title": "题名"}, "核对", correction_id=asked,
                session=session,
            )  # fmt: skip
        from shared.kernel.keys import sign_document

        seal = kept.hub.city.folder.keys.seal(YILING_ARCHIVE)
        forgotten["archive_signature"] = sign_document(seal, forgotten)
        correcting.decline(kept.hub.city.folder, archivist, asked, "与原件一致")
        with pytest.raises(Conflict) as found:
            kept.unit.send("evidence", {"kind": "changed", "document": forgotten})
        assert found.value.code == "other_correction"


def test_a_new_epoch_brings_requests_and_answers_down(kept: Kept, archivist: Actor) -> None:
    made, declined = kept.ask(title="甲"), kept.ask(pages=7)
    kept.make(archivist, made, title="甲")
    kept.hub.work()
    correcting.decline(kept.hub.city.folder, archivist, declined, "与原件一致")
    still_open = kept.ask(remark="附件缺失")
    with kept.hub.city.database.read() as session:
        facts = list(correcting.holdings(kept.unit.node.id, session))
        held = {
            each["record"]["id"]: each for each in catalogue.held_by(kept.unit.node.id, session)
        }
    assert {(kind, body["correction_id"]) for kind, _subject, body in facts} == {
        ("changed", made),
        ("declined", declined),
        ("correction_held", still_open),
    }
    assert held[kept.id]["record"]["title"] == "甲"


def test_a_description_that_was_tampered_with_is_noticed(
    kept: Kept, hub: Hub, archivist: Actor
) -> None:
    kept.make(archivist, title="更正后的题名")
    hub.work()
    store, database = hub.city.folder.store, hub.city.database
    assert repository.verify(database, store, YILING_ARCHIVE) == []
    name = repository.description_name(store, YILING_ARCHIVE, kept.id, kept.held().version)
    assert name is not None
    store.delete(name)
    [found] = repository.verify(database, store, YILING_ARCHIVE)
    assert (found.name, found.actual) == (name, None)
