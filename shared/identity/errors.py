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
    """Too many failures in a short time, from one place; `retry_seconds` until it may go on."""

    code = "too_many_attempts"
    status = 429

    def __init__(self, message: str, remedy: str = "", *, retry_seconds: int = 60) -> None:
        super().__init__(message, remedy)
        self.retry_seconds = retry_seconds


class TooManyRequests(DanglianError):
    """More requests in a minute than one account or address may make."""

    code = "too_many_requests"
    status = 429

    def __init__(self, *, retry_seconds: int = 60) -> None:
        super().__init__("操作过于频繁。", f"请在 {retry_seconds} 秒后再试。")
        self.retry_seconds = retry_seconds
