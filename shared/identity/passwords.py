"""Passwords: which are good enough, how they are kept, how they are compared."""

from __future__ import annotations

import itertools
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from werkzeug.security import check_password_hash

from shared.identity.policy import POLICY, Policy
from shared.kernel.errors import Invalid
from shared.kernel.keys import random_token

MAX_LENGTH = 128
PIN_LENGTH = 6
#: So many characters there are beside the login name in a password that has it in it.
_MORE_THAN_LOGIN = 4
#: How passwords are kept, and at which cost: argon2id (RFC 9106) with 19 MiB in two rounds, so
#: that a village's PC and a hub with eight sign-ins at a time both bear it.
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
#: What hashes of version 0.1 begin with; they are made anew at the next sign-in.
_FORMER = "scrypt:"
#: A password is good enough from this strength on; so much of it is looked at.
GOOD_STRENGTH = 3
_LOOKED_AT = 72
_COMMON = frozenset(
    {
        "12345678", "123456789", "1234567890", "87654321", "11111111", "88888888", "66666666",
        "00000000", "password", "passw0rd", "qwertyui", "abcd1234", "abc12345", "iloveyou",
        "asdfghjk", "1qaz2wsx", "q1w2e3r4", "admin123", "password1", "password123", "qwerty123",
        "woaini1314", "5201314520", "a1234567", "a12345678", "aa123456", "1qaz@wsx", "1qaz2wsx3edc",
        "admin@123", "admin888", "p@ssw0rd", "p@ssword", "zaq12wsx", "qazwsxedc", "dangan123",
        "danganju", "woaizhongguo", "zhongguo", "qwertyuiop", "administrator", "147258369",
        "123123123", "12341234", "11223344", "1234qwer", "qwer1234", "asdf1234", "abcdefgh",
    }
)  # fmt: skip


def check_password_rules(
    login: str, password: str, *, field: str = "password", policy: Policy = POLICY
) -> None:
    """Raise Invalid unless the password is good enough for this account."""
    remedy = f"请设置至少 {policy.password_length} 个字符、不易猜到的密码。"
    if len(password) < policy.password_length:
        raise Invalid(
            field, f"密码不足 {policy.password_length} 个字符。", remedy, code="weak_password"
        )
    if len(password) > MAX_LENGTH:
        raise Invalid(field, f"密码超过 {MAX_LENGTH} 个字符。", "请缩短。", code="weak_password")
    if _is_of(password.casefold(), login.casefold()):
        raise Invalid(field, "密码不能与登录名相同，也不能由它拼成。", remedy, code="weak_password")
    if _kinds(password) < policy.password_kinds:
        raise Invalid(
            field,
            f"密码须含小写字母、大写字母、数字、其他字符中的 {policy.password_kinds} 种。",
            remedy,
            code="weak_password",
        )
    if _often(password.casefold()) or strength_of(login, password) < GOOD_STRENGTH:
        raise Invalid(
            field, "这个密码太常见，容易被猜到。",
            "请换几个不相干的词连起来，不用常见密码、键盘顺序、年份和姓名拼音。",
            code="weak_password",
        )  # fmt: skip


def strength_of(login: str, password: str) -> int:
    """How hard a password is to guess, from 0 to 4: 3 is more than 10^8 tries (`zxcvbn`).

    Known are the 30,000 most common ones of published breaches, with how people vary them, names,
    words, dates, rows of keys; and the login name. Nothing leaves this process.
    """
    from zxcvbn import zxcvbn  # lists of 14 MB, for the moment in which a password is set

    return int(zxcvbn(password[:_LOOKED_AT], user_inputs=[login, *_COMMON])["score"])


def check_pin_rules(login: str, pin: str, *, field: str = "password") -> None:
    """Raise Invalid unless this will do for signing in at one PC without net.

    Six digits will: whoever has the PC may try five times, then waits (see `Policy.lock_minutes`).
    """
    remedy = f"请设置至少 {PIN_LENGTH} 个数字或字符、不易猜到的密码。"
    if not PIN_LENGTH <= len(pin) <= MAX_LENGTH:
        raise Invalid(field, f"离线密码不足 {PIN_LENGTH} 个字符。", remedy, code="weak_password")
    if pin.casefold() == login.casefold() or _often(pin.casefold()):
        raise Invalid(field, "这个密码太常见，容易被猜到。", remedy, code="weak_password")


def hash_password(password: str) -> str:
    """The salted argon2id hash that is kept."""
    return HASHER.hash(password)


def password_fits(password_hash: str | None, password: str) -> bool:
    """Whether this is the password; takes as long for an account that has none or is not there."""
    kept = password_hash or _nobodys_hash()
    if kept.startswith(_FORMER):
        return check_password_hash(kept, password[: MAX_LENGTH + 1])
    try:
        HASHER.verify(kept, password[: MAX_LENGTH + 1])
    except (VerificationError, InvalidHashError):  # another password, or no hash at all
        return False
    return bool(password_hash)


def is_outdated(password_hash: str) -> bool:
    """Whether a hash was made in another way or at another cost than today's."""
    return password_hash.startswith(_FORMER) or HASHER.check_needs_rehash(password_hash)


def _is_of(password: str, login: str) -> bool:
    """Whether a password is little more than the login name, forward or backward."""
    rest = password.replace(login, "").replace(login[::-1], "")
    return rest != password and len(rest) < _MORE_THAN_LOGIN


def _kinds(password: str) -> int:
    """Of how many kinds of characters it is."""
    return len(
        {
            0 if each.islower() else 1 if each.isupper() else 2 if each.isdigit() else 3
            for each in password
        }
    )


def _often(password: str) -> bool:
    """Whether it is among the first that anybody would try."""
    steps = {ord(after) - ord(before) for before, after in itertools.pairwise(password)}
    return password in _COMMON or len(set(password)) < 3 or steps in ({1}, {-1})


@lru_cache(maxsize=1)
def _nobodys_hash() -> str:
    return hash_password(random_token())
