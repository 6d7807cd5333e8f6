"""An archivist decides on the page what is shared, sees why a record is not, and takes one back."""

from __future__ import annotations

from hub.sharing.policies import Audience
from shared.kernel.actor import Grant, Role
from tests.hub.desk import Browser, make_desk
from tests.hub.sharing.conftest import ARCHIVE


def test_an_archivist_decides_looks_why_and_takes_back(archive):
    desk = make_desk(
        archive.city,
        mine=Grant(Role.ARCHIVIST, ARCHIVE),
        other=Grant(Role.ARCHIVIST, "420583"),
    )
    opened, closed = archive.receive(archive.record(), archive.record(step=2, year=2024))
    page = Browser(desk, "mine")
    assert "不共享" in page.get("/sharing/").text
    wrong = page.send(f"/sharing/{ARCHIVE}/public", {"open_title": "1", "closed_years": "25"})
    assert wrong.status_code == 422
    assert 'name="open_title" checked' in wrong.text.replace(' value="1" id="field-open_title"', "")
    decided = {"open_title": "1", "open_code": "1", "closed_years": "25", "basis": "馆务会决定"}
    assert page.send(f"/sharing/{ARCHIVE}/public", decided).status_code == 302
    archive.settle()
    assert archive.seen().keys() == {opened}
    assert "封闭期未满，2050-01-01 起重新判定" in page.get(f"/catalogue/records/{closed}").text

    assert page.send(f"/sharing/records/{opened}/withdraw").status_code == 422
    taken = page.send(f"/sharing/records/{opened}/withdraw", {"reason": "有人提出异议"})
    assert taken.status_code == 302
    archive.settle()
    assert archive.seen() == {}
    assert "有人提出异议" in page.get(f"/catalogue/records/{opened}").text
    page.send(f"/sharing/records/{opened}/restore")
    archive.settle()
    assert archive.seen().keys() == {opened}

    stranger = Browser(desk, "other")
    assert stranger.get(f"/sharing/{ARCHIVE}/public").status_code == 404
    assert stranger.send(f"/sharing/{ARCHIVE}/public/close").status_code == 404
    assert stranger.send(f"/sharing/records/{opened}/withdraw", {"reason": "x"}).status_code == 404
    assert page.get(f"/sharing/{ARCHIVE}/everybody").status_code == 404
    assert page.send(f"/sharing/{ARCHIVE}/public/close").status_code == 302
    archive.settle()
    assert archive.seen(Audience.PUBLIC) == {}
