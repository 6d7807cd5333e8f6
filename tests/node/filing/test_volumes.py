"""Putting records into volumes, moving them between volumes, and taking steps back."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.filing import service as filing
from node.filing.models import Record
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.errors import Invalid, NotFound, WrongState
from tests.node.browser import Browser
from tests.node.conftest import Node

PLACE = {"class_code": "KU", "subclass": "01", "year": 2023, "retention": "D30"}


def volume(node: Node, clerk: Actor, title: str, *items: str) -> tuple[str, list[str]]:
    with node.database.write() as session:
        made = filing.collect(
            clerk, node.fonds,
            {"level": "volume", "title": title, "date": "2023-12-31", **PLACE}, session=session,
        )  # fmt: skip
        ids = [
            filing.collect(
                clerk, node.fonds,
                {"level": "item", "parent_id": made.id, "title": each, "date": "2023-05-05"},
                session=session,
            ).id
            for each in items
        ]  # fmt: skip
        return made.id, ids


def put(node: Node, clerk: Actor, volume_id: str, *ids: str) -> None:
    with node.database.write() as session:
        filing.put_into(clerk, session.get_one(Record, volume_id), ids, session=session)


def inside(node: Node, volume_id: str) -> list[str]:
    with node.database.read() as session:
        return [each.title for each in filing.inside(volume_id, session=session)]


def take_back(node: Node, clerk: Actor) -> str:
    with node.database.write() as session:
        step = filing.last_step(node.fonds, session=session)
        assert step is not None
        return filing.undo(clerk, step.id, session=session).what


def everything(node: Node) -> dict[str, dict[str, object]]:
    """All that arranging may change, of every record."""
    names = (
        *("level", "parent_id", "state", "category_id", "class_code", "subclass", "year"),
        *("retention", "organ", "number", "code", "volume_number"),
    )
    with node.database.read() as session:
        records = session.query(Record).order_by(Record.position, Record.id)
        return {each.id: {name: getattr(each, name) for name in names} for each in records}


def test_records_are_put_into_a_volume_moved_to_another_and_taken_out(
    node: Node, clerk: Actor
) -> None:
    first, (old,) = volume(node, clerk, "凭证一", "旧凭证")
    second, _ = volume(node, clerk, "凭证二")
    loose = node.collect(clerk, 2, year=2022)
    put(node, clerk, first, *loose)
    assert inside(node, first) == ["旧凭证", "关于第1号事项的通知", "关于第2号事项的通知"]
    moved = node.state(loose[0])
    assert (moved["level"], moved["year"], moved["class_code"]) == ("item", 2023, "KU")
    put(node, clerk, second, loose[1], old)
    assert inside(node, first) == ["关于第1号事项的通知"]
    assert inside(node, second) == ["关于第2号事项的通知", "旧凭证"]
    with node.database.write() as session:
        filing.take_out(clerk, [old], session=session)
    assert (node.state(old)["level"], node.state(old)["parent_id"]) == ("record", None)
    with node.database.write() as session:
        filing.discard(clerk, session.get_one(Record, old), "重复", session=session)
    node.close(clerk, "KU")
    codes = [each["code"] for each in node.told()]
    assert codes == [
        "A182-KU·01·2023-D30-001", "A182-KU·01·2023-D30-002",
        "A182-KU·01·2023-D30-001-0001", "A182-KU·01·2023-D30-002-0001",
    ]  # fmt: skip


def test_what_is_closed_stays_as_it_is(node: Node, clerk: Actor) -> None:
    first, items = volume(node, clerk, "凭证一", "甲")
    second, others = volume(node, clerk, "凭证二", "乙")
    node.close(clerk, "KU")
    (late,) = node.collect(clerk, 1)
    for ids in ([late], others):
        with pytest.raises(WrongState, match="档号已定，不能再调整组成") as caught:
            put(node, clerk, first, *ids)
        assert caught.value.code == "volume_closed"
    with (
        pytest.raises(WrongState, match="不能再移入或移出案卷"),
        node.database.write() as session,
    ):
        filing.take_out(clerk, items, session=session)
    with node.database.read() as session:
        assert filing.last_step(node.fonds, session=session) is None
    assert inside(node, second) == ["乙"]


def test_only_what_belongs_there_goes_into_a_volume(
    node: Node, clerk: Actor, villager: Actor
) -> None:
    first, _ = volume(node, clerk, "凭证一")
    second, _ = volume(node, clerk, "凭证二")
    (loose,) = node.collect(clerk, 1)
    for parent, record in ((first, second), (first, first)):
        with pytest.raises(Invalid, match="案卷里只能放文件"):
            put(node, clerk, parent, record)
    with pytest.raises(WrongState, match="只有案卷和项目"):
        put(node, clerk, loose, loose)
    with pytest.raises(NotFound):
        put(node, villager, first, loose)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4), st.integers(1, 6)), max_size=6))
def test_every_step_can_be_taken_back(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int, int]]
) -> None:
    from tests.node.conftest import make_node

    clerk = Actor("account:clerk", "张档案", (Grant(Role.CLERK),))
    node = make_node(tmp_path_factory.mktemp("node") / "n")
    first, items = volume(node, clerk, "凭证一", "甲", "乙")
    second, _ = volume(node, clerk, "凭证二")
    records = [*node.collect(clerk, 3), *items]
    with node.database.write() as session:
        filing.draft_numbers(clerk, node.fonds, "KU", 2023, session=session)
        filing.draft_numbers(clerk, node.fonds, "WS", 2023, session=session)
    before = [everything(node)]
    for verb, which, to in steps:
        with node.database.write() as session:
            record = session.get_one(Record, records[which])
            where = session.get_one(Record, first if to % 2 else second)
            if verb in (0, 1):
                filing.put_into(clerk, where, [record.id], session=session)
            elif verb == 2:
                filing.take_out(clerk, [record.id], session=session)
            elif verb == 3 and record.category_id:
                filing.move(clerk, record, to, session=session)
            elif verb == 4 and record.level == "record":
                filing.arrange(clerk, [record.id], {"year": 2020 + to}, session=session)
            elif record.category_id:
                filing.sort_category(clerk, record.category_id, session=session)
            step = filing.last_step(node.fonds, session=session)
        if step is not None and len(node_steps(node)) == len(before):
            before.append(everything(node))
    while len(before) > 1:
        before.pop()
        take_back(node, clerk)
        now, then = everything(node), before[-1]
        for each in now:
            for name in ("parent_id", "level", "category_id", "state", "year", "class_code"):
                assert now[each][name] == then[each][name], name
        assert [each for each in now if now[each]["parent_id"] == first] == [
            each for each in then if then[each]["parent_id"] == first
        ]
    node.database.close()


def node_steps(node: Node) -> list[str]:
    from node.filing.models import Step

    with node.database.read() as session:
        return [each.id for each in session.query(Step).filter(Step.undone_at.is_(None))]


def test_a_draft_number_follows_a_step_that_is_taken_back(node: Node, clerk: Actor) -> None:
    ids = node.collect(clerk, 3)
    with node.database.write() as session:
        filing.draft_numbers(clerk, node.fonds, "WS", 2023, session=session)
        filing.move(clerk, session.get_one(Record, ids[2]), 1, session=session)
    assert [node.state(each)["number"] for each in ids] == [2, 3, 1]
    assert take_back(node, clerk) == "移动《关于第3号事项的通知》"
    assert [node.state(each)["number"] for each in ids] == [1, 2, 3]


def test_an_older_step_is_not_taken_back_before_the_newer_one(node: Node, clerk: Actor) -> None:
    ids = node.collect(clerk, 3)
    with node.database.write() as session:
        filing.move(clerk, session.get_one(Record, ids[2]), 1, session=session)
        older = filing.last_step(node.fonds, session=session)
        filing.sort_category(clerk, str(node.state(ids[0])["category_id"]), session=session)
    assert older is not None
    with pytest.raises(WrongState, match="其后又有调整"), node.database.write() as session:
        filing.undo(clerk, older.id, session=session)


def test_a_volume_is_filled_on_its_page_and_the_step_undone(node: Node, clerk: Actor) -> None:
    browser = Browser(node, "clerk", "张档案", Grant(Role.CLERK))
    first, (old,) = volume(node, clerk, "凭证一", "旧凭证")
    second, _ = volume(node, clerk, "凭证二")
    (loose,) = node.collect(clerk, 1)
    page = browser.get(f"/filing/{second}/fill").text
    assert "未组卷" in page
    assert "凭证一" in page
    assert "旧凭证" not in browser.get(f"/filing/{second}/fill?where=loose").text
    assert "没有选择文件" in browser.post(f"/filing/{second}/fill", status=422).text
    page = browser.post(f"/filing/{second}/fill", {"ids": [old, loose]}).text
    assert "已放入 2 件" in page
    assert inside(node, first) == []
    assert "已移出 1 件" in browser.post(f"/filing/{second}/take-out", {"ids": [loose]}).text
    with node.database.read() as session:
        step = filing.last_step(node.fonds, session=session)
    assert step is not None
    page = browser.post(f"/filing/undo/{step.id}", {"next": f"/filing/{second}"}).text
    assert "已撤销：移出案卷" in page
    assert len(inside(node, second)) == 2
    assert "不能撤销" in browser.post(f"/filing/undo/{step.id}", status=409).text


def test_the_order_page_moves_by_number_by_button_and_by_script(node: Node, clerk: Actor) -> None:
    browser = Browser(node, "clerk", "张档案", Grant(Role.CLERK))
    ids = node.collect(clerk, 3)
    path = f"/filing/order/{node.state(ids[0])['category_id']}"
    assert (
        "已移到第 1 位"
        in browser.post(
            f"{path}/move", {"move": "typed", f"to-{ids[2]}": " 1 ", f"to-{ids[0]}": ""}
        ).text
    )
    assert "已移到第 2 位" in browser.post(f"{path}/move", {"move": f"{ids[2]}:2"}).text
    assert "没有填写位置" in browser.post(f"{path}/move", {"move": "typed"}, status=422).text
    browser.post(f"{path}/move", {"move": f"{ids[2]}:²"}, status=422)
    answer = browser.client.post(
        f"{path}/move",
        data={"move": f"{ids[2]}:3", "csrf_token": browser.token()},
        headers={"Accept": "application/json"},
    ).get_json()
    assert answer["told"] == "已移到第 3 位。"
    assert set(answer["numbers"]) == set(ids)
    assert "撤销" in browser.get(path).text
    assert "已撤销" in browser.post(answer["undo"]["url"], {"next": path}).text
    assert [node.state(each)["position"] for each in ids] == [1, 3, 2]
