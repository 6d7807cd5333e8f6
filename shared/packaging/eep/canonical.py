"""The canonical form of a package: how it is written, and which of its bytes are signed.

A package is written as Exclusive XML Canonicalization writes it: UTF-8, no empty-element tags,
attributes in the order of their names, no more escapes than needed. Only the root declares the
namespace. So what exc-c14n makes of an element is the element's stretch of the file with that
declaration put into its first tag, and signing needs no parser and no memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from shared.kernel.digests import DigestAside
from shared.packaging.eep.form import NAMESPACE, CanonicalForm

DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'
LAST_BYTE = b"\n"
_WHITE = b" \t\r\n"

Attributes = Iterable[tuple[str, str]]


def start_tag(name: str, attributes: Attributes = ()) -> bytes:
    """The first tag of an element; a declaration of a namespace comes before the attributes."""
    written = [f"<{name}"]
    ordered = sorted(attributes, key=lambda each: (not each[0].startswith("xmlns"), each[0]))
    for key, value in ordered:
        written.append(f' {key}="{_escaped_value(value)}"')
    return ("".join(written) + ">").encode()


def end_tag(name: str) -> bytes:
    """The last tag of an element."""
    return f"</{name}>".encode()


def escaped(text: str) -> bytes:
    """Text between tags."""
    for plain, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\r", "&#xD;")):
        if plain in text:  # quicker than to replace nothing, and most of a package is Base64
            text = text.replace(plain, written)
    return text.encode()


def _escaped_value(text: str) -> str:
    for plain, written in (
        ("&", "&amp;"), ("<", "&lt;"), ('"', "&quot;"),
        ("\t", "&#x9;"), ("\n", "&#xA;"), ("\r", "&#xD;"),
    ):  # fmt: skip
        text = text.replace(plain, written)
    return text


def namespace_declaration(name: str, namespace: str | None = NAMESPACE) -> bytes:
    """What exc-c14n puts into the first tag of this (maybe prefixed) element; nothing for None."""
    if namespace is None:
        return b""
    prefix, colon, _local = name.rpartition(":")
    return f' xmlns{colon}{prefix}="{_escaped_value(namespace)}"'.encode()


class SignedStretch:
    """A running digest over one element, fed with its bytes as they lie in the file (UTF-8)."""

    def __init__(self, form: CanonicalForm, digest: Any, name: str, declaration: bytes) -> None:
        self._digest = DigestAside(digest)
        self._strips = form is CanonicalForm.STRIPPED
        self._tag = f"<{name}".encode()
        self._declaration = declaration
        self._begun: bytes | None = b""

    def update(self, piece: bytes) -> None:
        """Take in the next bytes."""
        if self._strips:
            self._digest.update(piece.translate(None, _WHITE))
            return
        if self._begun is not None:
            self._begun += piece
            if len(self._begun) < len(self._tag):
                return
            rest = self._begun[len(self._tag) :]
            self._begun, piece = None, self._tag + self._declaration + rest
        self._digest.update(piece)

    def digest(self) -> bytes:
        """The digest of the canonical form of all that came."""
        return self._digest.digest()


class Comparison:
    """Whether a file is canonical: its bytes, and those that it should have, in turns."""

    def __init__(self) -> None:
        self._same = True
        self._waiting = b""
        self._at = 0

    @property
    def is_even(self) -> bool:
        """Whether all of the file so far is as it should be, with nothing of it outstanding."""
        return self._same and self._at == len(self._waiting)

    def there_is(self, piece: bytes) -> None:
        """The next bytes of the file."""
        if self._same:
            self._waiting, self._at = self._waiting[self._at :] + piece, 0

    def should_be(self, piece: bytes) -> None:
        """The next bytes of the canonical form; they never come before those of the file."""
        if self._same and self._waiting.startswith(piece, self._at):
            self._at += len(piece)
        else:
            self._same, self._waiting, self._at = False, b"", 0


class CanonicalWriter:
    """Writes elements one after the other, and lets listeners hear a part of the bytes."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._open: list[str] = []
        self.listeners: list[Callable[[bytes], None]] = []

    def raw(self, piece: bytes) -> None:
        """Bytes that are canonical already."""
        self._write(piece)
        for listener in self.listeners:
            listener(piece)

    def start(self, name: str, attributes: Attributes = ()) -> None:
        self._open.append(name)
        self.raw(start_tag(name, attributes))

    def text(self, text: str) -> None:
        self.raw(escaped(text))

    def end(self) -> None:
        self.raw(end_tag(self._open.pop()))

    def line(self, more: int = 0) -> None:
        """A line break and the indentation of the element that is open."""
        self.raw(b"\n" + b" " * (len(self._open) + more))

    def leaf(self, name: str, text: str, attributes: Attributes = ()) -> None:
        """A whole element with a text."""
        self.start(name, attributes)
        self.text(text)
        self.end()
