"""The background work of intake: sheets are read outside of any transaction, staged in short ones.

Killed anywhere it goes on where the last commit left it, and nothing is doubled.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.intake.attachments import GivenFiles, find_files, keep_files
from node.intake.cells import cells_as_text, is_blank
from node.intake.files import given_files, note_unpacked
from node.intake.linking import link_some
from node.intake.models import Intake, IntakeRow, IntakeSheet, IntakeState, RowState
from node.intake.problems import Problem, problem_of
from node.intake.reading import read_row
from node.intake.service import CHECK, TAKE, UNPACK, context_of, counts_of
from node.intake.spool import Spool
from node.intake.staging import StagedRow, stage
from node.intake.taking import Taker, next_rows
from node.intake.unpacking import Unpacked, entries_of, unpack_some
from node.office.places import NodeFolder
from node.office.working import TAKING_IN, FolderRunner
from shared import audit
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.clock import now
from shared.kernel.errors import Classified, Invalid, NotFound
from shared.kernel.jobs import Job, Steps
from shared.records.security import says_declassified
from shared.records.sheets import open_table

#: Rows of a sheet to one transaction.
CHUNK = 500
_READING = (IntakeState.UPLOADED, IntakeState.CHECKING)
_OVER = (IntakeState.TAKEN, IntakeState.DISCARDED)


@dataclass
class _Reader:
    """An opened sheet, and the last row that was read from it."""

    rows: Iterator[tuple[int, list[Any]]]
    at: int


@dataclass
class _Read:
    """The next rows of one sheet, read outside of the transaction; no part when all are read."""

    part: int | None = None
    after: int = 0
    last: int = 0
    rows: list[StagedRow] = field(default_factory=list)


@dataclass
class _Kept:
    """The files of the next rows, kept in the store outside of the transaction."""

    places: list[tuple[int, int]]
    documents: dict[tuple[int, int], list[dict[str, Any]]] = field(default_factory=dict)
    problems: dict[tuple[int, int], Problem] = field(default_factory=dict)


@dataclass
class _Entries:
    """The next entries of a ZIP, unpacked outside of the transaction, and how many it has."""

    total: int
    start: int
    found: list[Unpacked]


class IntakeWork(FolderRunner):
    """Works off the imports of one node; `step` is for `Background`, `finish` for the command."""

    def __init__(self, folder: NodeFolder) -> None:
        self._spool = Spool(folder.path)
        self._readers: dict[tuple[str, int], _Reader] = {}
        #: The files that rows may name, for the check that is under way.
        self._given: tuple[str, GivenFiles | None] = ("", None)
        super().__init__(
            folder,
            TAKING_IN,
            "导入",
            {
                CHECK: Steps(self._read, self._stage, self._tidy),
                TAKE: Steps(self._keep_files, self._take, self._tidy),
                UNPACK: Steps(self._unpack, self._note_unpacked, self._tidy_unpacked),
            },
        )
        self._sweep()

    def _sweep(self) -> None:
        needed: set[str] = set()
        over: set[str] = set()
        with self._database.read() as session:
            rows = session.execute(
                select(Intake.id, Intake.state, IntakeSheet.spooled).join(
                    IntakeSheet, Intake.id == IntakeSheet.intake_id
                )
            )
            for intake_id, state, spooled in rows:
                # The first sheet bears the id of its import, as does the folder of its files.
                (needed if state in _READING else over).add(spooled)
                (over if state in _OVER else needed).add(f"{intake_id}/")
        self._spool.sweep(needed, over)

    def _tidy(self, job: Job, _prepared: object) -> None:
        """Erase sheets as soon as their rows are staged, files when they are taken or given up."""
        intake_id = job.arguments["intake_id"]
        with self._database.read() as session:
            intake = session.get(Intake, intake_id)
        if intake is not None and intake.state in _READING:
            return
        self._given = ("", None)
        for each in intake.all_sheets if intake else ():
            self._readers.pop((intake_id, each.part), None)
            self._spool.erase(each.spooled)
        if intake is None or intake.state in _OVER:
            self._spool.drop_files(intake_id)

    def _intake(self, job: Job, session: Session) -> Intake:
        intake = session.get(Intake, job.arguments["intake_id"])
        if intake is None:
            raise NotFound("这次导入已不存在。", "请重新导入。")
        return intake

    # Checking: sheet after sheet is read outside, staged inside; then their rows are linked.

    def _read(self, job: Job) -> _Read:
        with self._database.read() as session:
            intake = self._intake(job, session)
            sheet = next((each for each in intake.sheets if not each.finished), None)
            if sheet is None:
                return _Read()
            context = context_of(intake, sheet, session=session)
            given = self._files_of(job, intake, session)
        reader = self._reader(intake, sheet)
        read = _Read(sheet.part, reader.at, reader.at)
        for number, cells in islice(reader.rows, CHUNK):
            read.last = number
            if is_blank(cells):
                continue
            row = read_row(number, cells, context)
            files = find_files(row, given)
            as_text = [] if row.classified else cells_as_text(cells, len(sheet.columns))
            read.rows.append(StagedRow(row, as_text, files))
        reader.at = read.last
        return read

    def _files_of(self, job: Job, intake: Intake, session: Session) -> GivenFiles | None:
        if self._given[0] != job.id:
            folder = intake.files_folder
            given = (
                GivenFiles.in_folder(Path(folder))
                if folder
                else given_files(intake.id, self._spool.files(intake.id), session=session)
            )
            self._given = (job.id, given)
        return self._given[1]

    def _reader(self, intake: Intake, sheet: IntakeSheet) -> _Reader:
        place = (intake.id, sheet.part)
        reader = self._readers.get(place)
        if reader is None or reader.at != sheet.read:
            path = self._spool.path(sheet.spooled)
            if not path.exists():
                raise NotFound("上传的表格已不在本机。", "请重新上传表格。")
            rows = open_table(path, sheet.file_name).rows(sheet.sheet)
            for number, _cells in rows:
                if number >= sheet.read:
                    break
            reader = self._readers[place] = _Reader(rows, sheet.read)
        return reader

    def _stage(self, job: Job, read: _Read, session: Session) -> bool:
        intake = self._intake(job, session)
        if read.part is None:
            return self._link(job, intake, session)
        sheet = intake.sheet_of(read.part)
        if sheet.finished or sheet.read != read.after:
            return False  # another process has staged these rows meanwhile
        stage(intake, sheet, read.rows, session=session)
        sheet.finished = read.last == read.after
        sheet.read = read.last
        rows = [each.read - each.header_row for each in intake.sheets]
        job.done = sum(rows)
        job.total = sum(
            max(done, 0 if each.finished else each.expected)
            for done, each in zip(rows, intake.sheets, strict=True)
        )
        return False

    def _link(self, job: Job, intake: Intake, session: Session) -> bool:
        if link_some(intake, session=session):
            return False
        intake.state = IntakeState.CHECKED
        job.done = job.total
        return True

    # Taking: files outside, filing inside.

    def _keep_files(self, job: Job) -> _Kept:
        with self._database.read() as session:
            rows = next_rows(self._intake(job, session), session=session)
        kept = _Kept([_place(row) for row in rows])
        for row in rows:
            if row.files:
                try:
                    kept.documents[_place(row)] = keep_files(
                        self._folder.files,
                        row.files,
                        declassified=says_declassified(row.values.get("security_change")),
                    )
                except (Invalid, Classified) as error:
                    kept.problems[_place(row)] = problem_of(error)
        return kept

    def _take(self, job: Job, kept: _Kept, session: Session) -> bool:
        intake = self._intake(job, session)
        rows = next_rows(intake, session=session)
        actor = Actor(intake.by_id, intake.by_name, (Grant(Role.CLERK, fonds_id=intake.fonds_id),))
        if not job.total:
            job.total = counts_of(intake.id, session=session)[RowState.GOOD]
        if not rows:
            intake.state = IntakeState.TAKEN
            intake.finished_at = now()
            rows_taken = session.scalars(
                select(IntakeRow.record_id).where(IntakeRow.intake_id == intake.id).distinct()
            )
            taken = audit.Act(each=[each for each in rows_taken if each is not None])
            audit.record(
                session, actor, "intake.finished", f"intake:{intake.id}", taken,
                fonds=intake.fonds_id,
            )  # fmt: skip
            return True
        if [_place(row) for row in rows] == kept.places:
            taker = Taker(actor, intake, kept.documents, session=session)
            taker.take(rows, kept.problems)
            job.done += len(rows)
        return False

    # Unpacking: entries outside, their names inside.

    def _unpack(self, job: Job) -> _Entries:
        name, start = str(job.arguments["spooled"]), job.done
        folder = self._spool.files(job.arguments["intake_id"])
        total = job.total or entries_of(folder / name)
        return _Entries(total, start, unpack_some(folder / name, start, folder, name))

    def _note_unpacked(self, job: Job, entries: _Entries, session: Session) -> bool:
        job.total = entries.total
        if job.done != entries.start:
            return False  # another process has unpacked these meanwhile
        note_unpacked(job, entries.found, session=session)
        job.done += len(entries.found)
        return job.done >= job.total

    def _tidy_unpacked(self, job: Job, _prepared: object) -> None:
        """Remove the ZIP when it is unpacked, was stopped, or cannot be read."""
        with self._database.read() as session:
            job = session.get_one(Job, job.id)
        if not job.is_open:
            self._spool.drop_file(job.arguments["intake_id"], str(job.arguments["spooled"]))


def _place(row: IntakeRow) -> tuple[int, int]:
    return row.part, row.number
