"""档案复制件证明: issued to a reader, verified by whoever is shown it, withdrawn."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from flask import Flask

from hub.catalogue import service as catalogue
from hub.federation import service as federation
from hub.reading_room import copies, restoring
from hub.reading_room.models import CertifiedCopy
from hub.repository import service as repository
from hub.repository.papers import PaperWriter
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.canonical import sha256_hex
from shared.kernel.errors import NotFound, Unavailable, WrongState
from shared.kernel.identifiers import new_id
from shared.records.holdings import FileKind
from shared.records.record import ComputerFile, Document, Opening
from shared.records.security import SecurityClass
from tests.hub.conftest import City
from tests.hub.desk import Browser, make_desk

ARCHIVE, OTHER = "420506", "420583"
READER = {"reader": "王小明", "purpose": "办理退休手续"}


def _document() -> Document:
    file = ComputerFile(
        new_id(), "通知.pdf", 9, sha256_hex(b"the notice"), "pdf", FileKind.BORN_DIGITAL
    )
    return Document(new_id(), "正本", None, 1, (file,))


class Room:
    """An archive with an open, a controlled and an internal record, and a browser in it."""

    def __init__(self, city: City) -> None:
        self.city = city
        with city.database.write() as session:
            fonds = city.fonds("夷陵区水利局", "420506000000", session)
            node = city.node("夷陵区水利局", fonds, session=session)
        self.records = [
            city.record(fonds, 1, opening=Opening("open"), documents=(_document(),)),
            city.record(fonds, 2, opening=Opening("controlled", "涉及个人信息")),
            city.record(fonds, 3, opening=Opening("open"), security=SecurityClass.INTERNAL),
        ]
        with city.database.write() as session:
            catalogue.apply_records(session, node.id, city.entries(*self.records))
            ids = [each.id for each in self.records]
            catalogue.set_custody(session, ids, ARCHIVE, new_id())
        self.open, self.controlled, self.internal = ids
        self.app: Flask = make_desk(
            city, archivist=Grant(Role.ARCHIVIST, ARCHIVE), other=Grant(Role.ARCHIVIST, OTHER)
        )
        self.desk = Browser(self.app, "archivist")

    def issue(self, record_id: str, copy_id: str = "", **typed: str) -> Any:
        typed = {**READER, "copy_id": copy_id or new_id(), **typed}
        return self.desk.send(f"/copies/new/{record_id}", typed)

    def issued(self, record_id: str, **typed: str) -> str:
        answer = self.issue(record_id, **typed)
        assert answer.status_code == 302, answer.text
        return str(answer.location).rpartition("/")[2]

    def verify(self, code: str, sha256: str | None = None, status: int = 200) -> Any:
        said = {"code": code} | ({"sha256": sha256} if sha256 else {})
        answer = self.app.test_client().post("/api/v1/shared/verifications", json=said)
        assert answer.status_code == status, answer.text
        return answer.get_json()

    def row(self, copy_id: str) -> CertifiedCopy:
        with self.city.database.read() as session:
            return session.get_one(CertifiedCopy, copy_id)


@pytest.fixture
def room(city: City) -> Room:
    return Room(city)


def test_a_copy_is_issued_printed_and_verified_by_whoever_is_shown_it(room: Room) -> None:
    page = room.desk.get(f"/copies/new/{room.open}").text
    copy_id = re.findall(r'name="copy_id" value="([^"]+)"', page)[0]
    assert room.issue(room.open, copy_id).location == f"/copies/{copy_id}"
    again = room.issue(room.open, copy_id, reader="另一个人")
    assert again.location == f"/copies/{copy_id}", "a form that was sent twice issues one"
    assert room.row(copy_id).reader == "王小明"
    pdf = room.desk.get(f"/copies/{copy_id}/pdf").data
    assert pdf.startswith(b"%PDF")
    digest = sha256_hex(pdf)
    while PaperWriter(room.city.database, room.city.folder.store).step():
        pass
    assert room.desk.get(f"/copies/{copy_id}/pdf").data == pdf, "the store has it byte for byte"
    record = room.records[0]
    file = record.documents[0].files[0]
    for shown in (digest, file.sha256):
        said = room.verify(copy_id, shown)
        assert (said["state"], said["matches"], said["pdf_sha256"]) == ("valid", True, digest)
    assert room.verify(copy_id, "0" * 64)["matches"] is False
    said = room.verify(copy_id)
    assert (said["kind"], said["matches"]) == ("copies", None)
    for closed in (record.title, str(record.code), "王小明", "退休"):
        assert closed not in str(said), "what it is about stands on the copy alone"
    room.verify(new_id(), status=404)
    sent = {"code": copy_id, "file": (io.BytesIO(pdf + b" "), "证明.pdf")}
    assert "不一致" in room.desk.send("/verify/", sent).text


def test_a_withdrawn_copy_is_told_as_such_for_ever(room: Room) -> None:
    copy_id = room.issued(room.open)
    assert room.desk.send(f"/copies/{copy_id}/withdraw", {"reason": ""}).status_code == 422
    assert room.verify(copy_id)["state"] == "valid"
    assert room.desk.send(f"/copies/{copy_id}/withdraw", {"reason": "题名有误"}).status_code == 302
    said = room.verify(copy_id, room.row(copy_id).pdf_sha256)
    assert (said["state"], said["matches"]) == ("withdrawn", True)
    assert said["withdrawn_at"]
    assert "撤回" in room.desk.send("/verify/", {"code": copy_id}).text
    twice = room.desk.send(f"/copies/{copy_id}/withdraw", {"reason": "再撤一次"})
    assert twice.status_code == 409
    page = room.desk.get("/copies/?state=withdrawn&q=退休&sort=reader").text
    assert copy_id in page
    assert copy_id not in room.desk.get("/copies/?state=valid").text


def test_what_is_closed_needs_a_basis_and_what_is_internal_is_not_certified(room: Room) -> None:
    refused = room.issue(room.controlled)
    assert refused.status_code == 422
    assert "依据" in refused.text
    assert "王小明" in refused.text, "what was typed stays"
    copy_id = room.issued(room.controlled, basis="利审〔2026〕3号")
    assert room.row(copy_id).basis == "利审〔2026〕3号"
    assert room.issue(room.internal).status_code == 409
    assert room.issue(room.open, purpose="秘密★10年").status_code == 422
    with room.city.database.read() as session:
        listed = session.scalars(copies.copies_seen(room.city.archivist(ARCHIVE))).all()
        assert [each.id for each in listed] == [copy_id]
        assert session.scalars(copies.copies_seen(room.city.archivist(OTHER))).all() == []


def test_another_archive_reads_and_issues_nothing(room: Room) -> None:
    copy_id = room.issued(room.open)
    other = Browser(room.app, "other")
    for path in (f"/copies/{copy_id}", f"/copies/{copy_id}/pdf", f"/copies/new/{room.open}"):
        assert other.get(path).status_code == 404, path
    assert copy_id not in other.get("/copies/").text
    with room.city.database.read() as session, pytest.raises(NotFound):
        copies.draft_withdrawal(room.city.archivist(OTHER), copy_id, "x", session=session)


def test_a_record_that_changed_meanwhile_is_not_certified_as_it_was(room: Room) -> None:
    actor: Actor = room.city.archivist(ARCHIVE)
    with room.city.database.read() as session:
        said = copies.draft(actor, room.open, new_id(), **READER, session=session)
    sealed = copies.seal_copy(said, room.city.folder.keys.seal(ARCHIVE), address="https://x/")
    with room.city.database.write() as session:
        row = catalogue.record_of(room.open, session)
        catalogue.take_correction(
            session, row, {**row.wire, "version": row.version + 1, "title": "改过的题名"}
        )
    with room.city.database.write() as session, pytest.raises(WrongState, match="改过"):
        copies.settle(actor, sealed, session=session)


def test_the_list_comes_back_from_the_papers_and_a_forged_one_does_not(room: Room) -> None:
    database, store = room.city.database, room.city.folder.store
    valid, withdrawn = room.issued(room.open), room.issued(room.open)
    room.desk.send(f"/copies/{withdrawn}/withdraw", {"reason": "题名有误"})
    while PaperWriter(database, store).step():
        pass
    before = {each: vars(room.row(each)) for each in (valid, withdrawn)}
    genuine = repository.paper_of(store, ARCHIVE, "copies", valid)
    forged = {**(genuine or {}), "copy_id": new_id(), "reader": "别人"}
    repository.write_paper(store, ARCHIVE, "copies", forged["copy_id"], forged)
    with database.write() as session:
        session.query(CertifiedCopy).delete()
    with database.read() as session:
        seals = federation.seals_of(ARCHIVE, session)
    assert restoring.take_up(database, store, ARCHIVE, seals) == 2
    assert restoring.take_up(database, store, ARCHIVE, seals) == 0
    for each, was in before.items():
        now = vars(room.row(each))
        assert {n: v for n, v in now.items() if n[0] != "_"} == {
            n: v for n, v in was.items() if n[0] != "_"
        }
    row = room.row(valid)
    row.pdf_sha256 = "0" * 64
    with pytest.raises(Unavailable):
        copies.pdf_of(row, database=database, store=store)
