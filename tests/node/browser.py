"""A browser without a screen, signed in at one node."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urljoin

from werkzeug.test import TestResponse

from node.app import make_node_app
from shared.kernel.actor import Grant
from tests.node.conftest import Node
from tests.people import employ

PASSWORD = "danglian-2024"


class Browser:
    """Opens pages, follows redirects, and looks for links that lead nowhere."""

    def __init__(self, node: Node, login: str, name: str, *grants: Grant) -> None:
        with node.database.write() as session:
            employ(login, name, PASSWORD, grants, session=session)
        self.client = make_node_app(node.folder).test_client()
        self.post("/sign-in", {"login": login, "password": PASSWORD})

    def token(self) -> str:
        page = self.client.get("/sign-in", follow_redirects=True).text
        found = re.search(r'name="csrf_token" value="([^"]+)"', page)
        if found is None:
            return str(self.client.get("/session").get_json()["csrf_token"])
        return found.group(1)

    def get(self, path: str, status: int = 200) -> TestResponse:
        answer = self.client.get(path, follow_redirects=True)
        assert answer.status_code == status, answer.text
        assert answer.data is not None
        answer.close()
        return answer

    def post(
        self, path: str, data: dict[str, Any] | None = None, status: int = 200
    ) -> TestResponse:
        answer = self.client.post(
            path, data={**(data or {}), "csrf_token": self.token()}, follow_redirects=True
        )
        assert answer.status_code == status, answer.text
        return answer

    def walk(self, start: str = "/", most: int = 200) -> dict[str, str]:
        """Open every page that links lead to; returns what stands there by path.

        Of one list that is sorted, filtered and leafed through one view is opened for each set of
        parameters, whatever their values.
        """
        pages: dict[str, str] = {}
        views = set()
        waiting = [start]
        while waiting and len(pages) < most:
            path = waiting.pop(0)
            page, _, query = path.partition("?")
            view = (page, *sorted({each.partition("=")[0] for each in query.split("&")}))
            if view in views:
                continue
            views.add(view)
            answer = self.get(path)
            pages[path] = answer.text if "html" in (answer.content_type or "") else ""
            for target in re.findall(r'href="([^"#]+)', pages[path]):
                url = urljoin(f"http://localhost{path}", target.replace("&amp;", "&"))
                if url.startswith("http://localhost/") and "/static/" not in url:
                    waiting.append(url.removeprefix("http://localhost"))
        return pages
