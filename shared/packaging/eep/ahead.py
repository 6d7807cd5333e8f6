"""Digests of what is signed that are begun before it is known who has signed it.

A signature of SM2 is over the signer's key and then the document (GB/T 32918.2), and in a package
the key stands behind the document. So the end of the file is looked at first, for the certificates
there. They are a guess that decides nothing: a digest counts for the certificate and the form that
it was made with, and what was not guessed is digested in a second reading.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from lxml import etree

from shared.kernel.certificates import Certificate
from shared.kernel.errors import Invalid
from shared.packaging.base64_text import BadBase64, decoded
from shared.packaging.eep.canonical import SignedStretch
from shared.packaging.eep.form import LOCK, SIGNATURE, SIGNATURES, SIGNED, CanonicalForm, rules

_END_BYTES = 64 * 1024
#: More signers than these are rare, and each costs a digest of the whole.
_MOST = 2

_Running = Mapping[tuple[bytes, CanonicalForm], SignedStretch]


@dataclass
class _Heard:
    """An element that is heard from its place in the text to its end; `at` is how far it is."""

    element: etree._Element
    running: _Running
    at: int
    end: int | None = None
    is_over: bool = False


class Ahead:
    """Hears the outermost 被签名对象 and its 电子签名块 while a file is read for the first time."""

    def __init__(self, stream: BinaryIO) -> None:
        self._guessed = list(_guessed(stream))
        self._awaited = [SIGNED, SIGNATURES]
        self._heard: list[_Heard] = []

    def begin(self, element: etree._Element, name: str, declaration: bytes, start: int) -> None:
        """One of the two begins at this place of the text; those inside of it do not count."""
        is_inside = bool(self._heard) and self._heard[-1].end is None
        if is_inside or not self._awaited or name.rpartition(":")[2] != self._awaited[0]:
            return
        scope = self._awaited.pop(0)
        running = {
            (certificate.der, form): SignedStretch(
                form, certificate.new_digest(), name, declaration
            )
            for certificate, form, signs in self._guessed
            if signs == scope
        }
        self._heard.append(_Heard(element, running, start))

    def end(self, element: etree._Element, end: int) -> None:
        """An element has ended before this place of the text."""
        for each in self._heard:
            if each.element is element:
                each.end = end

    def hear(self, text: bytes, start: int) -> None:
        """The text from a place of it on, as far as it was read; whatever ends in it was told.

        It may begin with what was heard already. An element of which something was missed is heard
        no more.
        """
        for each in self._heard:
            if each.is_over:
                continue
            if each.at < start:
                each.running = {}
            end = start + len(text) if each.end is None else each.end
            piece = text[max(each.at - start, 0) : end - start]
            for digest in each.running.values():
                digest.update(piece)
            each.at, each.is_over = end, each.end is not None

    def digest_of(
        self, element: etree._Element, certificate: Certificate, form: CanonicalForm
    ) -> SignedStretch | None:
        """The digest of an element for this certificate; None when that was not guessed."""
        for each in self._heard:
            if each.element is element and each.is_over:
                return each.running.get((certificate.der, form))
        return None


def _guessed(stream: BinaryIO) -> Iterator[tuple[Certificate, CanonicalForm, str]]:
    """The last signers of a package in UTF-8, as it seems, with what each has signed."""
    stream.seek(max(stream.seek(0, io.SEEK_END) - _END_BYTES, 0))
    text = stream.read(_END_BYTES).decode("utf-8", "replace")
    for name in (SIGNATURE, LOCK):
        for signature in text.split(f"<{name}>")[1:][-_MOST:]:
            rule = rules().get(_between(signature, "签名规则"))
            try:
                certificate = Certificate.from_der(decoded(_between(signature, "证书")))
            except (BadBase64, Invalid):
                continue
            if rule is not None:
                yield certificate, rule.form, rule.scope


def _between(text: str, name: str) -> str:
    """What stands in the first element of this name."""
    return text.partition(f"<{name}>")[2].partition(f"</{name}>")[0]
