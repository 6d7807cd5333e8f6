"""The unified social credit code 统一社会信用代码 (GB 32100-2015)."""

from __future__ import annotations

from shared.kernel.errors import Invalid

_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_LENGTH = 18
_BASE, _WEIGHT = 31, 3


def check_credit_code(text: object, field: str) -> str:
    """A code of 18 characters whose last one is right (GB 32100-2015, 4 and annex A).

    Raises Invalid.
    """
    code = str(text or "").strip().upper()
    if len(code) != _LENGTH or any(each not in _ALPHABET for each in code):
        raise Invalid(
            field,
            "统一社会信用代码应为18位数字或大写字母（不用 I、O、S、V、Z）。",
            "请按本馆的统一社会信用代码证书填写。",
            code="bad_credit_code",
        )
    if code[-1] != check_character(code[:-1]):
        raise Invalid(
            field,
            "统一社会信用代码的校验位不对，可能有一位抄错了。",
            "请按本馆的统一社会信用代码证书核对。",
            code="bad_credit_code",
        )
    return code


def check_character(first: str) -> str:
    """The last character of the code that begins with these 17."""
    total = sum(
        _ALPHABET.index(each) * pow(_WEIGHT, place, _BASE) for place, each in enumerate(first)
    )
    return _ALPHABET[-total % _BASE]
