"""Passwords: which are good enough, how they are kept, how they are compared."""

from __future__ import annotations

from functools import lru_cache

from werkzeug.security import check_password_hash, generate_password_hash

from shared.kernel.errors import Invalid
from shared.kernel.keys import random_token

MIN_LENGTH = 8
MAX_LENGTH = 128
#: How passwords are kept, and at which cost: salted scrypt with N, r, p.
METHOD = "scrypt:32768:8:1"
_COMMON = frozenset(
    {
        "12345678", "123456789", "1234567890", "87654321", "11111111", "88888888", "66666666",
        "00000000", "password", "passw0rd", "qwertyui", "abcd1234", "abc12345", "iloveyou",
        "asdfghjk", "1qaz2wsx", "q1w2e3r4", "admin123",
    }
)  # fmt: skip


def check_password_rules(login: str, password: str, *, field: str = "password") -> None:
    """Raise Invalid unless the password is good enough for this account."""
    remedy = f"请设置至少 {MIN_LENGTH} 个字符、不易猜到的密码。"
    if len(password) < MIN_LENGTH:
        raise Invalid(field, f"密码不足 {MIN_LENGTH} 个字符。", remedy, code="weak_password")
    if len(password) > MAX_LENGTH:
        raise Invalid(field, f"密码超过 {MAX_LENGTH} 个字符。", "请缩短。", code="weak_password")
    if password.casefold() in {login.casefold(), login[::-1].casefold()}:
        raise Invalid(field, "密码不能与登录名相同。", remedy, code="weak_password")
    if password.casefold() in _COMMON or len(set(password)) < 3:
        raise Invalid(field, "这个密码太常见，容易被猜到。", remedy, code="weak_password")


def hash_password(password: str) -> str:
    """The salted scrypt hash that is kept."""
    return generate_password_hash(password, method=METHOD)


def password_fits(password_hash: str | None, password: str) -> bool:
    """Whether this is the password; takes as long for an account that does not exist."""
    fits = check_password_hash(password_hash or _nobodys_hash(), password[: MAX_LENGTH + 1])
    return fits and password_hash is not None


@lru_cache(maxsize=1)
def _nobodys_hash() -> str:
    return hash_password(random_token())
