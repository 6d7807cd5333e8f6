"""Linking: staged items find their volume, volumes their project; volumes go whole or not at all.

Done group by group when all sheets are staged, in chunks of whole groups: linear in rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from node.filing.service import Holder, holders_in_use
from node.intake.models import Intake, IntakeRow, RowState
from node.intake.problems import Problem
from node.intake.staging import place_of, spoil
from shared.records.record import RecordLevel
from shared.records.retention import retention_name

#: Rows to one transaction, where groups are not larger.
CHUNK = 500
#: More rows under one code are no volume, but a wrong column.
MOST_IN_VOLUME = 2_000

_WAITING = (RowState.BAD, RowState.CLASSIFIED)


def link_some(intake: Intake, *, session: Session) -> int:
    """Link the next groups of an import, and say how many rows they had; 0 when all are linked."""
    counted = session.execute(
        select(IntakeRow.group, func.count())
        .where(IntakeRow.intake_id == intake.id, IntakeRow.group > intake.linked_to)
        .group_by(IntakeRow.group)
        .order_by(IntakeRow.group)
        .limit(CHUNK)
    ).all()
    groups: list[str] = []
    done = 0
    for key, count in counted:
        group = str(key)
        if groups and done + count > CHUNK:
            break
        if count > MOST_IN_VOLUME:
            _refuse_crowd(intake, group, count, session)
        else:
            groups.append(group)
        done += count
        intake.linked_to = group
    if groups:
        _Linker(intake, groups, session).link()
    return done


def _refuse_crowd(intake: Intake, group: str, count: int, session: Session) -> None:
    problem = Problem(
        "volume_code",
        f"有 {count} 行的案卷档号相同，超过一卷 {MOST_IN_VOLUME} 件的上限。",
        "请检查“案卷档号”一列是否选对。",
        "too_many",
    )
    session.execute(
        update(IntakeRow)
        .where(IntakeRow.intake_id == intake.id, IntakeRow.group == group)
        .where(IntakeRow.state == RowState.GOOD)
        .values(state=RowState.BAD, problems=[problem.to_wire()], values={}, files=[])
    )


class _Linker:
    """Knows the rows of some groups, their projects, and what filing has of both."""

    def __init__(self, intake: Intake, groups: Sequence[str], session: Session) -> None:
        self._intake = intake
        self._levels = {each.level for each in intake.sheets}
        self._groups: dict[str, list[IntakeRow]] = defaultdict(list)
        rows = session.scalars(
            select(IntakeRow)
            .where(IntakeRow.intake_id == intake.id, IntakeRow.group.in_(groups))
            .order_by(IntakeRow.part, IntakeRow.number)
        ).all()
        for row in rows:
            self._groups[str(row.group)].append(row)
        above = {key for row in rows if (key := row.links.get("above"))}
        self._projects = {
            str(row.group): row
            for row in session.scalars(
                select(IntakeRow)
                .where(IntakeRow.intake_id == intake.id, IntakeRow.group.in_(above))
                .where(IntakeRow.level == RecordLevel.PROJECT)
            )
        }
        codes = {row.links["holder"] for row in rows if row.links.get("holder")}
        self._held = holders_in_use(intake.fonds_id, {*groups, *above}, codes, session=session)
        self._session = session

    def link(self) -> None:
        for group, rows in self._groups.items():
            volumes = [row for row in rows if row.level == RecordLevel.VOLUME]
            items = [row for row in rows if row.level == RecordLevel.ITEM]
            if volumes:
                self._link_volume(volumes[0], items)
            elif items:
                self._link_late_items(group, items)
            if volumes or items:
                self._link_items(items)
                self._hold_back([*volumes, *items])
        self._session.flush()

    def _link_volume(self, volume: IntakeRow, items: Sequence[IntakeRow]) -> None:
        values = volume.values
        if volume.state in (RowState.GOOD, RowState.BAD):
            problems = [*self._of_project(volume), *self._of_count(volume, items)]
            if problems:
                spoil(volume, *problems)
        for item in items:
            item.turn = volume.turn
            if item.state == RowState.GOOD and (problems := _of_item(values, item.values)):
                spoil(item, *problems)

    def _of_project(self, volume: IntakeRow) -> list[Problem]:
        code, above = volume.links.get("holder"), volume.links.get("above")
        project = self._projects.get(above or "")
        if project is not None and project.state in _WAITING:
            place = place_of(self._intake, project.part, project.number)
            return [
                Problem(
                    "project_code",
                    f"所属项目（{place}）有问题，项目下的案卷暂不导入。",
                    "请改正那一行后，一起重新导入。",
                    "project_held_back",
                )
            ]
        if project is not None or RecordLevel.PROJECT not in self._levels or code is None:
            return []
        if self._holder(above, code, RecordLevel.PROJECT):
            return []
        return [
            Problem(
                "project_code",
                f"项目目录中没有 {code}，已归档的项目中也没有。",
                "请在项目目录中补上这一项目，或更正项目档号。",
                "volume_without_project",
            )
        ]

    def _of_count(self, volume: IntakeRow, items: Sequence[IntakeRow]) -> list[Problem]:
        if RecordLevel.ITEM not in self._levels:
            return []
        if not items:
            return [
                Problem(
                    "items",
                    "卷内目录中没有这一案卷的文件。",
                    "请在卷内目录中补上；卷内文件的案卷档号要与这里的档号相同。",
                    "volume_without_items",
                )
            ]
        said = volume.links.get("items")
        if said is None or said == len(items):
            return []
        return [
            Problem(
                "items",
                f"件数写的是 {said}，卷内目录中有 {len(items)} 件。",
                "请核对缺了哪一件；此列不是件数的，请把它改为“不导入”。",
                "count_disagrees",
            )
        ]

    def _link_late_items(self, group: str, items: Sequence[IntakeRow]) -> None:
        """Items whose volume is not in the import: it may be in filing, and still open."""
        code = next((row.links["holder"] for row in items if row.links.get("holder")), "")
        holder = self._holder(group, code, RecordLevel.VOLUME)
        problem = None
        if holder is None:
            problem = Problem(
                "volume_code",
                f"没有档号为 {code} 的案卷。",
                "请把案卷目录一起导入（涉密的案卷及其文件不能导入），或更正案卷档号；"
                "不按卷整理的，请选“件”一级。",
                "item_without_volume",
            )
        elif not holder.open:
            problem = Problem(
                "volume_code",
                f"案卷 {code} 已移交或已作废，不能再放入文件。",
                "请核对案卷档号；确有补充的，请另立案卷。",
                "volume_closed",
            )
        for item in items:
            item.turn = items[0].turn
            if problem and item.state in (RowState.GOOD, RowState.BAD):
                spoil(item, problem)

    def _holder(self, key: str | None, code: str, level: RecordLevel) -> Holder | None:
        found = self._held.get(key or "") or self._held.get(code)
        return found if found is not None and found.level == level else None

    def _link_items(self, items: Sequence[IntakeRow]) -> None:
        """A number stands once in its volume; a repeated one spoils both rows."""
        numbers: dict[int, IntakeRow] = {}
        for item in items:
            number = item.values.get("number")
            if number is None:
                continue
            first = numbers.setdefault(number, item)
            if first is not item:
                spoil(item, self._same_number(number, first))
                if first.state == RowState.GOOD:
                    spoil(first, self._same_number(number, item))

    def _same_number(self, number: int, other: IntakeRow) -> Problem:
        place = place_of(self._intake, other.part, other.number)
        return Problem(
            "number",
            f"件号 {number} 与同卷{place}重复。",
            "请核对两行的件号（卷内顺序号），改正其中一处。",
            "duplicate_number",
        )

    def _hold_back(self, rows: Sequence[IntakeRow]) -> None:
        """Whole volume in or out: one bad row keeps the good ones of its volume back."""
        bad = next((row for row in rows if row.state in _WAITING), None)
        for row in rows if bad else ():
            if bad and row.state == RowState.GOOD:
                spoil(row, held_back(place_of(self._intake, bad.part, bad.number)))


def held_back(place: str) -> Problem:
    """Said of a good row that stays out because another one of its volume does."""
    return Problem(
        "volume_code",
        f"同一案卷的{place}有问题，整卷暂不导入。",
        "请改正那一行后，把这一卷一起重新导入。",
        "volume_held_back",
    )


_INHERITED: dict[str, Callable[[str], str]] = {"retention": retention_name, "class_code": str}


def _of_item(volume: Mapping[str, object], item: Mapping[str, object]) -> list[Problem]:
    """Retention and class are those of the whole volume; an item that says otherwise is told."""
    return [
        Problem(
            name,
            f"与所属案卷不同：案卷是 {show(str(volume[name]))}，此件是 {show(str(item[name]))}。",
            "一卷只有一个保管期限和门类，请改成一致。",
            "differs_from_volume",
        )
        for name, show in _INHERITED.items()
        if volume.get(name) and item.get(name) and volume[name] != item[name]
    ]
