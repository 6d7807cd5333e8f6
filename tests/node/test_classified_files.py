"""A file whose first page bears a mark of classification is refused at every door of a node."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from sqlalchemy import select

from node.filing.models import ComputerFile, Record
from node.intake import service as intake
from node.intake.looking import look_into
from node.intake.models import IntakeRow
from node.intake.spool import Spool
from node.intake.work import IntakeWork
from node.registry.models import Registered
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.identifiers import new_id
from tests.node.browser import Browser
from tests.node.conftest import Node
from tests.node.test_command import run
from tests.people import employ

MARKED = "机密★10年\n关于某项行动的通知".encode()
BLANK = {
    "title": "通知", "level": "record", "security": "none", "holding": "electronic",
    "class_code": "WS", "role": "正本", "kind": "born_digital",
}  # fmt: skip
SECRET = ("某项行动", "行动方案")


@pytest.fixture
def browser(node: Node) -> Browser:
    return Browser(node, "clerk", "张档案", Grant(Role.CLERK))


def refuse_traces(node: Node) -> None:
    """Nothing of the file lies anywhere in the node's folder: no bytes, no name, no title."""
    assert not list(node.folder.files.names())
    with node.database.read() as session:
        assert session.scalar(select(ComputerFile.id)) is None
    for path in node.folder.path.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for each in SECRET:
                assert each.encode() not in content, path


def paper() -> tuple[io.BytesIO, str]:
    return io.BytesIO(MARKED), "行动方案.txt"


def test_a_marked_file_came_in_by_the_upload_of_filing(node: Node, browser: Browser) -> None:
    browser.post("/filing/new", {**BLANK, "fonds_id": node.fonds})
    with node.database.read() as session:
        record_id = session.scalar(select(Record.id))
    page = browser.post(
        f"/filing/{record_id}/upload",
        {"role": "正本", "kind": "born_digital", "file": paper()},
        status=422,
    )
    assert "涉密文件" in page.text
    refuse_traces(node)


def test_a_marked_file_came_in_by_the_forms_that_make_something(
    node: Node, browser: Browser
) -> None:
    values = {**BLANK, "fonds_id": node.fonds}
    page = browser.post("/filing/new", {**values, "file": paper()}, status=422)
    assert "涉密文件" in page.text
    values |= {"direction": "incoming", "registered_on": "2023-03-03"}
    page = browser.post("/registry/new", {**values, "file": paper()}, status=422)
    assert "涉密文件" in page.text
    browser.post("/registry/new", values)
    with node.database.read() as session:
        assert session.scalar(select(Record.id)) is None
        document_id = session.scalar(select(Registered.id))
    more = {"role": "正本", "kind": "born_digital", "file": paper()}
    page = browser.post(f"/registry/{document_id}/upload", more, status=422)
    assert "涉密文件" in page.text
    refuse_traces(node)


def test_a_marked_file_came_in_by_the_command(node: Node, tmp_path: Path) -> None:
    add_clerk(node)
    path = tmp_path / "行动方案.txt"
    path.write_bytes(MARKED)
    where = ("--dir", node.folder.path, "--fonds", "A182", "--file", path)
    assert run("file", "collect", *where, "--title", "通知", code=2)["code"] == "classified"
    assert run("register", "add", *where, "--set", "title=通知", code=2)["code"] == "classified"
    refuse_traces(node)


def test_a_marked_file_came_in_by_an_import(node: Node, clerk: Actor, tmp_path: Path) -> None:
    papers = tmp_path / "papers"
    papers.mkdir()
    (papers / "行动方案.txt").write_bytes(MARKED)
    (papers / "好.txt").write_text("关于春耕的通知", "utf-8")
    work = IntakeWork(node.folder)
    intake_id = new_id()
    sheet = "题名,年度,保管期限,电子文件\n行动,2023,30年,好.txt;行动方案.txt\n函,2023,30年,好.txt\n"
    path = Spool(node.folder.path).keep(intake_id, io.BytesIO(sheet.encode()))
    look = look_into(path, "目录.csv", None)
    with node.database.write() as session:
        intake.begin(clerk, intake_id, node.fonds, look, session=session)
        job = intake.check(clerk, intake_id, session=session, files_folder=str(papers))
    work.finish(job.id)
    with node.database.write() as session:
        job = intake.take(clerk, intake_id, session=session)
    assert work.finish(job.id).state == "done"
    with node.database.read() as session:
        first, second = session.scalars(select(IntakeRow).order_by(IntakeRow.number))
        assert (first.state, second.state) == ("classified", "taken")
        assert not any((first.key, first.values, first.cells, first.files, first.problems))
    assert len(list(node.folder.files.names())) == 1


def add_clerk(node: Node) -> None:
    with node.database.write() as session:
        employ("zhang", "张档案", "danglian-2024", [Grant(Role.CLERK)], session=session)


def test_a_declassified_file_may_bear_its_old_mark(node: Node, tmp_path: Path) -> None:
    add_clerk(node)
    path = tmp_path / "旧件.txt"
    path.write_bytes(MARKED)
    run(
        "file", "collect", "--dir", node.folder.path, "--fonds", "A182", "--title", "通知",
        "--set", "security_change=2015年3月1日解密，依据解密审核意见", "--file", path,
    )  # fmt: skip
    assert len(list(node.folder.files.names())) == 1
