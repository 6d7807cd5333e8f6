"""Plain text, HTML, RTF and XML: the encodings that offices use, and where a file breaks off."""

from __future__ import annotations

import re
from typing import BinaryIO

from lxml import etree

from shared.inspection.formats.examination import Look
from shared.inspection.formats.trouble import DAMAGED, UNSURE

_NO_TEXT = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def decode_text(content: bytes, *, whole: bool) -> str | None:
    """A text in UTF-8, GB 18030 or (with its mark) UTF-16; None when it is none of these.

    Without `whole`, a character cut off at the end is forgiven.
    """
    encodings = ["utf-8-sig", "gb18030"]
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    for encoding in encodings:
        for cut in range(1 if whole else 4):
            try:
                text = content[: len(content) - cut].decode(encoding)
            except UnicodeDecodeError:
                continue
            return None if _NO_TEXT.search(text) else text
    return None


_MOST_TEXT = 64 * 1024 * 1024
_MOST_KEPT = 200_000


def examine(stream: BinaryIO, size: int, look: Look) -> None:
    """Plain text or HTML: characters in an encoding that offices use, to the end."""
    content = stream.read(min(size, _MOST_TEXT))
    text = decode_text(content, whole=size <= _MOST_TEXT)
    if text is None:
        look.trouble(DAMAGED, "文本含有乱码或控制字符")
        return
    if size > _MOST_TEXT:
        look.trouble(UNSURE, f"文本很长，只检测了前 {_MOST_TEXT // 1024**2} MB")
    look.text.append(text[:_MOST_KEPT])


def examine_xml(stream: BinaryIO, _size: int, look: Look) -> None:
    """XML: well-formed to the end; entities are not resolved."""
    try:
        for _event, element in etree.iterparse(
            stream, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
        ):
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]
    except (etree.XMLSyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        look.trouble(DAMAGED, "不是格式正确的 XML", f"第 {line} 行" if line else None)


def examine_rtf(stream: BinaryIO, size: int, look: Look) -> None:
    """RTF: every brace that was opened is closed, to the end."""
    content = stream.read(min(size, _MOST_TEXT))
    if size > _MOST_TEXT:
        look.trouble(UNSURE, f"RTF 很长，只检测了前 {_MOST_TEXT // 1024**2} MB")
        return
    depth = 0
    # Backslash pairs first: `\\` is a character, and so are `\{` and `\}`.
    for found in re.finditer(rb"\\.|[{}]", content, re.DOTALL):
        brace = found[0]
        if brace == b"{":
            depth += 1
        elif brace == b"}":
            depth -= 1
            if not depth:
                if content[found.end() :].strip(b"\r\n \t\x00"):
                    look.trouble(UNSURE, "RTF 结束之后还有内容")
                return
    # Bytes of pictures may look like braces.
    kind = UNSURE if b"\\bin" in content else DAMAGED
    look.trouble(kind, "RTF 没有正常结束，文件可能不完整")
