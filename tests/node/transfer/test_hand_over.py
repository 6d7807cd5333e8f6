"""From filed records to the archive's receipt, with everything that may come between."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from node.filing import service as filing
from node.transfer import service as transfer
from shared import audit
from shared.kernel.actor import Actor, Grant, Role, system_actor
from shared.kernel.errors import Conflict, Invalid, NotAllowed, NotFound, WrongState
from shared.kernel.identifiers import new_id
from shared.kernel.keys import PublicKey, SigningKey, document_is_signed_by, sign_document
from shared.packaging import open_package
from tests.node.conftest import VILLAGE, Node, lose_grant
from tests.node.test_command import run, user
from tests.node.transfer.conftest import Archive, Office

REASON = {
    "field": "title",
    "problem": "题名与正文不符。",
    "remedy": "请照正文改。",
    "code": "title",
}


def test_a_batch_goes_the_whole_way_to_the_archive(
    node: Node, office: Office, archive: Archive
) -> None:
    batch_id, ids = office.offered(3)

    assert office.batch(batch_id).state == "offered"
    kinds = archive.kinds()
    assert kinds[-4:] == ["offer", "offer", "offer", "batch"]
    offers = {offer["record_id"]: offer for offer in archive.told("offer")}
    last_told = {record["id"]: record for record in node.told()}
    for record_id in ids:
        assert node.state(record_id)["state"] == "offered"
        assert last_told[record_id]["version"] == offers[record_id]["record_version"]
        assert last_told[record_id]["opening"] == {"opinion": "open", "reason": None}
        content = base64.b64decode(offers[record_id]["package"]["inline"])
        assert len(content) == offers[record_id]["package"]["size"]

    archive.send(transfer.apply_verdict, archive.verdict(batch_id))
    assert office.batch(batch_id).state == "accepted"

    office.sign(batch_id)
    [confirmation] = archive.told("confirmation")
    seal = node.folder.keys.seal().public
    assert document_is_signed_by(seal, confirmation["form"], confirmation)

    archive.send(transfer.apply_receipt, archive.receipt(batch_id))
    assert office.batch(batch_id).state == "received"
    assert {node.state(record_id)["state"] for record_id in ids} == {"received"}
    with node.database.write() as session, pytest.raises(WrongState):
        filing.edit(
            office.clerk, session.get_one(filing.Record, ids[0]), {"title": "改"}, session=session
        )


def test_the_package_that_is_kept_is_the_package_that_was_offered(
    node: Node, office: Office, archive: Archive, tmp_path: Any
) -> None:
    office.offered(2)
    for offer in archive.told("offer"):
        name = transfer.package_name(offer["package"]["sha256"])
        path = tmp_path / "package.zip"
        with node.folder.packages.open(name) as stream:
            path.write_bytes(stream.read())
        with open_package(path) as package:
            assert package.manifest.offer_id == offer["offer_id"]
            assert package.manifest.record_version == offer["record_version"]
            assert package.manifest.record_digest == offer["record_digest"]
    assert list((node.folder.path / "building").glob("*.zip")) == []


def test_a_large_package_does_not_ride_in_the_stream(
    node: Node, office: Office, archive: Archive
) -> None:
    office.offered(2, extra=100_000)
    assert [offer["package"]["inline"] for offer in archive.told("offer")] == [None, None]
    with node.database.write() as session:
        wanted = transfer.uploads_wanted(session)
        assert len(wanted) == 2
        transfer.upload_done(session, wanted[0][0])
        assert transfer.uploads_wanted(session) == wanted[1:]
        transfer.meet_restored_hub(session, 0)
        assert len(transfer.uploads_wanted(session)) == 2


def test_returned_records_come_back_with_reasons_and_can_be_corrected_and_offered_again(
    node: Node, office: Office, archive: Archive
) -> None:
    batch_id, ids = office.offered(3)
    archive.send(
        transfer.apply_verdict,
        archive.verdict(batch_id, "returned", returned=ids[:1], reasons=[REASON]),
    )
    assert office.batch(batch_id).state == "returned"
    assert {node.state(record_id)["state"] for record_id in ids} == {"filed"}
    with node.database.write() as session:
        [objection] = filing.open_objections(ids[0], session=session)
        assert (objection.field, objection.problem) == ("title", REASON["problem"])
        record = session.get_one(filing.Record, ids[0])
        filing.edit_returned(office.clerk, record, {"title": "更正后的题名"}, session=session)
        again = transfer.correct_and_offer_again(office.clerk, batch_id, session=session)
    assert office.inspect(again.id).state == "done"
    office.approve(again.id)
    assert office.offer(again.id).state == "done"
    first = {each.offer_id for each in office.lines(batch_id)}
    second = {each.offer_id for each in office.lines(again.id)}
    assert not first & second
    assert office.batch(again.id).corrects == batch_id


def test_a_corrected_form_gives_back_only_what_was_refused(
    node: Node, office: Office, archive: Archive
) -> None:
    batch_id, ids = office.offered(3)
    archive.send(
        transfer.apply_verdict,
        archive.verdict(batch_id, "corrected", returned=ids[:1], reasons=[REASON]),
    )
    assert office.batch(batch_id).state == "corrected"
    assert [node.state(each)["state"] for each in ids] == ["filed", "offered", "offered"]
    office.sign(batch_id)
    archive.send(transfer.apply_receipt, archive.receipt(batch_id))
    assert [node.state(each)["state"] for each in ids] == ["filed", "received", "received"]
    with node.database.write() as session:
        again = transfer.correct_and_offer_again(office.clerk, batch_id, session=session)
        assert [each.record_id for each in transfer.records_of(again.id, session=session)] == [
            ids[0]
        ]


def test_a_batch_is_withdrawn_only_by_the_answer_of_the_hub(
    node: Node, office: Office, archive: Archive
) -> None:
    batch_id, ids = office.offered(2)
    with node.database.write() as session:
        transfer.withdraw(office.clerk, batch_id, "发现漏件", session=session)
    assert node.state(ids[0])["state"] == "offered"
    refusal = {"batch_id": batch_id, "granted": False, "reason": "档案馆已有结论。"}
    archive.send(transfer.apply_withdrawn, refusal)
    assert office.batch(batch_id).state == "offered"
    assert office.batch(batch_id).withdraw_answer == "档案馆已有结论。"

    with node.database.write() as session:
        transfer.withdraw(office.clerk, batch_id, "发现漏件", session=session)
    answer = {"batch_id": batch_id, "granted": True, "reason": None}
    archive.send(transfer.apply_withdrawn, answer)
    archive.send(transfer.apply_withdrawn, answer)
    assert office.batch(batch_id).state == "withdrawn"
    assert {node.state(each)["state"] for each in ids} == {"filed"}
    assert archive.told("withdraw")[0]["reason"] == "发现漏件"


def test_a_verdict_that_crosses_a_withdrawal_counts(
    node: Node, office: Office, archive: Archive
) -> None:
    batch_id, _ = office.offered(2)
    with node.database.write() as session:
        transfer.withdraw(office.clerk, batch_id, "发现漏件", session=session)
    archive.send(transfer.apply_verdict, archive.verdict(batch_id))
    archive.send(
        transfer.apply_withdrawn, {"batch_id": batch_id, "granted": False, "reason": "已有结论"}
    )
    assert office.batch(batch_id).state == "accepted"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"offers": "another offer"}, "other_offer"),
        ({"offers": "another version"}, "other_offer"),
        ({"offers": "another package"}, "other_offer"),
        ({"offers": "one too few"}, "other_offers"),
        ({"batch_id": new_id()}, "unknown_batch"),
        ({"outcome": "perhaps"}, "unknown_outcome"),
        ({"signature": "forged"}, "bad_signature"),
        ({"signature": None}, "bad_signature"),
    ],
)
def test_a_verdict_about_anything_else_is_ignored_and_reported(
    node: Node, office: Office, archive: Archive, change: dict[str, Any], code: str
) -> None:
    batch_id, ids = office.offered(2)
    body = archive.verdict(batch_id, "returned")
    del body["signature"]
    kind = change.get("offers")
    if kind == "another offer":
        body["offers"][0]["offer_id"] = new_id()
    elif kind == "another version":
        body["offers"][0]["record_version"] += 1
    elif kind == "another package":
        body["offers"][0]["package_sha256"] = "0" * 64
    elif kind == "one too few":
        body["offers"].pop()
    else:
        body |= change
    if "signature" not in change:
        body["signature"] = sign_document(archive.hub, body)
    elif change["signature"] == "forged":
        del body["signature"]
        body["signature"] = sign_document(SigningKey.generate(), body)
    if change.get("batch_id"):
        for each in body["offers"]:
            each["record_version"] += 7
        del body["signature"]
        body["signature"] = sign_document(archive.hub, body)

    archive.send(transfer.apply_verdict, body)

    assert office.batch(batch_id).state == "offered"
    assert {node.state(each)["state"] for each in ids} == {"offered"}
    with node.database.read() as session:
        [notice] = transfer.notices(system_actor("test"), session=session)
        assert notice.code == code
        seen = session.query(audit.AuditEvent).filter_by(action="verdict.ignored").all()
        assert [event.details["code"] for event in seen] == [code]


@pytest.mark.parametrize("wrong", ["seal", "archive", "form", "package"])
def test_a_receipt_about_anything_else_is_ignored_and_reported(
    node: Node, office: Office, archive: Archive, wrong: str
) -> None:
    batch_id, ids = office.offered(2)
    archive.send(transfer.apply_verdict, archive.verdict(batch_id))
    office.sign(batch_id)
    body = archive.receipt(batch_id)
    del body["archive_signature"]
    key = archive.seal
    if wrong == "seal":
        key = SigningKey.generate()
    elif wrong == "archive":
        body["archive"] = "420583"
    elif wrong == "form":
        body["form"] = {"title": "别的登记表"}
    else:
        body["offers"][0]["package_sha256"] = "0" * 64
    archive.send(transfer.apply_receipt, {**body, "archive_signature": sign_document(key, body)})
    assert office.batch(batch_id).state == "signed"
    assert {node.state(each)["state"] for each in ids} == {"offered"}
    with node.database.read() as session:
        assert len(transfer.notices(system_actor("test"), session=session)) == 1


def test_papers_that_come_twice_change_nothing_and_are_handed_back_after_a_restore_of_the_hub(
    node: Node, office: Office, archive: Archive
) -> None:
    batch_id, _ = office.offered(2)
    verdict = archive.verdict(batch_id)
    archive.send(transfer.apply_verdict, verdict)
    archive.send(transfer.apply_verdict, verdict)
    office.sign(batch_id)
    receipt = archive.receipt(batch_id)
    archive.send(transfer.apply_receipt, receipt)
    archive.send(transfer.apply_receipt, receipt)
    archive.send(transfer.apply_verdict, verdict)
    with node.database.read() as session:
        assert transfer.notices(system_actor("test"), session=session) == []
        assert transfer.evidence_since(session, 0) == [
            {"kind": "verdict", "document": verdict},
            {"kind": "receipt", "document": receipt},
        ]


def test_only_the_leader_in_person_approves_and_signs(
    node: Node, office: Office, archive: Archive, clerk: Actor
) -> None:
    batch_id = office.prepared(office.filed(1))
    office.inspect(batch_id)
    for actor in (clerk, system_actor("demo")):
        with node.database.write() as session, pytest.raises(NotAllowed):
            transfer.approve(actor, batch_id, session=session)
    office.approve(batch_id)
    assert office.batch(batch_id).approved_by == "李镇长"


def test_nothing_is_approved_before_it_was_inspected_as_it_is_now(
    node: Node, office: Office
) -> None:
    ids = office.filed(2)
    batch_id = office.prepared(ids)
    with node.database.write() as session, pytest.raises(WrongState, match="还没有检测"):
        transfer.approve(office.leader, batch_id, session=session)
    office.inspect(batch_id)
    with node.database.write() as session:
        record = session.get_one(filing.Record, ids[0])
        filing.edit(office.clerk, record, {"remark": "补记"}, session=session)
    with node.database.write() as session, pytest.raises(WrongState, match="又有修改"):
        transfer.approve(office.leader, batch_id, session=session)


def test_a_record_with_errors_stops_the_offer(node: Node, office: Office) -> None:
    node.collect(office.clerk, 1)  # said to be electronic, without any file
    node.close(office.clerk)
    with node.database.read() as session:
        [record] = filing.records_for_transfer(node.fonds, session=session)
    batch_id = office.prepared([record.id])
    job = office.inspect(batch_id)
    assert "1 件不合格" in job.result["message"]
    with node.database.write() as session, pytest.raises(WrongState, match="检测不合格"):
        transfer.approve(office.leader, batch_id, session=session)


def test_a_record_is_in_one_open_batch_only(node: Node, office: Office) -> None:
    ids = office.filed(2)
    batch_id = office.prepared(ids[:1])
    with node.database.write() as session, pytest.raises(Conflict, match="已在批次"):
        transfer.prepare(office.clerk, node.fonds, ids, "又一批", session=session)
    with node.database.write() as session:
        transfer.give_up(office.clerk, batch_id, session=session)
        assert transfer.prepare(office.clerk, node.fonds, ids, "一批", session=session).count == 2


def test_controlled_needs_a_reason(node: Node, office: Office) -> None:
    batch_id = office.prepared(office.filed(2))
    with node.database.write() as session, pytest.raises(Invalid, match="理由"):
        transfer.set_opinions(
            office.clerk, batch_id, {"opening_opinion": "controlled"}, session=session
        )
    with node.database.write() as session:
        values = {"opening_opinion": "controlled", "opening_reason": "涉及个人隐私"}
        assert transfer.set_opinions(office.clerk, batch_id, values, session=session) == 2


def test_a_village_neither_sees_nor_touches_the_batches_of_the_town(
    node: Node, office: Office, villager: Actor
) -> None:
    batch_id = office.prepared(office.filed(1))
    with node.database.read() as session:
        assert transfer.batches(villager, session=session) == []
        with pytest.raises(NotFound):
            transfer.batch_of(villager, batch_id, session=session)
        both = Actor("b", "b", (Grant(Role.LEADER, fonds_id=VILLAGE),))
        assert transfer.batches(both, session=session) == []


def test_offering_needs_the_grant_and_goes_on_when_it_is_back(
    node: Node, office: Office, archive: Archive
) -> None:
    batch_id = office.prepared(office.filed(2))
    office.inspect(batch_id)
    office.approve(batch_id)
    lose_grant(node)
    with node.database.write() as session, pytest.raises(WrongState, match="定号和移交"):
        transfer.offer(office.clerk, batch_id, session=session)
    assert archive.told("offer") == []


def test_in_a_new_epoch_the_same_offers_are_told_again_with_the_same_packages(
    node: Node, office: Office, archive: Archive
) -> None:
    batch_id, _ = office.offered(3)
    before = archive.told("offer")
    with node.database.write() as session:
        transfer.reoffer(session)
    while office.work.step():
        pass
    after = archive.told("offer")
    assert after[:3] == before
    assert after[3:] == before
    assert archive.told("batch")[0] == archive.told("batch")[1]
    assert office.batch(batch_id).state == "offered"


def test_a_signed_batch_is_confirmed_again_in_a_new_epoch(
    node: Node, office: Office, archive: Archive
) -> None:
    batch_id, _ = office.offered(1)
    archive.send(transfer.apply_verdict, archive.verdict(batch_id))
    office.sign(batch_id)
    with node.database.write() as session:
        transfer.reoffer(session)
    while office.work.step():
        pass
    first, second = archive.told("confirmation")
    assert first == second
    assert office.batch(batch_id).state == "signed"


def test_a_batch_that_this_folder_forgot_is_taken_over_from_the_verdict(
    node: Node, office: Office, archive: Archive
) -> None:
    batch_id, ids = office.offered(2)
    verdict = archive.verdict(batch_id)
    forget(node, batch_id)
    archive.send(transfer.apply_verdict, verdict)
    assert office.batch(batch_id).state == "accepted"
    office.sign(batch_id)
    archive.send(transfer.apply_receipt, archive.receipt(batch_id))
    assert {node.state(each)["state"] for each in ids} == {"received"}


def test_the_key_of_a_package_is_the_units_seal(
    node: Node, office: Office, archive: Archive
) -> None:
    office.offered(1)
    [offer] = archive.told("offer")
    name = transfer.package_name(offer["package"]["sha256"])
    path = node.folder.path / "packages" / name
    with open_package(path) as package:
        key = PublicKey.from_hex(package.signature["public_key"])
    assert key == node.folder.keys.seal().public


def forget(node: Node, batch_id: str) -> None:
    """As restored from before the batch."""
    with node.database.write() as session:
        for each in transfer.records_of(batch_id, session=session):
            session.delete(each)
        session.flush()
        session.delete(session.get_one(transfer.Batch, batch_id))


def held(office: Office, batch_id: str, *, whole: bool, count: int = 99) -> dict[str, Any]:
    """What the hub says that it holds of a batch."""
    return {
        "batch_id": batch_id,
        "fonds_id": office.node.fonds,
        "title": "2023年文书档案",
        "whole": whole,
        "offers": [
            {
                "offer_id": each.offer_id,
                "record_id": each.record_id,
                "record_version": each.record_version,
                "package_sha256": each.package_sha256,
                "size": each.package_size,
            }
            for each in office.lines(batch_id)[:count]
        ],
    }


def test_a_forgotten_batch_that_the_hub_holds_whole_is_followed_on(
    node: Node, office: Office, archive: Archive
) -> None:
    batch_id, ids = office.offered(2)
    body, verdict = held(office, batch_id, whole=True), archive.verdict(batch_id)
    forget(node, batch_id)
    archive.send(transfer.adopt_batch, body)
    archive.send(transfer.adopt_batch, body)
    with node.database.write() as session:
        transfer.reoffer(session)
    assert not office.work.step()
    assert office.batch(batch_id).state == "offered"
    archive.send(transfer.apply_verdict, verdict)
    office.sign(batch_id)
    archive.send(transfer.apply_receipt, archive.receipt(batch_id))
    assert {node.state(record_id)["state"] for record_id in ids} == {"received"}


def test_a_forgotten_batch_that_is_not_whole_is_withdrawn_and_can_be_offered_again(
    node: Node, office: Office, archive: Archive
) -> None:
    batch_id, ids = office.offered(3)
    body = held(office, batch_id, whole=False)
    forget(node, batch_id)
    archive.send(transfer.adopt_batch, body)
    with node.database.write() as session:
        transfer.reoffer(session)
    assert archive.kinds()[-1] == "withdraw"
    archive.send(transfer.apply_withdrawn, {"batch_id": batch_id, "granted": True, "reason": None})
    assert {node.state(record_id)["state"] for record_id in ids} == {"filed"}
    with node.database.write() as session:
        again = transfer.correct_and_offer_again(office.clerk, batch_id, session=session)
    assert again.count == 3


def test_an_offering_in_which_nothing_was_lost_goes_on_in_a_new_epoch(
    node: Node, office: Office, archive: Archive
) -> None:
    batch_id = office.prepared(office.filed(60))
    office.inspect(batch_id)
    office.approve(batch_id)
    with node.database.write() as session:
        transfer.offer(office.clerk, batch_id, session=session)
    office.work.step()
    office.work.step()
    assert len(archive.told("offer")) == 50
    archive.send(transfer.adopt_batch, held(office, batch_id, whole=False, count=50))
    with node.database.write() as session:
        transfer.reoffer(session)
    while office.work.step():
        pass
    assert office.batch(batch_id).state == "offered"
    offers = archive.told("offer")
    assert len(offers) == 110
    assert len({each["package"]["sha256"] for each in offers}) == 60


def test_a_record_that_fails_is_taken_out_of_the_batch_on_the_command_line(
    node: Node, office: Office
) -> None:
    where = ("--dir", node.folder.path)
    user(node.folder.path, "zhang", "clerk")
    ids = office.filed(3)
    batch_id = office.prepared(ids)
    left = run("transfer", "take-out", batch_id, ids[1], *where)
    assert left["records"] == 2
    assert [each.record_id for each in office.lines(batch_id)] == [ids[0], ids[2]]
    again = run("transfer", "take-out", batch_id, ids[1], *where, code=2)
    assert "不在这个批次" in again["problem"]
    last = run("transfer", "take-out", batch_id, ids[0], ids[2], *where, code=2)
    assert "至少要有一件" in last["problem"]


def test_a_clerk_who_offered_too_early_was_told_to_approve(node: Node, office: Office) -> None:
    batch_id = office.prepared(office.filed(1))
    with node.database.write() as session, pytest.raises(WrongState) as early:
        transfer.offer(office.clerk, batch_id, session=session)
    assert early.value.remedy == "请先运行“移交前检测”。"
    office.inspect(batch_id)
    with node.database.write() as session, pytest.raises(WrongState) as unapproved:
        transfer.offer(office.clerk, batch_id, session=session)
    assert unapproved.value.remedy == "检测已通过，请单位负责人批准后再提交。"
