"""Tables of transfer: batches, the offer of each record in them, signed papers, notices."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Boolean, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.kernel.clock import now
from shared.kernel.database import Model, UtcTime
from shared.kernel.identifiers import new_id
from shared.records.columns import CleanText
from shared.records.values import REASON_LENGTH, REMARK_LENGTH, TITLE_LENGTH


class Batch(Model):
    """One hand-over 移交批次 of records of one fonds; its states are `NODE_BATCH`.

    While `offering` is true a job builds packages and writes offers; the state becomes `offered`
    with the entry that closes the batch.
    """

    __tablename__ = "transfer_batch"
    __table_args__ = (Index("transfer_batch_list", "fonds_id", "state", "created_at"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    fonds_id: Mapped[str] = mapped_column(String(36))
    title: Mapped[str] = mapped_column(CleanText(TITLE_LENGTH))
    state: Mapped[str] = mapped_column(String(20), default="preparing")
    count: Mapped[int] = mapped_column(Integer, default=0)
    bytes: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    created_by: Mapped[str] = mapped_column(CleanText(200))
    created_by_id: Mapped[str] = mapped_column(String(80))
    #: The batch that this one corrects and offers again.
    corrects: Mapped[str | None] = mapped_column(String(36), default=None)

    inspected_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    job_id: Mapped[str | None] = mapped_column(String(36), default=None)
    approved_by: Mapped[str | None] = mapped_column(CleanText(200), default=None)
    approved_by_id: Mapped[str | None] = mapped_column(String(80), default=None)
    approved_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    offering: Mapped[bool] = mapped_column(Boolean, default=False)
    offered_by: Mapped[str | None] = mapped_column(CleanText(200), default=None)
    offered_by_id: Mapped[str | None] = mapped_column(String(80), default=None)
    offered_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    #: The body of the `batch` entry: told again byte for byte in a new epoch.
    closing: Mapped[dict[str, Any] | None] = mapped_column(JSON, default=None)
    #: The epoch in which the hub said that it holds this batch, so that it is not told again.
    held_epoch: Mapped[int] = mapped_column(Integer, default=0)

    withdraw_reason: Mapped[str | None] = mapped_column(CleanText(REASON_LENGTH), default=None)
    withdraw_by: Mapped[str | None] = mapped_column(CleanText(200), default=None)
    withdraw_answer: Mapped[str | None] = mapped_column(CleanText(REASON_LENGTH), default=None)
    verdict_id: Mapped[str | None] = mapped_column(String(36), default=None)
    concluded_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    form: Mapped[dict[str, Any] | None] = mapped_column(JSON, default=None)
    #: The body of the `confirmation` entry: the form with the unit's seal.
    confirmation: Mapped[dict[str, Any] | None] = mapped_column(JSON, default=None)
    signed_by: Mapped[str | None] = mapped_column(CleanText(200), default=None)
    signed_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    receipt_id: Mapped[str | None] = mapped_column(String(36), default=None)
    received_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)


class BatchRecord(Model):
    """One record in a batch: its own inspection, its offer, and the verdict on it."""

    __tablename__ = "transfer_batch_record"
    __table_args__ = (
        Index("transfer_batch_record_order", "batch_id", "position", unique=True),
        Index("transfer_batch_record_record", "record_id"),
        Index("transfer_batch_record_upload", "uploaded", "told"),
    )

    offer_id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    batch_id: Mapped[str] = mapped_column(ForeignKey("transfer_batch.id"))
    position: Mapped[int] = mapped_column(Integer)
    record_id: Mapped[str] = mapped_column(String(36))
    #: Whether a volume, a project or a record by itself starts here (items follow their volume).
    heads: Mapped[bool] = mapped_column(Boolean, default=True)

    inspected_version: Mapped[int | None] = mapped_column(Integer, default=None)
    findings: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    errors: Mapped[int] = mapped_column(Integer, default=0)
    warnings: Mapped[int] = mapped_column(Integer, default=0)

    record_version: Mapped[int | None] = mapped_column(Integer, default=None)
    record_digest: Mapped[str | None] = mapped_column(String(64), default=None)
    package_sha256: Mapped[str | None] = mapped_column(String(64), default=None)
    package_size: Mapped[int] = mapped_column(Integer, default=0)
    inline: Mapped[bool] = mapped_column(Boolean, default=True)
    told: Mapped[bool] = mapped_column(Boolean, default=False)
    uploaded: Mapped[bool] = mapped_column(Boolean, default=False)

    outcome: Mapped[str | None] = mapped_column(String(12), default=None)
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)

    @property
    def id(self) -> str:
        """The offer's id, as lists call it."""
        return self.offer_id


class InspectionRun(Model):
    """One inspection 四性检测 of a batch by its unit: who, when, by which scheme, what came of it.

    Runs are only added. `tally` grows with each chunk of the job (`shared.inspection.Tally`); one
    that never ended, because the job was stopped, has no verdict.
    """

    __tablename__ = "transfer_inspection"
    __table_args__ = (Index("transfer_inspection_batch", "batch_id", "at"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    batch_id: Mapped[str] = mapped_column(ForeignKey("transfer_batch.id"))
    at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    made_by: Mapped[str] = mapped_column(CleanText(200))
    scheme: Mapped[str] = mapped_column(String(200))
    tool: Mapped[str] = mapped_column(String(80))
    tally: Mapped[dict[str, Any]] = mapped_column(JSON)
    verdict: Mapped[str | None] = mapped_column(String(10), default=None)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)


class PaperKind(StrEnum):
    """The signed papers that come from the hub."""

    VERDICT = "verdict"
    RECEIPT = "receipt"


class Paper(Model):
    """A signed verdict or receipt, kept as it came; handed back to a restored hub."""

    __tablename__ = "transfer_paper"
    __table_args__ = (Index("transfer_paper_batch", "batch_id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    batch_id: Mapped[str] = mapped_column(String(36))
    document: Mapped[dict[str, Any]] = mapped_column(JSON)
    #: Position in the down stream before this paper was applied.
    down_seq: Mapped[int] = mapped_column(Integer, default=0)
    arrived_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class Notice(Model):
    """Something from the hub that was not followed, and why; shown until somebody puts it aside."""

    __tablename__ = "transfer_notice"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    batch_id: Mapped[str | None] = mapped_column(String(36), default=None)
    code: Mapped[str] = mapped_column(String(60))
    message: Mapped[str] = mapped_column(CleanText(REMARK_LENGTH))
    at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    seen_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
