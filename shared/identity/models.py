"""Accounts, what they are entitled to, and tokens."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shared.kernel.clock import now
from shared.kernel.database import Model, UtcTime


class Account(Model):
    """A person who may sign in."""

    __tablename__ = "identity_account"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    login: Mapped[str] = mapped_column(String(60), unique=True)
    name: Mapped[str] = mapped_column(String(60))
    password_hash: Mapped[str] = mapped_column(String(255))
    must_change: Mapped[bool] = mapped_column(Boolean, default=False)
    disabled: Mapped[bool] = mapped_column(Boolean, default=False)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    locked_until: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    last_sign_in: Mapped[datetime | None] = mapped_column(UtcTime, default=None)

    grants: Mapped[list[AccountGrant]] = relationship(
        cascade="all, delete-orphan", lazy="selectin", order_by="AccountGrant.id"
    )

    @property
    def audit_name(self) -> str:
        """The name in the audit."""
        return f"account:{self.id}"


class AccountGrant(Model):
    """One role of an account, within one archive or fonds; without either, everywhere."""

    __tablename__ = "identity_grant"
    __table_args__ = (Index("identity_grant_account", "account_id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("identity_account.id"))
    role: Mapped[str] = mapped_column(String(20))
    archive_code: Mapped[str | None] = mapped_column(String(40), default=None)
    fonds_id: Mapped[str | None] = mapped_column(String(36), default=None)


class BearerToken(Model):
    """A sign-in that holds: of a browser or of a program. The token itself is not kept."""

    __tablename__ = "identity_token"
    __table_args__ = (
        Index("identity_token_account", "account_id"),
        Index("identity_token_expiry", "expires_at"),
    )

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("identity_account.id"))
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
