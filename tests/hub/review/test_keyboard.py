"""The desk by keyboard alone, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page

from shared.web import serve
from tests.hub.desk import PASSWORD
from tests.hub.receiving.handover import Hub, Unit

pytestmark = pytest.mark.browser


@pytest.fixture
def page(desk: Flask, chromium: Browser) -> Iterator[Page]:
    server = serve(desk, "127.0.0.1", 0)
    page = chromium.new_page(base_url=server.url, viewport={"width": 1366, "height": 768})
    yield page
    page.close()
    server.stop()


def test_a_reviewer_needs_no_mouse(hub: Hub, unit: Unit, page: Page) -> None:
    batch = unit.batch(unit.records(2) + unit.records(1, author=None))
    unit.send("offer", *(each.body for each in batch.offers))
    unit.send("batch", batch.closing)
    hub.work()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    page.goto("/sign-in")
    page.fill("[name=login]", "reviewer")
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/")
    page.goto(f"/review/{batch.id}")
    page.keyboard.press("o")
    page.wait_for_url("**/records/*")
    first = page.url
    page.keyboard.press("j")
    page.wait_for_url(lambda url: url != first)
    page.keyboard.press("k")
    page.wait_for_url(first)
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.keyboard.press("?")
    assert not page.locator("#keys").is_visible()
    page.keyboard.press("a")  # accepted, and on to the next that is undecided
    page.wait_for_url(lambda url: url != first)
    second = page.url
    page.keyboard.press("r")  # nothing found on it: the first reason to choose is focused
    assert page.evaluate("document.activeElement.name") == "preset"
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: url != second)
    assert page.locator("input[name=finding]:checked").count() >= 1
    third = page.url
    page.keyboard.press("r")  # two keys for what the check has found
    page.wait_for_load_state()
    page.locator("text=已决定").wait_for()
    assert page.url == third
    page.keyboard.press("u")
    page.wait_for_url(f"**/review/{batch.id}")
    assert page.locator("text=通过 1，退回 2，未定 0").is_visible()
    assert errors == []
