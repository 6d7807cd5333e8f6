"""Collecting 收集: records come into filing, one by one or thousands at once, with files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from node.filing.access import record_of, records_to_change
from node.filing.categories import Categories, closed_class, is_complete
from node.filing.history import note_events
from node.filing.holding import check_kinds
from node.filing.models import ComputerFile, Document, Event, Objection, Record
from node.filing.places import Shelf
from node.filing.values import check_values, read_given_code
from node.filing.wire import chunked
from node.office.service import fonds_of, require_writable
from node.registry.service import mark_unfiled
from shared import audit
from shared.kernel.actor import Actor, Role, require
from shared.kernel.clock import now
from shared.kernel.errors import DanglianError, Invalid, WrongState
from shared.kernel.identifiers import new_id
from shared.records.fonds import Fonds
from shared.records.holdings import FileKind, read_file_kind
from shared.records.record import MOST_DOCUMENTS, MOST_FILES, RecordLevel
from shared.records.roles import DOCUMENT_ROLES
from shared.records.security import refuse_classified
from shared.records.states import OPEN_STATES, RECORD
from shared.records.values import TITLE_LENGTH, clean_text, safe_file_name

_EMPTY: dict[str, Any] = {
    "level": "record",
    "parent_id": None,
    "state": "collected",
    "category_id": None,
    "class_code": "WS",
    "subclass": None,
    "year": None,
    "retention": None,
    "organ": None,
    "organ_name": None,
    "catalogue_number": None,
    "project_number": None,
    "volume_number": None,
    "number": None,
    "number_given": False,
    "code": None,
    "doc_no": None,
    "author": None,
    "date": None,
    "security": "none",
    "pages": None,
    "remark": None,
    "holding": "electronic",
    "box_id": None,
    "place_id": None,
    "opening_opinion": None,
    "opening_reason": None,
    "publicity_attribute": None,
    "publicity_basis": None,
    "security_change": None,
    "void_reason": None,
    "source_key": None,
    "version": 0,
    "position": 0,
}


@dataclass(frozen=True)
class Collected:
    """What a bulk collection did: the ids in the order of the rows, and which rows were known."""

    ids: list[str]
    known: list[int] = field(default_factory=list)

    @property
    def new(self) -> list[str]:
        """The ids of the records that were made."""
        known = set(self.known)
        return [each for row, each in enumerate(self.ids) if row not in known]

    @property
    def added(self) -> int:
        """How many records are new."""
        return len(self.ids) - len(self.known)


def collect(actor: Actor, fonds_id: str, values: Mapping[str, Any], *, session: Session) -> Record:
    """File a record directly (a village has no 收发文 book). See `collect_many` for the values."""
    record_id = _collect(actor, fonds_id, [values], session).ids[0]
    record = record_of(actor, record_id, session=session)
    act = audit.Act(became=values)
    audit.record(session, actor, "record.collected", record, act, fonds=fonds_id)
    return record


def collect_many(
    actor: Actor,
    fonds_id: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    session: Session,
    source: str = "",
) -> Collected:
    """File many records at once; all of them, or none.

    A row has the fields of `values.COLLECT_FIELDS` (those of the wire record, flat), and may have
    `documents`: `[{role, title, files: [{name, size, sha256, format, kind}]}]`. A row whose
    `source_key` was collected before is recognised, and its record returned. Raises Invalid or
    Classified with the row in the sentence.
    """
    found = _collect(actor, fonds_id, rows, session)
    audit.record(
        session,
        actor,
        "record.collected_many",
        f"fonds:{fonds_id}",
        audit.Act(each=found.new),
        rows=len(rows),
        added=found.added,
        source=source,
    )
    return found


def codes_in_use(fonds_id: str, codes: Iterable[str], *, session: Session) -> set[str]:
    """Which of these codes a record of the fonds has already, void ones included."""
    found: set[str] = set()
    for some in chunked(list(codes)):
        found.update(
            code
            for code in session.scalars(
                select(Record.code).where(Record.fonds_id == fonds_id, Record.code.in_(some))
            )
            if code
        )
    return found


def keys_in_use(fonds_id: str, keys: Iterable[str], *, session: Session) -> dict[str, str]:
    """Which of these source keys were collected already, with the id of the record."""
    found: dict[str, str] = {}
    for some in chunked(list(keys)):
        rows = session.execute(
            select(Record.source_key, Record.id).where(
                Record.fonds_id == fonds_id, Record.source_key.in_(some)
            )
        )
        found.update({str(key): record_id for key, record_id in rows})
    return found


@dataclass(frozen=True)
class Holder:
    """A volume or project that filing has: what records can be put into, while it is open."""

    id: str
    level: str
    open: bool


def holders_in_use(
    fonds_id: str, keys: Iterable[str], codes: Iterable[str], *, session: Session
) -> dict[str, Holder]:
    """The volumes and projects of the fonds with these source keys or codes, by key and by code."""
    found: dict[str, Holder] = {}
    for column, wanted in ((Record.source_key, keys), (Record.code, codes)):
        for some in chunked(list(wanted)):
            rows = session.execute(
                select(column, Record.id, Record.level, Record.state)
                .where(Record.fonds_id == fonds_id, column.in_(some))
                .where(Record.level.in_((RecordLevel.VOLUME, RecordLevel.PROJECT)))
            )
            for name, record_id, level, state in rows:
                found[str(name)] = Holder(record_id, level, state in OPEN_STATES)
    return found


def _collect(
    actor: Actor, fonds_id: str, rows: Sequence[Mapping[str, Any]], session: Session
) -> Collected:
    fonds = _fonds_to_fill(actor, fonds_id, session)
    maker = _Maker(actor, fonds, session)
    given_keys = [str(row["source_key"]) for row in rows if row.get("source_key")]
    known_ids = keys_in_use(fonds_id, given_keys, session=session)
    ids: list[str] = []
    known: list[int] = []
    for index, row in enumerate(rows):
        key = row.get("source_key")
        if key and str(key) in known_ids:
            known.append(index)
            ids.append(known_ids[str(key)])
            continue
        try:
            ids.append(maker.make(row))
        except DanglianError as error:
            if len(rows) > 1:
                error.message = f"第{index + 1}行：{error.message}"
                error.args = (error.message,)
            raise
        if key:
            known_ids[str(key)] = ids[-1]
    maker.write()
    return Collected(ids, known)


def _fonds_to_fill(actor: Actor, fonds_id: str, session: Session) -> Fonds:
    """The fonds, for a clerk of it or of a part of it: each new record is asked about by itself."""
    if not actor.reaches_into(Role.CLERK, fonds=fonds_id):
        require(actor, Role.CLERK, fonds=fonds_id)
    require_writable(fonds_id, session)
    return fonds_of(fonds_id, session)


class _Maker:
    """Turns cleaned rows into records, documents and files, written in bulk at the end."""

    def __init__(self, actor: Actor, fonds: Fonds, session: Session) -> None:
        self.actor, self.fonds, self.session = actor, fonds, session
        self.categories = Categories(session)
        self.shelf = Shelf(session)
        self.moment = now()
        self.records: list[dict[str, Any]] = []
        self.documents: list[dict[str, Any]] = []
        self.files: list[dict[str, Any]] = []
        self.numbers: set[tuple[str, int]] = set()
        self.held: set[tuple[str, str | None]] = set()

    def make(self, row: Mapping[str, Any]) -> str:
        given = {name: value for name, value in row.items() if name != "documents"}
        found = check_values({"title": None, **given})
        read_given_code(found, self.fonds.number)
        found = {name: value for name, value in found.items() if value is not None}
        number = found.pop("number", None)
        self.shelf.put(found, self.fonds.id)
        values = {**_EMPTY, "former_codes": [], **found}
        values |= {"id": new_id(), "fonds_id": self.fonds.id}
        values |= {"created_at": self.moment, "changed_at": self.moment}
        values["created_by"] = self.actor.name
        self._place(values, number)
        self._require_held(values["class_code"], values["opening_opinion"])
        documents = arranged(row.get("documents") or ())
        kinds = {
            file.get("kind") or FileKind.BORN_DIGITAL
            for each in documents
            for file in each["files"]
        }
        check_kinds(values["holding"], kinds)
        self.records.append(values)
        for document in documents:
            self._document(values["id"], document)
        return str(values["id"])

    def _require_held(self, class_code: str, opening: str | None) -> None:
        """Raise NotAllowed unless the clerk's grants reach such a record."""
        if (class_code, opening) not in self.held:
            require(
                self.actor, Role.CLERK,
                fonds=self.fonds.id, class_code=class_code, opening=opening,
            )  # fmt: skip
            self.held.add((class_code, opening))

    def _place(self, values: dict[str, Any], number: int | None) -> None:
        if values["level"] == RecordLevel.ITEM or values["parent_id"] is not None:
            _inherit(values, self.session)
        if not is_complete(values):
            return
        values["state"] = "arranging"
        category = self.categories.of(values)
        if category is not None:
            values["category_id"] = category.id
            values["position"] = self.categories.next_position(category.id)
            if values["number_given"] and number is not None:
                self._given_number(values, category.id, number)

    def _given_number(self, values: dict[str, Any], category_id: str, number: int) -> None:
        closed = closed_class(
            self.fonds.id, values["class_code"], values["year"], session=self.session
        )
        if closed is not None:
            raise Invalid(
                "code",
                "该门类该年度已经定号，补充归档的件号由系统顺次给定。",
                "请去掉档号后重新提交；原件上的旧号可填入“曾用档号”。",
            )
        taken = (category_id, number) in self.numbers or self.session.scalar(
            select(Record.id).where(Record.category_id == category_id, Record.number == number)
        )
        if taken:
            raise Invalid(
                "code",
                f"件号 {number} 与已有档案重复，档号不能重复。",
                "请核对档号；同一件重复录入的，请删去一件。",
                code="duplicate_code",
            )
        self.numbers.add((category_id, number))
        values["number"] = number

    def _document(self, record_id: str, document: Mapping[str, Any]) -> None:
        values = {name: document[name] for name in ("role", "title", "order")}
        self.documents.append({"id": (document_id := new_id()), "record_id": record_id, **values})
        for order, file in enumerate(document["files"], 1):
            self.files.append(
                {
                    "id": new_id(),
                    "document_id": document_id,
                    "record_id": record_id,
                    "name": safe_file_name(file["name"], "files"),
                    "size": file["size"],
                    "sha256": file["sha256"],
                    "format": file["format"],
                    "kind": str(read_file_kind(file.get("kind") or FileKind.BORN_DIGITAL)),
                    "order": order,
                }
            )

    def write(self) -> None:
        self.session.flush()
        for model, rows in (
            (Record, self.records),
            (Document, self.documents),
            (ComputerFile, self.files),
        ):
            if rows:
                self.session.execute(insert(model), rows)
        ids = [each["id"] for each in self.records]
        note_events(ids, "收集", self.actor, session=self.session, time=self.moment)


def _inherit(values: dict[str, Any], session: Session) -> None:
    """Give an item what its volume says, a volume what its project says."""
    parent = session.get(Record, values["parent_id"]) if values["parent_id"] else None
    expected = {RecordLevel.ITEM: RecordLevel.VOLUME, RecordLevel.VOLUME: RecordLevel.PROJECT}
    level = RecordLevel(values["level"])
    if (
        parent is None
        or parent.fonds_id != values["fonds_id"]
        or parent.level != expected.get(level)
    ):
        raise Invalid(
            "parent_id",
            "卷内文件须放入同一全宗的案卷，案卷只能放入项目。",
            "请先建立案卷（或项目），再从它的页面添加。",
            code="item_without_volume",
        )
    if parent.state not in OPEN_STATES:
        raise WrongState(f"所属的{RECORD.label(parent.state)}案卷不能再添加文件。", "请另立案卷。")
    names = ["class_code", "subclass", "project_number", "catalogue_number"]
    if level is RecordLevel.ITEM:
        names += ["year", "retention", "organ", "organ_name"]
        values["volume_number"] = parent.number if parent.state == "filed" else None
    for name in names:
        values[name] = getattr(parent, name)


def arranged(documents: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Documents in the order within a record 件内排序, numbered from 1. Raises Invalid."""
    found: list[dict[str, Any]] = []
    for document in documents:
        role = str(document["role"])
        if role not in DOCUMENT_ROLES:
            raise Invalid(
                "role", f"没有“{role[:20]}”这种文档。", f"可用：{'、'.join(DOCUMENT_ROLES)}。"
            )
        title = clean_text(document.get("title"), "title", max_length=TITLE_LENGTH)
        files = list(document.get("files") or ())
        refuse_classified(title, *(str(file["name"]) for file in files))
        found.append({"role": role, "title": title, "files": files})
    found.sort(key=lambda document: DOCUMENT_ROLES[document["role"]])
    for order, document in enumerate(found, 1):
        document["order"] = order
    if len(found) > MOST_DOCUMENTS or sum(len(each["files"]) for each in found) > MOST_FILES:
        raise Invalid("documents", "一件的文档或文件过多。", "请拆分为多件。", code="too_many")
    return found


def discard(actor: Actor, record: Record, reason: str, *, session: Session) -> None:
    """Take a record out of filing again before its class is closed (filed by mistake)."""
    records_to_change(actor, [record.id], session=session)
    if record.state not in ("collected", "arranging"):
        raise WrongState(
            f"档案现为“{RECORD.label(record.state)}”，件号已固定，不能删除。",
            "请用“作废”留下空号，并写明原因。",
        )
    if session.scalar(select(Record.id).where(Record.parent_id == record.id).limit(1)):
        raise WrongState("案卷（项目）中还有文件。", "请先移走其中的文件。")
    act = audit.Act(was=audit.columns_of(record))
    for model in (ComputerFile, Document, Event, Objection):
        session.execute(delete(model).where(model.record_id == record.id))
    session.flush()
    session.execute(delete(Record).where(Record.id == record.id))
    session.expunge(record)
    mark_unfiled(actor, record.id, session=session)
    audit.record(session, actor, "record.discarded", record, act, reason=reason)
