"""The bytes of a package as UTF-8 text, whatever Chinese encoding it is in, from any place on."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from shared.inspection.finding import Finding, Property
from shared.kernel.files import chunks

#: Small enough for a parser that copies what it has not understood yet.
PIECE = 256 * 1024
UTF_8 = "UTF-8"
_DECLARED = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']"
)
#: GB18030 holds the two older ones.
_CHINESE = frozenset({"GB18030", "GBK", "GB2312", "CP936"})


class Stopped(Exception):
    """Reading cannot go on; the finding says where and why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.problem)
        self.finding = finding


class Source:
    """A seekable stream with an XML document in it.

    Places are counted in bytes of the text as UTF-8, which for most files are those of the file.
    """

    def __init__(self, stream: BinaryIO) -> None:
        """Look at the first bytes. Raises Stopped for an encoding that is not in the standard."""
        self._stream = stream
        stream.seek(0)
        head = stream.read(1024)
        declared = _DECLARED.match(head)
        name = declared[1].decode().upper() if declared else UTF_8
        if head.startswith((codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE)):
            name = "UTF-16"
        if name != UTF_8 and name not in _CHINESE:
            raise _bad_encoding(f"编码“{name}”不是 UTF-8 或 GB18030", "XML 声明")
        self.encoding = name

    def pieces(
        self,
        start: int = 0,
        end: int | None = None,
        *,
        heard: Callable[[bytes], object] | None = None,
    ) -> Iterator[bytes]:
        """The text from one place to another. `heard` gets the file's own bytes (from 0 on)."""
        if self.encoding == UTF_8:
            yield from self._plain(start, end, heard)
            return
        at = 0
        for text in self._recoded(heard):
            piece = text[max(start - at, 0) : None if end is None else max(end - at, 0)]
            if piece:
                yield piece
            at += len(text)

    def _plain(
        self, start: int, end: int | None, heard: Callable[[bytes], object] | None
    ) -> Iterator[bytes]:
        self._stream.seek(start)
        left = end - start if end is not None else None
        while piece := self._stream.read(PIECE if left is None else min(PIECE, left)):
            if heard:
                heard(piece)
            yield piece
            if left is not None:
                left -= len(piece)

    def _recoded(self, heard: Callable[[bytes], object] | None) -> Iterator[bytes]:
        self._stream.seek(0)
        decoder = codecs.getincrementaldecoder("gb18030")()
        for piece in chunks(self._stream, PIECE):
            if heard:
                heard(piece)
            yield self._decoded(decoder, piece, final=False)
        yield self._decoded(decoder, b"", final=True)

    def _decoded(self, decoder: codecs.IncrementalDecoder, piece: bytes, *, final: bool) -> bytes:
        try:
            return decoder.decode(piece, final).encode()
        except UnicodeDecodeError:
            where = f"约第 {self._stream.tell()} 字节之前"
            raise _bad_encoding(f"有不属于 {self.encoding} 的字节", where) from None


def _bad_encoding(problem: str, where: str) -> Stopped:
    return Stopped(
        Finding(
            "eep_encoding",
            f"封装包的{problem}。",
            "请由生成单位以 UTF-8 重新封装。",
            where=where,
            property=Property.USABILITY,
        )
    )


@dataclass(frozen=True)
class Stretch:
    """One element of the text: from its `<` to behind its last `>`.

    `declaration` is the declaration of its namespace, where its first tag has none of its own.
    """

    name: str
    declaration: bytes
    start: int
    end: int

    def pieces(self, source: Source) -> Iterator[bytes]:
        """Its bytes."""
        return source.pieces(self.start, self.end)
