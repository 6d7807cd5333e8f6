"""Base64 (RFC 2045) in pieces: lines of 76 characters out; back, with every error at its place."""

from __future__ import annotations

import base64
import binascii
import re
import struct
from collections.abc import Iterable, Iterator

import pybase64

_LINE = 76
#: The bytes that a whole line holds, and its characters with the line feed.
LINE_BYTES, LINE_TEXT = _LINE // 4 * 3, _LINE + 1
#: What makes a whole number of lines, about 1 MB.
PIECE = LINE_BYTES * 18_000
_WHITE = b" \t\r\n"
_OTHER_WHITE = (b" ", b"\t", b"\r")
_FOREIGN = re.compile(rb"[^A-Za-z0-9+/= \t\r\n]")


def encoded_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes as lines of Base64, joined by line feeds; the last line has none."""
    first, held = True, b""
    for piece in pieces:
        held += piece
        whole = len(held) // LINE_BYTES * LINE_BYTES
        if whole:
            yield _lines(held[:whole], first)
            first, held = False, held[whole:]
    if held:
        yield _lines(held, first)


def _lines(content: bytes, first: bool) -> bytes:
    text = binascii.b2a_base64(content, newline=False)
    whole = len(text) // _LINE
    # The quickest way that Python has to cut a megabyte into lines.
    lines = [*struct.unpack_from(f"{_LINE}s" * whole, text), text[whole * _LINE :]]
    lines = lines if lines[-1] else lines[:-1]
    return (b"" if first else b"\n") + b"\n".join(lines)


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
        self.line_feeds = 0
        self._held = b""
        self._ended = False
        self._has_spare_bits = False
        self._padding_at: int | None = None

    def feed(self, text: bytes) -> bytes:
        """The bytes that the next piece (in UTF-8) completes. Raises BadBase64.

        What is wrong, and where, is the same however the text comes in pieces.
        """
        if self._padding_at is None and (found := text.find(b"=")) >= 0:
            self._padding_at = self.characters + found
        body = text.replace(b"\n", b"")
        line_feeds = len(text) - len(body)
        if any(white in body for white in _OTHER_WHITE):
            body = body.translate(None, _WHITE)
        if self._ended and body:
            raise self._wrong(text)
        self._held += body
        whole = len(self._held) // 4 * 4
        groups, self._held = self._held[:whole], self._held[whole:]
        try:
            content = pybase64.b64decode(groups, validate=True)
        except binascii.Error:
            raise self._wrong(text) from None
        if _FOREIGN.search(self._held):
            raise self._wrong(text)
        padding = groups[-2:].count(b"=")
        if padding:
            self._ended = True
            if self._held:
                raise self._wrong(text)
            self._has_spare_bits = base64.b64encode(content[padding - 3 :]) != groups[-4:]
        self.characters += len(text)
        self.line_feeds += line_feeds
        return content

    def _wrong(self, text: bytes) -> BadBase64:
        """The first that cannot be: a foreign character, or something behind padding."""
        foreign = _FOREIGN.search(text)
        at = None if foreign is None else self.characters + foreign.start()
        if at is not None and (self._padding_at is None or at < self._padding_at):
            return BadBase64("含有 Base64 以外的字符", at)
        return BadBase64("填充符“=”的位置不对，或在它之后还有内容", self._padding_at or 0)

    def finish(self) -> None:
        """No more comes. Raises BadBase64 for a last group that is not whole, or not exact."""
        if self._has_spare_bits:
            raise BadBase64("最后一组字符含有多余的位", self._padding_at or 0)
        if self._held:
            raise BadBase64("不完整，最后一组不足 4 个字符", self.characters)


def decoded(text: str) -> bytes:
    """A short text whole. Raises BadBase64."""
    return decoded_bytes(text.encode())


def decoded_bytes(text: bytes) -> bytes:
    """Whole lines, or the end of a text, in UTF-8. Raises BadBase64."""
    decoder = Base64Decoder()
    found = decoder.feed(text)
    decoder.finish()
    return found
