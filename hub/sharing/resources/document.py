"""The 13 core items 核心元数据 of a resource (发改高技术〔2017〕1272号), checked as a whole.

What people edit is the description: everything but the code and the day of publication, which the
approval gives. A published document is the description with these, its items spelled out, and who
made and approved it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import ValidationError

from hub.sharing.resources import items
from hub.sharing.resources.credit_code import check_credit_code
from hub.sharing.resources.scheme import check_code, load_scheme
from shared.kernel.errors import Invalid
from shared.records import wire
from shared.records.security import refuse_classified
from shared.records.text import CODE_LENGTH, NAME_LENGTH, REASON_LENGTH, REMARK_LENGTH, SHORT_LENGTH

FORM = "danglian-resource/1"
MOST_RELATED = 20
MOST_ITEMS = 200
#: What of an archive's holdings a resource is about: it decides on how it may be shared.
COVERAGES = {"open": "已开放的档案", "controlled": "未开放的档案", "other": "其他（统计、规则等）"}
#: Formats that must have information items 信息项信息.
_TABULAR = ("database", "spreadsheet")
_RULE = load_scheme().code


class _CategorySchema(wire.WireSchema):
    item = wire.Choice(
        [f"{code}{item}" for code, named in load_scheme().items.items() for item in named],
        required=True,
    )
    subject = wire.Text(
        _RULE.subject_digits,
        pattern=rf"\d{{{_RULE.subject_digits}}}",
        problem=f"目的代码应为{_RULE.subject_digits}位数字。",
        required=True,
    )
    subject_name = wire.Text(NAME_LENGTH, required=True)
    detail = wire.Text(
        _RULE.detail_most,
        pattern=r"\d+",
        problem=f"细目代码应为数字，最多{_RULE.detail_most}位。",
        required=True,
        allow_none=True,
    )
    detail_name = wire.Text(NAME_LENGTH, required=True, allow_none=True)


class _ProviderSchema(wire.WireSchema):
    name = wire.Text(NAME_LENGTH, required=True)
    unit = wire.Text(NAME_LENGTH, required=True, allow_none=True)
    code = wire.Text(SHORT_LENGTH, required=True)


class _FormatSchema(wire.WireSchema):
    kind = wire.Choice(load_scheme().formats, required=True)
    type = wire.Text(SHORT_LENGTH, required=True)


class _ItemsSchema(wire.WireSchema):
    structure = wire.Choice(items.STRUCTURES, required=True)
    keys = wire.List(wire.Text(SHORT_LENGTH), most=MOST_ITEMS, required=True)


class _SharingSchema(wire.WireSchema):
    type = wire.Choice(load_scheme().sharing_types, required=True)
    conditions = wire.Text(REASON_LENGTH, required=True, allow_none=True)
    methods = wire.List(
        wire.Choice(load_scheme().methods), most=len(load_scheme().methods), required=True
    )


class _OpeningSchema(wire.WireSchema):
    open = wire.Flag(required=True)
    conditions = wire.Text(REASON_LENGTH, required=True, allow_none=True)


class DescriptionSchema(wire.WireSchema):
    """A description as people edit it; every key is there, an unknown one is refused."""

    category = wire.Nested(_CategorySchema, required=True)
    name = wire.Text(NAME_LENGTH, required=True)
    provider = wire.Nested(_ProviderSchema, required=True)
    abstract = wire.Text(REMARK_LENGTH, required=True)
    format = wire.Nested(_FormatSchema, required=True)
    items = wire.Nested(_ItemsSchema, required=True)
    coverage = wire.Choice(COVERAGES, required=True)
    sharing = wire.Nested(_SharingSchema, required=True)
    opening = wire.Nested(_OpeningSchema, required=True)
    update_cycle = wire.Choice(load_scheme().update_cycles, required=True)
    related = wire.List(wire.Text(CODE_LENGTH), most=MOST_RELATED, required=True)


def typed(text: str | None) -> str | None:
    """What somebody typed, as one line in normal form; None when nothing is left of it."""
    return " ".join(unicodedata.normalize("NFC", text or "").split()) or None


def read_description(data: Mapping[str, Any]) -> dict[str, Any]:
    """The description that is meant, with every rule kept that its items have between them.

    Raises ValidationError with all that is wrong, by the path of the item (`sharing.conditions`).
    """
    read: dict[str, Any] = DescriptionSchema().load(data)
    refuse_classified(read["name"], read["abstract"])
    read["provider"]["code"] = _checked(
        check_credit_code, read["provider"]["code"], "provider.code"
    )
    problems: dict[str, list[str]] = {}
    for field, problem, remedy in _contradictions(read):
        problems.setdefault(field, []).append(wire.Problem(problem, remedy))
    if problems:
        raise ValidationError(problems)
    said = set(read["items"]["keys"])
    read["items"]["keys"] = [
        key for key in items.items_of(read["items"]["structure"]) if key in said
    ]
    methods = set(read["sharing"]["methods"])
    read["sharing"]["methods"] = [each for each in load_scheme().methods if each in methods]
    related = [_checked(check_code, each, "related") for each in read["related"]]
    read["related"] = list(dict.fromkeys(related))
    return read


def _checked(check: Any, value: str, field: str) -> str:
    try:
        return str(check(value, field))
    except Invalid as error:
        problem = wire.Problem(error.message, error.remedy)
        raise ValidationError({field: [problem]}) from error


def _contradictions(read: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Field, problem and remedy of whatever items say against each other."""
    scheme = load_scheme()
    sharing, opening, category = read["sharing"], read["opening"], read["category"]
    known = scheme.format_types[read["format"]["kind"]]
    if known and read["format"]["type"] not in known:
        yield "format.type", "这类格式没有这个类型。", f"可用：{'、'.join(known)}。"
    if (category["detail"] is None) != (category["detail_name"] is None):
        yield "category.detail", "细目的代码和名称须一起填写。", "补上另一项，或都不填。"
    structure = items.items_of(read["items"]["structure"])
    if any(key not in structure for key in read["items"]["keys"]):
        yield "items.keys", "选了这种结构里没有的信息项。", "请重新勾选信息项。"
    if read["format"]["kind"] in _TABULAR and not read["items"]["keys"]:
        yield "items.keys", "数据库和电子表格须有信息项。", "请勾选提供的信息项。"
    if sharing["type"] == "conditional" and not sharing["conditions"]:
        yield "sharing.conditions", "有条件共享须写明条件。", "写明共享的范围、用途和使用要求。"
    if sharing["type"] == "none" and not sharing["conditions"]:
        yield (
            "sharing.conditions",
            "不予共享须写明依据。",
            "写明所依的法律、行政法规或党中央、国务院政策文件及条款。",
        )
    if sharing["type"] == "none" and sharing["methods"]:
        yield "sharing.methods", "不予共享的资源没有共享方式。", "请取消勾选的共享方式。"
    if sharing["type"] != "none" and not sharing["methods"]:
        yield "sharing.methods", "没有共享方式。", "请至少勾选一种共享方式。"
    if read["coverage"] == "controlled" and sharing["type"] == "unconditional":
        yield (
            "sharing.type",
            "未开放的档案不能无条件共享。",
            "请改为有条件共享或不予共享；已开放的档案另编一条资源。",
        )
    if read["coverage"] == "controlled" and opening["open"]:
        yield "opening.open", "未开放的档案不能向社会开放。", "请选择不开放。"
    if sharing["type"] == "none" and opening["open"]:
        yield "opening.open", "不予共享的资源不能向社会开放。", "请选择不开放，或改变共享类型。"
    if opening["conditions"] and not opening["open"]:
        yield "opening.conditions", "不向社会开放的资源没有开放条件。", "请清空开放条件。"


def front_of(description: Mapping[str, Any]) -> str:
    """The front section 前段码 of its code: 类, 项, 目, 细目."""
    category = description["category"]
    return f"{category['item']}{category['subject']}{category['detail'] or ''}"


def changed_items(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> list[str]:
    """Which items of a description differ from another one's; none where there is no other."""
    if before is None:
        return []
    return [name for name in DescriptionSchema().fields if before[name] != after[name]]


def published_document(
    description: Mapping[str, Any],
    *,
    code: str,
    number: int,
    archive: str,
    published_on: str,
    made_by: str,
    approved_by: str,
    approved_at: str,
) -> dict[str, Any]:
    """The document of a version, as it stays."""
    said = description["items"]
    return {
        "form": FORM,
        "scheme": load_scheme().version,
        "archive": archive,
        "code": code,
        "version": number,
        **{name: description[name] for name in DescriptionSchema().fields},
        "items": {
            "structure": said["structure"],
            "items": items.chosen(said["structure"], said["keys"]),
        },
        "published_on": published_on,
        "made_by": made_by,
        "approved_by": approved_by,
        "approved_at": approved_at,
    }


def description_in(document: Mapping[str, Any]) -> dict[str, Any]:
    """The description that a published document was made from, to go on from it."""
    said = document["items"]
    return {
        **{name: document[name] for name in DescriptionSchema().fields},
        "items": {
            "structure": said["structure"],
            "keys": [each["key"] for each in said["items"]],
        },
    }
