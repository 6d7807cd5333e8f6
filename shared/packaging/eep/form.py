"""What DA/T 48-2009 fixes: namespace, constant texts, identifiers, signature rules. All of it data.

Each fact carries its mark of confidence in `data/eep-2009.json`; what turns out otherwise is
changed there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"

ROOT = "电子文件封装包"
SIGNED = "被签名对象"
SIGNATURES = "电子签名块"
SIGNATURE = "电子签名"
LOCK = "锁定签名"
RESULT = "签名结果"
ENCODED = "编码数据"
ENCODED_ID = "编码数据ID"
REFERENCE = "引用编码数据ID"
VERSION_ATTRIBUTE = "eep版本"


class CanonicalForm(StrEnum):
    """How the bytes of an element are made those that are signed.

    `EXC_C14N` is Exclusive XML Canonicalization 1.0 without comments. `STRIPPED` is the way of
    VERS 2: the UTF-8 bytes without space, tab, CR and LF. `BINARY` is the decoded value itself.
    """

    EXC_C14N = "exc-c14n"
    STRIPPED = "stripped"
    BINARY = "binary"


@dataclass(frozen=True)
class SignatureRule:
    """What a text in 签名规则 says: the form, and the element whose bytes are signed."""

    text: str
    form: CanonicalForm
    scope: str


@cache
def _data() -> Any:
    return json.loads((DATA / "eep-2009.json").read_text(encoding="utf-8"))


def constant(name: str) -> Any:
    """One fact of the data file by its name."""
    return _data()[name]["value"]


NAMESPACE: str = constant("namespace")
FORMAT_DESCRIPTION: str = constant("format_description")
FORMAT_VERSION: str = constant("format_version")
ENCODING_DESCRIPTION: str = constant("encoding_description")
KEYWORD_PREFIX: str = constant("keyword_prefix")
#: 反编码关键字 that tell that only a digest is inside, with the digest's name in hashlib.
DIGEST_KEYWORDS: dict[str, str] = constant("digest_keywords")
RECORD_ELEMENTS: list[str] = constant("record_elements")

ORIGINAL, MODIFIED = "原始型", "修改型"


def kind_description(kind: str) -> str:
    """The sentence that 封装包类型描述 has for 原始型 or 修改型."""
    return str(_data()["kinds"][kind]["description"])


def kind_content(kind: str) -> str:
    """The element that holds the content of a package of this kind."""
    return str(_data()["kinds"][kind]["content"])


def identifier(name: str, **parts: object) -> str:
    """An identifier after the patterns of the standard: `修改0-文档1`, `修改0-签名1`."""
    return str(_data()["identifiers"][name]["value"]).format(**parts)


@cache
def rules() -> dict[str, SignatureRule]:
    """The rules that we know, by their text."""
    return {
        each["text"]: SignatureRule(each["text"], CanonicalForm(each["form"]), each["scope"])
        for each in _data()["signature_rules"]
    }


def rule_for(form: CanonicalForm, scope: str) -> SignatureRule:
    """The rule that we write for this form and element."""
    return next(each for each in rules().values() if (each.form, each.scope) == (form, scope))
