"""Accounts, what they are entitled to, second factors, and tokens."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shared.kernel.actor import DUTIES, Duty, Grant, Openness, Role
from shared.kernel.clock import now
from shared.kernel.database import Model, UtcTime

#: A role says its duty; whatever is not an administrator's is business.
ROLE_HAS_DUTY = "duty = CASE role {} ELSE 'business' END".format(
    " ".join(f"WHEN '{role}' THEN '{duty}'" for role, duty in DUTIES.items())
)


class Account(Model):
    """A person who may sign in.

    `issuer` and `subject` name who signs in elsewhere: at a hub, through the identity service
    统一身份认证; at a node, through the hub. Such an account has no password at first
    (`password_hash` empty); at a node it may get one for days without net, counted from
    `confirmed_at`, when the issuer confirmed it last. While it is `waiting`, nobody has granted it
    anything yet; `proposal` is what the issuer's claims suggest.

    An `emergency` account is sealed: two administrators open it, the first of them
    `opening_asked_by`, and it may be used until `open_until`.

    `duty` says what it is for: business, or one of the three administrators; all its grants are of
    that duty (`AccountGrant`). `archive_code` names the archive whose administrators look after it;
    without one, those of the whole city.
    """

    __tablename__ = "identity_account"
    __table_args__ = (
        UniqueConstraint("issuer", "subject", name="identity_account_subject"),
        UniqueConstraint("id", "duty", name="identity_account_duty"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    login: Mapped[str] = mapped_column(String(60), unique=True)
    name: Mapped[str] = mapped_column(String(60))
    password_hash: Mapped[str] = mapped_column(String(255))
    must_change: Mapped[bool] = mapped_column(Boolean, default=False)
    #: When its password was set; None where that was before this was kept.
    password_set_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    disabled: Mapped[bool] = mapped_column(Boolean, default=False)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    locked_until: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    last_sign_in: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    #: From where it signed in last, and how many tries have failed since.
    last_place: Mapped[str] = mapped_column(String(60), default="", server_default="")
    failed_since: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    #: How often it was locked without signing in: each lock lasts twice as long.
    locks: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    issuer: Mapped[str | None] = mapped_column(String(500), default=None)
    subject: Mapped[str | None] = mapped_column(String(255), default=None)
    waiting: Mapped[bool] = mapped_column(Boolean, default=False, server_default="0")
    proposal: Mapped[list[dict[str, str | None]] | None] = mapped_column(JSON, default=None)
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    #: Sign-ins from before this time have ended, wherever they were.
    signed_out_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    #: What the issuer said last of when it ended them: another time means that it did so again.
    issuer_ended_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    emergency: Mapped[bool] = mapped_column(Boolean, default=False, server_default="0")
    opening_asked_by: Mapped[str | None] = mapped_column(String(36), default=None)
    opening_reason: Mapped[str] = mapped_column(String(500), default="", server_default="")
    open_until: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    duty: Mapped[str] = mapped_column(String(10), default=Duty.BUSINESS, server_default="business")
    archive_code: Mapped[str | None] = mapped_column(String(40), default=None)

    grants: Mapped[list[AccountGrant]] = relationship(
        cascade="all, delete-orphan",
        lazy="selectin",
        order_by="AccountGrant.id",
        primaryjoin=(
            "and_(Account.id == AccountGrant.account_id, Account.duty == AccountGrant.duty)"
        ),
        foreign_keys="[AccountGrant.account_id, AccountGrant.duty]",
    )

    @property
    def audit_name(self) -> str:
        """The name in the audit."""
        return f"account:{self.id}"


class AccountGrant(Model):
    """One role of an account, as `shared.kernel.actor.Grant` says what it reaches and how long.

    Its duty is the account's and the role's, or the database takes neither: so nobody holds roles
    of two of the three administrators, or one of theirs and a business role.
    """

    __tablename__ = "identity_grant"
    __table_args__ = (
        Index("identity_grant_account", "account_id"),
        ForeignKeyConstraint(
            ["account_id", "duty"],
            ["identity_account.id", "identity_account.duty"],
            name="identity_grant_of_account",
        ),
        CheckConstraint(ROLE_HAS_DUTY, name="identity_grant_one_duty"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("identity_account.id"))
    role: Mapped[str] = mapped_column(String(40))
    #: Taken from the account.
    duty: Mapped[str] = mapped_column(String(10), server_default="business")
    archive_code: Mapped[str | None] = mapped_column(String(40), default=None)
    fonds_id: Mapped[str | None] = mapped_column(String(36), default=None)
    class_code: Mapped[str | None] = mapped_column(String(2), default=None)
    openness: Mapped[str] = mapped_column(String(10), default="all", server_default="all")
    until: Mapped[str | None] = mapped_column(String(10), default=None)

    @property
    def grant(self) -> Grant:
        """The grant as the policy asks it."""
        return Grant(
            Role(self.role),
            self.archive_code,
            self.fonds_id,
            self.class_code,
            Openness(self.openness),
            self.until,
        )


class FactorKind(StrEnum):
    """What a second factor is."""

    TOTP = "totp"
    WEBAUTHN = "webauthn"
    RECOVERY = "recovery"


class Factor(Model):
    """A second factor 双因素 of an account: an authenticator app, a security key, a recovery code.

    `secret` is the base32 secret of the app (RFC 6238), the public key (base64url) of the security
    key, or the digest of the code. `counter` is the last time step or signature counter that was
    seen, so that nothing counts twice. `handle` is the security key's credential id (base64url).
    """

    __tablename__ = "identity_factor"
    __table_args__ = (
        Index("identity_factor_account", "account_id"),
        Index("identity_factor_handle", "handle", unique=True),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("identity_account.id"))
    kind: Mapped[str] = mapped_column(String(10))
    name: Mapped[str] = mapped_column(String(60), default="")
    handle: Mapped[str | None] = mapped_column(String(400), default=None)
    secret: Mapped[str] = mapped_column(Text)
    counter: Mapped[int] = mapped_column(Integer, default=0)
    made_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    used_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)


class BearerToken(Model):
    """A sign-in that holds: of a browser or of a program. The token itself is not kept.

    One that `awaits_factor` is good for nothing but to show the second factor. `way` says how it
    was signed in; `provider_session` (the claim `sid`) and `id_token` are what
    the identity service asks for when a sign-in there ends.
    """

    __tablename__ = "identity_token"
    __table_args__ = (
        Index("identity_token_account", "account_id"),
        Index("identity_token_expiry", "expires_at"),
        Index("identity_token_session", "provider_session"),
    )

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("identity_account.id"))
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    awaits_factor: Mapped[bool] = mapped_column(Boolean, default=False, server_default="0")
    place: Mapped[str] = mapped_column(String(60), default="", server_default="")
    agent: Mapped[str] = mapped_column(String(200), default="", server_default="")
    way: Mapped[str] = mapped_column(String(10), default="password", server_default="password")
    provider_session: Mapped[str | None] = mapped_column(String(255), default=None)
    id_token: Mapped[str | None] = mapped_column(Text, default=None)


class AccessKey(Model):
    """The key 接口密钥 of another system's account; the key itself is not kept (`access_keys`)."""

    __tablename__ = "identity_access_key"
    __table_args__ = (UniqueConstraint("digest", name="identity_access_key_digest"),)

    account_id: Mapped[str] = mapped_column(ForeignKey("identity_account.id"), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    made_by: Mapped[str] = mapped_column(String(60))
    made_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    used_from: Mapped[str] = mapped_column(String(60), default="")


class ActState(StrEnum):
    """How a proposed act stands."""

    PROPOSED = "proposed"
    DONE = "done"
    REFUSED = "refused"


class ProposedAct(Model):
    """A dangerous act 高危操作 that one person has proposed and another must confirm.

    `arguments` are all that it will be done with, `digest` is over them (`acts.digest_of`): what
    the second person saw is what is done. After `until` it can no longer be confirmed.
    """

    __tablename__ = "identity_proposed_act"
    __table_args__ = (Index("identity_proposed_act_state", "state", "proposed_at"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(200))
    #: What it is, for people.
    title: Mapped[str] = mapped_column(String(300))
    reason: Mapped[str] = mapped_column(String(500))
    arguments: Mapped[dict[str, Any]] = mapped_column(JSON)
    digest: Mapped[str] = mapped_column(String(64))
    #: The archive whose people may decide; without one, those of the whole city.
    archive_code: Mapped[str | None] = mapped_column(String(40), default=None)
    state: Mapped[str] = mapped_column(String(10), default=ActState.PROPOSED)
    proposed_by: Mapped[str] = mapped_column(String(36))
    proposed_name: Mapped[str] = mapped_column(String(60))
    proposed_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    until: Mapped[datetime] = mapped_column(UtcTime)
    decided_by: Mapped[str | None] = mapped_column(String(36), default=None)
    decided_name: Mapped[str | None] = mapped_column(String(60), default=None)
    decided_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    answer: Mapped[str] = mapped_column(String(500), default="")

    @property
    def audit_name(self) -> str:
        """The name in the audit."""
        return f"act:{self.id}"

    @property
    def is_open(self) -> bool:
        """Whether it can still be confirmed."""
        return self.state == ActState.PROPOSED and self.until > now()
