"""What can go wrong at the door."""

from __future__ import annotations

from shared.kernel.errors import DanglianError


class NotSignedIn(DanglianError):
    """Nobody is signed in, or the session or token has come to its end."""

    code = "not_signed_in"
    status = 401

    def __init__(self) -> None:
        super().__init__("尚未登录，或登录已超时。", "请重新登录。")


class SignInRefused(DanglianError):
    """Name and password do not open an account now."""

    code = "sign_in_refused"
    status = 401


class TooManyAttempts(DanglianError):
    """Too many failures in a short time, from one place."""

    code = "too_many_attempts"
    status = 429
