"""Whether each 编码数据 holds the computer file that its 编码 speaks of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from shared.inspection.finding import Finding, Property, Severity, shown
from shared.kernel.errors import Invalid
from shared.packaging.build import fold
from shared.packaging.eep.compose import keyword
from shared.packaging.eep.encoded import Content
from shared.packaging.eep.form import (
    DIGEST_KEYWORDS,
    ENCODED,
    ENCODED_ID,
    KEYWORD_PREFIX,
    REFERENCE,
)
from shared.packaging.eep.report import MOST_FINDINGS, Part
from shared.packaging.eep.scan import Scanned
from shared.packaging.eep.skeleton import Element, child, children, layers, place, value
from shared.records.text import safe_file_name

_AGAIN = "请由生成单位重新封装。"


def check_contents(found: Scanned, root: Element) -> Part:
    """The answer for all layers; None when some package holds only digests of its files."""
    held = {each.element: each for each in found.contents}
    by_name = {
        each.element.get(ENCODED_ID): each
        for each in found.contents
        if each.element.get(REFERENCE) is None
    }
    findings: list[Finding] = []
    for layer in layers(root):
        for encoding in layer.encodings:
            findings.extend(_encoding(encoding, held, by_name))
        for document in layer.documents:
            findings.extend(_names(document))
        if len(findings) > MOST_FINDINGS:
            break
    part = Part.of(findings[:MOST_FINDINGS])
    only_digests = any(each.code == "eep_digest_only" for each in findings)
    return Part(None, part.findings) if only_digests and part.passed else part


def is_digest_only(encoding: Element) -> bool:
    """Whether an 编码 says that only a digest of its file is inside."""
    return value(encoding, "反编码关键字") in DIGEST_KEYWORDS


def _encoding(
    encoding: Element, held: Mapping[Element, Content], by_name: Mapping[str | None, Content]
) -> Iterator[Finding]:
    encoded = child(encoding, ENCODED)
    content = held.get(encoded) if encoded is not None else None
    if encoded is None or content is None:
        return  # the schema says so
    if content.trouble is not None:
        yield Finding(
            "eep_base64",
            f"编码数据{content.trouble.problem}。",
            _AGAIN,
            actual=f"第 {content.trouble.at + 1} 个字符",
            where=place(encoded),
            property=Property.INTEGRITY,
        )
        return
    if is_digest_only(encoding):
        yield Finding(
            "eep_digest_only",
            "封装包内只有计算机文件的摘要，没有文件本身。",
            "请另行取得文件，并与摘要核对。",
            where=place(encoded),
            property=Property.INTEGRITY,
            severity=Severity.WARNING,
        )
        return
    yield from _keyword(encoding)
    reference = encoded.get(REFERENCE)
    if reference is not None:
        if reference not in by_name:
            return  # the references say so
        if encoded.text:
            yield Finding(
                "eep_content_and_reference",
                "编码数据既有内容又引用原封装包，无法确定用哪个。",
                _AGAIN,
                where=place(encoded),
            )
            return
        content = by_name[reference]
        if content.trouble is not None:
            return  # said where it is
    yield from _size(encoding, encoded, content)


def _size(encoding: Element, encoded: Element, content: Content) -> Iterator[Finding]:
    said = value(encoding, "电子属性/计算机文件大小")
    if said is None or said == str(content.size):
        return
    if not content.size:
        yield Finding(
            "eep_content_missing",
            "编码数据是空的，没有计算机文件的内容。",
            _AGAIN,
            where=place(encoded),
            property=Property.INTEGRITY,
        )
        return
    yield Finding(
        "eep_size_differs",
        "计算机文件的大小与电子属性所说的不一致。",
        _AGAIN,
        expected=shown(said),
        actual=str(content.size),
        where=place(encoded),
        property=Property.INTEGRITY,
    )


def _keyword(encoding: Element) -> Iterator[Finding]:
    said = value(encoding, "反编码关键字") or ""
    name = value(encoding, "电子属性/计算机文件名") or ""
    expected = keyword(name)
    if said.startswith(KEYWORD_PREFIX) and said.lower() == expected:
        return
    if said.startswith(KEYWORD_PREFIX) and _unsafe(name):
        return  # the name is the finding
    yield Finding(
        "eep_keyword_differs",
        "反编码关键字与计算机文件名的扩展名不一致。",
        _AGAIN,
        expected=shown(expected),
        actual=shown(said),
        where=place(encoding),
        severity=Severity.WARNING,
    )


def _unsafe(name: str) -> str:
    """What is wrong with the name of a computer file; empty when nothing is."""
    try:
        if safe_file_name(name) != name:
            return "文件名的写法不规范（须为 Unicode NFC，首尾没有空格）。"
    except Invalid as error:
        return error.message
    return ""


def _names(document: Element) -> Iterator[Finding]:
    seen: set[str] = set()
    for each in children(document, "文档数据/编码"):
        name = value(each, "电子属性/计算机文件名") or ""
        if problem := _unsafe(name):
            yield Finding(
                "eep_file_name",
                f"计算机文件名不安全：{problem}",
                "请由生成单位改名后重新封装。",
                actual=shown(name),
                where=place(each),
                property=Property.SAFETY,
            )
            continue
        if fold(name) in seen:
            yield Finding(
                "eep_file_name_twice",
                "同一文档中有重名的计算机文件（包括仅大小写或写法不同）。",
                "请由生成单位改名后重新封装。",
                actual=shown(name),
                where=place(each),
                property=Property.SAFETY,
            )
        seen.add(fold(name))
