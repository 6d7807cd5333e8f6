"""The scheme 检测方案: every item of DA/T 70-2018 and of ours as data, in versions.

A row of `data/scheme-VERSION.json` says what an item is: its number, its name and rule in each link
环节, what is looked at and how, whether by machine or by a person, and what it counts for. The code
of an item is one function of the same number (`shared.inspection.registry`). Third parties add rows
and functions through the entry points `danglian.inspection`: a name there is a module's list of
rows in this very form; loading it registers the functions.
"""

from __future__ import annotations

import builtins
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from shared.inspection.finding import Property
from shared.inspection.report import Outcome, Stage
from shared.kernel.canonical import digest_of
from shared.kernel.errors import Invalid, NotFound, Unavailable
from shared.records.record import RecordLevel

DATA = Path(__file__).parent / "data"
#: The version by which is inspected when nobody names another.
CURRENT = "2018-1"
ENTRY_POINTS = "danglian.inspection"

#: The numbers of the standard, and those of whoever adds items: letters that are their own.
_NUMBER = re.compile(r"[1-4]-[1-9]\d?|[A-Z]{2,12}-[1-9]\d{0,2}")
_VERSION = re.compile(r"[0-9A-Za-z.-]{1,40}")
_IN_STAGE = frozenset({"name", "object", "method", "rule"})
_OF_ITEM = frozenset({"mandatory", "veto", "weight"})
#: The item that nobody may loosen: what is classified must not be here (design, rule 6).
CLASSIFIED = "DL-1"
_DAYS = "days"
#: So much is told of why an addition cannot be loaded.
_MOST_SAID = 200
#: So long may the names of additions be beside the version of a program.
_MOST_NAMES = 24


class Occasion(StrEnum):
    """On which occasion is inspected: two of them may belong to one link 环节."""

    FILING = "filing"
    TRANSFER = "transfer"
    RECEIVING = "receiving"
    STORING = "storing"
    KEEPING = "keeping"

    @property
    def stage(self) -> Stage:
        """The link to which it belongs."""
        if self is Occasion.FILING:
            return Stage.FILING
        if self in (Occasion.TRANSFER, Occasion.RECEIVING):
            return Stage.TRANSFER
        return Stage.PRESERVATION

    @classmethod
    def of_stage(cls, stage: Stage) -> Occasion:
        """The occasion of a link on which everything is inspected."""
        return {
            Stage.FILING: cls.FILING,
            Stage.TRANSFER: cls.RECEIVING,
            Stage.PRESERVATION: cls.KEEPING,
        }[stage]


class Mode(StrEnum):
    """Who can do it: the program, a person, or the program and a person by sample 抽检."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"
    BOTH = "both"

    @property
    def label(self) -> str:
        """The name that people see."""
        return {"automatic": "自动", "manual": "人工", "both": "自动和人工"}[self.value]


class Source(StrEnum):
    """How sure number and name are: seen, inferred 推, doubtful 疑; or an item of our own."""

    SEEN = "seen"
    INFERRED = "inferred"
    DOUBTFUL = "doubtful"
    OWN = "own"

    @property
    def label(self) -> str:
        """The mark that documents bear."""
        return {"seen": "✔", "inferred": "推", "doubtful": "疑", "own": "自定"}[self.value]


@dataclass(frozen=True)
class Item:
    """One item 检测项 as it is in one link, for one kind of records.

    Attributes:
        number: `1-7`; with the link it reads `YJ-1-7`, see `code`.
        group: the heading under which reports count it (来源, 元数据, 内容 …).
        subject: what is looked at 检测对象.
        method: how.
        rule: when it is passed 通过标准.
        mandatory: whether a batch passes only when this was run, and passed.
        veto: whether a batch fails when this fails, whatever else (一票否决).
        weight: what it counts for in the score.
        receiver: whether it is for the receiving side to do.
        ask: what a person is asked to look at; empty when nobody is asked.
        beyond: what no machine can tell of it.
        parameters: values that the function asks for, by name.
        without: what is said where no function examines it: outcome and reason.
        not_applicable: why it does not concern this kind of records; empty when it does.
    """

    number: str
    property: Property
    group: str
    stage: Stage
    name: str
    subject: str
    method: str
    rule: str
    mode: Mode
    source: Source
    mandatory: bool = True
    veto: bool = False
    weight: int = 1
    receiver: bool = False
    ask: str = ""
    beyond: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    without: tuple[Outcome, str] | None = None
    not_applicable: str = ""

    @builtins.property  # a field has the name
    def code(self) -> str:
        """The number with its link, as the standard writes it: `YJ-1-7`."""
        return f"{self.stage}-{self.number}"

    @builtins.property
    def asks_person(self) -> bool:
        """Whether a person has a part in it."""
        return self.mode is not Mode.AUTOMATIC


@dataclass(frozen=True, eq=False)
class Scheme:
    """One version of the scheme; its version names the additions of third parties too."""

    version: str
    name: str
    standard: str
    pass_score: int
    rows: Mapping[str, Mapping[str, Any]]
    occasions: Mapping[str, Mapping[str, Any]]
    kinds: Mapping[str, Mapping[str, Any]]

    def items(self, occasion: Occasion, kind: str = "documents") -> tuple[Item, ...]:
        """The items of an occasion for a kind of records, in the order of the standard."""
        return _items(self, occasion, kind)

    def item(self, number: str, occasion: Occasion) -> Item:
        """One item. Raises NotFound when the occasion does not have it."""
        for each in self.items(occasion):
            if each.number == number:
                return each
        raise NotFound(f"检测方案 {self.version} 的这一环节没有 {number} 项。", "请核对编号。")

    def kind_of(self, wire: Mapping[str, Any]) -> str:
        """Which kind of records one is, by its level and class 门类."""
        if wire.get("level") in (RecordLevel.PROJECT, RecordLevel.VOLUME):
            return "volumes"
        class_code = wire.get("class_code")
        named = (each for each, said in self.kinds.items() if class_code in said["classes"])
        return next(named, "documents")

    def open_reason(self, item: Item, occasion: Occasion) -> str:
        """Why an item is left to the other side on an occasion; empty when it is not."""
        left = str(self.occasions[occasion].get("open", ""))
        return left if item.receiver else ""

    def ruled(
        self, name: str, settings: Mapping[str, Mapping[str, Any]], pass_score: int
    ) -> Scheme:
        """The scheme as an archive has set it; its version names the archive's: `2018-1/420500-3`.

        `settings` are by number: some of `mandatory`, `veto`, `weight`, `mode`, `days` (how old the
        definitions of a virus scanner may be). Raises Invalid for an item that the program does
        not have, and for a setting that it cannot have.
        """
        rows = dict(self.rows)
        for number, said in settings.items():
            if number not in rows:
                raise Invalid(
                    "items",
                    f"检测规则里的检测项 {number} 本程序没有。",
                    "请更新本程序，或请档案馆改正检测规则。",
                    code="ruleset_item_unknown",
                )
            _require_allowed(rows[number], said)
            rows[number] = {**rows[number], "ruled": dict(said)}
        return replace(self, version=f"{self.version}/{name}", rows=rows, pass_score=pass_score)

    def asks_persons(self, occasion: Occasion) -> bool:
        """Whether persons have their part on an occasion; else it is left to the other side."""
        return not self.occasions[occasion].get("open")


def is_of_others(number: str) -> bool:
    """Whether an item is a third party's, which other installations may not have."""
    return number[0].isalpha() and not number.startswith("DL-")


def program_with_additions(program: str) -> str:
    """The version of a program with the items that others add: `0.2.0+acme-1.1`.

    Two programs of one version that do not read alike cannot inspect by the same rulesets. A long
    list is told by its digest: the hub keeps 40 characters.
    """
    names = ".".join(
        f"{each.name}-{each.dist.version if each.dist else '0'}" for each in _entry_points()
    )
    if len(names) > _MOST_NAMES:
        names = digest_of(names)[:12]
    return f"{program}+{names}" if names else program


def order_of(number: str) -> tuple[int, str, int]:
    """Where a number stands: those of the standard first, then by their letters."""
    group, _, last = number.rpartition("-")
    return (int(group) if group.isdecimal() else 99, group, int(last))


@cache
def _items(scheme: Scheme, occasion: Occasion, kind: str) -> tuple[Item, ...]:
    stage = occasion.stage
    return tuple(
        _item(row, stage, occasion, kind)
        for number, row in sorted(scheme.rows.items(), key=lambda each: order_of(each[0]))
        if stage in row["stages"]
    )


def _item(row: Mapping[str, Any], stage: Stage, occasion: Occasion, kind: str) -> Item:
    in_stage = row["stages"][stage]
    of_kind = row.get("kinds", {}).get(kind, {})
    without = row.get("without")
    item = Item(
        number=row["number"],
        property=Property(row["property"]),
        group=row["group"],
        stage=stage,
        name=row["name"],
        subject=row["object"],
        method=row["method"],
        rule=row["rule"],
        mode=Mode(row["mode"]),
        source=Source(in_stage["source"]),
        receiver=row.get("receiver", False),
        ask=row.get("ask", ""),
        beyond=row.get("beyond", ""),
        parameters=row.get("parameters", {}),
        without=(Outcome(without["outcome"]), without["reason"]) if without else None,
        not_applicable=of_kind.get("not_applicable", ""),
    )
    said = {name: row[name] for name in _OF_ITEM if name in row}
    for more in (in_stage, of_kind, row.get("occasions", {}).get(occasion, {})):
        said.update({name: more[name] for name in _IN_STAGE | _OF_ITEM if name in more})
    if "object" in said:
        said["subject"] = said.pop("object")
    item = replace(item, **said)
    return _ruled(item, row["ruled"]) if "ruled" in row else item


def _ruled(item: Item, said: Mapping[str, Any]) -> Item:
    """An item as its archive has set it, whatever link, kind or occasion say."""
    changed = {name: said[name] for name in _OF_ITEM if name in said}
    if "mode" in said:
        changed["mode"] = Mode(said["mode"])
        # Who is asked must be told what to look at.
        changed["ask"] = item.ask or item.rule
    if _DAYS in said:
        changed["parameters"] = {**item.parameters, _DAYS: said[_DAYS]}
    return replace(item, **changed)


def _require_allowed(row: Mapping[str, Any], said: Mapping[str, Any]) -> None:
    """Raise Invalid for a setting that an item cannot have."""
    number, wrong = row["number"], ""
    if number == CLASSIFIED and (said.get("mandatory") is False or said.get("veto") is False):
        wrong = "涉密检测必须是必检项和否决项"
    elif "mode" in said and (said["mode"] == Mode.MANUAL) != (row["mode"] == Mode.MANUAL):
        wrong = "只能由人检测的项不能改为自动，程序检测的项不能改为只由人检测"
    elif _DAYS in said and _DAYS not in row.get("parameters", {}):
        wrong = "只有检测病毒库的项有天数"
    if wrong:
        raise Invalid(
            "items", f"检测项 {number} 不能这样设定：{wrong}。", "请改正这一项。",
            code="ruleset_setting_wrong",
        )  # fmt: skip


def versions() -> tuple[str, ...]:
    """The versions that come with the program, oldest first."""
    return tuple(sorted(path.stem.removeprefix("scheme-") for path in DATA.glob("scheme-*.json")))


@cache
def load_scheme(version: str = CURRENT) -> Scheme:
    """One version, with what third parties add.

    Raises NotFound for a version that the program does not have, Unavailable when an addition
    cannot be loaded: an inspection that lacks items must not look like a whole one.
    """
    if version not in versions():
        raise NotFound(f"没有检测方案 {version}。", "请更新本程序。", code="scheme_unknown")
    path = DATA / f"scheme-{version}.json"
    scheme = read_scheme(json.loads(path.read_text(encoding="utf-8")))
    for name, rows in _additions():
        try:
            scheme = with_rows(scheme, name, rows)
        except (ValueError, LookupError, TypeError, AttributeError) as error:  # a row of others
            raise _broken(name, error) from error
    return scheme


def read_scheme(data: Mapping[str, Any]) -> Scheme:
    """A scheme out of its data. Raises ValueError for a row that does not follow the form."""
    scheme = Scheme(
        version=data["version"],
        name=data["name"],
        standard=data["standard"],
        pass_score=data["pass_score"],
        rows={},
        occasions=data["occasions"],
        kinds=data["kinds"],
    )
    return replace(scheme, rows=_rows(scheme, data["items"]))


def with_rows(scheme: Scheme, name: str, rows: Sequence[Mapping[str, Any]]) -> Scheme:
    """A scheme with the rows of a third party; its version says so. Raises ValueError."""
    if not _VERSION.fullmatch(name):
        raise ValueError(f"{name!r} is no name of an addition")
    added = _rows(scheme, rows)
    return replace(scheme, version=f"{scheme.version}+{name}", rows={**scheme.rows, **added})


def _rows(scheme: Scheme, rows: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        number = str(row.get("number"))
        if not _NUMBER.fullmatch(number):
            raise ValueError(f"{number!r} is no number of an item")
        if number in found or number in scheme.rows:
            raise ValueError(f"item {number} is there twice")
        _check_row(scheme, row)
        found[number] = row
    return found


def _check_row(scheme: Scheme, row: Mapping[str, Any]) -> None:
    """Read a row once for every occasion and kind, so that a wrong one is noticed at the start."""
    if not row["stages"]:
        raise ValueError(f"item {row['number']} belongs to no link")
    for occasion in Occasion:
        for kind in scheme.kinds:
            if occasion.stage in row["stages"]:
                item = _item(row, occasion.stage, occasion, kind)
                if item.weight < 0 or (item.asks_person and not item.ask):
                    raise ValueError(f"item {item.number}: weight, or what to ask")


@cache
def _additions() -> tuple[tuple[str, Sequence[Mapping[str, Any]]], ...]:
    found = []
    for each in _entry_points():
        try:
            found.append((each.name, each.load()))
        except Exception as error:  # code of others may raise anything
            raise _broken(each.name, error) from error
    return tuple(found)


def _entry_points() -> list[EntryPoint]:
    return sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name)


def _broken(name: str, error: Exception) -> Unavailable:
    said = f"{type(error).__name__}：{error}"[:_MOST_SAID]
    return Unavailable(
        f"扩展的检测项“{name}”不能载入：{said}。",
        "请更新或卸载这个扩展。",
        code="inspection_addition_broken",
    )
