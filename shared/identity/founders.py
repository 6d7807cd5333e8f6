"""The first three administrators of an installation; nobody who could do everything remains."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared import audit
from shared.identity.acts import one_time_password
from shared.identity.models import Account
from shared.identity.passwords import check_password_rules
from shared.identity.policy import POLICY, Policy
from shared.identity.service import create_account, held_by_someone, set_grants
from shared.kernel.actor import ADMINISTRATORS, ROLE_NAMES, Actor, Grant, Role

#: Under which name each of the three signs in at first; a name that is taken gets a number.
FIRST_LOGINS = {
    Role.SYSTEM_ADMINISTRATOR: "admin",
    Role.SECURITY_ADMINISTRATOR: "security",
    Role.AUDITOR: "auditor",
}


def found_administrators(
    actor: Actor,
    *,
    session: Session,
    password: str | None = None,
    more: Role | None = None,
    policy: Policy = POLICY,
) -> dict[str, str]:
    """Make whichever of the three administrators nobody is, each with a password of its own.

    For the installer alone, who acts as the machine. Each password is to be changed at the first
    sign-in; with `password` all have this one, and keep it (a demo, a test). `more` names
    one of the three that shall be one more person.

    Returns the passwords by login name; empty when there are all three.
    """
    made = {}
    for role in ADMINISTRATORS:
        if role != more and held_by_someone(role, session):
            continue
        first = password or one_time_password()
        login = _free(FIRST_LOGINS[role], session)
        account = create_account(
            actor, login, ROLE_NAMES[role], first,
            session=session, must_change=password is None, policy=policy,
        )  # fmt: skip
        set_grants(actor, account, [Grant(role)], session=session)
        made[login] = first
    if made:
        audit.record(
            session, actor, "administrators.founded", "account", audit.Act(each=made),
            logins=sorted(made),
        )  # fmt: skip
    return made


def check_first_password(password: str | None) -> None:
    """Raise Invalid for a password that none of the three could have."""
    if password is not None:
        for login in FIRST_LOGINS.values():
            check_password_rules(login, password)


def _free(login: str, session: Session) -> str:
    taken = set(session.scalars(select(Account.login)))
    number, wanted = 2, login
    while wanted in taken:
        wanted, number = f"{login}-{number}", number + 1
    return wanted
