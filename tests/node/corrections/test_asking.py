"""A unit asks its archive for a correction, and follows the answer; the mirror is never edited."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import select

from node.corrections import service as corrections
from node.filing import service as filing
from node.filing.reconciling import told_sums
from node.office.models import OfficeState
from node.office.service import office_of
from shared.audit.models import AuditEvent
from shared.kernel.actor import Actor
from shared.kernel.canonical import digest_of, sum_of_digests
from shared.kernel.errors import Classified, Invalid, NotAllowed, NotFound, WrongState
from shared.kernel.keys import SigningKey
from tests.node.conftest import lose_grant
from tests.node.corrections.conftest import Mirror


def test_a_request_says_what_stands_there_what_it_should_be_and_why(
    mirror: Mirror, clerk: Actor
) -> None:
    before = mirror.wire()
    asked = mirror.ask(clerk, title="更正后的题名", pages="共12页", author=before["author"])
    [told] = mirror.archive.told("correction")
    assert told == mirror.request(asked)
    assert told["changes"] == [
        {"field": "title", "was": before["title"], "value": "更正后的题名"},
        {"field": "pages", "was": before["pages"], "value": 12},
    ]
    assert (told["record_id"], told["record_version"]) == (mirror.id, before["version"])
    assert (told["reason"], told["by"]) == ("题名漏字", "张档案")
    assert mirror.wire() == before, "the mirror waits for the archive"


def test_a_leader_may_ask_too_and_a_stranger_to_the_fonds_may_not(
    mirror: Mirror, leader: Actor, villager: Actor
) -> None:
    with pytest.raises(NotFound):
        mirror.ask(villager, title="题名")
    assert mirror.ask(leader, title="题名")
    administrator = Actor("account:admin", "管理员", ())
    with pytest.raises((NotAllowed, NotFound)):
        mirror.ask(administrator, title="题名")


def test_only_what_an_archive_has_is_corrected_by_it(mirror: Mirror, clerk: Actor) -> None:
    ids = mirror.office.node.collect(clerk, 1, year=2020, date="2020-01-02")
    with mirror.office.node.database.write() as session, pytest.raises(WrongState) as found:
        corrections.ask(clerk, ids[0], {"title": "题名"}, "理由", session=session)
    assert found.value.code == "not_received"


def test_one_request_of_a_record_at_a_time(mirror: Mirror, clerk: Actor) -> None:
    asked = mirror.ask(clerk, title="题名")
    with pytest.raises(WrongState) as found:
        mirror.ask(clerk, pages="3")
    assert found.value.code == "already_asked"
    mirror.send("declined", mirror.declined(asked))
    assert mirror.ask(clerk, pages="3")


@pytest.mark.parametrize(
    ("values", "reason", "code"),
    [
        ({"code": "A182-WS·2023-D30-0009"}, "理由", "not_correctable"),
        ({"fonds_id": "x"}, "理由", "not_correctable"),
        ({"number": "3"}, "理由", "not_correctable"),
        ({"retention": "Y"}, "理由", "not_correctable"),
        ({"security": "none"}, "理由", "not_correctable"),
        ({"title": " "}, "理由", "required"),
        ({"title": "题名"}, "", "required"),
        ({"pages": "几页"}, "理由", "bad_pages"),
        ({}, "理由", "nothing_to_change"),
    ],
)
def test_a_wrong_request_is_refused_with_its_field(
    mirror: Mirror, clerk: Actor, values: dict[str, Any], reason: str, code: str
) -> None:
    with pytest.raises(Invalid) as found:
        mirror.ask(clerk, reason, **values)
    assert found.value.code == code
    assert mirror.all() == {}
    assert mirror.archive.told("correction") == []


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"title": "机密★10年 关于某事的通知"}, "理由"),
        ({"remark": "（绝密）附件"}, "理由"),
        ({"opening_reason": "秘密★长期"}, "理由"),
        ({"title": "题名"}, "原件标有机密★10年"),
    ],
)
def test_classified_words_leave_no_trace(
    mirror: Mirror, clerk: Actor, values: dict[str, Any], reason: str
) -> None:
    with pytest.raises(Classified):
        mirror.ask(clerk, reason, **values)
    assert mirror.all() == {}
    with mirror.office.node.database.read() as session:
        for event in session.scalars(select(AuditEvent)):
            assert "★" not in json.dumps(event.__dict__, default=str)


def test_an_answer_brings_the_mirror_to_the_archives_version(mirror: Mirror, clerk: Actor) -> None:
    asked = mirror.ask(clerk, title="更正后的题名")
    changed = mirror.changed(asked, title="馆定题名", opening_opinion="controlled")
    mirror.send("changed", changed)
    assert mirror.wire() == changed["record"]
    answered = mirror.all()[asked]
    assert (answered.state, answered.answer) == ("made", "核对原件")
    with mirror.office.node.database.read() as session:
        assert [each.id for each in corrections.of_record(mirror.id, session=session)] == [asked]


def test_the_sums_count_the_version_that_the_archive_made(mirror: Mirror) -> None:
    changed = mirror.changed(title="馆定题名")
    mirror.send("changed", changed)
    with mirror.office.node.database.read() as session:
        [(name, told)] = told_sums(session).items()
        other = filing.wires([mirror.ids[1]], session=session)[0]
    assert name.startswith(mirror.office.node.fonds)
    [offered] = [each for each in mirror.office.node.told() if each["id"] == other["id"]][-1:]
    assert told == sum_of_digests(
        [
            digest_of([mirror.id, digest_of(changed["record"]), "received"]),
            digest_of([other["id"], digest_of(offered), "offered"]),
        ]
    )


def test_the_same_answer_again_changes_nothing(mirror: Mirror, clerk: Actor) -> None:
    asked = mirror.ask(clerk, title="题名")
    changed = mirror.changed(asked, title="题名")
    for _ in range(3):
        mirror.send("changed", changed)
    later = mirror.changed(title="再次更正")
    mirror.send("changed", later)
    mirror.send("changed", changed)
    assert mirror.wire() == later["record"]
    with mirror.office.node.database.read() as session:
        actions = [event.action for event in session.scalars(select(AuditEvent))]
    assert actions.count("correction.made") == 2


def test_an_archive_corrects_by_itself_and_the_unit_sees_why(mirror: Mirror) -> None:
    changed = mirror.changed(remark="附件缺一页")
    mirror.send("changed", changed)
    [own] = mirror.all().values()
    assert (own.state, own.request, own.answer) == ("made", None, "核对原件")
    assert mirror.wire()["remark"] == "附件缺一页"


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        ({"reason": "改过的依据"}, "bad_signature"),
        ({"archive_signature": None}, "bad_signature"),
        ({"archive": "420583"}, "bad_signature"),
        ({"record_digest": "0" * 64}, "malformed"),
        ({"record": None}, "malformed"),
    ],
)
def test_an_answer_that_is_not_the_archives_is_ignored_and_shown(
    mirror: Mirror, spoil: dict[str, Any], code: str
) -> None:
    before = mirror.wire()
    mirror.send("changed", mirror.changed(title="题名", spoil=spoil))
    assert (mirror.wire(), mirror.all(), mirror.notices()) == (before, {}, [code])


def test_the_seal_of_an_archive_that_does_not_keep_the_record_does_not_count(
    mirror: Mirror,
) -> None:
    other = SigningKey.generate()
    with mirror.office.node.database.write() as session:
        office = office_of(session)
        office.archives = [
            *office.archives,
            {"code": "420583", "name": "枝江市档案馆", "seal_public_key": other.public.hex},
        ]
    from shared.kernel.keys import sign_document

    document = mirror.changed(title="题名")
    del document["archive_signature"]
    document["archive"] = "420583"
    document["archive_signature"] = sign_document(other, dict(document))
    mirror.send("changed", document)
    assert mirror.notices() == ["other_archive"]
    assert mirror.all() == {}


def test_a_refusal_of_the_hub_stands_at_its_request(mirror: Mirror, clerk: Actor) -> None:
    asked = mirror.ask(clerk, title="题名")
    seq = mirror.all()[asked].told_seq
    refusal = {
        "seq": seq, "subject": asked, "code": "not_in_custody", "field": None,
        "problem": "这件档案还没有被档案馆接收。", "remedy": "请稍后再提出。",
    }  # fmt: skip
    mirror.send("refused", {**refusal, "seq": seq - 1})
    assert mirror.all()[asked].state == "asked", "it was told again since"
    mirror.send("refused", refusal)
    refused = mirror.all()[asked]
    assert (refused.state, refused.problem) == ("refused", "这件档案还没有被档案馆接收。")
    assert mirror.ask(clerk, title="题名") != asked


def test_a_request_without_a_grant_is_told_when_the_grant_comes(
    mirror: Mirror, clerk: Actor
) -> None:
    lose_grant(mirror.office.node)
    asked = mirror.ask(clerk, title="题名")
    assert mirror.archive.told("correction") == []
    with mirror.office.node.database.write() as session:
        office_of(session).state = OfficeState.ACTIVE
        corrections.tell_again(session)
    assert [each["correction_id"] for each in mirror.archive.told("correction")] == [asked]


def test_a_restored_hub_gets_the_answers_back_and_hears_open_requests_again(
    mirror: Mirror, clerk: Actor
) -> None:
    changed = mirror.changed(title="馆定题名")
    mirror.send("changed", changed)
    asked = mirror.ask(clerk, pages="3")
    with mirror.office.node.database.write() as session:
        assert corrections.meet_restored_hub(session, 0) == 1
    [evidence] = mirror.archive.told("evidence")
    assert evidence == {"kind": "changed", "document": changed}
    assert [each["correction_id"] for each in mirror.archive.told("correction")] == [asked] * 2
