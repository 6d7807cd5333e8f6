"""What the catalogue says of a document, as questions to the text of its main file."""

from __future__ import annotations

import re
from datetime import date

from shared.inspection.formats.examination import Questions
from shared.records.record import Record

_DIGITS = "〇一二三四五六七八九"
#: What cataloguers add to a title that stands in no document: [关于预算的通知].
_ADDED = re.compile(r"[\[【〔(（][^\]】〕)）]*[\]】〕)）]")
_SHORTEST = 4


def questions_about(record: Record) -> Questions:
    """Title, number, issuer and date, each in every spelling that its document may have."""
    asked: dict[str, tuple[str, ...]] = {}
    title = record.title.strip()
    plain = _ADDED.sub("", title)
    # Many catalogues put the issuer before a title, or leave it out where the document has it.
    start = plain.find("关于")
    spellings = [title, plain, plain[start:] if start > 0 else plain]
    if len(plain) >= _SHORTEST:
        asked["title"] = tuple(dict.fromkeys(spellings))
    if record.doc_no:
        asked["doc_no"] = (record.doc_no,)
    if record.author:
        asked["author"] = (record.author,)
    if record.date is not None:
        asked["date"] = spellings_of(record.date)
    return asked


def spellings_of(day: date) -> tuple[str, ...]:
    """A date as documents write it: 2024年3月5日, 2024-03-05, 二〇二四年三月五日."""
    year = "".join(_DIGITS[int(each)] for each in str(day.year))
    chinese = f"{year}年{_chinese(day.month)}月{_chinese(day.day)}日"
    return (
        f"{day.year}年{day.month}月{day.day}日",
        f"{day.year}年{day.month:02}月{day.day:02}日",
        f"{day:%Y%m%d}",
        f"{day.year}.{day.month}.{day.day}",
        chinese,
        chinese.replace("〇", "○"),
        chinese.replace("〇", "零"),
    )


def _chinese(number: int) -> str:
    """A number below forty in Chinese."""
    tens, ones = divmod(number, 10)
    head = "" if not tens else ("" if tens == 1 else _DIGITS[tens]) + "十"
    return head + (_DIGITS[ones] if ones else "")
