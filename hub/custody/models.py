"""Tables of custody: the hand-overs of whole fonds, and the bundles that carry them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.kernel.clock import now
from shared.kernel.database import Model, UtcTime
from shared.records.columns import CleanText, Json
from shared.records.values import NAME_LENGTH, REASON_LENGTH

#: The states in which the taking node may fetch bundles.
FETCHING = ("arrived", "assigned")


class HandOver(Model):
    """One hand-over of a fonds 全宗交接; its states are `HAND_OVER`.

    `generation` is the hub's when it began. After a restore of the hub, what ends it (assignment or
    call-off) waits until both nodes have said in the new generation what they were told last:
    `heard_from` and `heard_to`.
    """

    __tablename__ = "custody_hand_over"
    __table_args__ = (
        Index("custody_hand_over_fonds", "fonds_id", "state"),
        Index("custody_hand_over_state", "state", "changed_at"),
        {"info": {"origin": "nodes"}},
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    fonds_id: Mapped[str] = mapped_column(ForeignKey("federation_fonds.id"))
    from_node: Mapped[str] = mapped_column(ForeignKey("federation_node.id"))
    to_node: Mapped[str | None] = mapped_column(ForeignKey("federation_node.id"), default=None)
    state: Mapped[str] = mapped_column(String(12))
    #: Which unit the giving one wished for, in its own words, when it asked.
    wish: Mapped[str | None] = mapped_column(CleanText(NAME_LENGTH), default=None)
    reason: Mapped[str] = mapped_column(CleanText(REASON_LENGTH))
    begun_by: Mapped[str] = mapped_column(CleanText(NAME_LENGTH))
    #: The statement that both sign, and the two signatures.
    statement: Mapped[dict[str, Any] | None] = mapped_column(Json, default=None)
    from_signed: Mapped[dict[str, Any] | None] = mapped_column(Json, default=None)
    to_signed: Mapped[dict[str, Any] | None] = mapped_column(Json, default=None)
    #: Who called it off and why, `{by, reason}`; counts when `state` says so.
    ended: Mapped[dict[str, Any] | None] = mapped_column(Json, default=None)
    generation: Mapped[int] = mapped_column(Integer)
    heard_from: Mapped[int] = mapped_column(Integer, default=0)
    heard_to: Mapped[int] = mapped_column(Integer, default=0)
    #: What was told of it last, signed: a new epoch tells it again.
    told: Mapped[dict[str, Any] | None] = mapped_column(Json, default=None)
    #: The taking node's streams must begin anew: entries of this fonds were refused meanwhile.
    mend: Mapped[bool] = mapped_column(Boolean, default=False)
    cleared: Mapped[bool] = mapped_column(Boolean, default=False)
    begun_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    changed_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class Bundle(Model):
    """One of the ZIPs that carry a fonds, in staging under its id; `arrived` when it is whole."""

    __tablename__ = "custody_bundle"
    __table_args__ = (
        Index("custody_bundle_order", "hand_over_id", "number", unique=True),
        {"info": {"origin": "nodes"}},
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    hand_over_id: Mapped[str] = mapped_column(ForeignKey("custody_hand_over.id"))
    number: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)
    arrived: Mapped[bool] = mapped_column(Boolean, default=False)
    #: A grant to fetch it: the digest of its token, and until when.
    token_digest: Mapped[str] = mapped_column(String(64), default="")
    expires_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
