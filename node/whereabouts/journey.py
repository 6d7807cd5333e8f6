"""The way of one record, step by step: saved, queued, accepted, inspected, reviewed, received."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from node.filing import service as filing
from node.office.models import Office
from node.office.service import office_of
from node.sync.models import BatchProgress
from node.sync.progress import acknowledged_at
from node.sync.sharing import AUDIENCE_NAMES, shared_with
from node.transfer import service as transfer
from node.transfer.service import Batch, BatchRecord
from node.whereabouts.places import PLACES, Place, place_column
from shared.kernel.clock import local_text
from shared.messaging.models import OutgoingEntry, OutgoingStream
from shared.records.states import NODE_BATCH

#: Why a step that was done has no time.
UNKNOWN = "时间不详：办这一步时的程序还不记时间，或在恢复、换机以前。"


@dataclass(frozen=True)
class Step:
    """One step. `state` is `done`, `now`, `ahead` or `problem`."""

    code: str
    label: str
    state: str = "ahead"
    at: datetime | None = None
    note: str = ""


@dataclass(frozen=True)
class Journey:
    """Where a record is, and how it came there."""

    record_id: str
    place: Place
    steps: tuple[Step, ...]

    @property
    def label(self) -> str:
        """The place in words."""
        return PLACES[self.place]

    def to_wire(self) -> dict[str, Any]:
        """As a plain mapping."""
        return {
            "record_id": self.record_id,
            "place": str(self.place),
            "place_name": self.label,
            "steps": [asdict(each) for each in self.steps],
        }


def journey_of(record: filing.Record, *, session: Session) -> Journey:
    """The way of a record as cursor, log, acknowledgements, verdict and receipt tell it."""
    place = Place(
        session.scalar(select(place_column(session)).where(filing.Record.id == record.id))
        or Place.DRAFT
    )
    queued, accepted = _to_the_hub(record, place, session)
    # An entry is written with the change that it tells; what came later (a receipt) was not saved.
    saved_at = queued.at or record.changed_at
    return Journey(
        record.id,
        place,
        (
            Step("saved", "已保存在本机", "done", saved_at),
            queued,
            accepted,
            *_at_the_archive(record, place, session),
            _shared(record, session),
        ),
    )


# ---- as far as the hub: by the log, its cursor and the acknowledgements


@dataclass(frozen=True)
class _Told:
    """What the log of this epoch has of a record: its newest entry, and the last one applied."""

    seq: int
    at: datetime
    acked: int
    applied: int | None

    @property
    def arrived(self) -> bool:
        return self.seq <= self.acked


def _told(record_id: str, office: Office, session: Session) -> _Told | None:
    stream = session.get(OutgoingStream, office.hub_id) if office.hub_id else None
    if stream is None:
        return None
    about = (
        OutgoingEntry.peer == stream.peer,
        OutgoingEntry.epoch == stream.epoch,
        OutgoingEntry.kind == "record",
        OutgoingEntry.subject == record_id,
    )
    newest = session.execute(
        select(OutgoingEntry.seq, OutgoingEntry.created_at)
        .where(*about)
        .order_by(OutgoingEntry.seq.desc())
        .limit(1)
    ).first()
    if newest is None:
        return None
    applied = session.scalar(
        select(func.max(OutgoingEntry.seq)).where(*about, OutgoingEntry.seq <= stream.acked)
    )
    return _Told(newest.seq, newest.created_at, stream.acked, applied)


def _to_the_hub(record: filing.Record, place: Place, session: Session) -> tuple[Step, Step]:
    queued, accepted = ("queued", "已排队上报"), ("accepted", "平台已收到")
    if place is Place.DRAFT:
        return Step(*queued, note="定号以后自动上报目录。"), Step(*accepted)
    if place is Place.HELD_UP:
        note = "本机正等待市级平台确认，确认后自动补报。"
        return Step(*queued, "now", note=note), Step(*accepted)
    office = office_of(session)
    told = _told(record.id, office, session)
    if told is None:
        # Adopted after a grant, or come with its fonds: the hub had it before this log began.
        return Step(*queued, "done", note=UNKNOWN), Step(*accepted, "done", note=UNKNOWN)
    if not told.arrived:
        ahead = told.seq - told.acked - 1
        note = f"前面还有 {ahead} 条。" if ahead else "下一条就是。"
        before = ""
        if told.applied is not None:
            when = local_text(acknowledged_at(session, office.epoch, told.applied)) or "时间不详"
            before = f"平台有的是上一版（{when}）；最新的修改还没有送到。"
        return Step(*queued, "now", told.at, note), Step(*accepted, note=before)
    at = acknowledged_at(session, office.epoch, told.seq)
    if place is Place.REFUSED:
        said = [
            f"{each.problem}{each.remedy or ''}"
            for each in filing.open_objections(record.id, session=session)
            if each.source == "refused"
        ]
        note = f"平台没有接受：{'；'.join(said) or '请改正后重新保存'}"
        return Step(*queued, "done", told.at), Step(*accepted, "problem", at, note)
    return Step(*queued, "done", told.at), _done(*accepted, at)


def _done(code: str, label: str, at: datetime | None) -> Step:
    return Step(code, label, "done", at, "" if at else UNKNOWN)


# ---- at the archive: by the batch, the hub's word of it, verdict and receipt

_INSPECTED, _REVIEWED, _RECEIVED = (
    ("inspected", "平台检验"),
    ("reviewed", "档案馆审核"),
    ("received", "档案馆接收"),
)
_NEVER = datetime.min.replace(tzinfo=UTC)
_CONCLUDED = ("accepted", "corrected", "signed", "received")


def _at_the_archive(
    record: filing.Record, place: Place, session: Session
) -> tuple[Step, Step, Step]:
    found = transfer.latest_of(record.id, session=session)
    if record.state == "received" and (found is None or found[0].state != "received"):
        # Known by its custody alone: the batch was made on another computer.
        return _done(*_INSPECTED, None), _done(*_REVIEWED, None), _done(*_RECEIVED, None)
    if found is None or found[0].state in ("preparing", "withdrawn"):
        return Step(*_INSPECTED), Step(*_REVIEWED), Step(*_RECEIVED)
    batch, offer = found
    heard = session.get(BatchProgress, batch.id)
    if heard is not None and (batch.offered_at is None or heard.heard_at <= batch.offered_at):
        heard = None
    return (
        _inspected(batch, offer, heard, office_of(session).last_contact),
        _reviewed(batch, offer, place, heard),
        _received(batch, offer),
    )


def _inspected(
    batch: Batch, offer: BatchRecord, heard: BatchProgress | None, contact: datetime | None
) -> Step:
    reviewable = heard.reviewable_at if heard is not None else None
    if reviewable is not None or batch.state in _CONCLUDED or batch.state == "returned":
        if reviewable is None and batch.concluded_at and (contact or _NEVER) <= batch.concluded_at:
            # The verdict comes by itself, the times with the answer to a greeting.
            return Step(*_INSPECTED, "done", note="时间在下次与平台联系后显示。")
        return _done(*_INSPECTED, reviewable)
    if not offer.told:
        return Step(*_INSPECTED, note=f"移交“{batch.title}”正在准备提交。")
    if not offer.inline and not offer.uploaded:
        return Step(*_INSPECTED, "now", note="电子文件正在上传，还没有传完。")
    if heard is None or heard.state == "arriving":
        return Step(*_INSPECTED, "now", batch.offered_at, "已提交移交，平台收齐后开始检验。")
    said = f"{local_text(heard.heard_at)}时已检验 {heard.checked}/{heard.count} 件。"
    return Step(*_INSPECTED, "now", heard.arrived_at, said)


def _reviewed(batch: Batch, offer: BatchRecord, place: Place, heard: BatchProgress | None) -> Step:
    if offer.outcome == "returned" or batch.state == "returned":
        said = "；".join(f"{each.get('problem', '')}" for each in offer.reasons)
        return Step(*_REVIEWED, "problem", batch.concluded_at, f"被退回：{said or '见移交批次'}")
    if batch.state in _CONCLUDED:
        return _done(*_REVIEWED, batch.concluded_at)
    if place is Place.UNDER_REVIEW and heard is not None:
        return Step(*_REVIEWED, "now", heard.reviewable_at, "等待档案馆审核。")
    return Step(*_REVIEWED)


def _received(batch: Batch, offer: BatchRecord) -> Step:
    if offer.outcome == "returned":
        return Step(*_RECEIVED)
    if batch.state == "received":
        return _done(*_RECEIVED, batch.received_at)
    if batch.state in ("accepted", "corrected"):
        note = f"{NODE_BATCH.label(batch.state)}，请本单位在移交批次中签字。"
        return Step(*_RECEIVED, "now", note=note)
    if batch.state == "signed":
        return Step(*_RECEIVED, "now", batch.signed_at, "本单位已签字，等待档案馆接收。")
    return Step(*_RECEIVED)


# ---- afterwards: by what the hub said with its last answers

_SHARED = ("shared", "共享利用")


def _shared(record: filing.Record, session: Session) -> Step:
    shared = shared_with(record.id, session)
    if shared:
        to = "、".join(AUDIENCE_NAMES.get(each.audience, each.audience) for each in shared)
        return Step(*_SHARED, "done", min(each.since for each in shared), f"已向{to}共享目录。")
    if record.state == "received":
        return Step(*_SHARED, note="由档案馆决定，现在没有共享。")
    return Step(*_SHARED)
