"""Tables of receiving: batches, their offers with the findings, uploads, verdicts, receipts."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    UniqueConstraint,
    cast,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from shared.kernel.actor import Actor, Role
from shared.kernel.clock import now
from shared.kernel.database import Model, UtcTime
from shared.records.columns import CleanText, Json
from shared.records.text import CODE_LENGTH, NAME_LENGTH, REASON_LENGTH, TITLE_LENGTH

#: A verdict and a receipt name every offer of their batch, and must fit into one entry.
MOST_OFFERS = 2000


class OfferState(StrEnum):
    """Where one offer stands; its batch says the rest."""

    OPEN = "open"
    ACCEPTED = "accepted"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"
    RECEIVED = "received"


OFFER_STATES = {
    OfferState.OPEN: "待定",
    OfferState.ACCEPTED: "通过",
    OfferState.RETURNED: "退回",
    OfferState.WITHDRAWN: "已撤回",
    OfferState.RECEIVED: "已接收",
}

#: States in which an offer holds its record: no other offer of it is taken.
HOLDING_STATES = (OfferState.OPEN, OfferState.ACCEPTED)


class Batch(Model):
    """A batch 移交批次 as this hub sees it; its states are `HUB_BATCH` in `shared.records.states`.

    `batch_id` is the node's id of it. A node may offer a returned batch again under the same id:
    that is the next `round`, a row of its own. The first round's `id` is the `batch_id`.
    A round begins with its first offer; `listed` is what the `batch` entry, which closes it, said.
    The archives are those of the fonds on the day the batch began. `form` is the
    移交与接收登记表 that both sides sign; `early_confirmation` a unit's signature that came
    before its verdict (only after a restore of the hub). `incomplete` is a received one of which a
    rebuild has left out offers: they are not `ready`. `set_report` is what the inspection of
    the batch as a whole has found, None until it was made. `scheme` is by which version of the
    scheme the unit has inspected it, as it says; `inspection` counts how often it was wanted here.
    """

    __tablename__ = "receiving_batch"
    __table_args__ = (
        Index("receiving_batch_review", "reviewing_archive", "state"),
        Index("receiving_batch_receive", "receiving_archive", "state"),
        Index("receiving_batch_node", "node_id", "state"),
        Index("receiving_batch_state", "state"),
        UniqueConstraint("batch_id", "round"),
        {"info": {"origin": "nodes"}},
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    batch_id: Mapped[str] = mapped_column(String(36))
    round: Mapped[int] = mapped_column(Integer, default=1)
    node_id: Mapped[str] = mapped_column(String(36))
    fonds_id: Mapped[str] = mapped_column(String(36), index=True)
    fonds_name: Mapped[str] = mapped_column(CleanText(NAME_LENGTH))
    reviewing_archive: Mapped[str] = mapped_column(String(20))
    receiving_archive: Mapped[str] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(CleanText(TITLE_LENGTH), default="")
    state: Mapped[str] = mapped_column(String(20), default="arriving")
    listed: Mapped[dict[str, Any] | None] = mapped_column(Json, default=None)
    listed_digest: Mapped[str | None] = mapped_column(String(64), default=None)
    count: Mapped[int] = mapped_column(Integer, default=0)
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    checked: Mapped[int] = mapped_column(Integer, default=0)
    findings: Mapped[int] = mapped_column(Integer, default=0)
    errors: Mapped[int] = mapped_column(Integer, default=0)
    arrived_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    reviewable_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    concluded_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    form: Mapped[dict[str, Any] | None] = mapped_column(Json, default=None)
    form_digest: Mapped[str | None] = mapped_column(String(64), default=None)
    unit_signature: Mapped[dict[str, Any] | None] = mapped_column(Json, default=None)
    early_confirmation: Mapped[dict[str, Any] | None] = mapped_column(Json, default=None)
    unit_signed_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    received_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    withdrawn_reason: Mapped[str | None] = mapped_column(CleanText(REASON_LENGTH), default=None)
    incomplete: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    set_report: Mapped[dict[str, Any] | None] = mapped_column(Json, default=None)
    scheme: Mapped[str | None] = mapped_column(CleanText(NAME_LENGTH), default=None)
    inspection: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    inspection_stopped_by: Mapped[str | None] = mapped_column(CleanText(NAME_LENGTH), default=None)

    def concerns(self, actor: Actor) -> bool:
        """Whether an actor has to do with it, by whatever role; to others it is not there."""
        return any(
            actor.may(*Role, archive=archive, fonds=self.fonds_id)
            for archive in (self.reviewing_archive, self.receiving_archive)
        )


class Offer(Model):
    """One record offered in a batch: which version of it, in which package.

    `code` to `retention` repeat what the catalogue says of that version, for lists. `inline` are
    the bytes that rode in the entry, until staging has them; `arrived` says that all bytes are
    here, `staged` that staging may hold some. `report` is what the inspection found; not `sound`
    is a package that cannot be opened, or is not the offered one, and that nobody can accept.
    `ready` says that the repository has it.
    """

    __tablename__ = "receiving_offer"
    __table_args__ = (
        Index("receiving_offer_batch", "batch_id", "code", "id"),
        Index("receiving_offer_record", "record_id"),
        Index("receiving_offer_unchecked", "checked_at", "state", "arrived"),
        Index("receiving_offer_staged", "staged", "state"),
        Index(
            "receiving_offer_one_open",
            "record_id",
            unique=True,
            sqlite_where=text("state IN ('open', 'accepted')"),
            postgresql_where=text("state IN ('open', 'accepted')"),
        ),
        {"info": {"origin": "nodes"}},
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    batch_id: Mapped[str] = mapped_column(ForeignKey("receiving_batch.id"))
    node_id: Mapped[str] = mapped_column(String(36))
    fonds_id: Mapped[str] = mapped_column(String(36))
    record_id: Mapped[str] = mapped_column(String(36))
    record_version: Mapped[int] = mapped_column(Integer)
    record_digest: Mapped[str] = mapped_column(String(64))
    package_sha256: Mapped[str] = mapped_column(String(64))
    package_size: Mapped[int] = mapped_column(BigInteger)
    code: Mapped[str | None] = mapped_column(CleanText(CODE_LENGTH), default=None)
    title: Mapped[str] = mapped_column(CleanText(TITLE_LENGTH))
    class_code: Mapped[str] = mapped_column(String(2))
    year: Mapped[int] = mapped_column(Integer)
    retention: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(20), default=OfferState.OPEN)
    inline: Mapped[bytes | None] = mapped_column(LargeBinary, default=None, deferred=True)
    arrived: Mapped[bool] = mapped_column(Boolean, default=False)
    staged: Mapped[bool] = mapped_column(Boolean, default=False)
    checked_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    report: Mapped[dict[str, Any] | None] = mapped_column(Json, default=None, deferred=True)
    findings: Mapped[int] = mapped_column(Integer, default=0)
    errors: Mapped[int] = mapped_column(Integer, default=0)
    sound: Mapped[bool] = mapped_column(Boolean, default=True)
    finding_codes: Mapped[list[str]] = mapped_column(Json, default=list)
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    ready: Mapped[bool] = mapped_column(Boolean, default=False)
    offered_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


def has_finding(code: str) -> ColumnElement[bool]:
    """That the check of an offer found something of this code."""
    # As text: compared as JSON, the pattern itself would be turned into JSON first.
    return cast(Offer.finding_codes, String).contains(f'"{code}"', autoescape=True)


class Upload(Model):
    """A grant to send one package or bundle in parts; its id is the offer's, or the bundle's."""

    __tablename__ = "receiving_upload"
    __table_args__ = (
        Index("receiving_upload_node", "node_id"),
        Index("receiving_upload_expiry", "expires_at"),
        {"info": {"origin": "nodes"}},
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    node_id: Mapped[str] = mapped_column(String(36))
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)
    token_digest: Mapped[str] = mapped_column(String(64))
    granted_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)


class UploadPart(Model):
    """A part that staging has, verified; `sha256` is of what came with it in one request."""

    __tablename__ = "receiving_upload_part"
    __table_args__ = ({"info": {"origin": "nodes"}},)

    upload_id: Mapped[str] = mapped_column(ForeignKey("receiving_upload.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(Integer)


class Verdict(Model):
    """What the reviewing archive decided about a batch, signed by the hub, as it was sent down.

    Its paper is in the repository; it counts again when its batch is there: a received one from the
    store, a returned one when its node has told the offers again.
    """

    __tablename__ = "receiving_verdict"
    __table_args__ = ({"info": {"origin": "nodes"}},)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    batch_id: Mapped[str] = mapped_column(ForeignKey("receiving_batch.id"), unique=True)
    outcome: Mapped[str] = mapped_column(String(20))
    document: Mapped[dict[str, Any]] = mapped_column(Json)
    made_by: Mapped[str] = mapped_column(CleanText(NAME_LENGTH))
    made_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class InspectionRun(Model):
    """One inspection 四性检测 of a batch: who, when, by which scheme and tool, and what came of it.

    `tally` is how often each item had each outcome (`shared.inspection.Tally`); `verdict` what the
    program alone had found. Runs are only added: the history of the rounds of a batch. `number` is
    the batch's `inspection` that it is, `program` the version of the program that ran it. Where
    somebody has stopped it (`stopped_by`), what was not looked at again counts as it did before.
    """

    __tablename__ = "receiving_inspection"
    __table_args__ = (
        Index("receiving_inspection_batch", "batch_id", "at"),
        {"info": {"origin": "backup"}},
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    batch_id: Mapped[str] = mapped_column(ForeignKey("receiving_batch.id"))
    occasion: Mapped[str] = mapped_column(String(20))
    scheme: Mapped[str] = mapped_column(String(200))
    tool: Mapped[str] = mapped_column(String(80))
    number: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    program: Mapped[str] = mapped_column(String(50), default="", server_default="")
    scanner: Mapped[str] = mapped_column(CleanText(NAME_LENGTH), default="")
    tally: Mapped[dict[str, Any]] = mapped_column(Json)
    verdict: Mapped[str] = mapped_column(String(10))
    made_by: Mapped[str] = mapped_column(CleanText(NAME_LENGTH))
    stopped_by: Mapped[str | None] = mapped_column(CleanText(NAME_LENGTH), default=None)
    at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class ManualDecision(Model):
    """What a person has decided on an item of a batch 人工检测; the audit log has every change."""

    __tablename__ = "receiving_manual_decision"
    __table_args__ = ({"info": {"origin": "nodes"}},)

    batch_id: Mapped[str] = mapped_column(ForeignKey("receiving_batch.id"), primary_key=True)
    number: Mapped[str] = mapped_column(String(20), primary_key=True)
    passed: Mapped[bool] = mapped_column(Boolean)
    reason: Mapped[str] = mapped_column(CleanText(REASON_LENGTH), default="")
    decided_by: Mapped[str] = mapped_column(CleanText(NAME_LENGTH))
    decided_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class Receipt(Model):
    """The receipt 接收凭据 of a batch, signed with the archive's seal, as it is sent down."""

    __tablename__ = "receiving_receipt"
    __table_args__ = (
        Index("receiving_receipt_archive", "archive_code", "made_at"),
        {"info": {"origin": "repository"}},
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    batch_id: Mapped[str] = mapped_column(ForeignKey("receiving_batch.id"), unique=True)
    archive_code: Mapped[str] = mapped_column(String(20))
    document: Mapped[dict[str, Any]] = mapped_column(Json)
    digest: Mapped[str] = mapped_column(String(64))
    made_by: Mapped[str] = mapped_column(CleanText(NAME_LENGTH))
    made_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    #: What a responder said of the certificates (`statuses`); None while nobody was asked.
    statuses: Mapped[dict[str, Any] | None] = mapped_column(Json, default=None)


class Stamp(Model):
    """A time stamp 时间戳 of a receipt: the first, or a later one that renews those before it.

    `content` is what the authority answered; the store has it too. It holds until `ends_at`, when
    a certificate of it ends, and as long as its `algorithms` (names, with commas) are trusted.
    """

    __tablename__ = "receiving_stamp"
    __table_args__ = (
        Index("receiving_stamp_ends", "ends_at"),
        {"info": {"origin": "repository"}},
    )

    receipt_id: Mapped[str] = mapped_column(ForeignKey("receiving_receipt.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    stamped_at: Mapped[datetime] = mapped_column(UtcTime)
    stamped_by: Mapped[str] = mapped_column(CleanText(NAME_LENGTH))
    ends_at: Mapped[datetime] = mapped_column(UtcTime)
    algorithms: Mapped[str] = mapped_column(String(200))


class Accession(Model):
    """A line of an archive's accession register 进馆登记簿; numbers are never skipped or reused."""

    __tablename__ = "receiving_accession"
    __table_args__ = (
        UniqueConstraint("archive_code", "year", "number"),
        {"info": {"origin": "repository"}},
    )

    receipt_id: Mapped[str] = mapped_column(ForeignKey("receiving_receipt.id"), primary_key=True)
    archive_code: Mapped[str] = mapped_column(String(20))
    year: Mapped[int] = mapped_column(Integer)
    number: Mapped[int] = mapped_column(Integer)
    batch_id: Mapped[str] = mapped_column(String(36), index=True)
    fonds_id: Mapped[str] = mapped_column(String(36))
    fonds_name: Mapped[str] = mapped_column(CleanText(NAME_LENGTH))
    count: Mapped[int] = mapped_column(Integer)
    size: Mapped[int] = mapped_column(BigInteger)
    received_at: Mapped[datetime] = mapped_column(UtcTime, default=now)

    @property
    def label(self) -> str:
        """The accession number 进馆登记号, such as `420500-2024-0012`."""
        return f"{self.archive_code}-{self.year}-{self.number:04d}"
