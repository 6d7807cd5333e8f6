"""What a consumer is refused with; the codes are stable."""

from __future__ import annotations

from shared.kernel.errors import DanglianError


class TokenRefused(DanglianError):
    """The access token is missing, not ours, over, or of credentials that are no longer good."""

    code = "token_refused"
    status = 401

    def __init__(self, message: str = "访问令牌无效或已过期。") -> None:
        super().__init__(message, "请在令牌接口重新获取访问令牌。")


class ConsumerRefused(DanglianError):
    """The consumer is known, and may not: suspended, out of its term, from a wrong place."""

    code = "consumer_refused"
    status = 403


class QuotaUsed(DanglianError):
    """A quota is used up; it may go on after `retry_seconds`."""

    code = "quota_used"
    status = 429

    def __init__(self, message: str, remedy: str, *, code: str, retry_seconds: int) -> None:
        super().__init__(message, remedy, code=code)
        self.retry_seconds = retry_seconds
