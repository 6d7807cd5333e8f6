"""One 编码数据 while it is read: from Base64 to the bytes of a computer file, and their digest."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from lxml import etree

from shared.kernel.digests import DigestAside
from shared.packaging.base64_text import BadBase64, Base64Decoder

#: Takes the bytes of one content, in pieces.
Take = Callable[[bytes], object]


@dataclass
class Content:
    """What one 编码数据 holds: how many bytes, their digest; or what is wrong with its Base64."""

    element: etree._Element
    size: int = 0
    sha256: str = ""
    trouble: BadBase64 | None = None


class Encoded:
    """Fills a content from the text of its element."""

    def __init__(self, element: etree._Element, take: Take | None) -> None:
        self.content = Content(element)
        self._decoder = Base64Decoder()
        self._digest = DigestAside(hashlib.sha256())
        self._take = take

    @property
    def line_feeds(self) -> int:
        """How many lines of its text have ended."""
        return self._decoder.line_feeds

    def feed(self, text: bytes) -> bool:
        """Take in the next text (in UTF-8); whether all of it is sound so far."""
        content = self.content
        if content.trouble is None:
            try:
                piece = self._decoder.feed(text)
            except BadBase64 as error:
                content.trouble = error
                return False
            content.size += len(piece)
            self._digest.update(piece)
            if self._take:
                self._take(piece)
        return content.trouble is None

    def refuse_element(self) -> None:
        """There is an element among the text. Of several troubles the first is told."""
        if self.content.trouble is None:
            self.content.trouble = BadBase64("中有元素", self._decoder.characters)

    def finish(self) -> None:
        """No more comes: its digest, and in the skeleton that in place of its text."""
        content = self.content
        if content.trouble is None:
            try:
                self._decoder.finish()
            except BadBase64 as error:
                content.trouble = error
        digest = self._digest.digest()
        content.sha256 = digest.hex()
        if self._decoder.characters or content.trouble:
            content.element.text = base64.b64encode(digest).decode()
