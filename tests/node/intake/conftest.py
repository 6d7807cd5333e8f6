"""A clerk with spreadsheets: makes them, brings them in, and looks at what became of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from node.filing import service as filing
from node.intake import service as intake
from node.intake.defaults import Defaults
from node.intake.looking import look_into
from node.intake.models import Intake, IntakeRow, RowState
from node.intake.spool import Spool
from node.intake.work import IntakeWork
from shared.kernel.actor import Actor
from shared.kernel.identifiers import new_id
from shared.kernel.jobs import Job
from tests.node.conftest import Node

HEADER = ["题名", "文号", "责任者", "日期", "密级", "备注"]


def csv_bytes(rows: Sequence[Sequence[Any]], encoding: str = "utf-8") -> bytes:
    target = io.StringIO()
    csv.writer(target).writerows(rows)
    return target.getvalue().encode(encoding)


def xlsx_bytes(sheets: Mapping[str, Sequence[Sequence[Any]]], title: str = "") -> bytes:
    """A workbook; with `title`, a merged title stands above each header."""
    target = io.BytesIO()
    with xlsxwriter.Workbook(target) as workbook:
        day = workbook.add_format({"num_format": "yyyy-mm-dd"})
        for name, rows in sheets.items():
            sheet = workbook.add_worksheet(name)
            if title:
                sheet.merge_range(0, 0, 0, 3, title)
            for number, row in enumerate(rows, 1 if title else 0):
                for column, cell in enumerate(row):
                    if hasattr(cell, "year"):
                        sheet.write_datetime(number, column, cell, day)
                    else:
                        sheet.write(number, column, cell)
    return target.getvalue()


class Desk:
    """The clerk's desk: one import after another into one fonds."""

    def __init__(self, node: Node, clerk: Actor, folder: Path) -> None:
        self.node, self.clerk = node, clerk
        self.spool = Spool(node.folder.path)
        self.work = IntakeWork(node.folder)
        self.folder = folder

    def bring(
        self,
        content: bytes,
        name: str = "目录.csv",
        *,
        mapping: Mapping[str, str] | None = None,
        sheet: int | None = None,
        **defaults: str,
    ) -> str:
        intake_id = new_id()
        path = self.spool.keep(intake_id, io.BytesIO(content))
        look = look_into(path, name, sheet)
        read = Defaults.read({"retention": "D30", **defaults})
        with self.node.database.write() as session:
            intake.begin(
                self.clerk, intake_id, self.node.fonds, look, session=session, defaults=read
            )
            if mapping:
                intake.map_columns(self.clerk, intake_id, mapping, session=session)
        return intake_id

    def check(self, intake_id: str, files: Path | None = None) -> Job:
        with self.node.database.write() as session:
            folder = str(files) if files else None
            job = intake.check(self.clerk, intake_id, session=session, files_folder=folder)
        return self.work.finish(job.id)

    def take(self, intake_id: str) -> Job:
        with self.node.database.write() as session:
            job = intake.take(self.clerk, intake_id, session=session)
        return self.work.finish(job.id)

    def checked(self, content: bytes, name: str = "目录.csv", **more: Any) -> str:
        files = more.pop("files", None)
        intake_id = self.bring(content, name, **more)
        job = self.check(intake_id, files)
        assert job.state == "done", job.problem
        return intake_id

    def taken(self, content: bytes, name: str = "目录.csv", **more: Any) -> str:
        intake_id = self.checked(content, name, **more)
        job = self.take(intake_id)
        assert job.state == "done", job.problem
        return intake_id

    def counts(self, intake_id: str) -> dict[str, int]:
        with self.node.database.read() as session:
            found = intake.counts_of(intake_id, session=session)
        return {state: count for state, count in found.items() if count}

    def rows(self, intake_id: str, *states: RowState) -> list[IntakeRow]:
        with self.node.database.read() as session:
            rows, _ = intake.rows_of(
                self.clerk,
                intake_id,
                states or list(RowState),
                session=session,
                limit=100_000,
            )
            return rows

    def problems(self, intake_id: str) -> dict[int, list[tuple[str, str]]]:
        return {
            row.number: [(each["field"], each["code"]) for each in row.problems]
            for row in self.rows(intake_id, RowState.BAD)
        }

    def rejected(self, intake_id: str) -> bytes:
        with self.node.database.read() as session:
            return intake.rejected(self.clerk, intake_id, session=session)

    def intake(self, intake_id: str) -> Intake:
        with self.node.database.read() as session:
            return session.get_one(Intake, intake_id)

    def titles(self) -> list[str]:
        with self.node.database.read() as session:
            query = filing.listing(filing.Filter(), [self.node.fonds])
            return sorted(record.title for record in session.scalars(query))

    def records(self) -> list[filing.Record]:
        with self.node.database.read() as session:
            query = filing.listing(filing.Filter(), [self.node.fonds])
            return sorted(session.scalars(query), key=lambda record: record.title)


@pytest.fixture
def desk(node: Node, clerk: Actor, tmp_path: Path) -> Desk:
    return Desk(node, clerk, tmp_path)
