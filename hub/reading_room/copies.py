"""The verbs of certified copies: issue one to a reader, withdraw it, list them.

A copy is a paper of its archive, `archives/<code>/copies/…/<id>.json`: what it certifies, the PDF
that the reader gets, and the seal over both. Its id is the code by which it is verified. Drafted
and settled in transactions of their own; the seal is asked between them.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, null, select
from sqlalchemy.orm import Session

from hub.catalogue import service as catalogue
from hub.catalogue.models import CatalogueRecord
from hub.federation import service as federation
from hub.reading_room.models import CertifiedCopy
from hub.repository import service as repository
from hub.repository.papers import COPIES, COPY_WITHDRAWALS
from shared import audit
from shared.kernel.actor import Actor, Role, require
from shared.kernel.canonical import sha256_hex
from shared.kernel.clock import parse_utc, utc_text
from shared.kernel.database import Database, locked
from shared.kernel.errors import Invalid, NotFound, Unavailable, WrongState
from shared.kernel.identifiers import is_id
from shared.kernel.keys import Seal, sign_document
from shared.kernel.reach import within_reach
from shared.packaging.copy_pdf import copy_pdf
from shared.records.security import SecurityClass, refuse_classified
from shared.records.text import NAME_LENGTH, REASON_LENGTH, clean_text, required_text
from shared.storage import ObjectStore

FORM, WITHDRAWAL_FORM = "danglian-copy/1", "danglian-copy-withdrawal/1"
SEAL = "archive_signature"
STATE_NAMES = {"valid": "有效", "withdrawn": "已撤回"}
OPEN = "open"


def draft(
    actor: Actor,
    record_id: str,
    copy_id: str,
    *,
    reader: object,
    purpose: object,
    basis: object = None,
    session: Session,
) -> dict[str, Any]:
    """What a copy of a record is to certify, ready for the seal; changes nothing.

    A record that is not open 控制使用 needs the basis on which this reader may use it. Raises
    NotFound and NotAllowed outside the archive that keeps it, WrongState for what is not kept (any
    more) or is 内部 or 工作秘密, Invalid, Classified.
    """
    record = record_for(actor, record_id, session=session)
    if not is_id(copy_id):
        raise Invalid("copy_id", "编号不对。", "请从目录重新打开这一页。")
    why = clean_text(basis, "basis", max_length=REASON_LENGTH)
    if record.opening != OPEN and why is None:
        raise Invalid(
            "basis", "这件档案没有开放，须写明准予利用的依据。",
            "请填写批准利用的文号或审批单号；没有批准的不能出具。", code="required",
        )  # fmt: skip
    said = {
        "reader": required_text(reader, "reader", max_length=NAME_LENGTH),
        "purpose": required_text(purpose, "purpose", max_length=REASON_LENGTH),
        "basis": why,
    }
    for name, text in said.items():
        refuse_classified(text, field=name)
    archive = federation.archive_of(str(record.archive), session)
    wire = record.wire
    return {
        "form": FORM,
        "copy_id": copy_id,
        "archive": archive.code,
        "archive_name": archive.name,
        "fonds_id": record.fonds_id,
        "fonds_name": federation.fonds_of(record.fonds_id, session).name,
        "record_id": record.id,
        "record_version": record.version,
        **{name: wire[name] for name in ("code", "title", "doc_no", "author", "date", "pages")},
        "files": [
            {"name": file["name"], "size": file["size"], "sha256": file["sha256"]}
            for document in wire["documents"]
            for file in document["files"]
        ],
        **said,
        "by": actor.name,
        "at": utc_text(),
    }


def seal_copy(statement: Mapping[str, Any], seal: Seal, *, address: str) -> dict[str, Any]:
    """The copy with its PDF, under the archive's seal; never inside a transaction.

    `address` is the page where it is verified, as its QR code has it. Raises Unavailable.
    """
    signed = sign_document(seal, statement)
    content = copy_pdf(statement, signed, address=address)
    pdf = {
        "sha256": sha256_hex(content),
        "size": len(content),
        "content": base64.b64encode(content).decode("ascii"),
    }
    document = {**statement, "statement_signature": signed, "pdf": pdf}
    return {**document, SEAL: sign_document(seal, document)}


def settle(actor: Actor, document: Mapping[str, Any], *, session: Session) -> CertifiedCopy:
    """Issue a sealed copy: from here on it is kept, listed and verified. The same again is nothing.

    Raises WrongState when the record has changed since it was drafted, and as `draft` does.
    """
    record = record_for(actor, document["record_id"], session=session)
    known = session.get(CertifiedCopy, document["copy_id"])
    if known is not None:
        return known
    if record.version != document["record_version"]:
        raise WrongState("这件档案刚刚改过。", "请按最新的著录重新出具。", code="record_changed")
    repository.keep_paper(session, document["archive"], COPIES, document["copy_id"], document)
    row = note(document, session=session)
    audit.record(
        session, actor, "certified_copy.issued", row,
        record=row.record_id, reader=row.reader, sha256=row.pdf_sha256,
    )  # fmt: skip
    return row


def note(document: Mapping[str, Any], *, session: Session) -> CertifiedCopy:
    """Write down a copy as its paper says it."""
    row = CertifiedCopy(
        id=document["copy_id"],
        archive_code=document["archive"],
        pdf_sha256=document["pdf"]["sha256"],
        pdf_size=document["pdf"]["size"],
        issued_by=document["by"],
        issued_at=parse_utc(document["at"]),
        **{
            name: document[name]
            for name in ("fonds_id", "record_id", "code", "title", "reader", "purpose", "basis")
        },
    )
    session.add(row)
    session.flush()
    return row


def draft_withdrawal(
    actor: Actor, copy_id: str, reason: object, *, session: Session
) -> dict[str, Any]:
    """That a copy is withdrawn, ready for the seal. Raises NotFound, WrongState, Invalid."""
    row = copy_seen(actor, copy_id, session=session)
    if row.state != "valid":
        raise WrongState("这份证明已经撤回。", "请刷新后查看。", code="copy_withdrawn")
    why = required_text(reason, "reason", max_length=REASON_LENGTH)
    refuse_classified(why, field="reason")
    return {
        "form": WITHDRAWAL_FORM,
        "copy_id": row.id,
        "archive": row.archive_code,
        "reason": why,
        "by": actor.name,
        "at": utc_text(),
    }


def settle_withdrawal(
    actor: Actor, document: Mapping[str, Any], *, session: Session
) -> CertifiedCopy:
    """Withdraw a copy by its sealed withdrawal: whoever verifies it is told. Raises WrongState."""
    copy_seen(actor, document["copy_id"], session=session)
    row = locked(session, CertifiedCopy, document["copy_id"])
    if row is None or row.state != "valid":
        raise WrongState("这份证明已经撤回。", "请刷新后查看。", code="copy_withdrawn")
    repository.keep_paper(session, row.archive_code, COPY_WITHDRAWALS, row.id, document)
    note_withdrawal(row, document)
    session.flush()
    audit.record(session, actor, "certified_copy.withdrawn", row, reason=row.withdraw_reason)
    return row


def note_withdrawal(row: CertifiedCopy, document: Mapping[str, Any]) -> None:
    """Write down a withdrawal as its paper says it."""
    row.state = "withdrawn"
    row.withdrawn_by, row.withdraw_reason = document["by"], document["reason"]
    row.withdrawn_at = parse_utc(document["at"])


def copies_seen(actor: Actor) -> Select[CertifiedCopy]:
    """The copies that the actor's archives have issued, as a statement to page through."""
    return select(CertifiedCopy).where(
        within_reach(actor, (Role.ARCHIVIST,), null(), CertifiedCopy.archive_code)
    )


def copy_seen(actor: Actor, copy_id: str, *, session: Session) -> CertifiedCopy:
    """One of them. Raises NotFound."""
    row = session.get(CertifiedCopy, copy_id)
    missing = NotFound("没有这份证明。", "请回到列表重新查找。", code="copy_unknown")
    if row is None:
        raise missing
    require(actor, Role.ARCHIVIST, archive=row.archive_code, missing=missing)
    return row


def pdf_of(row: CertifiedCopy, *, database: Database, store: ObjectStore) -> bytes:
    """The PDF that the reader got, byte for byte. Raises Unavailable when the paper is away."""
    with database.read() as session:
        paper = repository.paper_named(session, [row.archive_code], [COPIES], row.id)
    document = {} if paper is None else paper.document or paper.read(store)
    try:
        content = base64.b64decode(document["pdf"]["content"], validate=True)
    except (KeyError, TypeError, binascii.Error):
        content = b""
    if sha256_hex(content) != row.pdf_sha256:
        raise Unavailable("馆藏里的这份证明暂时读不出来。", "请稍后再试，或联系系统管理员。")
    return content


def may_issue(actor: Actor, record: CatalogueRecord) -> bool:
    """Whether a page offers to issue a copy of this record."""
    return (
        record.archive is not None
        and record.state == "received"
        and record.security == SecurityClass.NONE
        and actor.may(Role.ARCHIVIST, archive=record.archive, **record.scope)
    )


def record_for(actor: Actor, record_id: str, *, session: Session) -> CatalogueRecord:
    """A record of which the actor may issue copies. Raises NotFound, NotAllowed, WrongState."""
    record = catalogue.record_of(record_id, session)
    require(
        actor, Role.ARCHIVIST, archive=record.archive or record.receiving_archive,
        **record.scope, missing=catalogue.no_record(),
    )  # fmt: skip
    if record.archive is None or record.state != "received":
        raise WrongState(
            "这件档案不在馆藏中。", "已接收、没有销毁的档案才能出具证明。", code="not_in_custody"
        )
    if record.security != SecurityClass.NONE:
        raise WrongState(
            "内部、工作秘密的档案不能出具证明。", "请先办理解密，或由形成单位出具。",
            code="copy_not_allowed",
        )  # fmt: skip
    return record
