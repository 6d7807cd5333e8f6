"""Reading a package once, as if an enemy had written it: its skeleton, its contents, its places.

No DTD, no entities, nothing fetched; depth, size and number have limits. The skeleton is the whole
document with the digest of its content in each 编码数据, so it is small whatever the package holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO
from xml.parsers import expat

from lxml import etree

from shared.inspection.finding import Finding, Property, shown
from shared.kernel.digests import DigestAside
from shared.packaging.eep.ahead import Ahead
from shared.packaging.eep.canonical import (
    DECLARATION,
    LAST_BYTE,
    Comparison,
    end_tag,
    escaped,
    namespace_declaration,
    start_tag,
)
from shared.packaging.eep.encoded import Content, Encoded, Take
from shared.packaging.eep.form import ENCODED, NAMESPACE, SIGNATURES, SIGNED
from shared.packaging.eep.report import MOST_FINDINGS
from shared.packaging.eep.source import PIECE, UTF_8, Source, Stopped, Stretch

MOST_BYTES = 1 << 40
MOST_DEPTH = 200
MOST_ELEMENTS = 200_000
MOST_ATTRIBUTES = 8
MOST_NAME = 100
#: Characters of one value, but for 编码数据, and of all of them.
MOST_VALUE = 256 * 1024
MOST_VALUES = 32 * 1024 * 1024
#: Bytes of one tag, comment or the like.
MOST_TAG = 4 * PIECE

#: Bytes of the last tag of what is signed, which may begin in the piece before.
_LONGEST_END = 4096
_AGAIN = "请由生成单位重新封装。"


@dataclass
class Scanned:
    """One package after one reading.

    Attributes:
        findings: what is wrong with the document as XML, in the order of the text.
        root: the skeleton; None when reading had to stop.
        namespace: the namespace of the root as it is in the file.
        encoding: UTF-8, or as declared.
        is_canonical: whether every byte of the text (as UTF-8) is as the canonical form has it.
        contents: each 编码数据, in the order of the text.
        stretches: where each 被签名对象 and 电子签名块 lies, by its element in the skeleton.
        sha256: of the file as it is.
        size: of the file, in bytes.
    """

    findings: list[Finding] = field(default_factory=list)
    root: etree._Element | None = None
    namespace: str | None = None
    encoding: str = ""
    is_canonical: bool = False
    contents: list[Content] = field(default_factory=list)
    stretches: dict[etree._Element, Stretch] = field(default_factory=dict)
    sha256: str = ""
    size: int = 0


def scan(
    stream: BinaryIO,
    *,
    taker: Callable[[etree._Element], Take | None] | None = None,
    ahead: Ahead | None = None,
) -> Scanned:
    """Read a package from its beginning to its end.

    Args:
        stream: a seekable stream of the package.
        taker: asked at each 编码数据 for what takes its bytes; nobody takes them by default.
        ahead: hears what is signed.

    Nothing in the package raises: whatever is wrong is a finding.
    """
    found = Scanned()
    try:
        source = Source(stream)
        found.encoding = source.encoding
        _Reading(found, taker, ahead).read(source)
    except Stopped as stopped:
        found.findings.append(stopped.finding)
        found.root = None
    return found


class _Reading:
    """One pass of the parser."""

    def __init__(
        self,
        found: Scanned,
        taker: Callable[[etree._Element], Take | None] | None,
        ahead: Ahead | None,
    ) -> None:
        self._found = found
        self._taker = taker
        self._ahead = ahead
        self._open: list[etree._Element] = []
        self._scopes: list[dict[str, str]] = [{}]
        self._texts: list[str] = []
        self._value = self._values = self._elements = 0
        self._canonical = Comparison()
        self._declaration = b""
        self._fed = self._passed = self._passed_lines = 0
        self._former = self._piece = b""
        self._told = 0
        self._unfinished: list[tuple[etree._Element, str, bytes, int]] = []
        self._encoded: Encoded | None = None
        self._parser = expat.ParserCreate("UTF-8")
        self._parser.ordered_attributes = True
        self._parser.buffer_text = True
        self._parser.buffer_size = 64 * 1024
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.CommentHandler = self._comment
        self._parser.ProcessingInstructionHandler = self._instruction
        self._parser.StartDoctypeDeclHandler = self._doctype

    def read(self, source: Source) -> None:
        whole, size = DigestAside(hashlib.sha256()), 0
        self._declaration = DECLARATION.replace(UTF_8.encode(), source.encoding.encode())

        def heard(piece: bytes) -> None:
            nonlocal size
            size += len(piece)
            whole.update(piece)

        try:
            for piece in source.pieces(heard=heard):
                if size > MOST_BYTES:
                    raise self._too_much(f"超过 {MOST_BYTES} 字节")
                self._fed += len(piece)
                self._former, self._piece = self._tail, piece
                self._take(piece)
                self._let_hear()
                if self._fed - self._index > MOST_TAG:
                    raise self._too_much(f"有一个标记长于 {MOST_TAG} 字节")
            self._parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise Stopped(
                Finding(
                    "eep_not_well_formed",
                    "封装包不是格式正确的 XML，可能不完整或已损坏。",
                    "请重新传送；仍然如此的，请由生成单位重新封装。",
                    actual=expat.errors.messages[error.code],
                    where=f"第 {error.lineno + self._passed_lines} 行第 {error.offset + 1} 列",
                    property=Property.USABILITY,
                )
            ) from None
        found = self._found
        self._canonical.should_be(LAST_BYTE)
        self._let_hear()
        found.is_canonical = self._canonical.is_even
        found.sha256, found.size = whole.hexdigest(), size

    def _take(self, piece: bytes) -> None:
        """Give a piece to the parser, but for the whole lines of Base64 in it."""
        first = piece.find(b"\n") + 1 if self._encoded is not None else 0
        self._parse(piece[:first])  # so that the parser is at the beginning of a line
        self._parse(piece[first + self._pass_lines(piece, first) :])

    def _parse(self, piece: bytes) -> None:
        self._canonical.there_is(piece)
        self._parser.Parse(piece, False)

    def _pass_lines(self, piece: bytes, first: int) -> int:
        """Take whole lines of Base64 from this place of a piece past the parser; how many bytes.

        Nearly all of a large package is such lines, and the parser would only hand them on. It
        misses nothing: it is in the middle of a text and has kept nothing back, for all that it was
        given has come out again; and what decodes strictly has neither tags nor entities in it.
        """
        encoded, mark = self._encoded, piece.find(b"<", first)
        lines = piece[first : piece.rfind(b"\n", first, mark if mark >= 0 else None) + 1]
        if (
            encoded is None
            or not lines
            or not self._canonical.is_even
            or b"&" in lines
            or b"\r" in lines  # which the parser would make a line feed
        ):
            return 0
        before = encoded.line_feeds
        if not encoded.feed(lines):
            return 0
        self._passed += len(lines)
        self._passed_lines += encoded.line_feeds - before
        return len(lines)

    def _let_hear(self) -> None:
        """Let be heard what was read, when nothing of it is still with the parser."""
        if self._ahead is None or not self._canonical.is_even:
            return
        start = self._fed - len(self._piece)
        if self._told == start:  # as in nearly all of a large package: nothing is copied
            self._ahead.hear(self._piece, start)
        else:
            self._ahead.hear(self._former + self._piece, start - len(self._former))
        self._told = self._fed

    @property
    def _tail(self) -> bytes:
        """The end of what was read, as long as a last tag may be."""
        if len(self._piece) >= _LONGEST_END:
            return self._piece[-_LONGEST_END:]
        return (self._former + self._piece)[-_LONGEST_END:]

    @property
    def _index(self) -> int:
        """Where in the text the parser is."""
        return self._parser.CurrentByteIndex + self._passed

    # ---- what the parser says

    def _start(self, name: str, attributes: list[str]) -> None:
        self._elements += 1
        if self._elements > MOST_ELEMENTS:
            raise self._too_much(f"元素超过 {MOST_ELEMENTS} 个")
        if len(self._open) >= MOST_DEPTH:
            raise self._too_much(f"层次超过 {MOST_DEPTH} 层")
        if len(attributes) > 2 * MOST_ATTRIBUTES:
            raise self._too_much(f"一个元素的属性超过 {MOST_ATTRIBUTES} 个")
        if max(map(len, (name, *attributes[::2]))) > MOST_NAME:
            raise self._too_much(f"有一个名称长于 {MOST_NAME} 字")
        pairs = list(zip(attributes[::2], attributes[1::2], strict=True))
        self._count(sum(len(value) for _name, value in pairs), 0)
        if not self._open:
            self._canonical.should_be(self._declaration)
        self._canonical.should_be(start_tag(name, pairs))
        self._keep_text()
        element = self._element(name, pairs)
        local = etree.QName(element).localname
        if local in (SIGNED, SIGNATURES):
            prefix = name.rpartition(":")[0]
            own = any(key == (f"xmlns:{prefix}" if prefix else "xmlns") for key, _value in pairs)
            declaration = b"" if own else namespace_declaration(name, self._scopes[-1].get(prefix))
            self._unfinished.append((element, name, declaration, self._index))
            if self._ahead is not None:
                self._ahead.begin(element, name, declaration, self._index)
        if self._encoded is not None:
            self._encoded.refuse_element()
        elif local == ENCODED:
            self._encoded = Encoded(element, self._taker(element) if self._taker else None)
            self._found.contents.append(self._encoded.content)
        self._open.append(element)

    def _element(self, name: str, pairs: list[tuple[str, str]]) -> etree._Element:
        scope = dict(self._scopes[-1])
        plain: dict[str, str] = {}
        for key, value in pairs:
            if key == "xmlns" or key.startswith("xmlns:"):
                scope[key[6:]] = value
            elif ":" in key:
                self._say(self._foreign("属性", key))
            else:
                plain[key] = value
        self._scopes.append(scope)
        prefix, _colon, local = name.rpartition(":")
        namespace = scope.get(prefix) or None
        if not self._open:
            self._found.namespace = namespace
        # A package of one namespace, whichever, is judged as if it had the right one.
        if namespace == self._found.namespace:
            namespace = NAMESPACE
        else:
            self._say(self._foreign("元素", local))
        full = f"{{{namespace}}}{local}" if namespace else local
        try:
            if not self._open:
                self._found.root = etree.Element(full, plain)
                return self._found.root
            return etree.SubElement(self._open[-1], full, plain)
        except ValueError:
            raise self._bad_character() from None

    def _foreign(self, what: str, name: str) -> Finding:
        return Finding(
            "eep_foreign_name",
            f"{what}“{shown(name)}”的命名空间与封装包的不同。",
            _AGAIN,
            where=self._line(),
        )

    def _text(self, text: str) -> None:
        self._canonical.should_be(escaped(text))
        if self._encoded is None:
            self._count(len(text), len(text))
            self._texts.append(text)
        else:
            self._encoded.feed(text.encode())

    def _end(self, name: str) -> None:
        self._canonical.should_be(end_tag(name))
        element = self._open.pop()
        self._scopes.pop()
        if self._encoded is not None and element is self._encoded.content.element:
            self._encoded.finish()
            self._encoded = None
        else:
            self._keep_text(element)
        if self._unfinished and self._unfinished[-1][0] is element:
            element, name, declaration, start = self._unfinished.pop()
            at = self._index
            closing = at - (self._fed - len(self._piece))
            if closing < -len(self._former):
                raise self._too_much("有一个标记太长")
            behind = self._piece if closing >= 0 else self._former[closing:] + self._piece
            end = at + behind.index(b">", max(closing, 0)) - max(closing, 0) + 1
            self._found.stretches[element] = Stretch(name, declaration, start, end)
            if self._ahead is not None:
                self._ahead.end(element, end)

    def _comment(self, _text: str) -> None:
        self._say(
            Finding(
                "eep_comment",
                "封装包中有 XML 注释，会改变读到的内容。",
                "请由生成单位去掉注释后重新封装。",
                where=self._line(),
            )
        )

    def _instruction(self, _target: str, _data: str) -> None:
        self._say(
            Finding(
                "eep_processing_instruction",
                "封装包中有 XML 处理指令，会改变读到的内容。",
                "请由生成单位去掉处理指令后重新封装。",
                where=self._line(),
            )
        )

    def _doctype(self, *_about: object) -> None:
        raise Stopped(
            Finding(
                "eep_dtd",
                "封装包中有 DTD，可能是恶意文件，未再往下读。",
                "请由生成单位去掉 DTD 后重新封装。",
                where=self._line(),
                property=Property.SAFETY,
            )
        )

    # ---- keeping, counting, saying

    def _keep_text(self, element: etree._Element | None = None) -> None:
        """Put what was collected before this place into the skeleton."""
        text, self._texts, self._value = "".join(self._texts), [], 0
        if not text:
            return
        holder = element if element is not None else (self._open[-1] if self._open else None)
        if holder is None:
            return
        try:
            if len(holder):
                holder[-1].tail = (holder[-1].tail or "") + text
            else:
                holder.text = (holder.text or "") + text
        except ValueError:
            raise self._bad_character() from None

    def _bad_character(self) -> Stopped:
        """Something that expat takes, and lxml, which keeps to the letter of XML, does not."""
        return Stopped(
            Finding(
                "eep_bad_character",
                "封装包中有 XML 不允许的字符。",
                _AGAIN,
                where=self._line(),
                property=Property.USABILITY,
            )
        )

    def _count(self, characters: int, of_value: int) -> None:
        self._values += characters
        self._value += of_value
        if self._value > MOST_VALUE or self._values > MOST_VALUES:
            raise self._too_much("有一个值太长" if self._value > MOST_VALUE else "值的总长太大")

    def _line(self) -> str:
        column = self._parser.CurrentColumnNumber + 1
        line = self._parser.CurrentLineNumber + self._passed_lines
        return f"第 {line} 行第 {column} 列"

    def _say(self, finding: Finding) -> None:
        if len(self._found.findings) < MOST_FINDINGS:
            self._found.findings.append(finding)

    def _too_much(self, problem: str) -> Stopped:
        return Stopped(
            Finding(
                "eep_too_large",
                f"封装包{problem}，未再往下读。",
                "请由生成单位分开封装。",
                where=self._line(),
                property=Property.SAFETY,
            )
        )
