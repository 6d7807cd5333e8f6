"""What an audience may see of a record: one pure function over the record, policy and day.

Default closed: nothing is seen without a policy of the archive, and 内部 and 工作秘密 by nobody.
What is seen in part says for each publishable field why it is withheld.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from shared.records.security import SecurityClass


class Audience(StrEnum):
    """For whom records are shared: everybody on the internet, or the provincial platform."""

    PUBLIC = "public"
    GOVERNMENT = "government"


AUDIENCE_NAMES = {
    Audience.PUBLIC: "社会公众（因特网）",
    Audience.GOVERNMENT: "省级共享平台（政务网）",
}

#: What stands in every shared record, whatever the policy: the code repeats most of it.
ALWAYS = ("level", "class_code", "year", "retention")
#: What a policy can show: field to name.
FIELDS = {
    "code": "档号",
    "title": "题名",
    "doc_no": "文号",
    "author": "责任者",
    "date": "日期",
    "organ_name": "机构（问题）",
    "pages": "页数",
    "holding": "载体",
}
#: 档案法 (2020) 第二十七条: opened to society 25 years after it was formed.
CLOSED_YEARS = 25
MOST_CLOSED_YEARS = 200

STANDING_NAMES = {"open": "开放", "closed": "未开放", "hidden": "不共享"}
#: Why nothing of a record is seen.
HIDDEN_NAMES = {
    "not_received": "尚未接收进馆",
    "void": "空号",
    "disposed": "已销毁",
    "withdrawn": "档案馆撤回共享",
    "security_class": "密级（内部、工作秘密不共享）",
    "not_shared": "档案馆没有批准共享",
    "not_appraised": "没有开放意见",
    "controlled": "开放意见为控制，或不予公开",
    "closed_period": "封闭期未满",
    "whole_not_open": "所属案卷（项目）未开放",
}
#: Why one field is not seen.
WITHHELD_NAMES = {
    "policy": "档案馆不共享此项",
    "closed_period": "封闭期未满",
    "controlled": "未开放",
    "personal_data": "个人信息",
}
#: What an audience is told when a record is gone: no more than that.
GONE_REASONS = {"withdrawn": "withdrawn", "disposed": "disposed"}
GONE = "closed"

#: Classes whose records are about persons 人事档案: no texts of theirs are shared.
_PERSONAL_CLASSES = frozenset({"RS"})
_PERSONAL_FIELDS = frozenset({"title", "author", "doc_no"})
#: A citizen's number 公民身份号码, or the number of a mobile phone.
_PERSONAL_NUMBER = re.compile(r"(?<!\d)(?:\d{17}[\dX]|1[3-9]\d{9})(?!\d)")
_IN_BETWEEN = re.compile(r"(?<=\d)[\s-](?=\d)")


@dataclass(frozen=True)
class Policy:
    """What one archive shows one audience.

    `fields` are shown of an opened record; `closed_fields` of any other that is not hidden, which
    for the public are none. A closed period lasts `closed_years` full calendar years.
    """

    fields: frozenset[str]
    closed_fields: frozenset[str] = frozenset()
    closed_years: int = CLOSED_YEARS


@dataclass(frozen=True)
class Standing:
    """How a record stands: `open`, `closed` (shown in part, where so agreed) or `hidden`.

    `reason` says why it is not open; `due` is the day on which that changes by itself.
    """

    name: str
    reason: str | None = None
    due: str | None = None


OPEN = Standing("open")


@dataclass(frozen=True)
class Holding:
    """A record as the catalogue holds it, with what the archive decided of it."""

    wire: Mapping[str, Any]
    archive: str | None
    state: str
    withheld_title: bool
    withdrawn: bool
    fonds_name: str = ""


def standing_of(
    held: Holding, policy: Policy | None, today: str, whole: Standing | None = None
) -> Standing:
    """How a record stands on a day, `2024-06-01`; `whole` is how its volume or project stands.

    What lies in a volume is never more open than the volume: its code begins with the volume's.
    """
    own = _own_standing(held, policy, today)
    if whole is None or whole.name == "open" or own.name == "hidden":
        return own
    if whole.name == "hidden":
        return Standing("hidden", "whole_not_open", whole.due)
    if own.name == "open":
        return Standing("closed", "whole_not_open", whole.due)
    dues = [each for each in (own.due, whole.due) if each is not None]
    return Standing("closed", own.reason, min(dues, default=None))


def _own_standing(held: Holding, policy: Policy | None, today: str) -> Standing:
    wire = held.wire
    if held.state in ("disposed", "void"):
        return Standing("hidden", held.state)
    if held.archive is None:
        return Standing("hidden", "not_received")
    if held.withdrawn:
        return Standing("hidden", "withdrawn")
    if wire["security"] != SecurityClass.NONE or held.withheld_title:
        return Standing("hidden", "security_class")
    if policy is None:
        return Standing("hidden", "not_shared")
    publicity = (wire["publicity"] or {}).get("attribute")
    if publicity == "none":
        return Standing("closed", "controlled")
    if wire["opening"] is None:
        return Standing("closed", "not_appraised")
    if wire["opening"]["opinion"] != "open":
        return Standing("closed", "controlled")
    opens_on = None if publicity == "active" else _opens_on(wire, policy.closed_years)
    if opens_on is not None and opens_on > today:
        return Standing("closed", "closed_period", opens_on)
    return OPEN


def _opens_on(wire: Mapping[str, Any], closed_years: int) -> str | None:
    """The 1 January on which the closed period 封闭期 is over; None without one."""
    if not closed_years:
        return None
    formed = max(int(wire["year"]), int((wire["date"] or "0")[:4]))
    return f"{formed + closed_years + 1:04d}-01-01"


def shown(
    held: Holding, policy: Policy | None, standing: Standing, audience: Audience
) -> dict[str, Any] | None:
    """What the audience sees of a record; None for nothing at all."""
    if policy is None or standing.name == "hidden":
        return None
    if standing.name == "closed" and (audience is Audience.PUBLIC or not policy.closed_fields):
        return None
    seen: dict[str, Any] = {}
    withheld: dict[str, str] = {}
    for name in FIELDS:
        reason = _why_withheld(name, held.wire, policy, standing)
        if reason is None:
            seen[name] = held.wire[name]
        else:
            withheld[name] = reason
    return {
        "id": held.wire["id"],
        "archive": held.archive,
        "fonds_id": held.wire["fonds_id"],
        "fonds_name": held.fonds_name,
        "opened": standing.name == "open",
        **{name: held.wire[name] for name in ALWAYS},
        **seen,
        "withheld": withheld,
    }


def _why_withheld(
    name: str, wire: Mapping[str, Any], policy: Policy, standing: Standing
) -> str | None:
    if name not in policy.fields:
        return "policy"
    if standing.name != "open" and name not in policy.closed_fields:
        return "closed_period" if standing.reason == "closed_period" else "controlled"
    if name in _PERSONAL_FIELDS and is_personal(wire, name):
        return "personal_data"
    return None


def is_personal(wire: Mapping[str, Any], name: str) -> bool:
    """Whether a text of a record is about a person, or has a person's number in it."""
    if wire["class_code"] in _PERSONAL_CLASSES:
        return True
    text = unicodedata.normalize("NFKC", wire[name] or "").upper()
    return _PERSONAL_NUMBER.search(_IN_BETWEEN.sub("", text)) is not None
