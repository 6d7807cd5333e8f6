"""The door of the catalogue: what other rooms ask of it and tell it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session, undefer

from hub.catalogue.applying import apply_records, follows_fonds
from hub.catalogue.correcting import take_correction, write_version
from hub.catalogue.events import RecordsChanged, tell_changed
from hub.catalogue.models import CatalogueRecord, archive_custody, node_custody
from hub.catalogue.query import (
    Filters,
    Found,
    Look,
    Row,
    counted,
    kept_from,
    look_at,
    search,
    seen_among,
)
from hub.catalogue.reconciling import apply_reconcile
from hub.catalogue.tally import Changes, Counted, item_digest, recount, sums_of
from hub.catalogue.text import found_by
from hub.catalogue.withholding import WITHHELD_TITLE, is_withheld, show_again, withhold
from hub.federation import service as federation
from hub.federation.events import FondsChanged, FondsMoved
from shared.kernel.clock import now
from shared.kernel.errors import Conflict, NotFound, WrongState
from shared.records import archival_code
from shared.search import fold

__all__ = [
    "WITHHELD_TITLE",
    "Filters",
    "Found",
    "Look",
    "RecordsChanged",
    "Row",
    "apply_reconcile",
    "apply_records",
    "codes_in_use",
    "counted",
    "follow_fonds",
    "follow_node",
    "held_by",
    "is_withheld",
    "item_digest",
    "kept_from",
    "look_at",
    "move_state",
    "parts_of_wholes",
    "received_after",
    "received_named",
    "record_of",
    "records_of",
    "recount",
    "search",
    "seen_among",
    "set_custody",
    "show_again",
    "sums",
    "sums_of",
    "take_correction",
    "withhold",
    "write_version",
]

_CHUNK = 500
#: So many records may bear one number and title; beyond that nobody could tell which is meant.
_MOST_NAMED = 50


def record_of(record_id: str, session: Session) -> CatalogueRecord:
    """The record of an id, whole. Raises NotFound."""
    found = records_of([record_id], session).get(record_id)
    if found is None:
        raise no_record()
    return found


def no_record() -> NotFound:
    """How a record answers that is not in the catalogue, or of which the actor may not know."""
    return NotFound("目录中没有这件档案。", "请先同步目录。", code="record_unknown")


def received_named(number: str, title: str, session: Session) -> list[CatalogueRecord]:
    """The records in an archive's custody that bear this code or document number and this title.

    Compared as searches fold texts: brackets, width, capitals and white space are nothing.
    """
    wanted, called = fold(number), fold(title)
    if not wanted or not called:
        return []
    rows = session.scalars(
        select(CatalogueRecord)
        .where(CatalogueRecord.received, found_by(f"{wanted} {called}"))
        .options(undefer(CatalogueRecord.wire))
        .limit(_MOST_NAMED)
    )
    return [
        row
        for row in rows
        if fold(row.title) == called and wanted in (fold(row.code or ""), fold(row.doc_no or ""))
    ]


def records_of(record_ids: Iterable[str], session: Session) -> dict[str, CatalogueRecord]:
    """Several records by id, whole; those that are not there are left out."""
    found = {}
    for chunk in _chunks(list(record_ids)):
        rows = session.scalars(
            select(CatalogueRecord)
            .where(CatalogueRecord.id.in_(chunk))
            .options(undefer(CatalogueRecord.wire))
            .execution_options(populate_existing=True)
        )
        found.update({row.id: row for row in rows})
    return found


def ids_in(fonds_id: str, session: Session) -> Sequence[str]:
    """The ids of all that the catalogue has of a fonds."""
    return session.scalars(
        select(CatalogueRecord.id).where(CatalogueRecord.fonds_id == fonds_id)
    ).all()


def parts_of_wholes(record_ids: Iterable[str], session: Session) -> list[str]:
    """The ids of what lies directly in these volumes and projects."""
    found: list[str] = []
    for chunk in _chunks(list(record_ids)):
        found += session.scalars(
            select(CatalogueRecord.id).where(CatalogueRecord.parent_id.in_(chunk))
        )
    return found


def received_after(
    row: int, session: Session, *, archive: str | None = None, fonds: str | None = None, limit: int
) -> list[tuple[int, str]]:
    """Rows and ids of what archives have received, from a row on, in that order.

    Of one archive, or of one fonds, or of all.
    """
    statement = select(CatalogueRecord.row, CatalogueRecord.id).where(
        CatalogueRecord.row > row, CatalogueRecord.received.is_(True)
    )
    if archive is not None:
        statement = statement.where(CatalogueRecord.custody == archive_custody(archive))
    if fonds is not None:
        statement = statement.where(CatalogueRecord.fonds_id == fonds)
    rows = session.execute(statement.order_by(CatalogueRecord.row).limit(limit))
    return [(each.row, each.id) for each in rows]


def held_by(node_id: str, session: Session) -> Iterator[dict[str, Any]]:
    """All that the hub holds of a node's fonds, as bodies of `held` entries, for its adoption.

    `custody` is `node` until an archive has received the record, then `archive:<code>`.
    """
    fonds_ids = [fonds.id for fonds in federation.kept_by(node_id, session)]
    rows = session.execute(
        select(
            CatalogueRecord.wire,
            CatalogueRecord.digest,
            CatalogueRecord.custody,
            CatalogueRecord.received,
        )
        .where(CatalogueRecord.fonds_id.in_(fonds_ids))
        .order_by(CatalogueRecord.row)
    ).yield_per(_CHUNK)
    for row in rows:
        custody = row.custody if row.received else "node"
        yield {"record": row.wire, "digest": row.digest, "custody": custody}


def set_custody(
    session: Session,
    record_ids: Iterable[str],
    archive_code: str,
    receipt_id: str,
    *,
    state: str = "received",
) -> None:
    """Move records into an archive's custody, under its receipt; the same again is nothing.

    Raises NotFound for a record that the catalogue lacks, WrongState when another archive or
    receipt has it.
    """
    ids = list(dict.fromkeys(record_ids))
    records = _held_still(ids, session)
    if missing := [each for each in ids if each not in records]:
        raise NotFound(
            f"目录中没有这件档案（{missing[0]}）。", "请先同步目录。", code="record_unknown"
        )
    custody = archive_custody(archive_code)
    moving = []
    for record in records.values():
        if record.received and (record.custody, record.receipt_id) != (custody, receipt_id):
            raise WrongState(
                "这件档案已由档案馆接收。", "请查看原来的接收凭证。", code="in_archive_custody"
            )
        if not record.received:
            moving.append(record)
    _move(session, moving, state)
    for record in moving:
        record.custody = custody
        record.received = True
        record.receipt_id = receipt_id
    session.flush()
    tell_changed(session, [record.id for record in moving])


def move_state(session: Session, record_ids: Iterable[str], state: str) -> None:
    """Let the catalogue show where records stand; what the node told of them stays as it is."""
    records = _held_still(record_ids, session).values()
    _move(session, records, state)
    session.flush()
    tell_changed(session, [record.id for record in records if record.received])


def _held_still(record_ids: Iterable[str], session: Session) -> dict[str, CatalogueRecord]:
    """Several records by id, read while their fonds are held, so that the tally fits them."""
    ids = list(record_ids)
    fonds_ids: set[str] = set()
    for chunk in _chunks(ids):
        fonds_ids.update(
            session.scalars(
                select(CatalogueRecord.fonds_id).where(CatalogueRecord.id.in_(chunk)).distinct()
            )
        )
    federation.held_fonds(fonds_ids, session)
    return records_of(ids, session)


def _move(session: Session, records: Iterable[CatalogueRecord], state: str) -> None:
    tally = Changes()
    for record in records:
        if record.state == state:
            continue
        tally.take(Counted.of(record))
        record.state = state
        record.updated_at = now()
        tally.add(Counted.of(record))
    tally.write(session)


def codes_in_use(fonds_id: str, codes: Iterable[str], session: Session) -> dict[str, str]:
    """Which of these codes a record of the fonds holds: normalised code to record id."""
    keys = sorted({archival_code.normalise(code) for code in codes})
    found: dict[str, str] = {}
    for chunk in _chunks(keys):
        rows = session.execute(
            select(CatalogueRecord.code_key, CatalogueRecord.id).where(
                CatalogueRecord.fonds_id == fonds_id, CatalogueRecord.code_key.in_(chunk)
            )
        )
        found.update({row.code_key: row.id for row in rows})
    return found


def sums(session: Session, node_id: str) -> dict[str, str]:
    """The digest sums of a node's fonds, under `<fonds_id>/<year>`, for `reconcile`.

    Over (record id, content digest, told state): custody and what the hub does since do not count.
    """
    return sums_of([fonds.id for fonds in federation.kept_by(node_id, session)], session)


def follow_fonds(session: Session, event: FondsChanged) -> None:
    """Let the records of a fonds follow its archives, division, supervisor and disclosure."""
    fonds = federation.fonds_of(event.fonds_id, session)
    of_fonds = CatalogueRecord.fonds_id == fonds.id
    classes = session.scalars(select(CatalogueRecord.class_code).where(of_fonds).distinct()).all()
    for class_code in classes:
        session.execute(
            update(CatalogueRecord)
            .where(of_fonds, CatalogueRecord.class_code == class_code)
            .values(**follows_fonds(fonds, class_code))
        )


def follow_node(session: Session, event: FondsMoved) -> None:
    """Let the records of a fonds that no archive has received pass to the node that keeps it."""
    if event.to_node is None:
        return
    open_offer = session.scalar(
        select(CatalogueRecord.id)
        .where(CatalogueRecord.fonds_id == event.fonds_id)
        .where(CatalogueRecord.state == "offered", CatalogueRecord.received.is_(False))
        .limit(1)
    )
    if open_offer is not None:
        raise Conflict(
            "这个全宗有正在移交的档案，暂不能改由别的单位保管。",
            "请等这些移交办结或撤回后再办理。",
            code="fonds_under_review",
        )
    session.execute(
        update(CatalogueRecord)
        .where(CatalogueRecord.fonds_id == event.fonds_id)
        .where(CatalogueRecord.received.is_(False))
        .values(node_id=event.to_node, custody=node_custody(event.to_node))
    )


def _chunks(items: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]
