"""Somebody at a browser: what they do, and what their browser complained about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Download,
    Error,
    Locator,
    Page,
    Request,
    Response,
    expect,
)

from tests.browser.city import PASSWORD

_DESK = {"width": 1366, "height": 768}
_PHONE = {"width": 390, "height": 844}
#: Tells of what the page's rules forbade, wherever the browser itself would keep silent.
_WATCH = """
addEventListener('securitypolicyviolation',
  (event) => console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`));
"""

expect.set_options(timeout=60_000)


#: What Chromium says of a reload that another page has overtaken.
_OVERTAKEN = ("ERR_ABORTED", "Not attached to an active page")


class Person:
    """A person with a browser of their own."""

    def __init__(self, browser: Browser, url: str, *, phone: bool, cookies: Any) -> None:
        self.url = url
        self.context = browser.new_context(
            locale="zh-CN",
            timezone_id="Asia/Shanghai",
            viewport=_PHONE if phone else _DESK,
            is_mobile=phone,
            has_touch=phone,
            storage_state=cookies,
            accept_downloads=True,
        )
        self.context.set_default_timeout(60_000)
        self.context.add_init_script(_WATCH)
        self.complaints: list[str] = []
        self._refusals: list[int] = []
        self.context.on("console", self._heard)
        self.context.on("weberror", lambda error: self.complaints.append(f"JS: {error.error}"))
        self.context.on("request", self._asked)
        self.context.on("requestfailed", self._failed)
        self.context.on("response", self._answered)
        self.page: Page = self.context.new_page()

    # What they do

    def sign_in(self, login: str, password: str = PASSWORD) -> None:
        """Sign in as everybody does."""
        self.open("/sign-in")
        self.page.get_by_label("登录名").fill(login)
        self.page.get_by_label("密码").fill(password)
        self.page.get_by_role("button", name="登录").click()
        self.page.wait_for_url(lambda url: "/sign-in" not in url)

    def open(self, path: str) -> None:
        """Go to a page."""
        self.page.goto(f"{self.url}{path}")

    def click(self, name: str) -> None:
        """Click the link or button of just this name; in an open dialog when there is one."""
        around = self.page.locator("dialog[open], .dropdown-menu.show")
        if not around.count():
            around = self.page.locator("main, .page-header")
        exact = re.compile(rf"^\s*{re.escape(name)}\s*$")
        either = around.get_by_role("link", name=exact).or_(
            around.get_by_role("button", name=exact)
        )
        either.locator("visible=true").first.click()

    def goes(self, name: str) -> None:
        """Click what leads to another page, and wait until that is there."""
        # The page before may still be loading: its end must not be taken for the next one's.
        self.page.wait_for_load_state("load")
        with self.page.expect_navigation():
            self.click(name)

    def fill(self, **values: str) -> None:
        """Fill the fields of a form, by their names in it."""
        for name, value in values.items():
            field = self.page.locator(f"#field-{name}")
            if field.evaluate("each => each.tagName") == "SELECT":
                field.select_option(label=value)
            else:
                field.fill(value)

    def sees(self, *texts: str) -> None:
        """Wait until the page shows each of these texts."""
        for text in texts:
            expect(self.page.locator("body")).to_contain_text(text)

    def sees_not(self, *texts: str) -> None:
        """The page shows none of these texts."""
        for text in texts:
            expect(self.page.locator("body")).not_to_contain_text(text)

    def row(self, text: str) -> Locator:
        """The row of a table that has this text."""
        return self.page.locator("tbody tr", has_text=text).first

    def waits_for(self, text: str, *, seconds: float = 150) -> None:
        """Look again and again, as one does while something is on its way."""
        for _ in range(int(seconds * 2)):
            if text in self.page.inner_text("body"):
                return
            self.page.wait_for_timeout(500)
            try:
                self.page.reload()
            except Error as error:
                # What was clicked before has only now led to its page, instead of the reload.
                if not any(each in error.message for each in _OVERTAKEN):
                    raise
        self.sees(text)

    def downloads(self, name: str) -> Path:
        """Click something that is saved as a file; returns the file."""
        with self.page.expect_download() as waiting:
            self.click(name)
        download: Download = waiting.value
        return Path(download.path())

    @contextmanager
    def refused(self, status: int) -> Iterator[None]:
        """What happens within is answered with this status once, and rightly so."""
        before = len(self._refusals)
        self.page.wait_for_load_state("load")
        with self.page.expect_navigation():
            yield
        assert self._refusals[before:] == [status], self._refusals[before:]
        del self._refusals[before:]

    @contextmanager
    def refused_in_dialog(self, status: int) -> Iterator[None]:
        """The dialog that is sent within is answered with this status, and the page stays."""
        before = len(self._refusals)
        with self.page.expect_response(lambda answer: answer.status == status):
            yield
        assert self._refusals[before:] == [status], self._refusals[before:]
        del self._refusals[before:]

    # What the browser complains about

    def leave(self) -> list[str]:
        """Close the browser; returns what went wrong in it."""
        self.context.close()
        wrong = [f"answered {status}, which nobody expected" for status in self._refusals]
        return self.complaints + wrong

    def _heard(self, message: ConsoleMessage) -> None:
        # That an answer was an error is told by the answer itself, with its status.
        told = ("Failed to load resource", "Response Status Error Code")
        if message.type == "error" and not message.text.startswith(told):
            self.complaints.append(f"console: {message.text} ({message.location})")

    def _asked(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in ("http", "https", "ws") and address.hostname != "127.0.0.1":
            self.complaints.append(f"asked another host: {request.url}")

    def _failed(self, request: Request) -> None:
        # Leaving a page, or saving what it would have shown, ends a request and is no failure.
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"failed: {request.url} {request.failure}")

    def _answered(self, response: Response) -> None:
        asked = response.request
        by_person = asked.is_navigation_request() or (
            asked.method == "POST" and "hx-request" in asked.headers
        )
        if response.status >= 500 or (response.status >= 400 and not by_person):
            self.complaints.append(f"answered {response.status}: {response.url}")
        elif response.status >= 400:
            self._refusals.append(response.status)
