"""An import before it is checked: its sheets, of which level they are, and what columns mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from sqlalchemy.orm import Session

from node.intake.access import intake_of, intake_to_change
from node.intake.cells import cells_as_text, is_blank
from node.intake.columns import check_mapping, mapping_from, propose, vocabulary
from node.intake.defaults import Defaults
from node.intake.looking import Look
from node.intake.models import Intake, IntakeSheet, IntakeState
from node.intake.reading import RowContext, read_row
from node.intake.rejected import CLASSIFIED_SENTENCE
from node.office.service import fonds_of, require_writable
from shared import audit
from shared.kernel.actor import Actor, Role, require
from shared.kernel.errors import Invalid
from shared.records.record import LEVEL_NAMES, RecordLevel
from shared.records.sheets import open_table

PREVIEW_ROWS = 20
#: Sheets of one import: of two workbooks.
_MOST_SHEETS = 40


@dataclass(frozen=True)
class PreviewRow:
    """One of the first rows: its cells as text, and what is wrong with it."""

    number: int
    cells: list[str]
    problems: list[dict[str, str]]
    classified: bool

    @property
    def sentence(self) -> str:
        """What is shown in place of a classified row."""
        return CLASSIFIED_SENTENCE.format(number=self.number)


def begin(
    actor: Actor,
    intake_id: str,
    fonds_id: str,
    look: Look,
    *,
    session: Session,
    defaults: Defaults | None = None,
) -> Intake:
    """Note that a sheet is to be imported into a fonds; nothing of its rows is kept yet.

    Its file lies in the spool under the id of the import.
    """
    require(actor, Role.CLERK, fonds=fonds_id)
    require_writable(fonds_id, session)
    intake = Intake(
        id=intake_id,
        fonds_id=fonds_id,
        file_name=look.file_name,
        vocabulary=vocabulary().version,
        by_id=actor.id,
        by_name=actor.name,
        defaults=(defaults or Defaults()).to_wire(),
    )
    session.add(intake)
    _take_look(intake, intake_id, look)
    audit.record(session, actor, "intake.begun", f"intake:{intake_id}", fonds=fonds_id)
    session.flush()
    return intake


def add_sheets(
    actor: Actor, intake_id: str, spooled: str, look: Look, *, session: Session
) -> Intake:
    """Import the sheets of a second file together with those that are there: items 卷内 of volumes.

    A level that is there already is left out at first.
    """
    intake = intake_to_change(actor, intake_id, IntakeState.UPLOADED, session=session)
    if len(intake.all_sheets) + len(look.sheets) > _MOST_SHEETS:
        raise Invalid("file", "工作表太多。", "请把案卷目录和它的卷内目录单独存为一个文件。")
    _take_look(intake, spooled, look)
    audit.record(session, actor, "intake.added_to", f"intake:{intake_id}", fonds=intake.fonds_id)
    session.flush()
    return intake


def _take_look(intake: Intake, spooled: str, look: Look) -> None:
    there = {each.level for each in intake.sheets}
    for each in look.sheets:
        level = None if each.level in there else each.level
        intake.all_sheets.append(
            IntakeSheet(
                part=len(intake.all_sheets),
                level=str(level) if level else None,
                spooled=spooled,
                file_name=look.file_name,
                sheet=each.sheet,
                sheet_name=each.sheet_name,
                header_row=each.header_row,
                columns=each.columns,
                mapping={str(index): name for index, name in each.mapping.items()},
                expected=each.expected,
            )
        )


def set_defaults(actor: Actor, intake_id: str, defaults: Defaults, *, session: Session) -> Intake:
    """Change what holds for rows that have no value of their own."""
    intake = intake_to_change(actor, intake_id, IntakeState.UPLOADED, session=session)
    intake.defaults = defaults.to_wire()
    return intake


def set_sheet(
    actor: Actor,
    intake_id: str,
    part: int,
    level: str | None,
    mapping: Mapping[int, str],
    *,
    session: Session,
) -> Intake:
    """Say of which level a sheet is (None: it is left out), and which column is which field.

    With another level than before the mapping is proposed anew for it. Raises Invalid.
    """
    intake = intake_to_change(actor, intake_id, IntakeState.UPLOADED, session=session)
    sheet = next((each for each in intake.all_sheets if each.part == part), None)
    if sheet is None or (level and level not in list(RecordLevel)):
        raise Invalid("sheet", "没有这个工作表，或没有这种层次。", "请重新选择。")
    if level is None or level != sheet.level:
        sheet.level = level
        proposed = propose(sheet.columns, level or RecordLevel.RECORD)
        sheet.mapping = {str(index): name for index, name in proposed.items()}
        return intake
    known = {each.field for each in vocabulary().of_level(level)}
    if not set(mapping.values()) <= known or any(at >= len(sheet.columns) for at in mapping):
        raise Invalid("mapping", "所选的字段或列不存在。", "请重新选择。")
    chosen = check_mapping(mapping)
    sheet.mapping = {str(index): name for index, name in chosen.items()}
    return intake


def map_columns(
    actor: Actor, intake_id: str, given: Mapping[str, str], *, session: Session
) -> Intake:
    """Map columns by name, `{column: field}`, in every imported sheet that has them.

    Raises Invalid for one that no sheet has, and for a field that there is not.
    """
    intake = intake_to_change(actor, intake_id, IntakeState.UPLOADED, session=session)
    sheets = intake.sheets
    missing = [name for name in given if not any(name in each.columns for each in sheets)]
    for sheet in sheets:
        # What no sheet has is told with the names of the first.
        asked = {name: field for name, field in given.items() if name in sheet.columns}
        asked |= {name: given[name] for name in missing}
        mapping = mapping_from(sheet.columns, asked, str(sheet.level))
        sheet.mapping = {str(index): name for index, name in mapping.items()}
    return intake


def preview(
    actor: Actor, intake_id: str, path: Path, *, session: Session, part: int = 0
) -> list[PreviewRow]:
    """The first rows below the header, read with the present mapping; classified ones masked."""
    intake = intake_of(actor, intake_id, session=session)
    sheet = intake.sheet_of(part)
    context = context_of(intake, sheet, session=session)
    rows = (
        (number, cells)
        for number, cells in open_table(path, sheet.file_name).rows(sheet.sheet)
        if number > sheet.header_row and not is_blank(cells)
    )
    found = []
    for number, cells in islice(rows, PREVIEW_ROWS):
        row = read_row(number, cells, context)
        found.append(
            PreviewRow(
                number=number,
                cells=[] if row.classified else cells_as_text(cells, len(sheet.columns)),
                problems=[each.to_wire() for each in row.problems],
                classified=row.classified,
            )
        )
    return found


def context_of(intake: Intake, sheet: IntakeSheet, *, session: Session) -> RowContext:
    """What the rows of this sheet are read with."""
    return RowContext(
        fonds_id=intake.fonds_id,
        fonds_number=fonds_of(intake.fonds_id, session).number,
        mapping=sheet.fields,
        defaults=Defaults(**intake.defaults),
        level=RecordLevel(sheet.level or RecordLevel.RECORD),
        linked=intake.linked,
    )


def check_levels(intake: Intake) -> None:
    """Sheets that are imported together are of different levels that belong together."""
    levels = Counter(each.level for each in intake.sheets)
    if not levels:
        raise Invalid("sheet", "没有选要导入的工作表。", "请至少选定一个工作表的层次。")
    for level, count in levels.items():
        name = LEVEL_NAMES[RecordLevel(str(level))]
        if count > 1:
            raise Invalid(
                "sheet",
                f"有 {count} 个工作表都是“{name}”。",
                "一次只导入一张；其余的请选“不导入”，以后再导。",
            )
    if RecordLevel.RECORD in levels and len(levels) > 1:
        raise Invalid(
            "sheet",
            "按件的目录不能与案卷、卷内目录一起导入。",
            "请分两次导入。",
        )
    if {RecordLevel.PROJECT, RecordLevel.ITEM} == set(levels):
        raise Invalid("sheet", "有项目和卷内文件，没有案卷目录。", "请加上案卷目录。")
