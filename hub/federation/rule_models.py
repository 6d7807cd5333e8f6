"""Tables of the archives' rulesets 检测规则, and of the fonds' approved tables that they name."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shared.kernel.clock import now
from shared.kernel.database import Model, UtcTime
from shared.records.columns import CleanText, Json
from shared.records.text import NAME_LENGTH, REASON_LENGTH, SHORT_LENGTH


class Ruleset(Model):
    """One version of an archive's ruleset, as it was signed; never changed, never removed.

    `document` is the whole of it with `signed`; the columns beside it repeat what is asked for.
    """

    __tablename__ = "federation_ruleset"
    __table_args__ = (
        UniqueConstraint("archive_code", "number"),
        {"info": {"origin": "repository"}},
    )

    version: Mapped[str] = mapped_column(String(40), primary_key=True)
    archive_code: Mapped[str] = mapped_column(ForeignKey("federation_archive.code"))
    number: Mapped[int] = mapped_column(Integer)
    active_from: Mapped[str] = mapped_column(String(10))
    document: Mapped[dict[str, Any]] = mapped_column(Json)


class FondsSchedule(Model):
    """An approved 归档范围与保管期限表 of a fonds with its rows, by the digest of its document."""

    __tablename__ = "federation_schedule"
    __table_args__ = (
        Index("federation_schedule_fonds", "fonds_id", "imported_at"),
        {"info": {"origin": "repository"}},
    )

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    fonds_id: Mapped[str] = mapped_column(ForeignKey("federation_fonds.id"))
    document: Mapped[dict[str, Any]] = mapped_column(Json)
    imported_by: Mapped[str] = mapped_column(CleanText(NAME_LENGTH))
    imported_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class RulesetDraft(Model):
    """What an archive is about to decide: the next version, until it is signed. One each."""

    __tablename__ = "federation_ruleset_draft"
    __table_args__ = ({"info": {"origin": "backup"}},)

    archive_code: Mapped[str] = mapped_column(
        ForeignKey("federation_archive.code"), primary_key=True
    )
    settings: Mapped[dict[str, Any]] = mapped_column(Json)
    changed_by: Mapped[str] = mapped_column(CleanText(NAME_LENGTH))
    changed_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class RulesTold(Model):
    """That a node's down stream has a ruleset or a table in its epoch, so that it comes once.

    A node that has another version of the program since, or other items of third parties, is told
    again: it may have refused what it did not know. `refused` is the code with which it did,
    `problem` says it in words.
    """

    __tablename__ = "federation_rules_told"
    __table_args__ = ({"info": {"origin": "nodes"}},)

    node_id: Mapped[str] = mapped_column(ForeignKey("federation_node.id"), primary_key=True)
    subject: Mapped[str] = mapped_column(String(80), primary_key=True)
    epoch: Mapped[int] = mapped_column(Integer)
    software_version: Mapped[str] = mapped_column(CleanText(50))
    refused: Mapped[str | None] = mapped_column(CleanText(SHORT_LENGTH), default=None)
    problem: Mapped[str] = mapped_column(CleanText(REASON_LENGTH), default="")
