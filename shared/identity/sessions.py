"""Where an account is signed in now, and ending that: here, elsewhere, everywhere."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from shared import audit
from shared.identity.models import Account, BearerToken
from shared.identity.service import require_over
from shared.kernel.actor import Actor, Role, system_actor
from shared.kernel.clock import now
from shared.kernel.errors import NotFound

_PROVIDER = system_actor("provider")


def sessions_of(account_id: str, session: Session) -> Sequence[BearerToken]:
    """The sign-ins of an account that hold, the newest first."""
    return session.scalars(
        select(BearerToken)
        .where(BearerToken.account_id == account_id, BearerToken.expires_at > now())
        .order_by(BearerToken.created_at.desc())
    ).all()


def end_session(actor: Actor, account: Account, digest: str, *, session: Session) -> None:
    """End one sign-in: one's own, or as an administrator. Raises NotAllowed, NotFound."""
    _may(actor, account)
    kept = session.get(BearerToken, digest)
    if kept is None or kept.account_id != account.id:
        raise NotFound("这次登录已经结束。", "请刷新列表。")
    session.delete(kept)
    audit.record(session, actor, "sign_in.ended", account, count=1)


def end_all_sessions(actor: Actor, account: Account, *, session: Session) -> int:
    """End every sign-in of an account, those at nodes included. Raises NotAllowed."""
    _may(actor, account)
    ended = _end(account, session)
    audit.record(session, actor, "sign_in.ended", account, count=ended)
    return ended


def end_provider_sessions(
    issuer: str, *, subject: str | None, provider_session: str | None, session: Session
) -> int:
    """End what the identity service says has ended there (OpenID Connect Back-Channel Logout 1.0).

    One session of its own where it names one, else everything of the subject; sign-ins at nodes
    end at their next question. Returns how many ended here.
    """
    wanted = select(Account).where(Account.issuer == issuer)
    if subject is not None:
        wanted = wanted.where(Account.subject == subject)
    else:
        tokens = select(BearerToken.account_id).where(
            BearerToken.provider_session == provider_session
        )
        wanted = wanted.where(Account.id.in_(tokens))
    ended = 0
    for account in session.scalars(wanted).all():
        count = _end(account, session, provider_session)
        ended += count
        audit.record(session, _PROVIDER, "sign_in.ended", account, count=count)
    return ended


def end_sign_ins(account: Account, session: Session, *, but: str = "") -> int:
    """End the sign-ins of an account as part of another verb, but for one (its digest)."""
    return _end(account, session, but=but)


def _end(
    account: Account, session: Session, provider_session: str | None = None, *, but: str = ""
) -> int:
    account.signed_out_at = now()
    ending = delete(BearerToken).where(BearerToken.account_id == account.id)
    if but:
        ending = ending.where(BearerToken.digest != but)
    if provider_session is not None:
        ending = ending.where(BearerToken.provider_session == provider_session)
    return int(session.execute(ending).rowcount)  # type: ignore[attr-defined]


def _may(actor: Actor, account: Account) -> None:
    if actor.id != account.id:
        require_over(actor, account, Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR)
