"""What a node answers to programs is what its description says: schemathesis asks all of it.

A node's own API is its door alone, sign-in and sign-out; people work on its pages, which the crawl
looks at (`test_bad_input`, `tests/browser`), and the hub is asked, never a node.
"""

from __future__ import annotations

from node.app import make_node_app
from shared.kernel.actor import Grant, Role
from tests.described import ask_everything, without_limits
from tests.node.conftest import Node
from tests.people import employ

PASSWORD = "danglian-2024"


def test_nothing_is_answered_that_the_description_of_a_node_does_not_name(node: Node) -> None:
    app = without_limits(make_node_app(node.folder))
    with node.database.write() as session:
        employ("clerk", "张档案", PASSWORD, [Grant(Role.CLERK)], session=session)
    with app.test_client() as client:
        asked = {"login": "clerk", "password": PASSWORD}
        token = client.post("/api/v1/sign_in", json=asked).get_json()["token"]
    answered = ask_everything((app, {"Authorization": f"Bearer {token}"}, {}), examples=8)
    assert set(answered) >= {"POST /api/v1/sign_in", "POST /api/v1/sign_out"}
    assert {401, 422} <= set().union(*answered.values()), "it was asked in earnest"
