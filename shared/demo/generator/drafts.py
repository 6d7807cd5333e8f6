"""Drafts of letters as plain text and RTF, as they lie on an office's computer."""

from __future__ import annotations

import random

from shared.demo.generator.papers import Paper
from shared.demo.generator.text import paragraphs, written_day


def plain(paper: Paper, chance: random.Random) -> bytes:
    """The draft as text in UTF-8."""
    lines = [paper.title, paper.doc_no or "", "", *paragraphs(paper, chance)]
    lines += ["", paper.author, written_day(paper)]
    return ("\r\n".join(lines) + "\r\n").encode()


def rtf(paper: Paper, chance: random.Random) -> bytes:
    """The draft as RTF 1.5 with Unicode escapes."""
    head = r"{\rtf1\ansi\ansicpg936\deff0{\fonttbl{\f0\fnil\fcharset134 SimSun;}}\uc1\f0\fs32 "
    body = [r"\qc\b ", _escaped(paper.title), r"\b0\par\pard\par "]
    for each in paragraphs(paper, chance):
        body += [_escaped(each), r"\par "]
    body += [r"\par\qr ", _escaped(paper.author), r"\par ", _escaped(written_day(paper)), r"\par}"]
    return (head + "".join(body)).encode("ascii")


def _escaped(text: str) -> str:
    return "".join(
        char if char.isascii() and char not in "\\{}" else rf"\u{_signed(ord(char))}?"
        for char in text
    )


def _signed(code: int) -> int:
    return code - 0x10000 if code > 0x7FFF else code
