"""Signing in at this door, with a brake on guessing from one address."""

from __future__ import annotations

from flask import current_app, request

from shared import identity
from shared.identity import Account, SignInRefused
from shared.web.current import current_database


def admit(login: str, typed: str) -> tuple[Account, str]:
    """The account and a new token. Raises SignInRefused, TooManyAttempts."""
    throttle = current_app.extensions["danglian.throttle"]
    place = request.remote_addr or ""
    throttle.check(place)
    try:
        return identity.sign_in(login, typed, database=current_database())
    except SignInRefused:
        throttle.failed(place)
        raise
