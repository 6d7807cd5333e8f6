"""The pages of the reference, for whoever writes programs."""

from __future__ import annotations

from flask import Flask

from shared.web.reference.described import example_of, groups_of


def test_anybody_reads_what_there_is_and_searches_it(app: Flask) -> None:
    client = app.test_client()
    whole = client.get("/developers/").text
    assert "POST /api/v1/sign_in" in whole
    assert "接口的变动" in whole
    found = client.get("/developers/?q=sign_out").text
    assert "POST /api/v1/sign_out" in found
    assert "/api/v1/things/" not in found
    assert "没有符合条件的接口" in client.get("/developers/?q=<none>").text


def test_a_group_tells_parameters_bodies_answers_and_how_to_call(app: Flask) -> None:
    text = app.test_client().get("/developers/accounts").text
    for each in ("登录，换取令牌", "password", "必填", "curl -s -X POST", "$HUB/api/v1/sign_in"):
        assert each in text
    assert app.test_client().get("/developers/nothing").status_code == 404


def test_a_schema_that_holds_itself_is_told_to_a_depth() -> None:
    schemas = {"Node": {"properties": {"inside": {"$ref": "#/components/schemas/Node"}}}}
    here = {"$ref": "#/components/schemas/Node"}
    described = {
        "paths": {
            "/node": {
                "get": {
                    "responses": {"200": {"content": {"application/json": {"schema": here}}}},
                    "tags": ["nodes_api"],
                }
            }
        },
        "components": {"schemas": schemas},
    }
    (group,) = groups_of(described)
    (answer,) = group.operations[0].answers
    assert [each.depth for each in answer.fields] == [0, 1, 2, 3, 4, 5]
    assert example_of(here, schemas)["inside"]["inside"]
