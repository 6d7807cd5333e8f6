"""What nobody should send: the pages of a node say what is wrong, and nothing is kept."""

from __future__ import annotations

import io

import pytest
from sqlalchemy import select

from node.filing import service as filing
from node.filing.models import Record
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.errors import Invalid
from tests.hard_edges import get_routes, soft_edges
from tests.node.browser import Browser
from tests.node.conftest import Node


@pytest.fixture
def browser(node: Node) -> Browser:
    return Browser(node, "clerk", "张档案", Grant(Role.CLERK))


def test_an_unknown_kind_of_file_was_a_server_error(
    node: Node, clerk: Actor, browser: Browser
) -> None:
    (record_id,) = node.collect(clerk, 1)
    page = browser.post(
        f"/filing/{record_id}/upload",
        {"role": "正本", "kind": "zzz", "file": (io.BytesIO(b"x"), "通知.txt")},
        status=422,
    )
    assert "没有这种电子文件" in page.text
    assert not list(node.folder.files.names())
    file = {"name": "通知.txt", "size": 1, "sha256": "0" * 64, "format": "txt", "kind": "zzz"}
    row = {"title": "函", "documents": [{"role": "正本", "files": [file]}]}
    with node.database.write() as session, pytest.raises(Invalid, match="没有这种电子文件"):
        filing.collect_many(clerk, node.fonds, [row], session=session)


def test_a_catalogue_of_an_endless_year_was_a_server_error(node: Node, browser: Browser) -> None:
    for year in ("9" * 24, "x", "0"):
        assert "年度应为" in browser.get(f"/filing/catalogue?year={year}", status=422).text
    assert browser.get(f"/filing/?year={'9' * 24}").status_code == 200
    with node.database.read() as session:
        assert session.scalar(select(Record.id)) is None


def test_every_route_answers_whoever_asks_with_hard_edges(node: Node, browser: Browser) -> None:
    app = browser.client.application
    paths = get_routes(app)
    assert len(paths) > 60
    for client in (browser.client, app.test_client()):
        for path in paths:
            answer = client.get(path, buffered=True)
            assert answer.status_code < 500, f"{answer.status_code} {path}"
            page = answer.text if "html" in (answer.content_type or "") else None
            soft = soft_edges(f"http://localhost{path}", answer.headers, page)
            assert not soft, soft
