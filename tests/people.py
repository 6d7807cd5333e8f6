"""Accounts for tests, by the two steps that make one work."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy.orm import Session

from shared.identity import Account, create_account, set_grants
from shared.kernel.actor import Grant, system_actor

MACHINE = system_actor("test")


def employ(
    login: str, name: str, password: str, grants: Iterable[Grant], *, session: Session, **more: Any
) -> Account:
    """Make an account, and grant what it asks for."""
    account = create_account(MACHINE, login, name, password, session=session, **more)
    set_grants(MACHINE, account, grants, session=session)
    return account
