"""The security class 密级, and the rule that 秘密, 机密 and 绝密 never enter (design, rule 6).

Every door calls `read_security` on the cell or field and `refuse_classified` on the texts. Both
raise Classified, which carries neither title nor content.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum

from shared.kernel.errors import Classified, Invalid
from shared.records.text import repair_text


class SecurityClass(StrEnum):
    """What may be in Danglian. There is no value for classified documents."""

    NONE = "none"
    INTERNAL = "internal"
    WORK_SECRET = "work_secret"  # noqa: S105 - 工作秘密, no password

    @property
    def label(self) -> str:
        """The name that people see."""
        return SECURITY_NAMES[self]


SECURITY_NAMES = {
    SecurityClass.NONE: "非密",
    SecurityClass.INTERNAL: "内部",
    SecurityClass.WORK_SECRET: "工作秘密",
}

_READINGS = {
    **dict.fromkeys(
        ("", "无", "非密", "公开", "普通", "国内", "一般", "空", "非涉密", "不涉密", "无密级"),
        SecurityClass.NONE,
    ),
    **dict.fromkeys(("非密级", "非秘密", "公开级", "平件", "GK", "NONE"), SecurityClass.NONE),
    **dict.fromkeys(
        ("内部", "限制", "内部资料", "内部文件", "内部使用", "内部公开", "限制级", "内部级"),
        SecurityClass.INTERNAL,
    ),
    **dict.fromkeys(("XZ", "NB", "INTERNAL", "注意保存"), SecurityClass.INTERNAL),
    **dict.fromkeys(
        ("工作秘密", "工作秘密事项", "工作秘密级", "WORKSECRET"), SecurityClass.WORK_SECRET
    ),
}
_CLASSIFIED_CODES = re.compile(r"(MM|JM|UM|SECRET|CONFIDENTIAL|TOPSECRET)(\d+[YMD]?)?")
_KEEP = re.compile(r"[^0-9A-Z一-鿿]+")
_DURATION = re.compile(r"(\d+(年|个?月|天|日)|长期)$")
_OLD_FORMS = str.maketrans({"絕": "绝", "機": "机", "祕": "秘"})
_LEVELS = ("绝密", "机密", "秘密")


def _plain(value: object) -> str:
    text = unicodedata.normalize("NFKC", repair_text(value)).upper().translate(_OLD_FORMS)
    return _KEEP.sub("", text)


def read_security(value: object, field: str = "security") -> SecurityClass:
    """The security class that a cell or field names; empty, 无 and 公开 mean none.

    Raises Classified for 秘密, 机密 and 绝密 in any spelling (`机密★10年`, `秘 密`, `JM`), and
    Invalid for what cannot be read.
    """
    plain = _plain(value)
    found = _READINGS.get(plain) or _READINGS.get(_DURATION.sub("", plain))
    if found is not None:
        return found
    outside = plain.replace("工作秘密", "").replace("商业秘密", "")
    if any(level in outside for level in _LEVELS) or _CLASSIFIED_CODES.fullmatch(plain):
        raise Classified(field)
    if "工作秘密" in plain:
        return SecurityClass.WORK_SECRET
    raise Invalid(
        field,
        "不认识这个密级。",
        "请填写“无”“内部”或“工作秘密”；已解密的填“无”，并注明解密日期和依据。",
        code="unknown_security",
    )


_LEVEL = r"(?:绝\s*密|机\s*密|秘\s*密)"
_STAR = "[★☆✩✪✭✮✯✰⭐🌟]"
_TERM = r"(?:\d[\d\s]{0,3}\s*(?:年|个?\s*月|天|日)|长\s*期)"
#: Marks with the star: nobody else writes them, so they are looked for in the whole text.
_MARKS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_LEVEL}\s*级?\s*{_STAR}+\s*(?:{_TERM})?",
        rf"{_STAR}+\s*{_LEVEL}(?:\s*{_STAR}*\s*{_TERM})?",
        rf"{_LEVEL}\s*\*+\s*{_TERM}",
    )
)
#: Marks without it, as old documents bear them: only in a title or at the head of a text.
_HEAD_MARKS = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        rf"[(\[【〔〖<《]\s*{_LEVEL}\s*(?:[·•.,、\-—]?\s*{_TERM})?\s*[)\]】〕〗>》]",
        rf"^ ?{_LEVEL} ?(?:[·•.\-—]? ?{_TERM})? ?$",
        rf"(?:密\s*级|保密等级|秘密等级)\s*[::]\s*{_LEVEL}(?!\s*[、/□或|])",
        rf"^ ?{_LEVEL} ?[·•.\-—]? ?\d{{1,2}} ?年(?= |$)",
    )
)
_HEAD_LENGTH = 600
_HIDDEN = re.compile(
    "[\u00ad\u034f\u061c\u180b-\u180f\u200b-\u200f\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)
_NOT_OF_THE_STATE = re.compile(r"(?:工\s*作|商\s*业)\s*$")


def classified_mark(text: str | None) -> str | None:
    """The mark of classification 密级标志 that a title or text bears, such as `机密★20年`.

    Words that only speak of secrets (商业秘密, 机密计算, 保守国家秘密法) are not marks. What this
    returns is part of the text: show it to nobody, store it nowhere.
    """
    if not text or ("密" not in text):
        return None
    plain = unicodedata.normalize("NFKC", _HIDDEN.sub("", text)).translate(_OLD_FORMS)
    # One space and one line break at most in a row, so that the patterns stay linear.
    plain = re.sub(r"[^\S\n]+", " ", plain)
    plain = re.sub(r" ?\n[ \n]*", "\n", plain)
    head = plain[:_HEAD_LENGTH]
    for patterns, where in ((_MARKS, plain), (_HEAD_MARKS, head)):
        for found in (found for pattern in patterns for found in pattern.finditer(where)):
            before = where[max(0, found.start() - 6) : found.start()]
            if not (found.group().startswith("秘") and _NOT_OF_THE_STATE.search(before)):
                return found.group().strip()
    return None


#: How a text speaks of a mark that it does not bear: in quotation marks, or inside a sentence.
_MARK = rf"{_LEVEL}\s*级?\s*(?:{_STAR}\s*)?(?:{_TERM})?"
_SPOKEN_OF = tuple(
    re.compile(pattern)
    for pattern in (
        rf"[“‘「『\"']\s*{_MARK}\s*[”’」』\"']",
        rf"{_MARK}(?=的|等|字样|标志|标识|标注|或|和|及|与|、)",
    )
)


def page_mark(page: str) -> str | None:
    """The mark that a page bears; one that its text speaks of (标注“机密★10年”) does not count."""
    for pattern in _SPOKEN_OF:
        page = pattern.sub("", page)
    return classified_mark(page)


def says_declassified(security_change: str | None) -> bool:
    """Whether a 密级变更 states that the document was declassified 解密, and on which day.

    Such a record may enter although its pages still bear the old mark.
    """
    text = unicodedata.normalize("NFKC", security_change or "")
    return "解密" in text and re.search(r"\d{4}(-|年|/|\.)?\d{1,2}", text) is not None


def refuse_classified(*texts: str | None, field: str = "security") -> None:
    """Raise Classified when one of the texts bears a mark of classification."""
    for text in texts:
        if text and classified_mark(text):
            raise Classified(field)
