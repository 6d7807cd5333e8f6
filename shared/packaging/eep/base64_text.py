"""Base64 (RFC 2045) in pieces: lines of 76 characters out; back, with every error at its place."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator

_LINE = 76
#: What makes a whole number of lines, about 1 MB.
_LINE_BYTES = _LINE // 4 * 3
PIECE = _LINE_BYTES * 18_000
_WHITE = b" \t\r\n"
_FOREIGN = re.compile(rb"[^A-Za-z0-9+/= \t\r\n]")
_VISIBLE = re.compile(rb"[^ \t\r\n]")
_PADDING = re.compile(rb"=")


def encoded_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes as lines of Base64, joined by line feeds; the last line has none."""
    first, held = True, b""
    for piece in pieces:
        held += piece
        whole = len(held) // _LINE_BYTES * _LINE_BYTES
        if whole:
            yield _lines(held[:whole], first)
            first, held = False, held[whole:]
    if held:
        yield _lines(held, first)


def _lines(content: bytes, first: bool) -> bytes:
    text = binascii.b2a_base64(content, newline=False)
    lines = b"\n".join(text[at : at + _LINE] for at in range(0, len(text), _LINE))
    return lines if first else b"\n" + lines


class BadBase64(ValueError):
    """What is wrong, and at which character of the text (white space counted, from 0)."""

    def __init__(self, problem: str, at: int) -> None:
        super().__init__(problem)
        self.problem = problem
        self.at = at


class Base64Decoder:
    """Takes text in pieces and gives bytes; only the one right spelling of the bytes is taken."""

    def __init__(self) -> None:
        self.characters = 0
        self._held = b""
        self._ended = False

    def feed(self, text: bytes) -> bytes:
        """The bytes that the next piece (in UTF-8) completes. Raises BadBase64."""
        body = text.translate(None, _WHITE)
        if self._ended and body:
            raise BadBase64("在填充符“=”之后还有内容", self._place(text, _VISIBLE))
        self._held += body
        whole = len(self._held) // 4 * 4
        groups, self._held = self._held[:whole], self._held[whole:]
        try:
            content = binascii.a2b_base64(groups, strict_mode=True)
        except binascii.Error:
            if _FOREIGN.search(text):
                raise self._foreign(text) from None
            raise BadBase64("填充符“=”的位置不对", self._place(text, _PADDING)) from None
        if _FOREIGN.search(self._held):
            raise self._foreign(text)
        padding = groups[-2:].count(b"=")
        if padding:
            self._ended = True
            if self._held:
                raise BadBase64("在填充符“=”之后还有内容", self._place(text, _PADDING))
            if base64.b64encode(content[padding - 3 :]) != groups[-4:]:
                raise BadBase64("最后一组字符含有多余的位", self._place(text, _PADDING))
        self.characters += len(text)
        return content

    def _foreign(self, text: bytes) -> BadBase64:
        return BadBase64("含有 Base64 以外的字符", self._place(text, _FOREIGN))

    def _place(self, text: bytes, mark: re.Pattern[bytes]) -> int:
        found = mark.search(text)
        return self.characters + (found.start() if found else 0)

    def finish(self) -> None:
        """Say that no more comes. Raises BadBase64 for a group that is not whole."""
        if self._held:
            raise BadBase64("不完整，最后一组不足 4 个字符", self.characters)


def decoded(text: str) -> bytes:
    """A short text whole. Raises BadBase64."""
    decoder = Base64Decoder()
    found = decoder.feed(text.encode())
    decoder.finish()
    return found
