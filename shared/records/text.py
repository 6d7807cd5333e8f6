"""Texts in the one value domain: what may be stored, and what can safely be repaired.

What SQLite accepts PostgreSQL accepts too, and what one node accepts every other reads back the
same: Unicode normal form C, no control or invisible characters, no halves of surrogate pairs, a
greatest length. The character sets stand here as fixed ranges and not as Unicode categories,
because these change with the version of Python.
"""

from __future__ import annotations

import re
import unicodedata

from shared.kernel.errors import Invalid

TITLE_LENGTH = 500
DOC_NO_LENGTH = 100
AUTHOR_LENGTH = 200
REMARK_LENGTH = 1000
FILE_NAME_LENGTH = 255
NAME_LENGTH = 200
CODE_LENGTH = 100
REASON_LENGTH = 500
PLACE_LENGTH = 200
SHORT_LENGTH = 50

FIRST_YEAR = 1600
LAST_YEAR = 2100

_CONTROL = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
_BREAKS = "\t\n\r\u2028\u2029"
_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb"
)
_BROKEN = "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"
#: The same beyond the first plane.
_INVISIBLE_BEYOND = "\U000e0000-\U000e007f"
_BROKEN_BEYOND = "".join(
    chr(plane << 16 | last) for plane in range(1, 17) for last in (0xFFFE, 0xFFFF)
)

_PROBLEMS = (
    (re.compile(f"[{_BROKEN}{_BROKEN_BEYOND}]"), "含有不完整或不存在的字符"),
    (re.compile(f"[{_CONTROL}]"), "含有控制字符"),
    (re.compile(f"[{_INVISIBLE}{_INVISIBLE_BEYOND}]"), "含有看不见的字符"),
)
#: Whatever one of the rules below may refuse: most texts hold nothing of it. Beyond the first plane
#: that is everything: a set that tells characters of there apart is ten times as slow.
_SUSPECT = re.compile(f"[{_CONTROL}{_BREAKS}{_INVISIBLE}{_BROKEN}\U00010000-\U0010ffff]")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_ANY_BREAK = re.compile(f"[{_BREAKS}]")
_BREAK_BESIDE_LINES = re.compile("[\r\u2028\u2029]")
_REPAIRABLE = re.compile(f"[{_CONTROL}{_INVISIBLE}{_INVISIBLE_BEYOND}{_BROKEN}{_BROKEN_BEYOND}]")
_OLD_BREAKS = {0x0B: " ", 0x0C: " "}
_WHITE = re.compile(r"\s+")
_ODD = re.compile("[\ufffd\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd]")

_EMPTY = frozenset(
    {"", "无", "空", "-", "--", "—", "——", "－", "/", "\\", "\u3007", "N/A", "NA", "NULL", "NONE"}
)
_REMEDY = "请删去这些字符后重新录入。"


def text_problem(value: object, max_length: int, *, multiline: bool = False) -> str | None:
    """What breaks the value domain in this text, as a Chinese sentence; None if nothing does.

    With `multiline`, line feeds and tabs are fine.
    """
    if not isinstance(value, str):
        return "应为文字"
    if value.isascii() and value.isprintable():
        return _length_problem(value, max_length)
    if not _SUSPECT.search(value) and unicodedata.is_normalized("NFC", value):
        return _length_problem(value, max_length)
    for pattern, problem in _PROBLEMS:
        if found := pattern.search(value):
            return f"{problem}（第{found.start() + 1}个字符）"
    breaks = _BREAK_BESIDE_LINES if multiline else _ANY_BREAK
    if found := breaks.search(value):
        return f"含有换行或制表符（第{found.start() + 1}个字符）"
    if not unicodedata.is_normalized("NFC", value):
        return "字符写法不规范（须为 Unicode NFC）"
    return _length_problem(value, max_length)


def _length_problem(value: str, max_length: int) -> str | None:
    if len(value) <= max_length:
        return None
    return f"共{len(value)}个字，最多{max_length}个字"


def clean_text(
    value: object,
    field: str,
    *,
    max_length: int,
    required: bool = False,
    multiline: bool = False,
) -> str | None:
    """A text in the value domain: NFC, trimmed; None when empty.

    Raises Invalid, naming the field, when it is required and empty, too long, or holds characters
    that nobody can see. Nothing but composition and outer white space is changed in silence;
    `repair_text` does more, for imports.
    """
    if value is None:
        text = ""
    elif isinstance(value, str):
        text = value.strip()
        # Normalising a text with half a surrogate pair is harmless; the check below finds it.
        text = unicodedata.normalize("NFC", text)
    else:
        raise Invalid(field, "应为文字。", "请改为文字。")
    if not text:
        if required:
            raise Invalid(field, "此项不能为空。", "请填写此项。", code="required")
        return None
    if problem := text_problem(text, max_length, multiline=multiline):
        too_long = len(text) > max_length
        raise Invalid(
            field,
            f"{problem}。",
            "请缩短后重新录入，完整内容可放入附件。" if too_long else _REMEDY,
            code="too_long" if too_long else "bad_characters",
        )
    return text


def required_text(value: object, field: str, *, max_length: int) -> str:
    """Like `clean_text` with `required`, typed as text."""
    text = clean_text(value, field, max_length=max_length, required=True)
    assert text is not None  # noqa: S101 - `required` has refused None
    return text


def refuse_damaged(value: object, field: str) -> None:
    """Raise Invalid for a cell with control or broken characters: what stood there is unknown.

    White space, also the vertical tabs and form feeds of old word processors, and zero-width
    characters mean nothing by themselves, and are left to `repair_text`.
    """
    if not isinstance(value, str):
        return
    for pattern, problem in _PROBLEMS[:2]:
        if found := pattern.search(value.translate(_OLD_BREAKS)):
            raise Invalid(
                field,
                f"{problem}（第{found.start() + 1}个字符）。",
                "请对照原文，把这个字符改正或删去。",
                code="bad_characters",
            )


def repair_text(value: object) -> str:
    """What a spreadsheet cell means, as a text in the value domain (but for its length).

    Line breaks, tabs and full-width spaces become one space; zero-width characters go, and so do
    control and broken ones, which an import asks `refuse_damaged` about first; whole floats lose
    their `.0`; NFC; trimmed.
    """
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = _REPAIRABLE.sub("", str(value).translate(_OLD_BREAKS))
    text = _WHITE.sub(" ", text)
    return unicodedata.normalize("NFC", text).strip()


def odd_characters(text: str) -> list[str]:
    """Characters that another machine may not show: private use, and the mark of 乱码 (U+FFFD).

    They are allowed, since old name characters live there; the inspection reports them.
    """
    return sorted(set(_ODD.findall(text)))


def empty_like(value: object) -> object | None:
    """The value, or None when it only says that there is none: 无, -, /, empty."""
    if value is None:
        return None
    if isinstance(value, str) and repair_text(value).upper() in _EMPTY:
        return None
    return value


_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")
_DRIVE = re.compile(r"[A-Za-z]:")


def safe_file_name(name: object, field: str = "name") -> str:
    r"""A file name that can be unpacked on every system; what comes with a path is refused.

    Files are stored by digest, so this is about the name that people see: `../x`, `C:\x`,
    device names of Windows, control characters and more than 255 characters are Invalid.
    """
    text = required_text(name, field, max_length=FILE_NAME_LENGTH)
    problem = None
    if "/" in text or "\\" in text or _DRIVE.match(text) or text in {".", ".."}:
        problem = "文件名不能带路径（/、\\、盘符或“..”）。"
    elif re.search(r'[<>:"|?*]', text):
        problem = '文件名不能含有 < > : " | ? * 等符号。'
    elif text.endswith("."):
        problem = "文件名不能以“.”结尾。"
    elif _RESERVED.fullmatch(text):
        problem = "文件名是操作系统的保留名称。"
    if problem:
        raise Invalid(field, problem, "请修改文件名后重新上传。", code="bad_file_name")
    return text


def neutral(text: str) -> str:
    """A text that no spreadsheet program runs as a formula, not even after saving it as CSV."""
    return f"'{text}" if text[:1] in _FORMULA_STARTS and len(text) > 1 else text
