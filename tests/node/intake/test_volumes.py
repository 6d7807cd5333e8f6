"""Volumes and their items come in as two sheets, linked only by the code of the volume."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import python_calamine
from click.testing import CliRunner

from node.command import node as node_command
from node.filing import service as filing
from node.intake import service as intake
from node.intake.levels import level_of
from node.intake.linking import MOST_IN_VOLUME
from node.intake.looking import look_into
from node.intake.models import RowState
from shared.kernel.actor import Grant, Role
from shared.kernel.errors import Invalid
from shared.kernel.identifiers import new_id
from shared.records.record import RecordLevel
from tests.node.browser import Browser
from tests.node.intake.conftest import Desk, csv_bytes, xlsx_bytes

#: The columns of 机读目录 as they really are.
VOLUMES = [
    *("全宗号", "全宗名称", "目录号", "案卷号", "档号", "案卷题名", "保管日期", "起止日期"),
    *("密级", "控制标识", "件数", "页数", "备注"),
]
ITEMS = [
    *("全宗号", "全宗名称", "目录号", "案卷号", "卷内顺序号", "文件档号", "序号", "文号"),
    *("责任者", "题名", "日期", "保管期限", "控制标识", "页号", "页数", "案卷档号", "备注"),
]

PROJECT = "A182-KJ·JJ-2019001"


def volume(number: int, items: int | str = 2, **more: Any) -> list[Any]:
    code = more.get("code", f"A182-QQ0309-{number:04d}")
    title = more.get("title", f"不动产登记第{number}卷")
    return [
        *("A182", "登记中心", "QQ0309", number, code, title, more.get("retention", "永久")),
        *(more.get("dates", "20190103-20190628"), more.get("security", "无"), "", items, 20, "无"),
    ]


def item(number: int, order: int, **more: Any) -> list[Any]:
    code = more.get("volume", f"A182-QQ0309-{number:04d}")
    own = more.get("code", f"{code}-{order:03d}")
    title = more.get("title", f"第{number}卷的第{order}份登记申请书")
    return [
        *("A182", "登记中心", "QQ0309", number, order, own, order, "无", "登记中心", title),
        *(more.get("date", "20190103"), more.get("retention", ""), "", 1, 2, code),
        more.get("remark", ""),
    ]


def book(volumes: Sequence[Sequence[Any]], items: Sequence[Sequence[Any]]) -> bytes:
    """A workbook with a merged title above either header, as the land registry's."""
    target = {"机读目录（案卷级）": [VOLUMES, *volumes], "机读目录（文件级）": [ITEMS, *items]}
    return xlsx_bytes(target, title="机读目录")


def taken(desk: Desk, content: bytes, **more: str) -> str:
    return desk.taken(content, "目录.xlsx", class_code="ZY", year="2019", **more)


def checked(desk: Desk, content: bytes, **more: str) -> str:
    return desk.checked(content, "目录.xlsx", class_code="ZY", year="2019", **more)


def tree(desk: Desk) -> dict[str, list[str]]:
    """The titles of volumes, each with those of its items in their order."""
    records = desk.records()
    volumes = {each.id: each.title for each in records if each.level == "volume"}
    found: dict[str, list[tuple[int, str]]] = {title: [] for title in volumes.values()}
    for each in records:
        if each.level == "item":
            found[volumes[str(each.parent_id)]].append((each.position, each.title))
    return {title: [name for _, name in sorted(items)] for title, items in found.items()}


def codes(desk: Desk, intake_id: str) -> dict[tuple[str, int], list[str]]:
    """Code of each problem, by level and row."""
    return {
        (row.level, row.number): [each["code"] for each in row.problems]
        for row in desk.rows(intake_id, RowState.BAD)
    }


def test_a_workbook_of_volumes_and_items_comes_in_whole(desk: Desk) -> None:
    items = [item(1, 2), item(1, 1), item(2, 1), item(2, 2)]
    intake_id = taken(desk, book([volume(1), volume(2)], items))
    assert desk.counts(intake_id) == {"taken": 6}
    assert tree(desk) == {
        f"不动产登记第{number}卷": [f"第{number}卷的第{order}份登记申请书" for order in (1, 2)]
        for number in (1, 2)
    }
    first = next(each for each in desk.records() if each.title == "不动产登记第1卷")
    assert (first.class_code, first.year, first.retention) == ("ZY", 2019, "Y")
    assert first.former_codes == ["A182-QQ0309-0001"]
    assert first.remark == "起止日期：2019-01-03至2019-06-28"
    inside = [each for each in desk.records() if each.parent_id == first.id]
    assert {each.retention for each in inside} == {"Y"}


def test_two_files_are_linked_by_the_code_however_it_is_spelt(desk: Desk) -> None:
    intake_id = desk.bring(csv_bytes([VOLUMES, volume(1)]), "案卷.csv", class_code="ZY")
    spooled = new_id()
    rows = [item(1, order, volume="Ａ１８２—qq0309－0001", code="") for order in (1, 2)]
    path = desk.spool.keep(spooled, io.BytesIO(csv_bytes([ITEMS, *rows])))
    look = look_into(path, "卷内.csv")
    with desk.node.database.write() as session:
        intake.add_sheets(desk.clerk, intake_id, spooled, look, session=session)
    assert desk.check(intake_id).state == "done"
    assert desk.counts(intake_id) == {"good": 3}
    desk.take(intake_id)
    assert [len(items) for items in tree(desk).values()] == [2]
    assert list((desk.node.folder.path / "intake").iterdir()) == []


def test_projects_hold_volumes_that_hold_items(desk: Desk) -> None:
    projects = [
        ["项目名称", "档号", "年度", "保管期限"],
        ["樟村坪镇便民服务中心", PROJECT, "2019", "永久"],
    ]
    volumes = [
        ["序号", "案卷题名", "保管期限", "门类代码", "项目号", "案卷号", "档号", "项目档号"],
        ["1", "施工文件", "永久", "KJ", "2019001", "1", f"{PROJECT}-001", PROJECT],
        ["2", "竣工图", "永久", "KJ", "2019001", "2", f"{PROJECT}-002".replace("·", "."), PROJECT],
    ]
    items = [
        ["件号", "题名", "日期", "档号", "案卷档号"],
        ["1", "开工报告", "20190301", "A182-KJ·JJ-2019001-001-0001", "A182-KJ·JJ-2019001-001"],
        ["1", "总平面图", "20190901", "A182-KJ·JJ-2019001-002-0001", "A182-KJ·JJ-2019001-002"],
    ]
    sheets = {"项目": projects, "案卷": volumes, "卷内": items}
    intake_id = taken(desk, xlsx_bytes(sheets), retention="")
    assert desk.counts(intake_id) == {"taken": 5}, desk.problems(intake_id)
    records = {each.title: each for each in desk.records()}
    project, first = records["樟村坪镇便民服务中心"], records["施工文件"]
    assert (project.level, project.project_number, project.subclass) == ("project", "2019001", "JJ")
    assert (first.parent_id, first.number, first.number_given) == (project.id, 1, True)
    assert records["总平面图"].parent_id == records["竣工图"].id
    with desk.node.database.write() as session:
        filing.draft_numbers(desk.clerk, desk.node.fonds, "KJ", 2019, session=session)
    assert {each.code for each in desk.records()} == {
        PROJECT,
        *(row[6].replace(".", "·") for row in volumes[1:]),
        *(row[3] for row in items[1:]),
    }
    assert desk.counts(checked(desk, xlsx_bytes(sheets), retention="")) == {"there": 5}


def test_a_bad_item_keeps_its_whole_volume_back_and_no_other(desk: Desk) -> None:
    rows = [item(1, 1), item(1, 2, date="20190230"), item(2, 1), item(2, 2)]
    content = book([volume(1), volume(2)], rows)
    intake_id = taken(desk, content)
    assert desk.counts(intake_id) == {"taken": 3, "bad": 3}
    assert codes(desk, intake_id) == {
        ("volume", 3): ["volume_held_back"],
        ("item", 3): ["volume_held_back"],
        ("item", 4): ["bad_date"],
    }
    told = desk.rows(intake_id, RowState.BAD)[0].problems[0]["problem"]
    assert "“机读目录（文件级）”第 4 行有问题，整卷暂不导入" in told

    back = python_calamine.load_workbook(io.BytesIO(desk.rejected(intake_id)))
    assert back.sheet_names == ["未导入的案卷", "未导入的卷内文件"]
    corrected = {
        name: [
            ["20190228" if cell == "20190230" else cell for cell in line]
            for line in back.get_sheet_by_name(name).to_python()
        ]
        for name in back.sheet_names
    }
    again = taken(desk, xlsx_bytes(corrected))
    assert desk.counts(again) == {"taken": 3}
    assert [len(items) for items in tree(desk).values()] == [2, 2]


def test_what_does_not_belong_together_is_named(desk: Desk) -> None:
    volumes = [
        volume(1),
        volume(2, items=3),
        volume(3),
        volume(4),
        volume(4, title="又是第四卷"),
        volume(5, 1),
        volume(6, 2),
    ]
    rows = [
        *(item(1, 1), item(1, 1, title="同一个件号", code="")),
        *(item(2, 1), item(2, 2)),
        *(item(4, 1), item(4, 2)),
        item(5, 1, code="A182-QQ0309-0008-001"),
        *(item(6, 1, retention="10年"), item(6, 2)),
        item(9, 1),
        item(10, 1, volume=""),
    ]
    intake_id = checked(desk, book(volumes, rows))
    found = codes(desk, intake_id)
    assert found[("item", 3)] == found[("item", 4)] == ["duplicate_number"]
    assert found[("volume", 4)] == ["count_disagrees"]
    assert found[("volume", 5)] == ["volume_without_items"]
    assert found[("volume", 6)] == found[("volume", 7)] == ["duplicate_code"]
    assert found[("item", 7)] == ["volume_held_back"]
    assert set(found[("item", 9)]) == {"code_disagrees"}
    assert found[("item", 10)] == ["differs_from_volume"]
    assert found[("item", 12)] == ["item_without_volume"]
    assert found[("item", 13)][0] in ("required", "bad_archival_code")
    assert desk.counts(intake_id).get("good") is None


def test_a_class_that_is_arranged_by_record_has_no_volumes(desk: Desk) -> None:
    intake_id = desk.checked(book([volume(1)], [item(1, 1), item(1, 2)]), "目录.xlsx", year="2019")
    assert codes(desk, intake_id) == {
        ("volume", 3): ["not_by_volume"],
        ("item", 3): ["volume_held_back"],
        ("item", 4): ["volume_held_back"],
    }


def test_what_was_imported_before_is_recognised_and_new_items_join(desk: Desk) -> None:
    taken(desk, book([volume(1)], [item(1, 1), item(1, 2)]))
    again = checked(desk, book([volume(1)], [item(1, 1), item(1, 2)]))
    assert desk.counts(again) == {"there": 3}
    more = taken(desk, book([volume(1, 3)], [item(1, 1), item(1, 2), item(1, 3)]))
    assert desk.counts(more) == {"there": 3, "taken": 1}
    late = desk.taken(csv_bytes([ITEMS, item(1, 4), item(7, 1)]), "卷内.csv")
    assert desk.counts(late) == {"taken": 1, "bad": 1}
    assert codes(desk, late) == {("item", 3): ["item_without_volume"]}
    assert [len(items) for items in tree(desk).values()] == [4]


def test_a_catalogue_of_volumes_alone_can_come_first(desk: Desk) -> None:
    content = csv_bytes([VOLUMES, volume(1), volume(2, title="第二卷")])
    intake_id = desk.taken(content, "案卷目录.csv", class_code="ZY")
    assert desk.counts(intake_id) == {"taken": 2}
    assert {each.level for each in desk.records()} == {"volume"}


@pytest.mark.parametrize("where", ["item", "volume"])
def test_a_classified_row_keeps_its_volume_out_and_leaves_no_title(desk: Desk, where: str) -> None:
    volumes = [volume(1), volume(2)]
    rows = [item(1, 1), item(1, 2), item(2, 1), item(2, 2)]
    if where == "item":
        rows[0] = item(1, 1, title="绝不可见的件（机密★20年）")
    else:
        volumes[0] = volume(1, title="绝不可见的卷", security="秘密")
    intake_id = taken(desk, book(volumes, rows))
    assert desk.counts(intake_id) == {"taken": 3, "bad": 2, "classified": 1}
    assert list(tree(desk)) == ["不动产登记第2卷"]
    desk.rejected(intake_id)
    for path in desk.node.folder.path.rglob("*"):
        if path.is_file():
            assert "绝不可见".encode() not in path.read_bytes(), path


def test_a_wrong_column_that_makes_one_huge_volume_is_refused(desk: Desk) -> None:
    rows = [item(1, order, code="", volume="A") for order in range(1, MOST_IN_VOLUME + 2)]
    intake_id = checked(desk, book([volume(1, MOST_IN_VOLUME + 1, code="")], rows))
    assert desk.counts(intake_id) == {"bad": MOST_IN_VOLUME + 2}
    assert codes(desk, intake_id)[("item", 3)] == ["too_many"]


def test_what_filing_refuses_keeps_the_whole_volume_back(desk: Desk) -> None:
    header = ["案卷题名", "档号", "案卷号", "件数"]
    inside = ["件号", "题名", "日期", "档号", "案卷档号"]
    code = "A182-KU·01·2019-D30-001"

    def ledgers(name: str, number: int) -> bytes:
        own = f"{code[:-1]}{number}"
        row = ["1", f"{name}凭证", "20190301", f"{own}-0001", own]
        return xlsx_bytes(
            {"案卷": [header, [name, own, number, 1]], "卷内": [inside, row]}, title="会计"
        )

    first = checked(desk, ledgers("甲", 1), retention="")
    other = checked(desk, ledgers("丙", 1), retention="")
    second = checked(desk, ledgers("乙", 2), retention="")
    for each in (first, second):
        assert desk.take(each).state == "done"
    assert desk.counts(first) == desk.counts(second) == {"taken": 2}
    # By the code it is the volume that is there; its item repeats a number.
    assert desk.take(other).state == "done"
    assert desk.counts(other) == {"bad": 2}
    assert tree(desk) == {"甲": ["甲凭证"], "乙": ["乙凭证"]}


def test_the_command_takes_two_files_and_names_rows_by_their_sheet(
    desk: Desk, tmp_path: Path
) -> None:
    (tmp_path / "案卷.csv").write_bytes(csv_bytes([VOLUMES, volume(1), volume(2)]))
    rows = [item(1, 1), item(1, 2), item(2, 1), item(2, 2, date="昨天")]
    (tmp_path / "卷内.csv").write_bytes(csv_bytes([ITEMS, *rows]))
    (tmp_path / "扫描").mkdir()
    (tmp_path / "扫描" / "A182-QQ0309-0001-002.pdf").write_bytes(b"%PDF")
    command = [
        *("import", str(tmp_path / "案卷.csv"), "--items", str(tmp_path / "卷内.csv")),
        *("--dir", str(desk.node.folder.path), "--fonds", "A182", "--class", "ZY"),
        *("--year", "2019", "--files", str(tmp_path / "扫描"), "--take-good", "--json"),
    ]
    Browser(desk.node, "clerk", "张档案", Grant(Role.CLERK))
    result = CliRunner().invoke(node_command, command)
    assert result.exit_code == 0, result.output
    told = json.loads(result.output)
    assert (told["taken"], told["bad"]) == (3, 3)
    assert "“卷内.csv”第 5 行" in {each["place"] for each in told["problems"]}
    record = next(each for each in desk.records() if each.title == "第1卷的第2份登记申请书")
    with desk.node.database.read() as session:
        [document] = filing.wire(record, session=session)["documents"]
    assert document["files"][0]["name"] == "A182-QQ0309-0001-002.pdf"
    alone = [*command[:2], *command[4:], "--level", "件"]
    assert json.loads(CliRunner().invoke(node_command, alone).output)["taken"] == 2


def test_levels_that_do_not_go_together_are_refused(desk: Desk) -> None:
    intake_id = desk.bring(book([volume(1)], [item(1, 1), item(1, 2)]), "目录.xlsx")
    with desk.node.database.write() as session:
        intake.set_sheet(desk.clerk, intake_id, 1, "volume", {}, session=session)
        with pytest.raises(Invalid, match="都是“案卷”"):
            intake.check(desk.clerk, intake_id, session=session)
        intake.set_sheet(desk.clerk, intake_id, 1, "record", {}, session=session)
        with pytest.raises(Invalid, match="不能与案卷"):
            intake.check(desk.clerk, intake_id, session=session)


@pytest.mark.parametrize(
    ("header", "around", "level"),
    [
        (VOLUMES, ["机读目录（案卷级）"], "volume"),
        (ITEMS, ["机读目录（文件级）"], "item"),
        (["序号", "题名", "总页数", "项目号", "案卷号", "档号", "项目档号"], [], "volume"),
        (["件号", "文件编号", "题名", "日期", "项目号", "案卷号", "档号", "案卷档号"], [], "item"),
        (["序号", "题名", "页数", "日期", "案卷号", "档号", "项目档号", "件数"], [], "volume"),
        (["件号", "责任者", "文件编号", "题名", "档号", "保管期限缩写"], ["文书"], "record"),
        (["序号", "档号", "文号", "卷号", "责任者", "题名", "日期"], [], "record"),
        (["题名", "档号", "全宗号", "目录号", "案卷号", "卷内顺序号"], ["卷内文件目录"], "item"),
        (["题名", "档号", "全宗号", "目录号", "案卷号", "卷内顺序号"], [], "record"),
        (["档号", "题名", "责任者", "成文日期", "案卷号", "保管期限"], ["归档文件目录"], "record"),
        (["项目名称", "档号", "年度"], ["项目"], "project"),
    ],
)  # fmt: skip
def test_a_sheet_is_recognised_by_its_columns(
    header: list[str], around: list[str], level: str
) -> None:
    assert level_of(header, around) == RecordLevel(level)
