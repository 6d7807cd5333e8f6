"""Tables of single sign-on: what nodes have begun, and logout tokens that were seen."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.kernel.clock import now
from shared.kernel.database import Model, UtcTime


class NodeSignIn(Model):
    """A sign-in at a node that is under way here.

    The node has pushed its request (RFC 9126), signed with its device key; `account_id` and
    `code_digest` come when somebody signed in for it, and the row goes when the code is redeemed.
    """

    __tablename__ = "signon_node_sign_in"
    __table_args__ = (
        Index("signon_node_sign_in_expiry", "expires_at"),
        {"info": {"origin": "derived"}},
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    node_id: Mapped[str] = mapped_column(ForeignKey("federation_node.id"))
    redirect_uri: Mapped[str] = mapped_column(String(500))
    state: Mapped[str] = mapped_column(String(100))
    challenge: Mapped[str] = mapped_column(String(100))
    account_id: Mapped[str | None] = mapped_column(String(36), default=None)
    #: The sign-in at the hub, by the digest of its token: it ends when that at the node ends.
    session_digest: Mapped[str | None] = mapped_column(String(64), default=None)
    code_digest: Mapped[str | None] = mapped_column(String(64), default=None, unique=True)
    made_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)


class SeenLogout(Model):
    """A logout token that has come, by the digest of its `jti`: none counts twice."""

    __tablename__ = "signon_seen_logout"
    __table_args__ = ({"info": {"origin": "derived"}},)

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    until: Mapped[datetime] = mapped_column(UtcTime)
