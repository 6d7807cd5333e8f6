"""Forms that others made, and forms that an enemy made: each deviation is named at its place."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.kernel.errors import Classified, Invalid
from shared.packaging.eep import Trust
from shared.packaging.exchange import convert, judge, opened_source
from shared.packaging.exchange.tree import FolderTree, ZipTree, open_tree

CODE = "A182-WS·2024-D30-BGS-0012"
FOLDER = f"A182/WS/2024/{CODE}"
DESCRIPTION = "\n".join(
    (
        "移交单位：宜昌市财政局",
        "内容描述：文书",
        "起止档号：见目录",
        "档案数量: 1",
        "软硬件环境=通用",
    )
)
ROW = (
    "<文件><顺序号>1</顺序号><档号>{code}</档号><责任者>宜昌市财政局</责任者><题名>关于预算的通知</题名>"
    "<日期>20240305</日期><保管期限>30年</保管期限><密级>{security}</密级><页数>2</页数><备注/></文件>"
)
METADATA = "<?xml version='1.0' encoding='GB18030'?><元数据><题名>关于预算的通知</题名></元数据>"


def catalogue(*rows: str) -> bytes:
    return f"<?xml version='1.0' encoding='UTF-8'?><文件目录>{''.join(rows)}</文件目录>".encode()


def row(code: str = CODE, security: str = "公开") -> str:
    return ROW.format(code=code, security=security)


def foreign(**changes: bytes | None) -> dict[str, bytes]:
    """An item package as another program writes it, with some files changed or left out."""
    files = {
        "说明文件.TXT": DESCRIPTION.encode("gb18030"),
        "目录文件.XML": catalogue(row()),
        f"{FOLDER}/电子档案1元数据.XML": METADATA.encode("gb18030"),
        f"{FOLDER}/正文.txt": "正文".encode(),
        f"{FOLDER}/附件.txt": "附件".encode(),
        "其他/交接单.txt": b"x",
    }
    merged: dict[str, bytes | None] = {**files, **changes}
    return {name: content for name, content in merged.items() if content is not None}


def packed(path: Path, files: dict[str, bytes], *, prefix: str = "", encoding: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(prefix + name, (2024, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return path


def unpacked(path: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def findings(path: Path) -> list[str]:
    report = judge(path)
    found = [each for each in report.findings if each.is_error]
    assert all(each.where and each.remedy for each in found), found
    return [each.code for each in found]


@pytest.mark.parametrize("as_zip", [True, False])
def test_an_item_package_of_another_program_is_read_by_its_names(as_zip, tmp_path) -> None:
    path = tmp_path / ("p.zip" if as_zip else "p")
    if as_zip:
        packed(path, foreign(), prefix="电子档案移交信息包/")
    else:
        unpacked(path, foreign())
    (tmp_path / "work").mkdir()
    with opened_source(path, Trust(), as_it_is=True) as source:
        (found,) = source.records(tmp_path / "work")
    record = found.record
    assert (record.code, record.title, record.author) == (CODE, "关于预算的通知", "宜昌市财政局")
    assert (record.class_code, record.year, record.retention) == ("WS", 2024, "D30")
    assert [file.name for file in record.files] == ["正文.txt", "附件.txt"]
    assert found.files[record.files[0].id].read_text(encoding="utf-8") == "正文"
    assert record.state == "collected"
    for old in (tmp_path / "work").iterdir():
        old.unlink()
    with opened_source(path, Trust(), as_it_is=True) as source:
        (again,) = source.records(tmp_path / "work")
    assert again.record == record  # the same ids each time
    with pytest.raises(Invalid, match="缺日期、档号或经过"):
        convert([path], tmp_path / "x.eep", to="eep", as_it_is=True)
    assert not (tmp_path / "x.eep").exists()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"说明文件.TXT": None}, "form_paper_missing"),
        ({"说明文件.TXT": b"\xff\xfe\x00\x01\x00"}, "form_description_unreadable"),
        ({"说明文件.TXT": "档案数量：1".encode()}, "form_description_incomplete"),
        ({"说明文件.TXT": DESCRIPTION.replace(": 1", ": 2").encode()}, "form_count_differs"),
        ({"目录文件.XML": b"<x/>"}, "form_catalogue_malformed"),
        ({"目录文件.XML": catalogue("<件/>")}, "form_catalogue_malformed"),
        ({"目录文件.XML": catalogue(row().replace("公开", ""))}, "form_row_incomplete"),
        ({"目录文件.XML": catalogue(row().replace("关于预算", "关于决算"))}, "form_row_differs"),
        ({"目录文件.XML": b"<!DOCTYPE x><x/>"}, "dtd_refused"),
        ({"目录文件.XML": b"<" + b"a" * 9}, "bad_xml"),
        ({f"{FOLDER}/电子档案1元数据.XML": None}, "form_metadata_missing"),
        ({f"{FOLDER}/电子档案1元数据.XML": b"<!DOCTYPE x><x/>"}, "dtd_refused"),
        ({f"{FOLDER}/正文.txt": None, f"{FOLDER}/附件.txt": None}, "form_content_missing"),
        ({f"B/WS/{CODE}/电子档案元数据.XML": b"<x/>"}, "form_folder_twice"),
        ({"A182/WS/散.txt": b"x"}, "form_file_unassigned"),
        ({"散.txt": b"x"}, "form_file_unassigned"),
    ],
)
def test_each_deviation_is_one_finding_at_its_place(changes, code, tmp_path) -> None:
    found = findings(packed(tmp_path / "p.zip", foreign(**changes)))
    assert code in found


def test_a_code_that_stands_twice_or_has_no_folder_is_found(tmp_path: Path) -> None:
    other = CODE.replace("0012", "0013")
    twice = foreign(**{"目录文件.XML": catalogue(row(), row())})
    assert "form_code_twice" in findings(packed(tmp_path / "1.zip", twice))
    without = foreign(**{"目录文件.XML": catalogue(row(), row(other))})
    found = findings(packed(tmp_path / "2.zip", without))
    assert sorted(found) == ["form_count_differs", "form_folder_missing"]
    with pytest.raises(Invalid) as caught:
        convert([tmp_path / "2.zip"], tmp_path / "out", to="dat93", as_it_is=True)
    assert caught.value.code in ("form_count_differs", "form_folder_missing")
    assert not (tmp_path / "out").exists()


def test_a_classified_item_is_never_taken(tmp_path: Path) -> None:
    marked = foreign(**{"目录文件.XML": catalogue(row(security="机密★10年"))})
    assert "classified" in findings(packed(tmp_path / "1.zip", marked))
    title = row().replace("关于预算的通知", "某事（机密★10年）")
    named = foreign(**{"目录文件.XML": catalogue(title), "某事（机密★10年）.txt": b"x"})
    told = str(judge(packed(tmp_path / "2.zip", named)).to_wire())
    assert "classified" in told
    assert "某事" not in told
    with pytest.raises(Invalid) as caught:
        convert([tmp_path / "1.zip"], tmp_path / "out", to="medium", as_it_is=True)
    assert caught.value.code == Classified.code
    assert not (tmp_path / "out").exists()


def hostile(
    name: str = "x", content: bytes = b"x", **more: object
) -> Callable[[zipfile.ZipFile], None]:
    def write(archive: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo(name)
        info.compress_type = zipfile.ZIP_DEFLATED
        for key, value in more.items():
            setattr(info, key, value)
        archive.writestr(info, content)

    return write


@pytest.mark.parametrize(
    ("write", "code"),
    [
        (hostile("../x"), "bad_entry_name"),
        (hostile("/x"), "bad_entry_name"),
        (hostile("a/./x"), "bad_entry_name"),
        (hostile("a//x"), "bad_entry_name"),
        (hostile("C:x"), "bad_entry_name"),
        (hostile("a\\x"), "bad_entry_name"),
        (hostile("con.txt"), "bad_entry_name"),
        (hostile("e\u0301.txt"), "bad_entry_name"),
        (hostile("/".join("abcdefghijklmn")), "too_deep"),
        (hostile("目录文件.xml"), "entry_twice"),
        (hostile("说明文件.TXT/x"), "entry_twice"),
        (hostile("其他"), "entry_twice"),
        (hostile("link", external_attr=(stat.S_IFLNK | 0o777) << 16), "not_a_regular_file"),
        (hostile("bzip", compress_type=zipfile.ZIP_BZIP2), "bad_compression"),
        (hostile("bomb", bytes(3 << 20)), "zip_bomb"),
    ],
)
def test_hostile_zips_are_refused_before_they_are_unpacked(write, code, tmp_path) -> None:
    path = packed(tmp_path / "p.zip", foreign())
    with zipfile.ZipFile(path, "a") as archive:
        write(archive)
    with pytest.raises(Invalid) as caught:
        ZipTree(path)
    assert caught.value.code == code


def test_entries_that_share_bytes_and_torn_zips_are_refused(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a", b"x" * 100)
        shared = archive.getinfo("a")
        copy = zipfile.ZipInfo("b")
        for name in ("header_offset", "CRC", "compress_size", "file_size", "external_attr"):
            setattr(copy, name, getattr(shared, name))
        archive.filelist.append(copy)
    (tmp_path / "p.zip").write_bytes(stream.getvalue())
    with pytest.raises(Invalid) as caught:
        ZipTree(tmp_path / "p.zip")
    assert caught.value.code == "hidden_bytes"
    whole = packed(tmp_path / "whole.zip", foreign()).read_bytes()
    (tmp_path / "torn.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Invalid) as caught:
        open_tree(tmp_path / "torn.zip")
    assert caught.value.code == "bad_zip"
    with zipfile.ZipFile(tmp_path / "whole.zip") as archive:
        info = archive.getinfo(f"{FOLDER}/正文.txt")
    at = info.header_offset + 30 + len(info.filename.encode()) + 1
    damaged = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
    (tmp_path / "damaged.zip").write_bytes(damaged)
    with pytest.raises(Invalid):
        convert([tmp_path / "damaged.zip"], tmp_path / "out", to="dat93", as_it_is=True)
    assert not (tmp_path / "out").exists()


def test_links_and_pipes_in_a_folder_are_refused(tmp_path: Path) -> None:
    folder = unpacked(tmp_path / "p", foreign())
    for name, make in (
        ("link", lambda path: path.symlink_to("/etc/passwd")),
        ("folder", lambda path: path.symlink_to("/etc")),
        ("pipe", os.mkfifo),
    ):
        make(folder / name)
        with pytest.raises(Invalid) as caught:
            FolderTree(folder)
        assert caught.value.code == "not_a_regular_file"
        assert f"“{name}”" in caught.value.message
        (folder / name).unlink()
    FolderTree(folder)
