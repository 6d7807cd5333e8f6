"""Taking in what nodes tell of their records: all of a run, or nothing.

Only what the rules allow: the node keeps the fonds, no archive has the record, versions rise,
history only grows, codes are well-formed and unique in the fonds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hub.catalogue import text
from hub.catalogue.models import CatalogueRecord, node_custody
from hub.catalogue.tally import Changes, Counted
from hub.catalogue.told import Told, read_told
from hub.catalogue.withholding import is_withheld, masked
from hub.federation import service as federation
from hub.federation.models import Fonds
from shared.kernel.bulk import add_rows, among, fresh_rows, put_rows, table_of
from shared.kernel.clock import now
from shared.kernel.errors import Conflict, NotAllowed, WrongState
from shared.messaging.entry import Entry


@dataclass
class _Held:
    """A record as the catalogue has it, or as the entries before in this run left it."""

    row: int | None
    node_id: str
    fonds_id: str
    version: int
    digest: str
    custody: str
    received: bool
    events: list[dict[str, Any]]
    counted: Counted | None
    code_key: str | None
    #: What the catalogue shows of a withheld record; None for any other.
    withheld: dict[str, Any] | None = None
    told: Told | None = None

    @property
    def history(self) -> list[dict[str, Any]]:
        """The events of the record."""
        return self.events if self.told is None else list(self.told.body["events"])


@dataclass
class _Taking:
    """What entries are checked against: what is held, and who holds which code."""

    node_id: str
    fonds: Mapping[str, Fonds]
    held: dict[str, _Held]
    codes: dict[tuple[str, str], str]
    dialect: str

    def take(self, record: Told) -> None:
        """Check one entry against what is held and against those before it; remember it."""
        digest = record.digest
        fonds = self.fonds.get(record.fonds_id)
        if fonds is None or fonds.keeping_node != self.node_id:
            raise NotAllowed(
                "这个全宗不由本单位保管。",
                "请联系市档案馆核对全宗的分配。",
                code="foreign_fonds",
                field="fonds_id",
            )
        before = self.held.get(record.id)
        if before is not None:
            if before.version == record.version and before.digest == digest:
                return
            if before.received and record.version < before.version:
                return  # it comes again after a restore; what the archive has is newer
            if before.withheld is not None:
                # A node that had lost the record has it from here, masked: now both have that.
                given_back = record.version == before.version and record.body == before.withheld
                record = read_told(masked(record.body), self.dialect)
                if not given_back:
                    _check_change(record, self.node_id, before)
            else:
                _check_change(record, self.node_id, before)
        key = record.code_key
        if key is not None:
            _check_code(record, key, self.codes)
            self.codes[record.fonds_id, key] = record.id
        if before is not None and before.code_key is not None and before.code_key != key:
            self.codes.pop((record.fonds_id, before.code_key), None)
        self.held[record.id] = _Held(
            row=before.row if before else None,
            node_id=self.node_id,
            fonds_id=record.fonds_id,
            version=record.version,
            digest=digest,
            custody=node_custody(self.node_id),
            received=False,
            events=[],
            counted=before.counted if before else None,
            code_key=key,
            withheld=record.body if before and before.withheld is not None else None,
            told=record,
        )


def apply_records(session: Session, node_id: str, entries: Sequence[Entry]) -> None:
    """Bring the catalogue up to what a node tells of its records (entries `record`).

    Raises a DanglianError for the first entry that breaks a rule; then nothing was written.
    """
    dialect = session.get_bind().dialect.name
    told = [
        read_told(entry.body, dialect) if entry.read is None else Told(*entry.read)
        for entry in entries
    ]
    taking = _Taking(
        node_id,
        federation.held_fonds({record.fonds_id for record in told}, session),
        _held([record.id for record in told], session),
        _holders(told, session),
        dialect,
    )
    for record in told:
        taking.take(record)
    changed = {id_: each for id_, each in taking.held.items() if each.told is not None}
    if changed:
        _write(changed, node_id, taking.fonds, session)


def _held(ids: Sequence[str], session: Session) -> dict[str, _Held]:
    rows = session.execute(
        select(
            CatalogueRecord.id,
            CatalogueRecord.row,
            CatalogueRecord.node_id,
            CatalogueRecord.fonds_id,
            CatalogueRecord.version,
            CatalogueRecord.digest,
            CatalogueRecord.told_state,
            CatalogueRecord.custody,
            CatalogueRecord.received,
            CatalogueRecord.code_key,
            CatalogueRecord.year,
            CatalogueRecord.class_code,
            CatalogueRecord.retention,
            CatalogueRecord.state,
            CatalogueRecord.level,
            CatalogueRecord.wire,
            CatalogueRecord.title,
        ).where(among(session, table_of(CatalogueRecord).c.id, ids))
    )
    return {
        row.id: _Held(
            row=row.row,
            node_id=row.node_id,
            fonds_id=row.fonds_id,
            version=row.version,
            digest=row.digest,
            custody=row.custody,
            received=row.received,
            events=row.wire["events"],
            counted=Counted(
                row.id,
                row.digest,
                row.told_state,
                row.fonds_id,
                row.year,
                row.class_code,
                row.retention,
                row.state,
                row.level,
            ),
            code_key=row.code_key,
            withheld=row.wire if is_withheld(row.title) else None,
        )
        for row in rows
    }


def _holders(told: Sequence[Told], session: Session) -> dict[tuple[str, str], str]:
    """Who holds the codes that are told, by fonds and code; one query per fonds."""
    wanted: dict[str, set[str]] = {}
    for record in told:
        if record.code_key is not None:
            wanted.setdefault(record.fonds_id, set()).add(record.code_key)
    found: dict[tuple[str, str], str] = {}
    for fonds_id, keys in wanted.items():
        rows = session.execute(
            select(CatalogueRecord.code_key, CatalogueRecord.id)
            .where(CatalogueRecord.fonds_id == fonds_id)
            .where(among(session, table_of(CatalogueRecord).c.code_key, sorted(keys)))
        )
        found.update({(fonds_id, str(key)): id_ for key, id_ in rows})
    return found


def _check_change(record: Told, node_id: str, before: _Held) -> None:
    if before.received:
        raise WrongState(
            "这件档案已由档案馆接收，不能再由本单位修改。",
            "如内容有误，请向档案馆提出更正。",
            code="in_archive_custody",
        )
    if before.custody != node_custody(node_id):
        raise NotAllowed(
            "这件档案由另一个单位保管。", "请联系市档案馆核对。", code="foreign_record"
        )
    if before.fonds_id != record.fonds_id:
        raise Conflict(
            "档案不能改属另一个全宗。",
            "请作废原号，在新全宗中另行归档。",
            code="fonds_changed",
            field="fonds_id",
        )
    if record.version <= before.version:
        raise Conflict(
            f"目录中已有这件档案的第 {before.version} 版，本次是第 {record.version} 版，内容不同。",
            "请核对两个版本后重新保存。",
            code="version_conflict",
            field="version",
        )
    history = before.history
    if record.body["events"][: len(history)] != history:
        raise Conflict(
            "这件档案原有的经过记录被改动或删去。",
            "经过记录只能增加；请恢复原有记录后再保存。",
            code="history_changed",
            field="events",
        )


def _check_code(record: Told, key: str, codes: Mapping[tuple[str, str], str]) -> None:
    holder = codes.get((record.fonds_id, key))
    if holder is not None and holder != record.id:
        raise Conflict(
            f"档号 {record.code} 已被本全宗的另一件档案使用（{holder}）。",
            "请核对两件档案，作废其中一个号，或为新件另取一个号。",
            code="code_taken",
            field="code",
        )


def _write(
    changed: Mapping[str, _Held], node_id: str, fonds: Mapping[str, Fonds], session: Session
) -> None:
    moment = now()
    tally = Changes()
    known = [each.row for each in changed.values() if each.row is not None]
    fresh = fresh_rows(session, table_of(CatalogueRecord), len(changed) - len(known))
    added: list[dict[str, Any]] = []
    altered: list[dict[str, Any]] = []
    tokens = {}
    followed: dict[tuple[str, str], dict[str, Any]] = {}
    for each in changed.values():
        assert each.told is not None  # noqa: S101 - only what was told is written
        rows, row = (added, next(fresh)) if each.row is None else (altered, each.row)
        place = (each.fonds_id, each.told.class_code)
        if place not in followed:
            followed[place] = follows_fonds(fonds[each.fonds_id], each.told.class_code)
        values = _values(each, each.told, node_id, followed[place], moment)
        if each.counted is not None:
            tally.take(each.counted)
        tally.add(_counted(values))
        rows.append({**values, "row": row, "arrived_at": moment})
        tokens[row] = each.told.tokens
    if known:
        # A code may pass from one of these records to another: first nobody holds it.
        session.execute(
            update(CatalogueRecord)
            .where(CatalogueRecord.row.in_(known))
            .where(CatalogueRecord.code_key.is_not(None))
            .values(code_key=None)
            .execution_options(synchronize_session=False)
        )
    put_rows(session, table_of(CatalogueRecord), altered, key=("row",), keep=("arrived_at",))
    add_rows(session, table_of(CatalogueRecord), added)
    tally.write(session)
    text.index(session, tokens, replacing=known)


def _values(
    each: _Held, record: Told, node_id: str, of_fonds: Mapping[str, Any], moment: datetime
) -> dict[str, Any]:
    return {
        "id": record.id,
        "node_id": node_id,
        "fonds_id": record.fonds_id,
        "version": record.version,
        "digest": each.digest,
        "told_state": record.state,
        "wire": record.wire.encode(),
        **of_fonds,
        "level": record.level,
        "parent_id": record.parent_id,
        "class_code": record.class_code,
        "subclass": record.subclass,
        "year": record.year,
        "retention": record.retention,
        "organ": record.organ,
        "code": record.code,
        "code_key": record.code_key,
        "title": record.title,
        "doc_no": record.doc_no,
        "date": record.date,
        "security": record.security,
        "holding": record.holding,
        "opening": record.opening,
        "state": record.state,
        "custody": each.custody,
        "received": False,
        "updated_at": moment,
    }


def follows_fonds(fonds: Fonds, class_code: str) -> dict[str, Any]:
    """The columns of a record that repeat its fonds'."""
    return {
        "division_code": fonds.division_code,
        "reviewing_archive": fonds.reviewing_archive,
        "receiving_archive": fonds.receiving_archive,
        "supervisor": fonds.supervisor,
        "disclosure": str(fonds.disclosure_of(class_code)),
    }


def _counted(values: Mapping[str, Any]) -> Counted:
    return Counted(
        values["id"],
        values["digest"],
        values["told_state"],
        values["fonds_id"],
        values["year"],
        values["class_code"],
        values["retention"],
        values["state"],
        values["level"],
    )
