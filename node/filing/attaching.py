"""Attaching: the computer files of a record, each in a document with its role, in their order."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from node.filing.access import records_to_change
from node.filing.collecting import arranged
from node.filing.history import changed
from node.filing.holding import check_kinds
from node.filing.models import ComputerFile, Document, Record
from node.registry.files import StoredFile
from shared import audit
from shared.kernel.actor import Actor
from shared.kernel.errors import NotFound, WrongState
from shared.records.holdings import FileKind, read_file_kind
from shared.records.roles import DOCUMENT_ROLES
from shared.records.security import refuse_classified
from shared.records.states import OPEN_STATES, RECORD
from shared.records.values import safe_file_name


def attach(
    actor: Actor,
    record: Record,
    role: str,
    stored: StoredFile,
    kind: str = FileKind.BORN_DIGITAL,
    *,
    title: str | None = None,
    document_id: str | None = None,
    session: Session,
) -> ComputerFile:
    """Add a stored computer file to a record: as a new document, or to the document named."""
    records_to_change(actor, [record.id], session=session)
    _still_open(record)
    document = _document_for(record, role, title, document_id, session)
    name = safe_file_name(stored.name, "file")
    refuse_classified(name)
    kinds = {each.kind for each in files_of(record.id, session=session)}
    check_kinds(record.holding, kinds | {kind})
    order = session.scalar(select(func.count()).where(ComputerFile.document_id == document.id))
    file = ComputerFile(
        document_id=document.id,
        record_id=record.id,
        name=name,
        size=stored.size,
        sha256=stored.sha256,
        format=stored.format,
        kind=str(read_file_kind(kind)),
        order=(order or 0) + 1,
    )
    session.add(file)
    session.flush()
    changed([record], "修改", actor, session=session, description="增加电子文件")
    audit.record(session, actor, "record.file_attached", record, sha256=stored.sha256)
    return file


def _document_for(
    record: Record, role: str, title: str | None, document_id: str | None, session: Session
) -> Document:
    existing = documents_of(record.id, session=session)
    if document_id is not None:
        for document in existing:
            if document.id == document_id:
                return document
        raise NotFound("没有这个文档。", "请刷新后重试。")
    values = arranged([{"role": role, "title": title}])[0]
    document = Document(record_id=record.id, role=role, title=values["title"])
    ordered = sorted([*existing, document], key=lambda each: DOCUMENT_ROLES[each.role])
    for order, each in enumerate(ordered, 1):
        each.order = order
    session.add(document)
    session.flush()
    return document


def detach(actor: Actor, record: Record, file_id: str, *, session: Session) -> None:
    """Take a computer file off a record; its bytes stay in the store until nothing needs them."""
    records_to_change(actor, [record.id], session=session)
    _still_open(record)
    file = session.get(ComputerFile, file_id)
    if file is None or file.record_id != record.id:
        raise NotFound("没有这个文件。", "它可能已被移除，请刷新后查看。")
    document = session.get_one(Document, file.document_id)
    session.delete(file)
    session.flush()
    if not session.scalar(select(ComputerFile.id).where(ComputerFile.document_id == document.id)):
        session.delete(document)
        session.flush()
        for order, each in enumerate(documents_of(record.id, session=session), 1):
            each.order = order
    changed([record], "修改", actor, session=session, description=f"移除电子文件 {file.name}")
    audit.record(session, actor, "record.file_removed", record, sha256=file.sha256)


def documents_of(record_id: str, *, session: Session) -> list[Document]:
    """The documents of a record in their order."""
    return list(
        session.scalars(
            select(Document)
            .where(Document.record_id == record_id)
            .order_by(Document.order, Document.id)
        )
    )


def files_of(record_id: str, *, session: Session) -> list[ComputerFile]:
    """The computer files of a record, document by document."""
    return list(
        session.scalars(
            select(ComputerFile)
            .join(Document, Document.id == ComputerFile.document_id)
            .where(ComputerFile.record_id == record_id)
            .order_by(Document.order, ComputerFile.order)
        )
    )


def _still_open(record: Record) -> None:
    if record.state not in OPEN_STATES:
        raise WrongState(
            f"档案现为“{RECORD.label(record.state)}”，不能改动文件。",
            "已提交移交的，请先撤回该批次；已接收的由档案馆保管。",
        )
