"""The running text of a paper: made-up sentences about its matter, broken into lines."""

from __future__ import annotations

import random

from shared.demo.generator.papers import Paper, words

#: To whom a letter goes 主送机关.
ADDRESSEE = "各有关单位："
_UNIT_WORDS = {"市": "市", "区": "区", "镇": "镇", "乡": "乡", "村": "村"}
#: Characters that never begin a line (避头标点).
_NEVER_FIRST = "，。；、：！？）》”"


def paragraphs(paper: Paper, chance: random.Random) -> list[str]:
    """As many paragraphs as the paper's pages want."""
    sentences = words()["sentences"]
    word = next((word for end, word in _UNIT_WORDS.items() if end in paper.author), "单位")
    found = []
    for number in range(2 + paper.pages):
        chosen = chance.sample(sentences, k=2)
        text = "".join(chosen).format(
            matter=paper.matter,
            unit_word=word,
            month=chance.randint(1, 12),
            day=chance.randint(1, 28),
        )
        found.append(f"　　{_ordinal(number + 1)}、{text}" if paper.pages > 1 else f"　　{text}")
    return found


def broken(text: str, width: int) -> list[str]:
    """Text as lines of at most `width` characters (one more where a mark may not begin a line)."""
    lines = []
    while text:
        cut = width
        while cut < len(text) and text[cut] in _NEVER_FIRST:
            cut += 1
        lines.append(text[:cut])
        text = text[cut:]
    return lines


def written_day(paper: Paper) -> str:
    """The day as it stands under a letter."""
    return f"{paper.day.year}年{paper.day.month}月{paper.day.day}日"


def _ordinal(number: int) -> str:
    digits = "零一二三四五六七八九十"
    if number <= 10:
        return digits[number]
    tens, ones = divmod(number, 10)
    return ("" if tens == 1 else digits[tens]) + "十" + (digits[ones] if ones else "")
