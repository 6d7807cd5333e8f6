"""From filed records to the archive's receipt, with everything that may come between."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from node.audit_names import TIME_LINES
from node.filing import service as filing
from node.transfer import service as transfer
from shared import audit
from shared.kernel.actor import system_actor
from shared.kernel.errors import WrongState
from shared.kernel.identifiers import new_id
from shared.kernel.keys import PublicKey, SigningKey, document_is_signed_by, sign_document
from shared.packaging import open_package
from tests.node.conftest import Node
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
    with node.database.read() as session:
        code = session.get_one(filing.Record, ids[0]).code
        assert TIME_LINES.called(session, str(code)) == {f"record:{ids[0]}": code}
        assert TIME_LINES.parts(session, f"record:{ids[0]}") == [f"batch:{batch_id}"]


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
