"""What a ruleset says, in words: items that count otherwise, formats, profile, schedules."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from hub.federation import service as federation
from shared.inspection.formats.table import FORMATS
from shared.inspection.profile import EEP, FORM_NAMES, RULE_NAMES, Profile
from shared.inspection.scheme import Item, Mode, Occasion, load_scheme, order_of

_NOT_HERE = "（本程序没有这一项：请安装它的扩展，或在“修改各项”里保存一次去掉它）"
_SETTING_NAMES = {
    "mandatory": "必检",
    "veto": "否决",
    "weight": "权重",
    "mode": "方式",
    "days": "病毒库天数",
}


def items_of_the_program() -> list[Item]:
    """Every item as the program has it, in the order of the standard; once each."""
    found: dict[str, Item] = {}
    for occasion in (Occasion.RECEIVING, Occasion.FILING, Occasion.KEEPING):
        for each in load_scheme().items(occasion):
            found.setdefault(each.number, each)
    return sorted(found.values(), key=lambda each: order_of(each.number))


def changed_items(settings: Any) -> list[tuple[str, str, str]]:
    """The items that an archive counts otherwise than the program: number, name, how, in words.

    One of a third party whose addition is not installed here any more is named all the same.
    """
    names = {each.number: each.name for each in items_of_the_program()}
    return [
        (
            number,
            names.get(number, _NOT_HERE),
            _in_words(said),
        )
        for number, said in sorted(settings["items"].items(), key=lambda each: order_of(each[0]))
    ]


def _in_words(said: dict[str, Any]) -> str:
    parts = []
    for name, label in _SETTING_NAMES.items():
        if name in said:
            value = said[name]
            if isinstance(value, bool):
                shown = "是" if value else "否"
            else:
                shown = Mode(value).label if name == "mode" else str(value)
            parts.append(f"{label}：{shown}")
    return "，".join(parts)


def format_names(codes: list[str] | None) -> str:
    """The formats that an archive takes; None where it leaves that to the program."""
    if codes is None:
        return "按程序自带的范围"
    return "、".join(FORMATS[code].name if code in FORMATS else code for code in codes)


def profile_words(settings: Any) -> list[tuple[str, str]]:
    """What a version or a draft asks of packages and media, in words."""
    said = Profile.from_wire(settings.get("profile"))
    return [
        ("信息包的形式", FORM_NAMES[said.form]),
        *([("封装包的签名规则", RULE_NAMES[said.rule])] if said.form == EEP else []),
        ("每个载体的容量", f"{said.medium_mb} MB" if said.medium_mb else "导出时填写"),
    ]


def schedule_rows(named: dict[str, str], session: Session) -> list[Any]:
    """The tables that are named, each with its fonds, by the fonds' number."""
    tables = federation.schedules_named(named.values(), session)
    fonds = federation.fonds_named(named.keys(), session)
    pairs = [(fonds[each], tables[digest]) for each, digest in named.items()]
    return sorted(pairs, key=lambda pair: (pair[0].number or "", pair[0].name))
