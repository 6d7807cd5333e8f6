"""The four people at their screens, and the list as it is printed."""

from __future__ import annotations

from shared.kernel.actor import Grant, Role
from tests.hub.desk import Browser, make_desk
from tests.hub.disposal.conftest import Room
from tests.hub.receiving.handover import YILING_ARCHIVE, ZHIJIANG_ARCHIVE


def test_from_what_is_due_to_the_printed_list(room: Room) -> None:
    app = make_desk(
        room.hub.city,
        jianding=Grant(Role.ARCHIVIST, YILING_ARCHIVE),
        guanzhang=Grant(Role.LEADER, YILING_ARCHIVE),
        jia=Grant(Role.REVIEWER, YILING_ARCHIVE),
        yi=Grant(Role.ARCHIVIST, YILING_ARCHIVE),
        other=Grant(Role.ARCHIVIST, ZHIJIANG_ARCHIVE),
    )
    appraiser, leader, *watching, other = (
        Browser(app, login) for login in ("jianding", "guanzhang", "jia", "yi", "other")
    )
    gone, longer, held = room.ids
    assert "没有正在办理的鉴定清册" in appraiser.get("/disposal/").text
    due = appraiser.get("/disposal/new?q=0002&sort=-year").text
    assert room.records[1].title in due
    assert room.records[0].title not in due
    answer = appraiser.send(
        "/disposal/new", {"archive": YILING_ARCHIVE, "title": "", "record": room.ids}
    )
    assert answer.status_code == 422
    assert answer.text.count(" checked") == 3, "what was ticked stays ticked"
    answer = appraiser.send(
        "/disposal/new", {"archive": YILING_ARCHIVE, "title": "到期鉴定", "record": room.ids}
    )
    page = answer.headers["Location"]

    answer = appraiser.send(f"{page}/judge", {"line": [gone], "reason": "过期"})
    assert "请选择销毁、续存或升级" in answer.text
    for opinion, line, more in (
        ("destroy", gone, {}),
        ("extend", longer, {"longer": "D30"}),
    ):
        said = {"line": [line], "opinion": opinion, "reason": "鉴定小组意见", **more}
        assert appraiser.send(f"{page}/judge", said).status_code == 302
    assert appraiser.send(f"{page}/judge", {"line": [held], "do": "remove"}).status_code == 302
    assert appraiser.send(f"{page}/submit").status_code == 302
    assert f"{page}/approve" not in appraiser.get(page).text
    assert f"{page}/approve" in leader.get(page).text
    assert appraiser.send(f"{page}/approve").status_code == 403
    assert leader.send(f"{page}/approve").status_code == 302
    for each in watching:
        assert each.send(f"{page}/witness").status_code == 302
    for path in (page, f"/disposal/lists/{page.rpartition('/')[2]}"):
        assert other.get(path).status_code == 404
    room.work(3)

    assert "已办结" in leader.get("/disposal/?tab=ended").text
    listed = f"/disposal/lists/{page.rpartition('/')[2]}"
    assert "到期鉴定" in leader.get("/disposal/lists").text
    assert "续存" in leader.get(f"{listed}?q=0002").text
    printed = leader.get(f"{listed}/pdf")
    assert printed.data.startswith(b"%PDF")
    assert printed.data == leader.get(f"{listed}/pdf").data
    shown = appraiser.get(f"/catalogue/records/{gone}").text
    assert "已销毁" in shown
    assert "jia、yi" in shown
    assert "已全部删除" in shown
    assert appraiser.send(f"/disposal/holds/{held}", {"reason": "诉讼"}).status_code == 302
    assert "暂缓处置：诉讼" in leader.get(f"/catalogue/records/{held}").text
    assert appraiser.send(f"/disposal/holds/{held}", {"do": "lift"}).status_code == 302
