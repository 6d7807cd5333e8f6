"""Files that come with a sheet on the page: several, or one ZIP from anywhere."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import select

from node.filing import service as filing
from node.intake import files as intake_files
from node.intake import service as intake
from node.intake import unpacking
from node.intake.models import Intake, IntakeFile
from node.intake.unpacking import entries_of
from node.intake.work import IntakeWork
from shared.kernel.actor import Grant, Role
from shared.kernel.errors import Classified, Invalid, WrongState
from shared.kernel.identifiers import new_id
from shared.kernel.jobs import Job
from tests.node.browser import Browser
from tests.node.conftest import Node
from tests.node.intake.conftest import Desk, csv_bytes

CODE = "A182-WS·2023-D30-BGS-0007"
SHEET = csv_bytes(
    [
        ["题名", "日期", "档号", "电子文件"],
        ["关于防汛的通知", "20230101", "", "通知.pdf"],
        ["关于抗旱的通知", "20230102", CODE, ""],
        ["关于秋播的通知", "20230103", "", "没有.pdf"],
        ["关于会议的通知", "20230104", "", ""],
    ]
)


class OldEntry(zipfile.ZipInfo):
    """An entry as old programs of Windows in Chinese write it: GBK, and no flag that says so."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 - zipfile's name
        return self.filename.encode("gb18030"), self.flag_bits & ~0x800


def zip_bytes(files: dict[str, bytes], entry: type[zipfile.ZipInfo] = zipfile.ZipInfo) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in files.items():
            archive.writestr(entry(name), content, zipfile.ZIP_DEFLATED)
    return target.getvalue()


class Files:
    """A clerk who brings files with a sheet."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.intake_id = desk.bring(SHEET)

    def bring(self, content: bytes, name: str = "扫描件.zip") -> Job:
        spooled = new_id()
        self.desk.spool.keep_file(self.intake_id, spooled, io.BytesIO(content))
        entries = entries_of(self.folder / spooled)
        with self.desk.node.database.write() as session:
            job = intake_files.unpack(
                self.desk.clerk, self.intake_id, spooled, name, entries, session=session
            )
        return self.desk.work.finish(job.id)

    @property
    def folder(self) -> Path:
        return self.desk.spool.files(self.intake_id)

    def rows(self) -> dict[str, str | None]:
        """The name of each file, and why it was not kept."""
        with self.desk.node.database.read() as session:
            query = intake_files.listing(self.desk.clerk, self.intake_id, session=session)
            return {each.name: each.problem for each in session.scalars(query)}

    def counts(self) -> intake_files.FileCounts:
        with self.desk.node.database.read() as session:
            return intake_files.counts(self.intake_id, session=session)

    def names_of(self, title: str) -> list[tuple[str, str]]:
        """Role and file name of what a record has."""
        [record] = [each for each in self.desk.records() if each.title == title]
        with self.desk.node.database.read() as session:
            wire = filing.wire(record, session=session)
        return [
            (document["role"], file["name"])
            for document in wire["documents"]
            for file in document["files"]
        ]


@pytest.fixture
def files(desk: Desk) -> Files:
    return Files(desk)


@pytest.mark.parametrize("entry", [zipfile.ZipInfo, OldEntry])
def test_a_zip_is_unpacked_and_each_row_finds_its_file(
    files: Files, entry: type[zipfile.ZipInfo]
) -> None:
    content = {
        "扫描/通知.pdf": b"%PDF one",
        f"扫描/{CODE}.pdf": b"%PDF two",
        f"扫描/{CODE}·002.pdf": b"%PDF three",
        "扫描/多余.pdf": b"%PDF four",
        "扫描/里面.zip": zip_bytes({"不解开.pdf": b"x"}),
    }
    assert files.bring(zip_bytes(content, entry)).state == "done"
    assert files.rows() == dict.fromkeys(content)
    desk = files.desk
    desk.check(files.intake_id)
    assert desk.problems(files.intake_id) == {4: [("files", "file_missing")]}
    counts = files.counts()
    assert (counts.kept, counts.wanted, counts.unasked, counts.refused) == (5, 3, 2, 0)
    desk.take(files.intake_id)
    assert files.names_of("关于防汛的通知") == [("正本", "通知.pdf")]
    assert files.names_of("关于抗旱的通知") == [
        ("正本", f"{CODE}.pdf"),
        ("附件", f"{CODE}·002.pdf"),
    ]
    assert files.names_of("关于会议的通知") == []
    assert not files.folder.exists()


def test_what_is_bad_in_a_zip_is_told_and_the_rest_comes_in(files: Files, desk: Desk) -> None:
    content = {
        "通知.pdf": b"%PDF",
        "../逃.pdf": b"x",
        "/etc/passwd": b"x",
        "C:\\系统.pdf": b"x",
        "长" * 300 + ".pdf": b"x",
        "空.pdf": b"",
        "绝不可见的名称（机密★10年）.pdf": b"x",
        "__MACOSX/._通知.pdf": b"x",
        "多.pdf": b"\0" * (20 * 1024**2),
        "文件夹/": b"",
    }
    assert files.bring(zip_bytes(content)).state == "done"
    rows = files.rows()
    assert rows.pop("通知.pdf") is None
    assert set(rows) == {
        *("../逃.pdf", "/etc/passwd", "C:\\系统.pdf", "空.pdf", "多.pdf"),
        f"{'长' * 60}…（共 304 字）",
        "（含密级标志，未保存）",
    }
    assert all(rows.values())
    assert "0 字节" in str(rows["空.pdf"])
    assert "解开后过大" in str(rows["多.pdf"])
    assert len(list(files.folder.iterdir())) == 1
    assert not list(desk.node.folder.path.rglob("*逃*"))
    for path in desk.node.folder.path.rglob("*"):
        assert not path.is_file() or "绝不可见".encode() not in path.read_bytes()


def test_a_zip_that_declares_too_much_is_refused_before_it_is_unpacked(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = zip_bytes({"一.pdf": b"\0" * 2000, "二.pdf": b"x"})
    monkeypatch.setattr(unpacking, "MOST_UNPACKED", 2000)
    with pytest.raises(Invalid, match="解开后超过"):
        files.bring(packed)
    monkeypatch.setattr(unpacking, "MOST_ENTRIES", 1)
    with pytest.raises(Invalid, match="超过 1 项"):
        files.bring(packed)
    with pytest.raises(Invalid, match="不是 ZIP"):
        files.bring(b"PK\x03\x04 nothing")


def test_unpacking_can_be_stopped_and_what_is_there_stays(
    files: Files, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "_STEP_ENTRIES", 2)
    spooled = new_id()
    packed = zip_bytes({f"{number}.pdf": b"x" for number in range(5)})
    desk.spool.keep_file(files.intake_id, spooled, io.BytesIO(packed))
    with desk.node.database.write() as session:
        job = intake_files.unpack(
            desk.clerk, files.intake_id, spooled, "甲.zip", 5, session=session
        )
    desk.work.step()
    with desk.node.database.write() as session:
        with pytest.raises(WrongState, match="任务正在进行"):
            intake.check(desk.clerk, files.intake_id, session=session)
        intake.stop(desk.clerk, files.intake_id, session=session)
    assert not desk.work.step()
    assert desk.work.finish(job.id).state == "stopped"
    assert len(files.rows()) == 2
    # The ZIP again: what is there already is told, not doubled.
    files.bring(packed)
    assert files.counts().kept == 5
    with desk.node.database.write() as session:
        intake.discard(desk.clerk, files.intake_id, session=session)
    desk.spool.drop_files(files.intake_id)
    assert files.rows() == {}


def test_a_link_in_a_zip_is_not_followed(files: Files) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        entry = zipfile.ZipInfo("链接.pdf")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    files.bring(target.getvalue())
    assert "是链接" in str(files.rows()["链接.pdf"])


def test_files_are_brought_and_seen_on_the_pages(node: Node) -> None:
    browser = Browser(node, "clerk", "张档案", Grant(Role.CLERK))
    work = IntakeWork(node.folder)
    browser.post(
        "/intake/new",
        {"file": (io.BytesIO(SHEET), "目录.csv"), "fonds_id": node.fonds, "retention": "D30"},
    )
    with node.database.read() as session:
        intake_id = str(session.scalar(select(Intake.id)))
    assert "还没有上传文件" in browser.get(f"/intake/{intake_id}/files").text
    page = browser.post(
        f"/intake/{intake_id}/files",
        {"file": [(io.BytesIO(b"%PDF"), "通知.pdf"), (io.BytesIO(b""), "空.pdf")]},
    ).text
    assert "已上传 1 个文件" in page
    assert "0 字节" in page
    huge = browser.client.post(
        f"/intake/{intake_id}/files", environ_overrides={"CONTENT_LENGTH": str(5 * 1024**3)}
    )
    assert huge.status_code == 413
    two = {"file": [(io.BytesIO(b"PK"), "一.zip"), (io.BytesIO(b"x"), "二.pdf")]}
    answer = browser.post(f"/intake/{intake_id}/files", two, status=422)
    assert "压缩包要单独上传" in answer.text
    bad = {"file": [(io.BytesIO(b"no zip"), "一.zip")]}
    assert "不是 ZIP" in browser.post(f"/intake/{intake_id}/files", bad, status=422).text
    packed = zip_bytes({f"{CODE}.pdf": b"%PDF", "多余.pdf": b"%PDF"}, OldEntry)
    page = browser.post(
        f"/intake/{intake_id}/files", {"file": [(io.BytesIO(packed), "扫描.zip")]}
    ).text
    assert "解开压缩包" in page
    while work.step():
        pass
    assert "已上传 3 个文件" in browser.get(f"/intake/{intake_id}/columns").text
    with node.database.read() as session:
        columns = session.get_one(Intake, intake_id).sheets[0].fields
    chosen = {f"column-0-{at}": field for at, field in columns.items()}
    browser.post(
        f"/intake/{intake_id}/columns",
        {**chosen, "level-0": "record", "class_code": "WS", "retention": "D30", "then": "check"},
    )
    while work.step():
        pass
    page = browser.get(f"/intake/{intake_id}").text
    assert "2 行找到了电子文件" in page
    assert "1 个没有行要，不会导入" in page
    assert "多余.pdf" in browser.get(f"/intake/{intake_id}/files?shown=unasked").text
    with node.database.read() as session:
        assert session.scalar(select(IntakeFile.wanted).where(IntakeFile.name == "通知.pdf"))
    leader = Browser(node, "leader", "李镇长", Grant(Role.LEADER))
    assert "多余.pdf" in leader.get(f"/intake/{intake_id}/files").text


class Unflagged(zipfile.ZipInfo):
    """An entry in UTF-8 that does not say so."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 - zipfile's name
        return self.filename.encode(), self.flag_bits & ~0x800


@pytest.mark.parametrize("entry", [OldEntry, Unflagged, zipfile.ZipInfo])
@pytest.mark.parametrize("name", ["凭证/1-1.pdf", "通知.pdf", f"{CODE}.pdf", "道路/plan.pdf"])
def test_names_that_could_be_read_in_two_ways_are_read_right(
    tmp_path: Path, name: str, entry: type[zipfile.ZipInfo]
) -> None:
    if entry is OldEntry and name.startswith(CODE):
        name = name.replace("D30", "三十年")
    path = tmp_path / "files.zip"
    path.write_bytes(zip_bytes({name: b"x"}, entry))
    assert [each.name for each in unpacking.unpack_some(path, 0, tmp_path, "one")] == [name]


MARKED = "机密★10年\n关于某项行动的通知".encode()


def test_a_marked_file_came_in_by_a_zip(files: Files) -> None:
    job = files.bring(zip_bytes({"行动方案.txt": MARKED, "通知.txt": "关于春耕".encode()}))
    assert job.state == "done"
    rows = files.rows()
    assert set(rows) == {"（含密级标志，未保存）", "通知.txt"}
    assert "涉密" in (rows["（含密级标志，未保存）"] or "")
    assert all(path.read_bytes() != MARKED for path in files.folder.iterdir())


def test_a_marked_file_came_in_by_the_upload_of_an_import(files: Files) -> None:
    with pytest.raises(Classified):
        files.desk.spool.keep_file(files.intake_id, new_id(), io.BytesIO(MARKED))
    assert list(files.folder.iterdir()) == []
