"""Tables of sharing: what archives decided, what follows of it, and the feed that tells it.

All but the archives' own decisions is derived. A feed keeps one entry for each record, the latest:
who reads on from a position meets each change since then, and once at the most.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from hub.sharing.policies import CLOSED_YEARS
from shared.kernel.clock import now
from shared.kernel.database import Model, UtcTime
from shared.records.columns import CleanText, Json
from shared.records.values import NAME_LENGTH, REASON_LENGTH

_ID = String(36)
_AUDIENCE = String(40)
_ARCHIVE = String(20)


class SharingPolicy(Model):
    """What one archive shows one audience; without a row nothing is shown."""

    __tablename__ = "sharing_policy"
    __table_args__ = ({"info": {"origin": "backup"}},)

    archive_code: Mapped[str] = mapped_column(String(20), primary_key=True)
    audience: Mapped[str] = mapped_column(_AUDIENCE, primary_key=True)
    fields: Mapped[list[str]] = mapped_column(Json)
    closed_fields: Mapped[list[str]] = mapped_column(Json)
    closed_years: Mapped[int] = mapped_column(Integer, default=CLOSED_YEARS)
    version: Mapped[int] = mapped_column(Integer, default=1)
    basis: Mapped[str] = mapped_column(CleanText(REASON_LENGTH))
    decided_by: Mapped[str] = mapped_column(CleanText(NAME_LENGTH))
    decided_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class SharingWithdrawal(Model):
    """A record that its archive has taken back from sharing 撤回共享, whatever the policy says."""

    __tablename__ = "sharing_withdrawal"
    __table_args__ = ({"info": {"origin": "backup"}},)

    record_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    reason: Mapped[str] = mapped_column(CleanText(REASON_LENGTH))
    decided_by: Mapped[str] = mapped_column(CleanText(NAME_LENGTH))
    decided_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class SharingDue(Model):
    """A record that has to be decided on anew, written in the transaction that changed it."""

    __tablename__ = "sharing_due"
    __table_args__ = ({"info": {"origin": "derived"}},)

    record_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    noted_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class SharingSweep(Model):
    """Everything of one archive or fonds has to be decided on anew; `after_row` is how far it is.

    `scope` is `archive:<code>` or `fonds:<id>`.
    """

    __tablename__ = "sharing_sweep"
    __table_args__ = ({"info": {"origin": "derived"}},)

    scope: Mapped[str] = mapped_column(String(60), primary_key=True)
    after_row: Mapped[int] = mapped_column(BigInteger, default=0)


class SharingState(Model):
    """What was decided: how a record stands for an audience, why, and when that changes by itself.

    `digest` is that of what is seen; None for nothing.
    """

    __tablename__ = "sharing_state"
    __table_args__ = (
        Index("sharing_state_due", "due"),
        {"info": {"origin": "derived"}},
    )

    record_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    audience: Mapped[str] = mapped_column(_AUDIENCE, primary_key=True)
    standing: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str | None] = mapped_column(String(40), default=None)
    due: Mapped[str | None] = mapped_column(String(10), default=None)
    digest: Mapped[str | None] = mapped_column(String(64), default=None)


class SharingPending(Model):
    """A change that has no position yet: the newest of its record and audience.

    `kind` is `upsert`, with what is seen in `body`, or `tombstone`, with a `reason`.
    """

    __tablename__ = "sharing_pending"
    __table_args__ = ({"info": {"origin": "derived"}},)

    audience: Mapped[str] = mapped_column(_AUDIENCE, primary_key=True)
    record_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    archive: Mapped[str] = mapped_column(_ARCHIVE, default="", server_default="")
    fonds_id: Mapped[str] = mapped_column(_ID)
    year: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str | None] = mapped_column(String(40), default=None)
    digest: Mapped[str | None] = mapped_column(String(64), default=None)
    body: Mapped[str | None] = mapped_column(Text, default=None)


class FeedEntry(Model):
    """The latest entry of a record in an audience's feed, under its position.

    `archive` is that which keeps the record, whichever receives from its fonds now.
    `stamped` is the second, since 1970, in which it was given: never lower than that of a position
    before.
    """

    __tablename__ = "sharing_feed"
    __table_args__ = (
        Index("sharing_feed_position", "audience", "position", unique=True),
        Index("sharing_feed_stamp", "audience", "stamped", "position"),
        Index("sharing_feed_fonds", "audience", "fonds_id", "position"),
        Index("sharing_feed_archive", "audience", "archive", "position"),
        {"info": {"origin": "derived"}},
    )

    audience: Mapped[str] = mapped_column(_AUDIENCE, primary_key=True)
    record_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger)
    stamped: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    archive: Mapped[str] = mapped_column(_ARCHIVE, default="", server_default="")
    fonds_id: Mapped[str] = mapped_column(_ID)
    year: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str | None] = mapped_column(String(40), default=None)
    digest: Mapped[str | None] = mapped_column(String(64), default=None)
    body: Mapped[str | None] = mapped_column(Text, default=None)


class FeedMark(Model):
    """The last position that an audience's feed has given; who gives positions holds this row."""

    __tablename__ = "sharing_mark"
    __table_args__ = ({"info": {"origin": "derived"}},)

    audience: Mapped[str] = mapped_column(_AUDIENCE, primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger, default=0)
    stamped: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")


class FeedTally(Model):
    """How many records that an archive keeps of a fonds and year an audience's feed holds.

    And the sum of their digests.

    Of the entries up to the mark, no more and no less: written with it.
    """

    __tablename__ = "sharing_tally"
    __table_args__ = ({"info": {"origin": "derived"}},)

    audience: Mapped[str] = mapped_column(_AUDIENCE, primary_key=True)
    archive: Mapped[str] = mapped_column(_ARCHIVE, primary_key=True)
    fonds_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    year: Mapped[int] = mapped_column(Integer, primary_key=True)
    records: Mapped[int] = mapped_column(Integer)
    sum: Mapped[str] = mapped_column(String(64))


class Publication(Model):
    """A publication bundle that this hub has made: its place in the chain of its series."""

    __tablename__ = "sharing_publication"
    __table_args__ = ({"info": {"origin": "backup"}},)

    series: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    digest: Mapped[str] = mapped_column(String(64))
    position: Mapped[int] = mapped_column(BigInteger)
    entries: Mapped[int] = mapped_column(Integer)
    made_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
