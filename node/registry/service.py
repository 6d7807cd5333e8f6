"""The verbs of the registry 收发文登记: register, take in hand, close, and where it goes.

A document of which a record was made is filed by `node.filing` (`send_to_filing`); the registry
only notes that it went.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from node.office.service import fonds_here, require_writable
from node.registry.files import StoredFile
from node.registry.models import Registered, RegisteredFile, Serial
from shared import audit
from shared.kernel.actor import Actor, Role, require
from shared.kernel.clock import format_utc, now, today
from shared.kernel.errors import Invalid, NotFound, WrongState
from shared.records.holdings import FileKind, read_file_kind
from shared.records.roles import DOCUMENT_ROLES
from shared.records.security import SecurityClass, read_security, refuse_classified
from shared.records.states import DOCUMENT
from shared.records.values import (
    AUTHOR_LENGTH,
    DOC_NO_LENGTH,
    NAME_LENGTH,
    REASON_LENGTH,
    REMARK_LENGTH,
    SHORT_LENGTH,
    TITLE_LENGTH,
    clean_text,
    parse_date,
    parse_pages,
    required_text,
)

DIRECTIONS = {"incoming": "收文", "outgoing": "发文", "internal": "内部文件"}
URGENCIES = {"normal": "平件", "urgent": "加急", "most_urgent": "特急"}
#: Why a document is not kept (order no. 8, article on what is not filed), for quick choice.
NOT_KEPT_REASONS = (
    "上级普发、不需办理的文件",
    "重份文件",
    "供参考的抄件、简报",
    "事务性、临时性文件",
    "未经签发的文电草稿",
    "不属于本单位职能范围",
)
SEEING = (Role.CLERK, Role.LEADER)

_TEXTS = {
    "doc_no": DOC_NO_LENGTH,
    "author": AUTHOR_LENGTH,
    "counterpart": NAME_LENGTH,
    "remark": REMARK_LENGTH,
    "handler": NAME_LENGTH,
}
FIELDS = ("title", *_TEXTS, "date", "registered_on", "security", "urgency", "pages")


def check_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The given fields as column values. Raises Invalid with the field, or Classified."""
    found: dict[str, Any] = {}
    if "security" in values:
        found["security"] = str(read_security(values["security"]))
    refuse_classified(
        *(
            None if values.get(name) is None else str(values[name])
            for name in ("title", "doc_no", "author", "remark")
        )
    )
    for name, value in values.items():
        if name == "security":
            continue
        if name == "title":
            found[name] = required_text(value, name, max_length=TITLE_LENGTH)
        elif name in _TEXTS:
            found[name] = clean_text(value, name, max_length=_TEXTS[name])
        elif name in ("date", "registered_on"):
            found[name] = parse_date(value, name).isoformat() if value not in (None, "") else None
        elif name == "pages":
            found[name] = parse_pages(value)
        elif name == "urgency":
            found[name] = _urgency(value)
        else:
            raise Invalid(name, f"没有“{name}”这一项。", "请核对字段名称。")
    return found


def _urgency(value: object) -> str:
    text = str(value or "normal").strip()
    for code, name in URGENCIES.items():
        if text in (code, name):
            return code
    raise Invalid("urgency", "没有这种缓急程度。", f"可用：{'、'.join(URGENCIES.values())}。")


def register(
    actor: Actor,
    fonds_id: str,
    direction: str,
    values: Mapping[str, Any],
    *,
    state: str = "registered",
    events: Iterable[Mapping[str, Any]] = (),
    session: Session,
) -> Registered:
    """Enter a document into the book; it takes the next serial number of its year and direction.

    `state` may be `closed` for a document registered afterwards, `events` what was done with it
    before, elsewhere (`happened`). Raises Classified, Invalid.
    """
    require(actor, Role.CLERK, fonds=fonds_id)
    require_writable(fonds_id, session)
    if direction not in DIRECTIONS:
        raise Invalid("direction", "没有这种登记簿。", f"可用：{'、'.join(DIRECTIONS.values())}。")
    if state not in ("registered", "in_hand", "closed"):
        raise Invalid("state", "新登记的文件只能是已登记、在办或办结。", "请重新选择。")
    found = check_values({"title": None, "security": SecurityClass.NONE, **values})
    found["registered_on"] = found.get("registered_on") or today()
    found = {name: value for name, value in found.items() if value is not None}
    year = int(found["registered_on"][:4])
    document = Registered(
        fonds_id=fonds_id,
        direction=direction,
        year=year,
        serial=_next_serial(fonds_id, year, direction, session),
        state=state,
        registered_by=actor.name,
        closed_at=now() if state == "closed" else None,
        events=happened(events),
        **found,
    )
    session.add(document)
    session.flush()
    audit.record(session, actor, "document.registered", document, number=document.number)
    return document


def happened(events: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What was done with a document elsewhere 业务行为 (M76 to M84 of DA/T 46), in its order.

    Each is `{action, time, agent, agent_unit, basis, description}`, the time in UTC. Raises
    Invalid, Classified.
    """
    found = []
    for number, event in enumerate(events):
        where = f"events.{number}"
        time = event["time"]
        told = {
            "action": required_text(event["action"], f"{where}.action", max_length=SHORT_LENGTH),
            "time": time if isinstance(time, str) else format_utc(time),
            **{
                name: required_text(event[name], f"{where}.{name}", max_length=NAME_LENGTH)
                for name in ("agent", "agent_unit")
            },
            "basis": clean_text(event.get("basis"), f"{where}.basis", max_length=REASON_LENGTH),
            "description": clean_text(
                event.get("description"), f"{where}.description", max_length=REMARK_LENGTH
            ),
        }
        refuse_classified(*told.values(), field=where)
        found.append(told)
    return sorted(found, key=lambda each: str(each["time"]))


def _next_serial(fonds_id: str, year: int, direction: str, session: Session) -> int:
    serial = session.get(Serial, (fonds_id, year, direction), with_for_update=True)
    if serial is None:
        serial = Serial(fonds_id=fonds_id, year=year, direction=direction, last=0)
        session.add(serial)
    serial.last += 1
    session.flush()
    return serial.last


def document_of(actor: Actor, document_id: str, *, session: Session) -> Registered:
    """A registered document that the actor may see. Raises NotFound for all others."""
    document = session.get(Registered, document_id)
    if document is None or not actor.may(*SEEING, fonds=document.fonds_id):
        raise NotFound("没有这份文件。", "请回到登记簿重新查找。")
    return document


def _to_change(actor: Actor, document: Registered, session: Session) -> None:
    require(actor, Role.CLERK, fonds=document.fonds_id)
    require_writable(document.fonds_id, session)


def edit(
    actor: Actor, document: Registered, values: Mapping[str, Any], *, session: Session
) -> Registered:
    """Change what the book says of a document, until it has gone to file or out of the house."""
    _to_change(actor, document, session)
    if document.state not in ("registered", "in_hand", "closed"):
        raise WrongState(
            f"文件现为“{DOCUMENT.label(document.state)}”，不能修改。",
            "已列入归档的，请在归档件上修改；否则请先“改回办结”。",
        )
    found = check_values(values)
    if "registered_on" in found and (found["registered_on"] or "")[:4] != str(document.year):
        raise Invalid(
            "registered_on", "登记日期不能改到另一年度。", "请在正确年度的登记簿中重新登记。"
        )
    touched = [name for name, value in found.items() if getattr(document, name) != value]
    for name in touched:
        setattr(document, name, found[name])
    document.changed_at = now()
    session.flush()
    audit.record(session, actor, "document.edited", document, fields=touched)
    return document


def take_in_hand(
    actor: Actor, document: Registered, *, handler: str | None = None, session: Session
) -> Registered:
    """Give a document to the one who deals with it 交办."""
    _to_change(actor, document, session)
    document.handler = clean_text(handler, "handler", max_length=NAME_LENGTH) or document.handler
    return _move(actor, document, "take_in_hand", session, handler=document.handler)


def close(actor: Actor, document: Registered, *, session: Session) -> Registered:
    """Close a document 办结: everything asked for is done."""
    _to_change(actor, document, session)
    document.closed_at = now()
    return _move(actor, document, "close", session)


def keep_not(actor: Actor, document: Registered, reason: str, *, session: Session) -> Registered:
    """Decide that a closed document is not kept 不归档, with the reason."""
    _to_change(actor, document, session)
    document.reason = _reason(reason, "请写明不归档的原因，例如“上级普发、不需办理的文件”。")
    return _move(actor, document, "not_keep", session, reason=document.reason)


def return_to_issuer(
    actor: Actor, document: Registered, reason: str, *, session: Session
) -> Registered:
    """Send a document back to its issuer 清退."""
    _to_change(actor, document, session)
    document.reason = _reason(reason, "请写明清退的单位和日期。")
    return _move(actor, document, "return_to_issuer", session, reason=document.reason)


def keep_elsewhere(
    actor: Actor, document: Registered, where: str, *, session: Session
) -> Registered:
    """Note that a document is kept by another office 另处保存, and where."""
    _to_change(actor, document, session)
    document.reason = _reason(where, "请写明保存在哪个单位。")
    return _move(actor, document, "keep_elsewhere", session, where=document.reason)


def reopen(actor: Actor, document: Registered, *, session: Session) -> Registered:
    """Take a closed document in hand again 重新办理."""
    _to_change(actor, document, session)
    document.closed_at = None
    return _move(actor, document, "reopen", session)


def reconsider(actor: Actor, document: Registered, *, session: Session) -> Registered:
    """Take back the decision that a document is not kept or is kept elsewhere."""
    _to_change(actor, document, session)
    if document.state == "to_file":
        raise WrongState("文件已列入归档。", "请先在归档件的页面上删除该件，再重新决定。")
    document.reason = None
    return _move(actor, document, "reconsider", session)


def mark_filed(
    actor: Actor, document: Registered, record_id: str, *, session: Session
) -> Registered:
    """Note that a record was made of the document (called by filing, in the same transaction)."""
    _to_change(actor, document, session)
    document.record_id = record_id
    return _move(actor, document, "file", session, record=record_id)


def mark_unfiled(actor: Actor, record_id: str, *, session: Session) -> None:
    """The record made of a document is gone again: the document is closed, and open to decide."""
    for document in session.scalars(select(Registered).where(Registered.record_id == record_id)):
        document.record_id = None
        _move(actor, document, "reconsider", session)


def _reason(text: str | None, remedy: str) -> str:
    found = clean_text(text, "reason", max_length=REASON_LENGTH)
    if found is None:
        raise Invalid("reason", "原因不能为空。", remedy, code="required")
    refuse_classified(found)
    return found


_EVENTS = {
    "take_in_hand": "taken_in_hand",
    "close": "closed",
    "reopen": "reopened",
    "file": "filed",
    "not_keep": "not_kept",
    "return_to_issuer": "returned_to_issuer",
    "keep_elsewhere": "kept_elsewhere",
    "reconsider": "reconsidered",
}


def _move(
    actor: Actor, document: Registered, verb: str, session: Session, **details: object
) -> Registered:
    document.state = DOCUMENT.after(verb, document.state)
    document.changed_at = now()
    session.flush()
    audit.record(session, actor, f"document.{_EVENTS[verb]}", document, **details)
    return document


def attach_file(
    actor: Actor,
    document: Registered,
    role: str,
    stored: StoredFile,
    kind: str = FileKind.BORN_DIGITAL,
    *,
    session: Session,
) -> RegisteredFile:
    """Add a stored computer file to a document, in its role (正本, 附件, 文件处理单 …)."""
    _to_change(actor, document, session)
    _still_here(document)
    if role not in DOCUMENT_ROLES:
        raise Invalid("role", "没有这种文档。", f"可用：{'、'.join(DOCUMENT_ROLES)}。")
    refuse_classified(stored.name)
    count = session.scalar(select(func.count()).where(RegisteredFile.document_id == document.id))
    file = RegisteredFile(
        document_id=document.id,
        role=role,
        name=stored.name,
        size=stored.size,
        sha256=stored.sha256,
        format=stored.format,
        kind=str(read_file_kind(kind)),
        order=(count or 0) + 1,
    )
    session.add(file)
    session.flush()
    audit.record(session, actor, "document.file_attached", document, sha256=stored.sha256)
    return file


def remove_file(actor: Actor, document: Registered, file_id: str, *, session: Session) -> None:
    """Take a computer file off a document."""
    _to_change(actor, document, session)
    _still_here(document)
    file = session.get(RegisteredFile, file_id)
    if file is None or file.document_id != document.id:
        raise NotFound("没有这个文件。", "它可能已被移除，请刷新后查看。")
    session.delete(file)
    session.flush()
    audit.record(session, actor, "document.file_removed", document, sha256=file.sha256)


def _still_here(document: Registered) -> None:
    if document.state not in ("registered", "in_hand", "closed"):
        raise WrongState(
            f"文件现为“{DOCUMENT.label(document.state)}”，不能改动文件。",
            "已列入归档的，请在归档件的页面上增删文件。",
        )


def files_of(document_id: str, *, session: Session) -> list[RegisteredFile]:
    """The computer files of a document, in the order in which they came."""
    return list(
        session.scalars(
            select(RegisteredFile)
            .where(RegisteredFile.document_id == document_id)
            .order_by(RegisteredFile.order, RegisteredFile.id)
        )
    )


def listing(actor: Actor, *, session: Session) -> Select[Registered]:
    """The registered documents that the actor may see; unordered."""
    return select(Registered).where(Registered.fonds_id.in_(_seen(actor, session)))


def counts_by_state(fonds: Collection[str], *, session: Session) -> dict[str, int]:
    """How many documents of these fonds are in each state."""
    rows = session.execute(
        select(Registered.state, func.count())
        .where(Registered.fonds_id.in_(fonds))
        .group_by(Registered.state)
    )
    return {row[0]: row[1] for row in rows}


def _seen(actor: Actor, session: Session) -> Sequence[str]:
    return [each.id for each in fonds_here(session) if actor.may(*SEEING, fonds=each.id)]


def referenced_digests(session: Session) -> Collection[str]:
    """The digests of all computer files that a document has."""
    return set(session.scalars(select(RegisteredFile.sha256).distinct()))


def pass_on(fonds_ids: Sequence[str], handler: str, successor: str, *, session: Session) -> None:
    """Give another handler 承办人 to what one has in hand; part of a change of clerk."""
    session.execute(
        update(Registered)
        .where(Registered.fonds_id.in_(fonds_ids), Registered.handler == handler)
        .where(Registered.state.in_(("registered", "in_hand", "closed")))
        .values(handler=successor, changed_at=now())
    )
