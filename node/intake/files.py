"""The files that a clerk uploads with a sheet: single ones or a ZIP, seen before they are taken.

Their bytes lie in the spool until the rows are taken; what nobody asked for goes again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from node.intake import service as intake
from node.intake.attachments import GivenFile, GivenFiles, relative_name
from node.intake.models import Intake, IntakeFile, IntakeRow, IntakeState, RowState
from node.intake.unpacking import MOST_ENTRIES, Unpacked, shown
from node.registry.files import refuse_size
from shared import audit
from shared.kernel.actor import Actor
from shared.kernel.errors import Classified, Invalid
from shared.kernel.jobs import Job

_AGAIN = "已有同名的文件，这一个没有保存。请改名，或先清空再上传。"


@dataclass(frozen=True)
class FileCounts:
    """How many files came, how many of them a row found, and how many could not be kept."""

    kept: int = 0
    wanted: int = 0
    refused: int = 0

    @property
    def unasked(self) -> int:
        """Files that no row asked for."""
        return self.kept - self.wanted


def add_files(
    actor: Actor,
    intake_id: str,
    files: Sequence[tuple[str, str, int]],
    *,
    session: Session,
) -> list[IntakeFile]:
    """Note files that were written to the spool, `(id, name as given, size)`.

    What cannot be kept is noted with its reason; the caller removes its bytes.
    """
    found = intake.intake_to_change(actor, intake_id, IntakeState.UPLOADED, session=session)
    _require_room(found, len(files), session)
    rows = []
    for file_id, name, size in files:
        try:
            refuse_size(size)
            rows.append(IntakeFile(id=file_id, name=relative_name(name), size=size))
        except (Invalid, Classified) as error:
            problem = f"{error.message}{error.remedy}"
            rows.append(IntakeFile(id=file_id, name=shown(name), size=0, problem=problem))
    _note(intake_id, rows, session)
    audit.record(
        session, actor, "intake.files_added", f"intake:{intake_id}",
        fonds=found.fonds_id, files=len(rows),
    )  # fmt: skip
    return rows


def unpack(
    actor: Actor, intake_id: str, spooled: str, name: str, entries: int, *, session: Session
) -> Job:
    """Have a ZIP in the spool unpacked; a job that can be stopped. Raises WrongState, Invalid."""
    found = intake.intake_to_change(actor, intake_id, IntakeState.UPLOADED, session=session)
    _require_room(found, entries, session)
    audit.record(
        session, actor, "intake.files_added", f"intake:{intake_id}",
        fonds=found.fonds_id, files=entries,
    )  # fmt: skip
    return intake.submit(
        actor, found, intake.UNPACK, f"解开压缩包：{shown(name)}", session=session, spooled=spooled
    )


def note_unpacked(job: Job, found: Sequence[Unpacked], *, session: Session) -> None:
    """Note what one step of unpacking brought; folders and such have no name."""
    rows = [
        IntakeFile(
            id=f"{job.arguments['spooled']}-{each.index}",
            name=each.name,
            size=each.size,
            problem=each.problem,
        )
        for each in found
        if each.name
    ]
    _note(str(job.arguments["intake_id"]), rows, session)


def _note(intake_id: str, rows: Sequence[IntakeFile], session: Session) -> None:
    names = [each.name for each in rows if not each.problem]
    there = set(
        session.scalars(
            select(IntakeFile.name)
            .where(IntakeFile.intake_id == intake_id, IntakeFile.name.in_(names))
            .where(IntakeFile.problem.is_(None))
        )
    )
    for each in rows:
        each.intake_id = intake_id
        if not each.problem and each.name in there:
            each.problem, each.size = _AGAIN, 0
        elif not each.problem:
            there.add(each.name)
    session.add_all(rows)
    session.flush()


def _require_room(found: Intake, more: int, session: Session) -> None:
    intake.require_idle(found, session=session)
    there = session.scalar(
        select(func.count()).select_from(IntakeFile).where(IntakeFile.intake_id == found.id)
    )
    if (there or 0) + more > MOST_ENTRIES:
        raise Invalid(
            "files",
            f"一次导入最多带 {MOST_ENTRIES:,} 个文件。",
            "请把表格和文件分成几次导入。",
            code="too_many_files",
        )


def drop_files(actor: Actor, intake_id: str, *, session: Session) -> None:
    """Give up all files that came with an import; the caller removes their bytes."""
    found = intake.intake_to_change(actor, intake_id, IntakeState.UPLOADED, session=session)
    intake.require_idle(found, session=session)
    dropped = session.scalars(
        delete(IntakeFile).where(IntakeFile.intake_id == intake_id).returning(IntakeFile.id)
    ).all()
    audit.record(
        session, actor, "intake.files_dropped", f"intake:{intake_id}", audit.Act(each=dropped),
        fonds=found.fonds_id,
    )  # fmt: skip


def given_files(intake_id: str, folder: Path, *, session: Session) -> GivenFiles | None:
    """The files that came with an import, to be found by its rows; None without any."""
    rows = session.scalars(
        select(IntakeFile).where(IntakeFile.intake_id == intake_id, IntakeFile.problem.is_(None))
    ).all()
    files = [GivenFile(each.name, folder / each.id, each.size, each.id) for each in rows]
    return GivenFiles(files) if files else None


def listing(actor: Actor, intake_id: str, *, session: Session) -> Any:
    """The files that came with an import, as a statement to page through."""
    intake.intake_of(actor, intake_id, session=session)
    return select(IntakeFile).where(IntakeFile.intake_id == intake_id)


def counts(intake_id: str, *, session: Session) -> FileCounts:
    """How many files there are."""
    rows = session.execute(
        select(IntakeFile.problem.is_(None), IntakeFile.wanted, func.count())
        .where(IntakeFile.intake_id == intake_id)
        .group_by(IntakeFile.problem.is_(None), IntakeFile.wanted)
    ).all()
    return FileCounts(
        kept=sum(count for kept, _, count in rows if kept),
        wanted=sum(count for kept, wanted, count in rows if kept and wanted),
        refused=sum(count for kept, _, count in rows if not kept),
    )


def rows_with_files(intake_id: str, *, session: Session) -> int:
    """How many good rows found files."""
    return (
        session.scalar(
            select(func.count())
            .select_from(IntakeRow)
            .where(IntakeRow.intake_id == intake_id, IntakeRow.state == RowState.GOOD)
            .where(func.json_array_length(IntakeRow.files) > 0)
        )
        or 0
    )
