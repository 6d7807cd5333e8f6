"""Whether the skeleton of a package is as DA/T 48 has its tree: our XSD, run over it."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from functools import cache
from itertools import islice

from lxml import etree

from shared.inspection.finding import Finding, Property, Severity, shown
from shared.packaging.eep.form import (
    DATA,
    FORMAT_VERSION,
    LOCK,
    NAMESPACE,
    ROOT,
    SIGNATURES,
    SIGNED,
    VERSION_ATTRIBUTE,
)
from shared.packaging.eep.report import MOST_FINDINGS
from shared.packaging.eep.skeleton import Element, child, name_of, value

#: The errors of a run are kept in the schema.
_ONE_AT_A_TIME = threading.Lock()
_PREFIX = re.compile(r"\bns\d+:")
_NOT_AN_ID = re.compile(r"'([^']*)' is not a valid value of the atomic type 'xs:ID'")
_IS_NAME = re.compile(r"[^\W\d][\w.-]*")
#: A namespace that is still there: not ours.
_FOREIGN = re.compile(r"Element '\{")
_AGAIN = "请由生成单位按 DA/T 48-2009 重新封装。"


@cache
def _schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(DATA / "eep-2009.xsd"))


def check_schema(root: Element, namespace: str | None) -> Iterator[Finding]:
    """What breaks the schema; `namespace` is the one that the file has, right or not."""
    if name_of(root) != ROOT:
        yield Finding(
            "eep_not_a_package",
            "文件不是 DA/T 48 的电子文件封装包。",
            "请选择扩展名为 .eep 的封装包。",
            expected=ROOT,
            actual=shown(name_of(root)),
        )
        return
    if namespace != NAMESPACE:
        yield Finding(
            "eep_namespace_other",
            "封装包没有使用 DA/T 48 的命名空间，已按元素名称读取。",
            _AGAIN,
            expected=NAMESPACE,
            actual=shown(namespace),
            severity=Severity.WARNING,
        )
    version = value(root, "版本")
    signed = child(root, SIGNED)
    own = signed.get(VERSION_ATTRIBUTE) if signed is not None else None
    # One that contradicts the signed one is worse, and the references say so.
    if version not in (None, FORMAT_VERSION) and own in (None, version):
        yield Finding(
            "eep_version_other",
            f"封装包的版本是“{shown(version)}”，不是 DA/T 48-2009 的。",
            "请由生成单位确认所用的格式。",
            expected=FORMAT_VERSION,
            actual=shown(version),
            where="版本",
        )
    yield from _by_schema(root, is_other_version=version not in (None, FORMAT_VERSION))


def _by_schema(root: Element, *, is_other_version: bool) -> Iterator[Finding]:
    with _ONE_AT_A_TIME:
        schema = _schema()
        schema.validate(root)
        # The stubs do not know that a log can be walked through.
        errors = list(islice(iter(schema.error_log), MOST_FINDINGS))  # type: ignore[call-overload]
    told: set[str] = set()
    lacks_lock = child(root, SIGNATURES) is not None and child(root, LOCK) is None
    for error in errors:
        message = error.message.replace(f"{{{NAMESPACE}}}", "")
        if is_other_version and ("'版本'" in message or "eep版本" in message):
            continue  # said already
        twice = _NOT_AN_ID.search(message)
        if twice and _IS_NAME.fullmatch(twice[1]):
            continue  # a good name, only not the first time: the references say so
        if _FOREIGN.search(message):
            continue  # said where it stands in the text
        if lacks_lock and LOCK in message:
            yield Finding(
                "eep_lock_missing",
                "封装包有电子签名，却没有锁定签名，签名可能被增删。",
                _AGAIN,
                where=SIGNATURES,
            )
            continue
        where = _where(error.path)
        if where in told:
            continue  # an attribute with a wrong name is one too many, and one too few
        told.add(where)
        yield Finding(
            "eep_schema",
            "封装包的结构不符合 DA/T 48-2009。",
            _AGAIN,
            actual=shown(message),
            where=where,
            property=Property.INTEGRITY,
        )


def _where(path: str | None) -> str:
    """The place of an error, `被签名对象/封装内容/…`, by libxml2's path."""
    return "/".join(_PREFIX.sub("", path or "").split("/")[2:]) or ROOT
