"""What the description of the API says of every operation: each status that it may answer with.

Flask-Smorest describes what goes well, and everything else as `default`, in a media type that is
not ours. Here each refusal that an operation may meet is named instead; a test holds what is
answered against it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_PROBLEM = "application/problem+json"
_METHODS = frozenset({"get", "post", "put", "patch", "delete"})
_MEANINGS = {
    "400": ("NotUnderstood", "The request could not be read."),
    "401": ("NotSignedIn", "Nobody is signed in, or what was shown opens nothing."),
    "403": ("NotAllowed", "The caller's roles and scopes do not cover this."),
    "404": ("NotFound", "There is no such thing, as far as the caller may know."),
    "409": ("WrongState", "Not as things stand now."),
    "413": ("TooLarge", "The body is larger than this operation takes."),
    "415": ("WrongMediaType", "The body is of another media type."),
    "422": ("Invalid", "Something of the request is wrong; `errors` says what."),
    "429": ("TooOften", "Too many requests, or failures; `Retry-After` says for how long to wait."),
    "503": ("Unavailable", "Away for the moment; `Retry-After` says for how long to wait."),
}
_WAITING = ("429", "503")


def completed(document: Mapping[str, Any]) -> dict[str, Any]:
    """The description with every refusal named; the one given stays as it is."""
    components = dict(document.get("components", {}))
    components["responses"] = dict(_responses())
    paths = {
        path: {
            name: _told(name, said, item) if name in _METHODS else said
            for name, said in item.items()
        }
        for path, item in document["paths"].items()
    }
    return {**document, "paths": paths, "components": components}


def _told(method: str, operation: Mapping[str, Any], item: Mapping[str, Any]) -> dict[str, Any]:
    own = {
        status: said
        for status, said in operation["responses"].items()
        if status != "default" and status not in _MEANINGS
    }
    # An operation may say more of a status that it has its own reason for.
    named = {status for status in operation["responses"] if status in _MEANINGS}
    refusals = {*_met_by(method, operation, item), *named}
    references = {
        status: _refusal(status, operation["responses"].get(status, {}))
        for status in sorted(refusals)
    }
    return {**operation, "responses": {**own, **references}}


def _refusal(status: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """A refusal as all have it; beside a form of its own, where a standard asks for that."""
    if "content" not in said:
        return {"$ref": f"#/components/responses/{_MEANINGS[status][0]}"}
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {**said, "content": {**said["content"], _PROBLEM: problem}}


def _met_by(method: str, operation: Mapping[str, Any], item: Mapping[str, Any]) -> Iterator[str]:
    yield from _WAITING
    if operation.get("security") != []:
        yield from ("401", "403")
    if item.get("parameters"):
        yield "404"
    if method != "get":
        yield "409"
    if item.get("parameters") or operation.get("parameters"):
        yield "422"
    if operation.get("requestBody"):
        yield from ("400", "413", "415", "422")


def _responses() -> Iterator[tuple[str, dict[str, Any]]]:
    schema = {"$ref": "#/components/schemas/Problem"}
    for status, (name, meaning) in _MEANINGS.items():
        said: dict[str, Any] = {"description": meaning, "content": {_PROBLEM: {"schema": schema}}}
        if status in _WAITING:
            seconds = {"type": "integer", "minimum": 1}
            said["headers"] = {"Retry-After": {"schema": seconds, "description": "seconds"}}
        yield name, said
