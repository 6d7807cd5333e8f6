"""What a schema cannot say of a package: identifiers, what refers to what, what must agree.

libxml2 looks neither for an xs:ID that is there twice nor for an xs:IDREF to nothing, and DA/T 48's
own identifiers are plain strings.
"""

from __future__ import annotations

from collections.abc import Iterator

from shared.inspection.finding import Finding, Severity, shown
from shared.packaging.eep.form import (
    ENCODED,
    ENCODED_ID,
    FORMAT_VERSION,
    MODIFIED,
    ORIGINAL,
    REFERENCE,
    VERSION_ATTRIBUTE,
    identifier,
    kind_content,
    kind_description,
)
from shared.packaging.eep.skeleton import (
    Element,
    Layer,
    below,
    child,
    children,
    layers,
    name_of,
    place,
    value,
)

_AGAIN = "请由生成单位重新封装。"
#: Elements and attributes whose value names them in the whole document.
_IDENTIFIERS = ("文档标识符", "签名标识符", "修改标识符")
_ID_ATTRIBUTES = ("文档数据ID", "编码ID", ENCODED_ID)


def check_references(root: Element) -> Iterator[Finding]:
    """Each thing that is named twice, named wrongly, refers to nothing, or contradicts another."""
    twice: set[str] = set()
    yield from _unique(root, twice)
    found = layers(root)
    version = value(root, "版本")
    said: set[str] = set()
    for at, layer in enumerate(found):
        for each in _agreement(layer, version):
            if each.code != "eep_version_differs" or each.code not in said:  # of all layers once
                said.add(each.code)
                yield each
        yield from _forms(layer, twice)
        yield from _entities(layer)
        yield from _contents(layer, found[at + 1 :])
        yield from _locked(layer)


def _unique(root: Element, twice: set[str]) -> Iterator[Finding]:
    """Names that are there more than once; they go into `twice`."""
    seen: set[str] = set()
    for element in root.iter():
        values = [element.get(name) for name in _ID_ATTRIBUTES]
        if name_of(element) in _IDENTIFIERS:
            values.append(element.text)
        for each in values:
            if each is not None and each in seen:
                twice.add(each)
                yield Finding(
                    "eep_identifier_twice",
                    f"标识符“{shown(each)}”出现不止一次。",
                    _AGAIN,
                    where=place(element),
                )
            elif each is not None:
                seen.add(each)


def _agreement(layer: Layer, version: str | None) -> Iterator[Finding]:
    own = layer.signed.get(VERSION_ATTRIBUTE)
    if own is not None and own != version:
        yield Finding(
            "eep_version_differs",
            "被签名的版本与封装包的版本不一致，版本可能被改动。",
            _AGAIN,
            expected=shown(own),
            actual=shown(version),
            where=place(layer.signed) if version == FORMAT_VERSION else "版本",
        )
    kind = value(layer.signed, "封装包类型")
    if kind not in (ORIGINAL, MODIFIED):
        return  # the schema says so
    fits = child(layer.signed, kind_content(kind)) is not None
    other = kind_description(MODIFIED if kind == ORIGINAL else ORIGINAL)
    if not fits or value(layer.signed, "封装包类型描述") == other:  # the schema knows no third
        yield Finding(
            "eep_kind_differs",
            f"封装包类型是“{kind}”，内容或类型描述却不是。",
            _AGAIN,
            where=place(layer.signed),
        )


def _forms(layer: Layer, twice: set[str]) -> Iterator[Finding]:
    """Identifiers that are not as the standard makes them; others may make them otherwise."""
    revision = identifier("revision", revision=layer.revision)
    expected: list[tuple[Element | None, str | None, str]] = []
    modified = child(layer.signed, "修改封装内容/修改标识符")
    if modified is not None:
        expected.append((modified, modified.text, revision))
    for place_of_document, document in enumerate(layer.documents, 1):
        name = identifier("document", revision=revision, number=place_of_document)
        expected.append((document, value(document, "文档标识符"), name))
        for number, data in enumerate(children(document, "文档数据"), 1):
            data_name = identifier("document_data", document=name, number=number)
            expected.append((data, data.get("文档数据ID"), data_name))
            for count, encoding in enumerate(children(data, "编码"), 1):
                encoding_name = identifier("encoding", document_data=data_name, number=count)
                expected.append((encoding, encoding.get("编码ID"), encoding_name))
    for number, signature in enumerate(children(layer.signatures, "电子签名"), 1):
        name = identifier("signature", revision=revision, number=number)
        expected.append((signature, value(signature, "签名标识符"), name))
    for element, actual, wanted in expected:
        if element is not None and actual not in (None, wanted, *twice):
            yield Finding(
                "eep_identifier_form",
                "标识符不是 DA/T 48 的写法。",
                _AGAIN,
                expected=wanted,
                actual=shown(actual),
                where=place(element),
                severity=Severity.WARNING,
            )


def _entities(layer: Layer) -> Iterator[Finding]:
    record = value(layer.record, "电子文件号")
    told: set[str] = set()
    agents = {value(each, "机构人员标识符") for each in below(layer.blocks, "机构人员实体")}
    for name in ("业务实体", "机构人员实体关系"):
        for each in below(layer.blocks, name):
            for path in ("机构人员标识符", "被关联机构人员标识符"):
                wanted = value(each, path)
                if wanted is not None and wanted not in agents and wanted not in told:
                    told.add(wanted)
                    yield _unknown("机构人员", wanted, each)
    for each in below(layer.blocks, "业务实体"):
        if (wanted := value(each, "文件标识符")) not in (None, record):
            yield _unknown("文件", wanted, each)
    for each in below(layer.blocks, "文件实体关系"):
        if record not in (value(each, "文件标识符"), value(each, "被关联文件标识符")):
            yield _unknown("文件", value(each, "文件标识符"), each)


def _unknown(kind: str, actual: str | None, element: Element) -> Finding:
    return Finding(
        "eep_entity_unknown",
        f"所指的{kind}不在封装包内。",
        _AGAIN,
        actual=shown(actual),
        where=place(element),
    )


def _contents(layer: Layer, inner: list[Layer]) -> Iterator[Finding]:
    there: set[str | None] | None = None
    for encoding in layer.encodings:
        encoded = child(encoding, ENCODED)
        wanted = encoded.get(REFERENCE) if encoded is not None else None
        if wanted is None or encoded is None:
            continue
        if there is None:
            there = {
                each.get(ENCODED_ID)
                for below_it in inner
                for each in below(below_it.record, ENCODED)
                if each.get(REFERENCE) is None
            }
        if wanted not in there:
            yield _dangling("引用的编码数据不在原封装包内", wanted, encoded)


def _locked(layer: Layer) -> Iterator[Finding]:
    if layer.lock is None:
        return
    names = {value(each, "签名标识符") for each in children(layer.signatures, "电子签名")}
    wanted = value(layer.lock, "被锁定签名标识符")
    if wanted is not None and wanted not in names:
        yield _dangling("被锁定的电子签名不在封装包内", wanted, layer.lock)


def _dangling(problem: str, actual: str, element: Element) -> Finding:
    return Finding(
        "eep_reference_dangling",
        f"{problem}。",
        _AGAIN,
        actual=shown(actual),
        where=place(element),
    )
