"""The verbs of intake: look into a sheet, map its columns, have it checked, take the good rows.

The order is fixed: `look_into` (no database) → `begin` → `check` (a job stages every row with its
problems) → `take` (a job hands the good rows to filing) or `discard`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from node.intake.columns import check_mapping, find_header, header_names, propose, vocabulary
from node.intake.models import STATE_LABELS, Intake, IntakeRow, IntakeState, RowState
from node.intake.reading import Defaults, RowContext, cell_text, is_blank, read_row
from node.intake.rejected import CLASSIFIED_SENTENCE, rejected_workbook
from node.intake.sheets import Table, open_table
from node.office.service import fonds_here, fonds_of, require_writable
from shared import audit
from shared.kernel import jobs
from shared.kernel.actor import Actor, Role, require
from shared.kernel.clock import now
from shared.kernel.errors import Classified, Invalid, NotFound, WrongState
from shared.records.security import refuse_classified
from shared.records.values import repair_text

CHECK = "intake.check"
TAKE = "intake.take"
PREVIEW_ROWS = 20
SEEING = (Role.CLERK, Role.LEADER, Role.ADMINISTRATOR)
_NAME_LENGTH = 200


@dataclass(frozen=True)
class Look:
    """What a sheet looks like before anything is kept of it."""

    file_name: str
    sheets: list[str]
    sheet: int
    sheet_name: str
    header_row: int
    columns: list[str]
    mapping: dict[int, str]
    expected: int


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


def look_into(path: Path, file_name: str, sheet: int | None = None) -> Look:
    """Open a sheet, find its header and propose the mapping. Raises Invalid with a remedy.

    Without `sheet` the first one with a header is taken.
    """
    table = open_table(path, file_name)
    found = table.sheets
    if not found:
        raise Invalid("file", "工作簿中没有可见的工作表。", "请检查文件后重新选择。")
    chosen = [each for each in found if sheet is None or each.index == sheet]
    if not chosen:
        raise Invalid("sheet", "没有这个工作表。", "请重新选择工作表。")
    problem: Invalid | None = None
    for each in chosen:
        first = list(islice(table.rows(each.index), PREVIEW_ROWS + 1))
        try:
            header = find_header([cells for _, cells in first])
        except Invalid as error:
            problem = problem or error
            continue
        number, cells = first[header]
        _refuse_classified_header(cells)
        return Look(
            file_name=_file_name(file_name),
            sheets=[one.name for one in found],
            sheet=each.index,
            sheet_name=each.name[:255],
            header_row=number,
            columns=[repair_text(name)[:_NAME_LENGTH] for name in header_names(cells)],
            mapping=propose(cells),
            expected=max(0, _rows_in(table, each.index) - number),
        )
    raise problem or Invalid("file", "表格中没有内容。", "请检查文件后重新选择。")


def _refuse_classified_header(cells: Sequence[Any]) -> None:
    try:
        refuse_classified(*(cell for cell in cells if isinstance(cell, str)))
    except Classified:
        raise Invalid(
            "header", "列名行中有密级标志。", "请检查表格；涉密目录不得进入本系统。"
        ) from None


def _file_name(text: str) -> str:
    """The name as shown; one with a mark of classification is replaced."""
    name = repair_text(text.replace("\\", "/").rpartition("/")[2])[:255] or "未命名"
    try:
        refuse_classified(name)
    except Classified:
        return "（文件名含密级标志，未保存）"
    return name


def _rows_in(table: Table, sheet: int) -> int:
    """How many rows to expect, for the progress bar."""
    if table.kind in (".csv", ".txt"):
        with table.path.open("rb") as stream:
            return sum(piece.count(b"\n") for piece in iter(lambda: stream.read(1 << 20), b"")) + 1
    return table.height(sheet)


def sheets_of(path: Path, intake: Intake) -> list[tuple[int, str]]:
    """The sheets of an uploaded workbook, to choose from: index and name."""
    return [(each.index, each.name) for each in open_table(path, intake.file_name).sheets]


def begin(
    actor: Actor,
    intake_id: str,
    fonds_id: str,
    look: Look,
    *,
    session: Session,
    defaults: Defaults | None = None,
) -> Intake:
    """Note that a sheet is to be imported into a fonds; nothing of its rows is kept yet."""
    require(actor, Role.CLERK, fonds=fonds_id)
    require_writable(fonds_id, session)
    intake = Intake(
        id=intake_id,
        fonds_id=fonds_id,
        file_name=look.file_name,
        by_id=actor.id,
        by_name=actor.name,
        defaults=(defaults or Defaults()).to_wire(),
    )
    session.add(intake)
    _take_look(intake, look)
    audit.record(session, actor, "intake.begun", f"intake:{intake_id}", fonds=fonds_id)
    session.flush()
    return intake


def choose_sheet(actor: Actor, intake_id: str, look: Look, *, session: Session) -> Intake:
    """Import another sheet of the same workbook."""
    intake = _intake_to_change(actor, intake_id, session, IntakeState.UPLOADED)
    _take_look(intake, look)
    return intake


def _take_look(intake: Intake, look: Look) -> None:
    intake.sheet = look.sheet
    intake.sheet_name = look.sheet_name
    intake.header_row = look.header_row
    intake.columns = look.columns
    intake.mapping = {str(index): name for index, name in look.mapping.items()}
    intake.vocabulary = vocabulary().version
    intake.expected = look.expected


def set_mapping(
    actor: Actor,
    intake_id: str,
    mapping: Mapping[int, str],
    defaults: Defaults,
    *,
    session: Session,
) -> Intake:
    """Change which column is which field, and what holds for the whole sheet."""
    intake = _intake_to_change(actor, intake_id, session, IntakeState.UPLOADED)
    known = {each.field for each in vocabulary().fields}
    if not set(mapping.values()) <= known or any(at >= len(intake.columns) for at in mapping):
        raise Invalid("mapping", "所选的字段或列不存在。", "请重新选择。")
    chosen = check_mapping(mapping)
    intake.mapping = {str(index): name for index, name in chosen.items()}
    intake.defaults = defaults.to_wire()
    return intake


def preview(actor: Actor, intake_id: str, path: Path, *, session: Session) -> list[PreviewRow]:
    """The first rows below the header, read with the present mapping; classified ones masked."""
    intake = intake_of(actor, intake_id, session=session)
    context = context_of(intake, session=session)
    table = open_table(path, intake.file_name)
    rows = (
        (number, cells)
        for number, cells in table.rows(intake.sheet)
        if number > intake.header_row and not is_blank(cells)
    )
    found = []
    for number, cells in islice(rows, PREVIEW_ROWS):
        row = read_row(number, cells, context)
        found.append(
            PreviewRow(
                number=number,
                cells=[] if row.classified else cells_as_text(cells, len(intake.columns)),
                problems=[each.to_wire() for each in row.problems],
                classified=row.classified,
            )
        )
    return found


def cells_as_text(cells: Sequence[Any], width: int) -> list[str]:
    """A row as it stood, as texts, as wide as the header."""
    return [cell_text(cell) for cell in [*cells, *[""] * width][:width]]


def context_of(intake: Intake, *, session: Session) -> RowContext:
    """What the rows of this import are read with."""
    return RowContext(
        fonds_id=intake.fonds_id,
        fonds_number=fonds_of(intake.fonds_id, session).number,
        mapping={int(index): name for index, name in intake.mapping.items()},
        defaults=Defaults(**intake.defaults),
    )


def check(
    actor: Actor, intake_id: str, *, session: Session, files_folder: str | None = None
) -> jobs.Job:
    """Have every row read and staged, with its problems; a job that can be stopped and resumed."""
    intake = _intake_to_change(actor, intake_id, session, IntakeState.UPLOADED)
    check_mapping({int(index): name for index, name in intake.mapping.items()})
    session.execute(delete(IntakeRow).where(IntakeRow.intake_id == intake_id))
    intake.read = intake.header_row
    intake.finished_reading = False
    intake.files_folder = files_folder
    intake.state = IntakeState.CHECKING
    return _submit(actor, intake, CHECK, f"检查表格：{intake.file_name}", session)


def take(actor: Actor, intake_id: str, *, session: Session) -> jobs.Job:
    """Hand the good rows to filing, as records to arrange 待整理; a job. Raises WrongState."""
    intake = _intake_to_change(actor, intake_id, session, IntakeState.CHECKED)
    if not counts_of(intake_id, session=session)[RowState.GOOD]:
        raise WrongState("没有可以导入的行。", "请改正有问题的行后重新导入表格。")
    intake.state = IntakeState.TAKING
    audit.record(session, actor, "intake.taken", f"intake:{intake_id}", fonds=intake.fonds_id)
    return _submit(actor, intake, TAKE, f"导入表格：{intake.file_name}", session)


def _submit(actor: Actor, intake: Intake, kind: str, title: str, session: Session) -> jobs.Job:
    job = jobs.submit(session, kind, {"intake_id": intake.id}, title=title, owner=actor.id)
    intake.job_id = job.id
    return job


def stop(actor: Actor, intake_id: str, *, session: Session) -> Intake:
    """Stop the running job after its present chunk; what was taken stays, the rest can be later."""
    intake = intake_of(actor, intake_id, session=session)
    require(actor, Role.CLERK, fonds=intake.fonds_id)
    require_writable(intake.fonds_id, session)
    back = {
        IntakeState.CHECKING: IntakeState.UPLOADED,
        IntakeState.TAKING: IntakeState.CHECKED,
    }
    if IntakeState(intake.state) not in back or intake.job_id is None:
        raise WrongState("没有正在进行的检查或导入。", "请刷新页面查看最新状态。")
    jobs.stop(jobs.job_of(intake.job_id, session=session))
    intake.state = back[IntakeState(intake.state)]
    return intake


def resume(actor: Actor, intake_id: str, *, session: Session) -> jobs.Job:
    """Go on after a failed job, where it stood. Raises WrongState when it is still running."""
    intake = _intake_to_change(actor, intake_id, session, IntakeState.CHECKING, IntakeState.TAKING)
    if intake.job_id and jobs.job_of(intake.job_id, session=session).is_open:
        raise WrongState("任务正在进行。", "请等待完成，或先停止。")
    kind = CHECK if intake.state == IntakeState.CHECKING else TAKE
    return _submit(actor, intake, kind, f"继续：{intake.file_name}", session)


def discard(actor: Actor, intake_id: str, *, session: Session) -> Intake:
    """Give the import up: its staged rows go; what filing already has stays there."""
    intake = intake_of(actor, intake_id, session=session)
    require(actor, Role.CLERK, fonds=intake.fonds_id)
    require_writable(intake.fonds_id, session)
    if intake.state == IntakeState.DISCARDED:
        return intake
    if intake.job_id:
        jobs.stop(jobs.job_of(intake.job_id, session=session))
    session.execute(
        delete(IntakeRow)
        .where(IntakeRow.intake_id == intake_id)
        .where(IntakeRow.state != RowState.TAKEN)
    )
    intake.state = IntakeState.DISCARDED
    intake.finished_at = now()
    audit.record(session, actor, "intake.discarded", f"intake:{intake_id}", fonds=intake.fonds_id)
    return intake


def intake_of(actor: Actor, intake_id: str, *, session: Session) -> Intake:
    """An import that the actor may see. Raises NotFound."""
    intake = session.get(Intake, intake_id)
    if intake is None or not actor.may(*SEEING, fonds=intake.fonds_id):
        raise NotFound("没有这次导入。", "请回到导入列表重新查看。")
    return intake


def _intake_to_change(
    actor: Actor, intake_id: str, session: Session, *states: IntakeState
) -> Intake:
    intake = intake_of(actor, intake_id, session=session)
    require(actor, Role.CLERK, fonds=intake.fonds_id)
    require_writable(intake.fonds_id, session)
    if intake.state not in states:
        raise WrongState(
            f"这次导入现为“{STATE_LABELS[IntakeState(intake.state)]}”，不能这样操作。",
            "请刷新页面查看最新状态。",
        )
    return intake


def listing(actor: Actor, *, session: Session) -> Any:
    """The imports that the actor may see, as a statement to page through."""
    ids = [each.id for each in fonds_here(session) if actor.may(*SEEING, fonds=each.id)]
    return select(Intake).where(Intake.fonds_id.in_(ids))


def row_listing(actor: Actor, intake_id: str, *, session: Session) -> Any:
    """The staged rows of an import, as a statement to page through."""
    intake_of(actor, intake_id, session=session)
    return select(IntakeRow).where(IntakeRow.intake_id == intake_id)


def counts_of(intake_id: str, *, session: Session) -> dict[str, int]:
    """How many rows are in each state."""
    found = session.execute(
        select(IntakeRow.state, func.count())
        .where(IntakeRow.intake_id == intake_id)
        .group_by(IntakeRow.state)
    )
    return {str(state): 0 for state in RowState} | {row[0]: row[1] for row in found}


def rows_of(
    actor: Actor,
    intake_id: str,
    states: Sequence[RowState],
    *,
    session: Session,
    offset: int = 0,
    limit: int = 50,
) -> tuple[list[IntakeRow], int]:
    """Staged rows in these states, by row number, and how many there are."""
    intake_of(actor, intake_id, session=session)
    where = (IntakeRow.intake_id == intake_id, IntakeRow.state.in_(states))
    total = session.scalar(select(func.count()).select_from(IntakeRow).where(*where)) or 0
    found = session.scalars(
        select(IntakeRow).where(*where).order_by(IntakeRow.number).offset(offset).limit(limit)
    )
    return list(found), total


def rejected(actor: Actor, intake_id: str, *, session: Session) -> bytes:
    """The rows that were not taken, as a spreadsheet with a column of reasons (原因)."""
    intake = intake_of(actor, intake_id, session=session)
    rows = session.scalars(
        select(IntakeRow)
        .where(IntakeRow.intake_id == intake_id)
        .where(IntakeRow.state.in_([RowState.BAD, RowState.CLASSIFIED]))
        .order_by(IntakeRow.number)
        .execution_options(yield_per=1000)
    )
    return rejected_workbook(intake.columns, rows)
