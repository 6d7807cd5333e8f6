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

from node.filing.service import collect_many
from node.intake.attachments import find_files, keep_files
from node.intake.models import Intake, IntakeRow, IntakeState, RowState
from node.intake.reading import Problem, RowContext, is_blank, read_row, source_key
from node.intake.service import CHECK, TAKE, cells_as_text, context_of, counts_of
from node.intake.sheets import open_table
from node.intake.spool import Spool
from node.intake.staging import StagedRow, stage
from node.office.places import NodeFolder
from shared import audit
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.clock import now
from shared.kernel.errors import Classified, DanglianError, Invalid, NotFound
from shared.kernel.jobs import Job, JobRunner, JobState, job_of
from shared.records.security import says_declassified

#: Rows to one transaction.
CHUNK = 500
_KINDS = (CHECK, TAKE)


@dataclass
class _Reader:
    """An opened sheet, and the last row that was read from it."""

    rows: Iterator[tuple[int, list[Any]]]
    at: int


@dataclass
class _Prepared:
    """What was done outside of the transaction for the next chunk of one job."""

    job_id: str = ""
    after: int = 0
    last: int = 0
    finished: bool = False
    rows: list[StagedRow] = field(default_factory=list)
    documents: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    refused: dict[int, DanglianError] = field(default_factory=dict)
    error: DanglianError | None = None


class IntakeWork:
    """Works off the imports of one node; `step` is for `Background`, `finish` for the command."""

    def __init__(self, folder: NodeFolder) -> None:
        self._folder = folder
        self._database = folder.database()
        self._spool = Spool(folder.path)
        self._readers: dict[str, _Reader] = {}
        self._prepared = _Prepared()
        self._runner = JobRunner(self._database, {CHECK: self._stage, TAKE: self._take})
        self._sweep()

    def _sweep(self) -> None:
        with self._database.read() as session:
            wanted = session.scalars(
                select(Intake.id).where(
                    Intake.state.in_([IntakeState.UPLOADED, IntakeState.CHECKING])
                )
            )
            self._spool.sweep(set(wanted))

    def step(self) -> bool:
        """Do one chunk of the oldest open import; False when there is none."""
        with self._database.read() as session:
            job_id = session.scalar(
                select(Job.id)
                .where(Job.state.in_([JobState.WAITING, JobState.RUNNING]))
                .where(Job.kind.in_(_KINDS))
                .order_by(Job.created_at, Job.id)
                .limit(1)
            )
        if job_id is None:
            return False
        self._chunk(job_id)
        return True

    def finish(self, job_id: str) -> Job:
        """Run one job to its end in this thread; returns it."""
        while True:
            with self._database.read() as session:
                job = job_of(job_id, session=session)
            if not job.is_open:
                return job
            self._chunk(job_id)

    def _chunk(self, job_id: str) -> None:
        with self._database.read() as session:
            job = job_of(job_id, session=session)
            intake = session.get(Intake, job.arguments["intake_id"])
            context = context_of(intake, session=session) if intake else None
            rows = self._next_rows(intake, session) if intake and job.kind == TAKE else []
        prepared = self._prepared = _Prepared(job_id=job_id)
        try:
            if intake is None or context is None:
                raise NotFound("这次导入已不存在。", "请重新导入。")
            if job.kind == CHECK:
                self._read(intake, context, prepared)
            else:
                self._keep_files(intake, rows, prepared)
        except DanglianError as error:
            prepared.error = error
        self._runner.run_chunk(job_id)
        self._tidy(job_id, job.arguments["intake_id"])

    def _tidy(self, job_id: str, intake_id: str) -> None:
        """Erase the sheet as soon as its rows are staged or it was given up."""
        with self._database.read() as session:
            intake = session.get(Intake, intake_id)
            state = intake.state if intake else IntakeState.DISCARDED
        if state not in (IntakeState.UPLOADED, IntakeState.CHECKING):
            self._readers.pop(intake_id, None)
            self._spool.erase(intake_id)

    # Checking: read outside, stage inside.

    def _read(self, intake: Intake, context: RowContext, prepared: _Prepared) -> None:
        reader = self._reader(intake)
        folder = Path(intake.files_folder) if intake.files_folder else None
        prepared.after = prepared.last = reader.at
        for number, cells in islice(reader.rows, CHUNK):
            prepared.last = number
            if is_blank(cells):
                continue
            row = read_row(number, cells, context)
            files = find_files(row, folder)
            as_text = [] if row.classified else cells_as_text(cells, len(intake.columns))
            prepared.rows.append(StagedRow(row, as_text, files))
        prepared.finished = prepared.last == prepared.after
        reader.at = prepared.last

    def _reader(self, intake: Intake) -> _Reader:
        reader = self._readers.get(intake.id)
        if reader is None or reader.at != intake.read:
            path = self._spool.path(intake.id)
            if not path.exists():
                raise NotFound("上传的表格已不在本机。", "请重新上传表格。")
            rows = open_table(path, intake.file_name).rows(intake.sheet)
            for number, _cells in rows:
                if number >= intake.read:
                    break
            reader = self._readers[intake.id] = _Reader(rows, intake.read)
        return reader

    def _stage(self, job: Job, session: Session) -> bool:
        prepared = self._ready(job)
        intake = session.get_one(Intake, job.arguments["intake_id"])
        if intake.read != prepared.after:
            return False  # another process has staged these rows meanwhile
        stage(intake, prepared.rows, session=session)
        intake.read = prepared.last
        job.done = prepared.last - intake.header_row
        job.total = max(intake.expected, job.done)
        if prepared.finished:
            intake.finished_reading = True
            intake.state = IntakeState.CHECKED
        return prepared.finished

    # Taking: files outside, filing inside.

    def _next_rows(self, intake: Intake, session: Session) -> list[IntakeRow]:
        return list(
            session.scalars(
                select(IntakeRow)
                .where(IntakeRow.intake_id == intake.id)
                .where(IntakeRow.state == RowState.GOOD)
                .order_by(IntakeRow.number)
                .limit(CHUNK)
            )
        )

    def _keep_files(self, intake: Intake, rows: list[IntakeRow], prepared: _Prepared) -> None:
        folder = Path(intake.files_folder or ".")
        for row in rows:
            if row.files:
                try:
                    prepared.documents[row.number] = keep_files(
                        self._folder.files,
                        folder,
                        row.files,
                        declassified=says_declassified(row.values.get("security_change")),
                    )
                except (Invalid, Classified) as error:
                    prepared.refused[row.number] = error

    def _take(self, job: Job, session: Session) -> bool:
        prepared = self._ready(job)
        intake = session.get_one(Intake, job.arguments["intake_id"])
        rows = self._next_rows(intake, session)
        actor = Actor(intake.by_id, intake.by_name, (Grant(Role.CLERK, fonds_id=intake.fonds_id),))
        if not job.total:
            job.total = counts_of(intake.id, session=session)[RowState.GOOD]
        if not rows:
            intake.state = IntakeState.TAKEN
            intake.finished_at = now()
            audit.record(
                session, actor, "intake.finished", f"intake:{intake.id}", fonds=intake.fonds_id
            )
            return True
        ready = []
        for row in rows:
            if row.number in prepared.refused:
                _refuse(row, prepared.refused[row.number])
            elif not row.files or row.number in prepared.documents:
                ready.append(row)
        _collect(actor, intake, ready, prepared.documents, session)
        job.done += len(rows)
        return False

    def _ready(self, job: Job) -> _Prepared:
        prepared = self._prepared
        if prepared.job_id != job.id:
            raise NotFound("任务已变更。", "请重试。")
        if prepared.error is not None:
            raise prepared.error
        return prepared


def _refuse(row: IntakeRow, error: DanglianError) -> None:
    """Say on a row why it was not taken; of a classified one nothing but its number is kept."""
    row.values = {}
    if isinstance(error, Classified):
        row.state = RowState.CLASSIFIED
        row.key = row.code = None
        row.problems, row.cells, row.files = [], [], []
        return
    row.state = RowState.BAD
    problem = Problem(error.field or "title", error.message, error.remedy, error.code)
    row.problems = [problem.to_wire()]


def _collect(
    actor: Actor,
    intake: Intake,
    rows: list[IntakeRow],
    documents: dict[int, list[dict[str, Any]]],
    session: Session,
) -> None:
    """Hand rows to filing: all at once; when filing refuses one, one by one to find which."""
    if not rows:
        return
    try:
        with session.begin_nested():
            _collect_some(actor, intake, rows, documents, session)
    except DanglianError as error:
        if len(rows) == 1:
            _refuse(rows[0], error)
            return
        middle = len(rows) // 2
        _collect(actor, intake, rows[:middle], documents, session)
        _collect(actor, intake, rows[middle:], documents, session)


def _collect_some(
    actor: Actor,
    intake: Intake,
    rows: list[IntakeRow],
    documents: dict[int, list[dict[str, Any]]],
    session: Session,
) -> None:
    wanted = []
    for row in rows:
        values = {**row.values, "source_key": source_key(str(row.key), row.code)}
        if row.number in documents:
            values["documents"] = documents[row.number]
        wanted.append(values)
    collected = collect_many(
        actor,
        intake.fonds_id,
        wanted,
        session=session,
        source=f"{intake.file_name} {intake.sheet_name}".strip()[:200],
    )
    for row, record_id in zip(rows, collected.ids, strict=True):
        row.state = RowState.TAKEN
        row.record_id = record_id
        row.values, row.cells, row.files = {}, [], []
