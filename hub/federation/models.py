"""Tables of the federation: the places, the fonds 全宗, the agreements, the nodes and their keys.

`origin` in a table's `info` says what could make it anew (`origins`). What is registered here goes
into the repository when it happens (`registers`), so that the store alone can tell it.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from shared.kernel.clock import now
from shared.kernel.database import Model, UtcTime
from shared.kernel.identifiers import new_id
from shared.kernel.keys import PublicKey
from shared.records.columns import CleanText, Json
from shared.records.fonds import Fonds as FondsWire


class Hub(Model):
    """This hub itself: exactly one row.

    `generation` rises at each restore (protocol §4), and is kept in the object store as well.
    """

    __tablename__ = "federation_hub"
    __table_args__ = ({"info": {"origin": "repository"}},)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, default=1)
    hub_id: Mapped[str] = mapped_column(String(36))
    name: Mapped[str] = mapped_column(CleanText(200))
    city: Mapped[str] = mapped_column(String(12))
    generation: Mapped[int] = mapped_column(Integer, default=1)
    #: A node knows more of this hub than the hub itself: the database is from an older backup.
    #: What that node said; links stop until `hub recover`.
    restore_suspected: Mapped[str | None] = mapped_column(CleanText(500), default=None)
    #: How many dead letters went unread, because newer ones filled their place.
    letters_lost: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    made_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class Division(Model):
    """An administrative division 行政区划; `path` holds the codes from the province down."""

    __tablename__ = "federation_division"
    __table_args__ = (
        Index("federation_division_path", "path"),
        {"info": {"origin": "derived"}},
    )

    code: Mapped[str] = mapped_column(String(12), primary_key=True)
    name: Mapped[str] = mapped_column(CleanText(200))
    level: Mapped[str] = mapped_column(String(10))
    parent_code: Mapped[str | None] = mapped_column(String(12), default=None)
    path: Mapped[str] = mapped_column(String(80))


class Archive(Model):
    """An archive 档案馆 that this hub hosts: the city's first, then the counties'."""

    __tablename__ = "federation_archive"
    __table_args__ = ({"info": {"origin": "repository"}},)

    code: Mapped[str] = mapped_column(String(20), primary_key=True)
    name: Mapped[str] = mapped_column(CleanText(200))
    division_code: Mapped[str] = mapped_column(String(12), unique=True)
    level: Mapped[str] = mapped_column(String(10))
    position: Mapped[int] = mapped_column(Integer, default=0)
    #: The public half of the archive's seal, as nodes keep it.
    seal_public: Mapped[str] = mapped_column(String(128))


class FondsState(StrEnum):
    """Whether a fonds still grows."""

    OPEN = "open"
    CLOSED = "closed"


FONDS_STATES = {FondsState.OPEN: "在用", FondsState.CLOSED: "已封闭"}


class Disclosure(StrEnum):
    """How much of its catalogue a unit shows before receipt, per class (design, rule 7)."""

    FULL = "full"
    MASKED = "masked"
    COUNTS = "counts"


DISCLOSURES = {
    Disclosure.FULL: "全部著录项",
    Disclosure.MASKED: "隐去题名",
    Disclosure.COUNTS: "只报数量",
}


class Fonds(Model):
    """A fonds as this hub registers it.

    `wire` is the fonds as it travels (`shared.records.fonds`); the columns beside it repeat what
    is asked for in queries, and are written with it by `service`. `disclosure` maps a class code
    (`*` for all others) to a `Disclosure`. `supervisor` is the fonds of the supervising
    department 主管部门.
    """

    __tablename__ = "federation_fonds"
    __table_args__ = (
        Index("federation_fonds_division", "division_code"),
        Index("federation_fonds_receiving", "receiving_archive"),
        Index("federation_fonds_reviewing", "reviewing_archive"),
        Index("federation_fonds_node", "keeping_node"),
        {"info": {"origin": "repository"}},
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(CleanText(200))
    number: Mapped[str | None] = mapped_column(String(4), default=None)
    forming_unit: Mapped[str] = mapped_column(CleanText(200))
    division_code: Mapped[str] = mapped_column(ForeignKey("federation_division.code"))
    level: Mapped[str] = mapped_column(String(10))
    reviewing_archive: Mapped[str | None] = mapped_column(
        ForeignKey("federation_archive.code"), default=None
    )
    receiving_archive: Mapped[str | None] = mapped_column(
        ForeignKey("federation_archive.code"), default=None
    )
    keeping_node: Mapped[str | None] = mapped_column(ForeignKey("federation_node.id"), default=None)
    position: Mapped[int] = mapped_column(Integer, default=0)
    supervisor: Mapped[str | None] = mapped_column(String(36), default=None)
    disclosure: Mapped[dict[str, str]] = mapped_column(Json, default=dict)
    state: Mapped[str] = mapped_column(String(10), default=FondsState.OPEN)
    wire: Mapped[dict[str, Any]] = mapped_column(Json)
    registered_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    closed_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)

    @property
    def shape(self) -> FondsWire:
        """The fonds as everyone else reads it."""
        return FondsWire.from_wire(self.wire)

    def disclosure_of(self, class_code: str) -> Disclosure:
        """How much the unit shows of a class."""
        given = self.disclosure.get(class_code) or self.disclosure.get("*") or Disclosure.FULL
        return Disclosure(given)


class FondsNumber(Model):
    """The number 全宗号 that one archive has given to a fonds; given once, never reused."""

    __tablename__ = "federation_fonds_number"
    __table_args__ = (
        UniqueConstraint("archive_code", "number"),
        {"info": {"origin": "repository"}},
    )

    fonds_id: Mapped[str] = mapped_column(ForeignKey("federation_fonds.id"), primary_key=True)
    archive_code: Mapped[str] = mapped_column(
        ForeignKey("federation_archive.code"), primary_key=True
    )
    number: Mapped[str] = mapped_column(String(4))
    given_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class Agreement(Model):
    """Central keeping 集中保管: a county's archive reviews, the city's receives.

    `fonds_ids` None means every fonds of the county's units, later ones included.
    """

    __tablename__ = "federation_agreement"
    __table_args__ = ({"info": {"origin": "repository"}},)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    reviewing_archive: Mapped[str] = mapped_column(ForeignKey("federation_archive.code"))
    receiving_archive: Mapped[str] = mapped_column(ForeignKey("federation_archive.code"))
    fonds_ids: Mapped[list[str] | None] = mapped_column(Json, default=None)
    basis: Mapped[str] = mapped_column(CleanText(500))
    since: Mapped[str] = mapped_column(String(10))
    made_by: Mapped[str] = mapped_column(CleanText(200))
    made_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


TRANSFER_TIMINGS = {"early": "提前移交", "late": "延期移交"}


class TransferConsent(Model):
    """The consent 同意 of the 档案主管部门 that a fonds transfers some years early or late."""

    __tablename__ = "federation_transfer_consent"
    __table_args__ = (
        Index("federation_transfer_consent_fonds", "fonds_id"),
        {"info": {"origin": "backup"}},
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    fonds_id: Mapped[str] = mapped_column(ForeignKey("federation_fonds.id"))
    timing: Mapped[str] = mapped_column(String(10))
    first_year: Mapped[int] = mapped_column(Integer)
    last_year: Mapped[int] = mapped_column(Integer)
    reason: Mapped[str] = mapped_column(CleanText(500))
    given_by: Mapped[str] = mapped_column(CleanText(200))
    given_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class TransferRule(Model):
    """When a fonds transfers: its records are full `earliest` years old, and at most `latest`.

    Both count whole years from the record's year; a `latest` of None leaves the end open. A fonds
    without a rule transfers whenever both sides agree.
    """

    __tablename__ = "federation_transfer_rule"
    __table_args__ = ({"info": {"origin": "backup"}},)

    fonds_id: Mapped[str] = mapped_column(ForeignKey("federation_fonds.id"), primary_key=True)
    earliest: Mapped[int] = mapped_column(Integer)
    latest: Mapped[int | None] = mapped_column(Integer, default=None)
    set_by: Mapped[str] = mapped_column(CleanText(200))
    set_at: Mapped[datetime] = mapped_column(UtcTime, default=now)

    def timing_of(self, year: int, this_year: int) -> str | None:
        """Whether a record of a year would now come `early` or `late`; None for neither."""
        age = this_year - year
        if age < self.earliest:
            return "early"
        return "late" if self.latest is not None and age > self.latest else None


class NodeState(StrEnum):
    """How a node stands with this hub."""

    INVITED = "invited"
    ENROLLED = "enrolled"
    SUSPENDED = "suspended"


NODE_STATES = {
    NodeState.INVITED: "待登记",
    NodeState.ENROLLED: "已联网",
    NodeState.SUSPENDED: "已停用",
}


class TallyCheck(Model):
    """When the catalogue's tally of a fonds was recounted last, and when it had been wrong."""

    __tablename__ = "federation_tally_check"
    __table_args__ = ({"info": {"origin": "derived"}},)

    fonds_id: Mapped[str] = mapped_column(ForeignKey("federation_fonds.id"), primary_key=True)
    checked_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    corrected_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)


class Node(Model):
    """A node: the data folder of one or more offices, enrolled at this hub.

    The keys here are the ones in force; `NodeKey` has all that ever were. `instance_id` is the
    instance that holds the grant of `epoch`; `asking_instance` is another one that asks for it.
    """

    __tablename__ = "federation_node"
    __table_args__ = ({"info": {"origin": "repository"}},)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(CleanText(200))
    division_code: Mapped[str] = mapped_column(ForeignKey("federation_division.code"))
    state: Mapped[str] = mapped_column(String(10), default=NodeState.INVITED)
    device_public: Mapped[str | None] = mapped_column(String(128), default=None)
    seal_public: Mapped[str | None] = mapped_column(String(128), default=None)
    epoch: Mapped[int] = mapped_column(Integer, default=0)
    instance_id: Mapped[str | None] = mapped_column(String(36), default=None)
    asking_instance: Mapped[str | None] = mapped_column(String(36), default=None)
    asked_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    asked_epoch: Mapped[int] = mapped_column(Integer, default=0)
    asked_reason: Mapped[str] = mapped_column(CleanText(500), default="")
    software_version: Mapped[str] = mapped_column(CleanText(50), default="")
    last_contact: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    #: What the node said at its last greeting: how many changes wait there, since when the oldest
    #: of them (by our clock), and what must be added to its clock to have ours.
    backlog: Mapped[int | None] = mapped_column(Integer, default=None)
    oldest_waiting: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    clock_offset_ms: Mapped[int | None] = mapped_column(BigInteger, default=None)
    quota_bytes: Mapped[int] = mapped_column(BigInteger, default=20 * 1024**3)
    notes: Mapped[str] = mapped_column(CleanText(2000, multiline=True), default="")
    #: The last comparison of both sides' sums (protocol §7), and how many of them differed.
    compared_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    compared_groups: Mapped[int] = mapped_column(Integer, default=0)
    compared_differing: Mapped[int] = mapped_column(Integer, default=0)
    invited_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    enrolled_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)

    @property
    def has_streams(self) -> bool:
        """Whether the node was ever enrolled, so that something can be told to it."""
        return self.epoch > 0

    @property
    def may_talk(self) -> bool:
        """Whether messages and uploads of this node are taken."""
        return self.state == NodeState.ENROLLED and self.device_public is not None


class KeyPurpose(StrEnum):
    """What a key signs."""

    DEVICE = "device"
    SEAL = "seal"


class NodeKey(Model):
    """The register of keys, append-only: a key holds from here until the node's next one.

    A row says from which (epoch, seq) of the node's up stream on it is the node's key for its
    purpose.
    """

    __tablename__ = "federation_node_key"
    __table_args__ = (
        Index("federation_node_key_node", "node_id", "purpose", "epoch", "from_seq"),
        Index("federation_node_key_key", "key_id"),
        {"info": {"origin": "repository"}},
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    node_id: Mapped[str] = mapped_column(ForeignKey("federation_node.id"))
    purpose: Mapped[str] = mapped_column(String(10))
    key_id: Mapped[str] = mapped_column(String(32))
    public_key: Mapped[str] = mapped_column(String(128))
    epoch: Mapped[int] = mapped_column(Integer)
    from_seq: Mapped[int] = mapped_column(Integer, default=1)
    registered_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class OwnKey(Model):
    """The register of this hub's own keys, append-only: its key, and the archives' seals 印章.

    `holder` is as in `shared.kernel.succession`; the last `serial` is in force, and an earlier one
    only verifies what it has signed. `statement` is how it followed the one before; `letter` that
    statement in an envelope of the old key (see `key_files.Link`). None for a first key.
    """

    __tablename__ = "federation_own_key"
    __table_args__ = ({"info": {"origin": "repository"}},)

    holder: Mapped[str] = mapped_column(String(60), primary_key=True)
    serial: Mapped[int] = mapped_column(Integer, primary_key=True)
    key_id: Mapped[str] = mapped_column(String(32))
    public_key: Mapped[str] = mapped_column(String(128))
    statement: Mapped[dict[str, Any] | None] = mapped_column(Json, default=None)
    letter: Mapped[bytes | None] = mapped_column(LargeBinary, default=None)
    registered_at: Mapped[datetime] = mapped_column(UtcTime, default=now)

    @property
    def public(self) -> PublicKey:
        """The key itself."""
        return PublicKey.from_hex(self.public_key)


class HubKeyRange(Model):
    """From which (epoch, seq) of a node's down stream on a key of the hub counts, append-only.

    `from_seq` is that of the entry `hub_key`: everything from there on is sent under the new key
    only. What comes before may arrive under either, because it is repeated until acknowledged.
    """

    __tablename__ = "federation_hub_key_range"
    __table_args__ = ({"info": {"origin": "repository"}},)

    node_id: Mapped[str] = mapped_column(ForeignKey("federation_node.id"), primary_key=True)
    serial: Mapped[int] = mapped_column(Integer, primary_key=True)
    epoch: Mapped[int] = mapped_column(Integer)
    from_seq: Mapped[int] = mapped_column(Integer)


class EnrolmentCode(Model):
    """A code with which a node enrols, once. Only its digest is kept."""

    __tablename__ = "federation_enrolment_code"
    __table_args__ = ({"info": {"origin": "backup"}},)

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    node_id: Mapped[str] = mapped_column(ForeignKey("federation_node.id"))
    made_by: Mapped[str] = mapped_column(CleanText(200))
    made_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    cancelled: Mapped[bool] = mapped_column(Boolean, default=False)


class EnrolmentAttempt(Model):
    """A wrong code that someone tried, for the throttle."""

    __tablename__ = "federation_enrolment_attempt"
    __table_args__ = (
        Index("federation_enrolment_attempt_when", "address", "at"),
        {"info": {"origin": "backup"}},
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    address: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(UtcTime, default=now)
