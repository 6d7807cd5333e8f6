"""The OpenAPI description as people read it: groups of operations, fields in rows, examples."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

_HERE = Path(__file__).parent
_VERBS = ("get", "post", "put", "patch", "delete")
#: A schema may refer to itself: fields are told to this depth.
_DEEPEST = 5
_TYPES = {
    "string": "文本",
    "integer": "整数",
    "number": "数",
    "boolean": "是/否",
    "object": "对象",
    "array": "列表",
    "null": "空",
}
_FORMATS = {
    "date": "2024-03-05",
    "date-time": "2024-06-01T02:03:04.000000Z",
    "uuid": "01890a5d-ac96-774b-bcce-b302099a8057",
}
_FORM = "application/x-www-form-urlencoded"
_PARTS = "multipart/form-data"
_PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Field:
    """One field of a body, or one parameter; `depth` says how far inside it stands."""

    name: str
    kind: str
    required: bool
    about: str = ""
    depth: int = 0
    place: str = ""


@dataclass(frozen=True)
class Answer:
    """What an operation may answer; `example` is JSON, or empty for other contents."""

    status: str
    about: str
    media: str
    fields: tuple[Field, ...]
    example: str


@dataclass(frozen=True)
class Operation:
    """One method on one path; `call` is an example for a shell."""

    id: str
    method: str
    path: str
    name: str
    about: str
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    example: str
    answers: tuple[Answer, ...]
    call: str


@dataclass(frozen=True)
class Group:
    """The operations of one capability."""

    id: str
    name: str
    operations: tuple[Operation, ...]


@cache
def operation_names() -> Mapping[str, str]:
    """What each operation is called in Chinese, by method and path."""
    names: dict[str, str] = json.loads((_HERE / "names.json").read_text(encoding="utf-8"))
    return names


@cache
def field_names() -> Mapping[str, str]:
    """What each field and parameter is called in Chinese, where its schema says nothing."""
    names: dict[str, str] = json.loads((_HERE / "fields.json").read_text(encoding="utf-8"))
    return names


@cache
def changes() -> Sequence[Mapping[str, str]]:
    """What changed in the interface, the newest first: `version`, `kind`, `where`, `text`."""
    told: list[dict[str, str]] = json.loads((_HERE / "changes.json").read_text(encoding="utf-8"))
    return told


@cache
def _values() -> Mapping[str, Any]:
    """Values for examples, by the name of the field."""
    values: dict[str, Any] = json.loads((_HERE / "examples.json").read_text(encoding="utf-8"))
    return values


def groups_of(description: Mapping[str, Any]) -> list[Group]:
    """The description (OpenAPI 3.1) as groups, in its own order; one without operations is left."""
    schemas = description.get("components", {}).get("schemas", {})
    found: dict[str, list[Operation]] = {tag["name"]: [] for tag in description.get("tags", ())}
    for path, said in description["paths"].items():
        for verb in _VERBS:
            if verb in said:
                operation = _operation(verb, path, said, schemas)
                found.setdefault(said[verb].get("tags", [""])[0], []).append(operation)
    called = {tag["name"]: tag.get("description", "") for tag in description.get("tags", ())}
    return [
        Group(tag.removesuffix("_api"), called.get(tag) or tag, tuple(operations))
        for tag, operations in found.items()
        if operations
    ]


def with_examples(description: dict[str, Any]) -> dict[str, Any]:
    """The description with an example for every body of JSON that has none; changes it."""
    schemas = description.get("components", {}).get("schemas", {})
    for said in description["paths"].values():
        for verb in set(_VERBS) & set(said):
            bodies = [said[verb].get("requestBody", {}), *said[verb].get("responses", {}).values()]
            for body in bodies:
                for content in _resolved(body, description).get("content", {}).values():
                    if "schema" in content and "example" not in content:
                        content["example"] = example_of(content["schema"], schemas)
    return description


def _resolved(body: Any, description: Mapping[str, Any]) -> Any:
    """A response that is named once for many operations."""
    if isinstance(body, Mapping) and "$ref" in body:
        kind, name = body["$ref"].split("/")[-2:]
        return description.get("components", {}).get(kind, {}).get(name, {})
    return body


def example_of(
    schema: Mapping[str, Any], schemas: Mapping[str, Any], name: str = "", depth: int = 0
) -> Any:
    """A value that fits the schema: its own example, one for its name, or one for its type."""
    schema = _schema(schema, schemas)
    if "example" in schema:
        return schema["example"]
    if schema.get("examples"):
        return schema["examples"][0]
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return next((each for each in schema["enum"] if each is not None), None)
    for choice in ("anyOf", "oneOf", "allOf"):
        if schema.get(choice):
            return example_of(schema[choice][0], schemas, name, depth)
    kind = _kinds(schema)[0]
    if kind == "object":
        return _object(schema, schemas, depth)
    if kind == "array":
        within = schema.get("items", {})
        return [] if depth >= _DEEPEST else [example_of(within, schemas, name, depth + 1)]
    if kind == "string":
        return _text(schema, name)
    if kind == "boolean":
        return True
    if kind in ("integer", "number"):
        value = _values().get(name)
        return value if isinstance(value, int) else schema.get("minimum", 1)
    return _values().get(name)


def _object(schema: Mapping[str, Any], schemas: Mapping[str, Any], depth: int) -> dict[str, Any]:
    if depth >= _DEEPEST:
        return {}
    return {
        key: example_of(each, schemas, key, depth + 1)
        for key, each in schema.get("properties", {}).items()
    }


def _text(schema: Mapping[str, Any], name: str) -> str:
    value = _values().get(name)
    if isinstance(value, str):
        return value
    return str(
        _FORMATS.get(schema.get("format", ""), _values()["id" if name.endswith("_id") else "text"])
    )


def _schema(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema that a reference leads to."""
    while "$ref" in schema:
        schema = schemas.get(schema["$ref"].rsplit("/", 1)[-1], {})
    return schema


def _kinds(schema: Mapping[str, Any]) -> list[str]:
    kinds = schema.get("type", "object" if "properties" in schema else "")
    return [kinds] if isinstance(kinds, str) else [str(each) for each in kinds]


def _operation(
    verb: str, path: str, said: Mapping[str, Any], schemas: Mapping[str, Any]
) -> Operation:
    told = said[verb]
    parameters = tuple(
        Field(
            each["name"],
            _kind(each.get("schema", {}), schemas),
            bool(each.get("required")),
            _about(each["name"], each, each.get("schema", {})),
            place=each["in"],
        )
        for each in (*said.get("parameters", ()), *told.get("parameters", ()))
        if "name" in each
    )
    media, content = _content(told.get("requestBody", {}))
    example = _example(media, content, schemas)
    return Operation(
        id=_PARAMETER.sub(r"\1", f"{verb}{path}").replace("/", "-").replace(".", "-"),
        method=verb.upper(),
        path=path,
        name=operation_names().get(f"{verb.upper()} {path}", path),
        about=told.get("summary", ""),
        parameters=parameters,
        body=tuple(_fields(content.get("schema", {}), schemas)),
        example=example,
        answers=tuple(_answers(told.get("responses", {}), schemas)),
        call=_call(verb, path, parameters, media, example),
    )


def _answers(responses: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[Answer]:
    for status, said in responses.items():
        if status == "default" or "$ref" in said:
            continue  # problem details, which every operation may answer: told once, above all
        media, content = _content(said)
        yield Answer(
            status,
            said.get("description", ""),
            media,
            tuple(_fields(content.get("schema", {}), schemas)),
            _example(media, content, schemas),
        )


def _content(body: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The first kind of content of a body, and what is said of it; empty where there is none."""
    for media, content in body.get("content", {}).items():
        return media, content
    return "", {}


def _example(media: str, content: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    if "schema" not in content:
        return ""
    value = content.get("example", example_of(content["schema"], schemas))
    if media == _FORM:
        return urlencode(value)
    if media == _PARTS:
        value = {name: each for name, each in value.items() if not _is_file(each)}
        return json.dumps(value, ensure_ascii=False, indent=2)
    return json.dumps(value, ensure_ascii=False, indent=2) if media.endswith("json") else ""


def _is_file(value: Any) -> bool:
    """Whether an example stands for bytes, which nobody types."""
    return not isinstance(value, dict)


def _fields(
    schema: Mapping[str, Any], schemas: Mapping[str, Any], depth: int = 0
) -> Iterator[Field]:
    """The fields of an object, or of the objects of a list, each before those inside it."""
    schema = _schema(schema, schemas)
    if "items" in schema:
        schema = _schema(schema["items"], schemas)
    required = schema.get("required", ())
    for name, each in schema.get("properties", {}).items():
        yield Field(name, _kind(each, schemas), name in required, _about(name, each), depth)
        if depth < _DEEPEST:
            yield from _fields(each, schemas, depth + 1)


def _kind(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    """The type in words, with what its values are bound to."""
    schema = _schema(schema, schemas)
    words = "或".join(_TYPES.get(each, each) for each in _kinds(schema) if each) or "任意"
    if "items" in schema:
        words = f"{words}（{_kind(schema['items'], schemas)}）"
    bounds = []
    if "enum" in schema:
        bounds.append("、".join(str(each) for each in schema["enum"] if each is not None))
    if "format" in schema:
        bounds.append(str(schema["format"]))
    for key, sign in (("minimum", "≥ "), ("maximum", "≤ "), ("maxLength", "最长 ")):
        if key in schema:
            bounds.append(f"{sign}{schema[key]}")
    return f"{words}：{'，'.join(bounds)}" if bounds else words


def _about(name: str, *said: Mapping[str, Any]) -> str:
    told = (each["description"] for each in said if each.get("description"))
    return next(told, field_names().get(name, ""))


def _call(verb: str, path: str, parameters: Sequence[Field], media: str, example: str) -> str:
    """How the operation is called from a shell."""
    where = _PARAMETER.sub(lambda found: "$" + found[1].upper(), path)
    needed = [each.name for each in parameters if each.place == "query" and each.required]
    query = "&".join(f"{name}=${name.upper()}" for name in needed)
    lines = [f'curl -s -X {verb.upper()} "$HUB{where}{"?" + query if query else ""}"']
    lines.append('  -H "Authorization: Bearer $TOKEN"')
    lines += [
        f'  -H "{each.name}: ${each.name.upper().replace("-", "_")}"'
        for each in parameters
        if each.place == "header" and each.required
    ]
    if media == _PARTS:
        lines += [
            f"  -F '{name}={json.dumps(value, ensure_ascii=False)}'"
            for name, value in json.loads(example).items()
        ]
        lines.append("  -F 'file=@FILE'")
    elif media:
        lines.append(f'  -H "Content-Type: {media}"')
        lines.append(f"  -d '{_in_a_line(media, example)}'" if example else "  --data-binary @FILE")
    return " \\\n".join(lines)


def _in_a_line(media: str, example: str) -> str:
    return example if media == _FORM else json.dumps(json.loads(example), ensure_ascii=False)
