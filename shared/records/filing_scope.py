"""Which rows of a 归档范围与保管期限表 a title falls under, and how sure that is.

A table is written for people: a row names matters, and often leaves to them whether one is
important 重要 or ordinary 一般. So a match is only *certain* where the words of one row stand in
the title, no other row fits as well with another term, and the row leaves nothing to judge.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from shared.records.fonds import Fonds
from shared.records.schedules import (
    APPROVED,
    RetentionSchedule,
    ScheduleItem,
    load_schedules,
    schedule_for_level,
)

_PARTS = re.compile(r"[\s:：、；;，,。（）()/／和及与]+")
#: What a row says of nearly every document; alone it names no matter.
_GENERIC = frozenset(
    (
        *("通知", "报告", "请示", "批复", "名单", "决定", "决议", "意见", "讲话", "总结", "计划"),
        *("记录", "纪要", "简报", "材料", "文件", "方案", "办法", "公报", "议程", "日程", "名册"),
        *("制度", "活动", "会议", "管理", "工作", "事务", "发言"),
    )
)
#: Words that leave a row to a person's judgement.
_TO_JUDGE = re.compile("重要|一般|主要|重大|较|普发|长期有效|有限期|特殊")
_LEADING = re.compile("^(?:本机关|本单位|本级|本村|乡镇|村级|其他)")
#: So many characters of a row must stand in the title before it can be certain.
_SURE = 4


@dataclass(frozen=True)
class Match:
    """The rows that fit a title best; `certain` when they leave no doubt of the term."""

    items: tuple[ScheduleItem, ...]
    certain: bool

    @property
    def terms(self) -> tuple[str, ...]:
        """Every term that one of the rows allows, each once."""
        found = (term for item in self.items for term in (item.retention, *item.alternatives))
        return tuple(dict.fromkeys(found))


@dataclass(frozen=True)
class Table:
    """The table that holds for a fonds: its own approved one, else a seed to look things up in."""

    schedule: RetentionSchedule
    approved: bool
    name: str


def table_for(fonds: Fonds, own: RetentionSchedule | None = None) -> Table | None:
    """The table of a fonds; None where there is neither an approved one nor a seed of its level.

    Approved is the table that the hub has noted with the day of its approval, if its rows are known
    in that version: `own`, or one that comes with the program. What was noted by name alone
    has no rows to hold a record against. An `own` one that the archive's ruleset brings says itself
    that it is approved.
    """
    if own is not None and own.status == APPROVED:
        name = f"{own.name}（{own.version}，{own.effective_from} 批准）"
        return Table(own, approved=True, name=name)
    noted = fonds.retention_schedule
    if noted is not None and noted.approved_on is not None:
        for each in [own] if own else load_schedules().values():
            if noted.version == each.version and noted.id in (each.id, each.name):
                return Table(each, approved=True, name=str(noted))
    seed = schedule_for_level(str(fonds.level))
    return Table(seed, approved=False, name=seed.name) if seed else None


def match(title: str, schedule: RetentionSchedule) -> Match:
    """The rows that a title falls under, as far as its words tell; none when they tell nothing."""
    best: list[ScheduleItem] = []
    most = 0
    for item in schedule.items:
        score = _score(title, item)
        if score > most:
            best, most = [item], score
        elif score and score == most:
            best.append(item)
    return Match(tuple(best), most >= _SURE and _is_plain(best))


def _score(title: str, item: ScheduleItem) -> int:
    said = [word for word in _words(item.scope) if word in title]
    if all(word in _GENERIC for word in said):
        return 0
    return sum(len(word) for word in said)


@cache
def _words(scope: str) -> tuple[str, ...]:
    words = (_LEADING.sub("", each) for each in _PARTS.split(scope))
    return tuple(dict.fromkeys(each for each in words if len(each) > 1))


def _is_plain(items: Sequence[ScheduleItem]) -> bool:
    if len({item.retention for item in items}) != 1:
        return False
    return not any(item.alternatives or _TO_JUDGE.search(item.scope) for item in items)
