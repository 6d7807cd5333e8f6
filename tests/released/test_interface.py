"""The interface for programs keeps its promises: what 0.1.0 described still holds."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hub.app import make_app
from hub.federation.places import HubFolder
from node.app import make_node_app
from shared.web.reference.described import changes, groups_of, operation_names
from tests.node.conftest import make_node
from tests.released.compatible import VERBS, breaks

RELEASED = Path(__file__).parent
RECORDS = "/api/v1/catalogue/records"
_TOKEN = "parameter Danglian-Upload-Token has become required"
_DIGEST = "parameter Danglian-Part-Sha256 has become required"
#: Always asked of nodes, and told in docs/integrators.md; described only since then.
DESCRIBED_LATER = {
    f"{operation}: {asked}"
    for operation, *all_asked in (
        ("GET /api/v1/bundles/{bundle_id}/parts/{number}", _TOKEN),
        ("GET /api/v1/uploads/{upload_id}/parts", _TOKEN),
        ("PUT /api/v1/uploads/{upload_id}/parts/{number}", _TOKEN, _DIGEST, "asks for a body"),
    )
    for asked in all_asked
}


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    place = HubFolder.create(
        tmp_path_factory.mktemp("hub") / "hub", name="平台", city="420500000000"
    )
    with make_app(place).test_client() as client:
        found: dict[str, Any] = client.get("/api/v1/openapi.json").get_json()
    place.database().close()
    return found


@pytest.fixture(scope="module")
def described_at_a_node(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    made = make_node(tmp_path_factory.mktemp("node") / "node")
    with make_node_app(made.folder).test_client() as client:
        found: dict[str, Any] = client.get("/api/v1/openapi.json").get_json()
    made.database.close()
    return found


@pytest.mark.parametrize(
    "path", sorted(RELEASED.glob("*/openapi.json")), ids=lambda p: p.parent.name
)
def test_nothing_breaks_that_was_released(path: Path, described: dict[str, Any]) -> None:
    found = set(breaks(json.loads(path.read_text(encoding="utf-8")), described))
    assert found - DESCRIBED_LATER == set()


def _without_path(said: dict[str, Any]) -> None:
    del said["paths"][RECORDS]


def _without_parameter(said: dict[str, Any]) -> None:
    del said["paths"][RECORDS]["get"]["parameters"][0]


def _with_a_required_one(said: dict[str, Any]) -> None:
    said["paths"][RECORDS]["get"]["parameters"].append(
        {"name": "purpose", "in": "query", "required": True, "schema": {"type": "string"}}
    )


def _with_a_lower_limit(said: dict[str, Any]) -> None:
    for each in said["paths"][RECORDS]["get"]["parameters"]:
        if each["name"] == "limit":
            each["schema"]["maximum"] = 1


def _with_a_required_field(said: dict[str, Any]) -> None:
    said["components"]["schemas"]["Decision"]["required"] = ["offer_id", "outcome", "reasons"]


def _without_an_answer_s_field(said: dict[str, Any]) -> None:
    del said["components"]["schemas"]["ReviewedBatch"]["properties"]["records"]


def _with_another_type(said: dict[str, Any]) -> None:
    said["components"]["schemas"]["ReviewedBatch"]["properties"]["count"]["type"] = "string"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_without_path, f"GET {RECORDS}: gone"),
        (_without_parameter, f"GET {RECORDS}: parameter q gone"),
        (_with_a_required_one, f"GET {RECORDS}: parameter purpose has become required"),
        (_with_a_lower_limit, f"GET {RECORDS}: limit: maximum is narrower"),
        (_with_a_required_field, "body[].reasons: has become required"),
        (_without_an_answer_s_field, "answer.records: gone"),
        (_with_another_type, "answer.count: may be string"),
    ],
)
def test_what_would_break_a_program_is_named(
    spoil: Callable[[dict[str, Any]], None], said: str, described: dict[str, Any]
) -> None:
    after = copy.deepcopy(described)
    spoil(after)
    found = breaks(described, after)
    assert any(said in each for each in found), found


def test_more_of_everything_breaks_nothing(described: dict[str, Any]) -> None:
    after = copy.deepcopy(described)
    after["paths"]["/api/v1/new"] = {"get": {"responses": {"200": {}}}}
    after["components"]["schemas"]["ReviewedBatch"]["properties"]["new"] = {"type": "string"}
    after["paths"][RECORDS]["get"]["parameters"].append(
        {"name": "new", "in": "query", "schema": {"type": "string"}}
    )
    assert breaks(described, after) == []


def test_every_operation_and_field_has_a_chinese_name_and_every_body_an_example(
    described: dict[str, Any], described_at_a_node: dict[str, Any]
) -> None:
    both = (described, described_at_a_node)
    wanted = {
        f"{verb.upper()} {path}"
        for side in both
        for path, said in side["paths"].items()
        for verb in VERBS
        if verb in said
    }
    assert set(operation_names()) == wanted
    operations = [each for side in both for group in groups_of(side) for each in group.operations]
    assert {f"{each.method} {each.path}" for each in operations} == wanted
    for each in operations:
        assert each.example or not each.body, each.path
        rows = [*each.parameters, *each.body, *(row for one in each.answers for row in one.fields)]
        assert [row.name for row in rows if not row.about] == [], each.path
        for answer in each.answers:
            assert answer.example or not answer.fields, each.path


def test_every_change_says_what_and_where(
    described: dict[str, Any], described_at_a_node: dict[str, Any]
) -> None:
    paths = {**described_at_a_node["paths"], **described["paths"]}
    for each in changes():
        assert each["kind"] in {"增加", "更改", "停用", "首次发布"}
        assert each["text"]
        verb, _, path = each["where"].rpartition(" ")
        assert not verb or verb.lower() in paths[path], each
