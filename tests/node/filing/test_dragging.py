"""The order of a category, dragged by mouse and by finger, in a real browser with 1,000 rows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from node.app import make_node_app
from node.filing import service as filing
from shared.kernel.actor import Actor, Grant, Role
from shared.web import serve
from tests.node.browser import PASSWORD
from tests.node.conftest import Node
from tests.people import employ

pytestmark = pytest.mark.browser
_PATIENCE = 60_000  # of a machine on which everything else runs as well


@pytest.fixture
def page(node: Node, chromium: Browser) -> Iterator[Page]:
    with node.database.write() as session:
        employ("clerk", "张档案", PASSWORD, [Grant(Role.CLERK)], session=session)
    server = serve(make_node_app(node.folder), "127.0.0.1", 0)
    context = chromium.new_context(
        base_url=server.url, viewport={"width": 1366, "height": 768}, has_touch=True
    )
    context.set_default_timeout(_PATIENCE)
    page = context.new_page()
    page.goto("/sign-in")
    page.fill("[name=login]", "clerk")
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/")
    yield page
    context.close()
    server.stop()


def test_a_row_is_dragged_by_mouse_and_by_finger_and_put_back(
    node: Node, clerk: Actor, page: Page
) -> None:
    ids = node.collect(clerk, 1000)
    category = node.state(ids[0])["category_id"]
    with node.database.write() as session:
        filing.draft_numbers(clerk, node.fonds, "WS", 2023, session=session)
    errors: list[str] = []
    sent: list[Request] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    page.on("request", lambda each: sent.append(each) if each.method == "POST" else None)
    page.goto(f"/filing/order/{category}")
    rows = page.locator("#order tr")
    expect(rows).to_have_count(1000, timeout=_PATIENCE)

    def place_of(record_id: str) -> tuple[int, int]:
        """Its place and draft number as the page shows them."""
        row = page.locator(f"#row-{record_id}")
        texts = row.locator("[data-place], [data-number]").all_inner_texts()
        return int(texts[0]), int(texts[1])

    first, fourth = (page.locator(f"#row-{each} [data-drag]") for each in (ids[0], ids[3]))
    first.hover()
    page.mouse.down()
    box = fourth.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 5, box["y"] + box["height"] - 2, steps=8)
    page.mouse.up()
    expect(page.locator("#order-told")).to_have_text("已移到第 4 位。", timeout=_PATIENCE)
    assert len(sent) == 1
    assert [place_of(each) for each in ids[:4]] == [(4, 4), (1, 1), (2, 2), (3, 3)]
    assert node.state(ids[0])["position"] == 4

    # By finger, and back up again.
    touch = page.context.new_cdp_session(page)
    start, end = (
        page.locator(f"#row-{each} [data-drag]").bounding_box() for each in (ids[0], ids[1])
    )
    assert start is not None
    assert end is not None
    x, y = start["x"] + 8, start["y"] + 8
    for kind, at in (("Start", y), ("Move", (y + end["y"]) / 2), ("Move", end["y"] + 2)):
        touch.send(
            "Input.dispatchTouchEvent",
            {"type": f"touch{kind}", "touchPoints": [{"x": x, "y": at}]},
        )
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(page.locator("#order-told")).to_have_text("已移到第 1 位。", timeout=_PATIENCE)
    assert place_of(ids[0]) == (1, 1)
    assert len(sent) == 2

    # A slip is taken back with the button that the script shows.
    with page.expect_navigation():
        page.locator("#undo button").click()
    assert place_of(ids[0]) == (4, 4)

    # The buttons work on what the script has renumbered, by keyboard alone.
    with page.expect_navigation():
        # Looked for in its row: to work out the names of 4,000 buttons takes a browser long.
        row = page.locator(f"#row-{ids[0]}")
        row.get_by_role("button", name="上移《关于第1号事项的通知》", exact=True).press("Enter")
    assert place_of(ids[0]) == (3, 3)
    assert errors == []


def test_a_lost_line_puts_the_row_back_and_says_so(node: Node, clerk: Actor, page: Page) -> None:
    ids = node.collect(clerk, 3)
    page.goto(f"/filing/order/{node.state(ids[0])['category_id']}")
    page.route("**/move", lambda route: route.abort())
    page.locator(f"#row-{ids[0]} [data-drag]").hover()
    page.mouse.down()
    box = page.locator(f"#row-{ids[2]}").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 30, box["y"] + box["height"] - 3, steps=5)
    page.mouse.up()
    expect(page.locator("#order-told")).to_contain_text(
        "没有移动：与服务器的连接中断", timeout=_PATIENCE
    )
    assert page.locator("#order tr").first.get_attribute("data-id") == ids[0]
    assert page.locator(f"#row-{ids[0]} [data-place]").inner_text() == "1"
