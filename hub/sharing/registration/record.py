"""The service-registration record 服务登记: what a platform is told of one data service.

Parameters are read off the hub's own description of its interface (OpenAPI), so that what is
registered is what is served.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.kernel.errors import Invalid
from shared.records import wire
from shared.records.text import NAME_LENGTH, REASON_LENGTH, SHORT_LENGTH

FORM = "danglian-service/1"
#: Below this the interfaces for other platforms lie.
SERVED = "/api/v1/shared/"
_VERBS = ("get", "post")
_DEPTH = 6
#: How the platform's calls prove who they are 认证方式.
AUTHENTICATIONS = {"bearer": "令牌（Authorization: Bearer）"}
MOST_PER_SECOND, MOST_PER_DAY = 1000, 100_000_000


class TermsSchema(wire.WireSchema):
    """What people say of a service; the rest of its record follows from the resource and the API.

    `operation` is method and path, such as `GET /api/v1/shared/lookup`.
    """

    resource_id = wire.Id(required=True)
    operation = wire.Text(NAME_LENGTH, required=True)
    name = wire.Text(NAME_LENGTH, required=True)
    authentication = wire.Choice(AUTHENTICATIONS, required=True)
    per_second = wire.Int(1, MOST_PER_SECOND, required=True)
    per_day = wire.Int(1, MOST_PER_DAY, required=True)
    person = wire.Text(SHORT_LENGTH, required=True)
    phone = wire.Text(
        SHORT_LENGTH, pattern=r"[0-9+()（） -]{5,}", problem="应为电话号码。", required=True
    )
    remark = wire.Text(REASON_LENGTH, required=True, allow_none=True)


def operations_of(description: Mapping[str, Any]) -> dict[str, str]:
    """The operations of an OpenAPI description that can be registered, each with its summary."""
    return {
        f"{verb.upper()} {path}": str(said[verb].get("summary") or path)
        for path, said in sorted(description.get("paths", {}).items())
        for verb in _VERBS
        if path.startswith(SERVED) and verb in said
    }


def compose(
    terms: Mapping[str, Any],
    resource: Mapping[str, Any],
    description: Mapping[str, Any],
    *,
    code: str,
    version: int,
    base: str,
) -> dict[str, Any]:
    """The record of a service (接口登记字段 of the exchange platform).

    `resource` is the document in force of what it serves, `description` the hub's OpenAPI, `base`
    its address. Raises Invalid for an operation that there is not.
    """
    operation = terms["operation"]
    if operation not in operations_of(description):
        raise Invalid("operation", "没有这个接口。", "请从列表中选择。", code="no_such_operation")
    method, _, path = operation.partition(" ")
    said = description["paths"][path][method.lower()]
    return {
        "form": FORM,
        "code": code,
        "version": version,
        "name": terms["name"],
        "resource_code": resource["code"],
        "resource_name": resource["name"],
        "provider": {
            "name": f"{resource['provider']['name']}{resource['provider']['unit'] or ''}",
            "code": resource["provider"]["code"],
        },
        "protocol": f"{base.partition(':')[0].upper()} REST",
        "address": f"{base}{path}",
        "method": method,
        "request": _request(said, description),
        "response": _response(said, description),
        "authentication": AUTHENTICATIONS[terms["authentication"]],
        "per_second": terms["per_second"],
        "per_day": terms["per_day"],
        "update_cycle": resource["update_cycle"],
        "person": terms["person"],
        "phone": terms["phone"],
        "remark": terms["remark"],
    }


def _request(said: Mapping[str, Any], description: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Parameters of path and query, and the members of a JSON body: name, type, required."""
    found = [
        {
            "name": each["name"],
            "place": each["in"],
            "type": _type(each.get("schema", {}), description),
            "required": bool(each.get("required", False)),
            "description": each.get("description", ""),
        }
        for each in (_resolved(one, description) for one in said.get("parameters", ()))
    ]
    content = said.get("requestBody", {}).get("content", {}).get("application/json", {})
    body = _resolved(content.get("schema", {}), description)
    required = set(body.get("required", ()))
    found += [
        {
            "name": name,
            "place": "body",
            "type": _type(each, description),
            "required": name in required,
            "description": each.get("description", ""),
        }
        for name, each in body.get("properties", {}).items()
    ]
    return found


def _response(said: Mapping[str, Any], description: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The members of the answer: name and type."""
    answer = _resolved(said.get("responses", {}).get("200", {}), description)
    media: Mapping[str, Any] = next(iter(answer.get("content", {}).values()), {})
    schema = _resolved(media.get("schema", {}), description)
    return [
        {
            "name": name,
            "type": _type(each, description),
            "description": each.get("description", ""),
        }
        for name, each in schema.get("properties", {}).items()
    ]


def _resolved(said: Mapping[str, Any], description: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a reference leads to."""
    for _ in range(_DEPTH):
        if "$ref" not in said:
            return said
        found: Any = description
        for name in said["$ref"].removeprefix("#/").split("/"):
            found = found.get(name, {})
        said = found
    return {}


def _type(said: Mapping[str, Any], description: Mapping[str, Any]) -> str:
    kind = _resolved(said, description).get("type", "object")
    return "、".join(kind) if isinstance(kind, list) else str(kind)
