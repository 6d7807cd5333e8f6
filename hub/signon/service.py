"""The verbs of single sign-on at the hub."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from hub.signon.claims import ClaimMapping, proposal
from hub.signon.models import SeenLogout
from hub.signon.provider import LOGOUT_SECONDS, LoggedOut, Person
from shared import audit
from shared.identity import Account
from shared.identity.elsewhere import account_elsewhere, register_elsewhere
from shared.identity.grants import propose_grants
from shared.identity.sessions import end_provider_sessions
from shared.kernel.actor import system_actor
from shared.kernel.canonical import sha256_hex
from shared.kernel.clock import now

_PROVIDER = system_actor("provider")


def account_of_person(
    person: Person, issuer: str, mapping: ClaimMapping, *, session: Session
) -> Account:
    """The account of who has signed in at the service; made at the first time.

    A new one waits until an administrator has granted something. While it waits, each sign-in
    renews what the claims propose; afterwards they change nothing.
    """
    account = account_elsewhere(issuer, person.subject, session)
    if account is None:
        account = register_elsewhere(
            _PROVIDER,
            issuer,
            person.subject,
            login=mapping.text("login", person.claims) or person.subject,
            name=mapping.text("name", person.claims),
            waiting=True,
            session=session,
        )
    account.confirmed_at = now()
    if account.waiting:
        propose_grants(account, proposal(mapping, person.claims, session))
    return account


def note_refusal(code: str, *, session: Session) -> None:
    """Keep that a sign-in through the service came to nothing, and why."""
    audit.record(session, _PROVIDER, "sign_in.refused", "account:unknown", reason=code)


def take_logout(issuer: str, said: LoggedOut, *, session: Session) -> int:
    """End what a logout token names, once; how many sign-ins have ended here."""
    session.execute(delete(SeenLogout).where(SeenLogout.until < now()))
    digest = sha256_hex(said.jti.encode("utf-8", "replace"))
    if session.get(SeenLogout, digest) is not None:
        return 0
    session.add(SeenLogout(digest=digest, until=now() + timedelta(seconds=3 * LOGOUT_SECONDS)))
    session.flush()
    return end_provider_sessions(
        issuer, subject=said.subject, provider_session=said.session, session=session
    )
