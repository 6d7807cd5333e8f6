"""What would break a program that was written against an earlier description of the API."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

VERBS = ("get", "post", "put", "patch", "delete")
_DEEPEST = 8
#: Bounds on what may be sent: smaller is narrower, or greater is.
_UPPER, _LOWER = ("maximum", "maxLength", "maxItems"), ("minimum", "minLength", "minItems")

Description = Mapping[str, Any]


def breaks(before: Description, after: Description) -> list[str]:
    """Each way in which `after` refuses what `before` took, or leaves out what it answered.

    An answer may bring more than before: programs ignore what they do not know.
    """
    found: list[str] = []
    before, after = _whole(before["paths"], before), _whole(after["paths"], after)
    for path, said in before.items():
        for verb in set(VERBS) & set(said):
            name = f"{verb.upper()} {path}"
            now = after.get(path, {})
            if verb not in now:
                found.append(f"{name}: gone")
                continue
            old, new = said[verb], now[verb]
            found += _parameters(name, [said, old], [now, new])
            found += _body(name, old, new)
            found += _answers(name, old, new)
    return found


def _parameters(
    name: str,
    old: Sequence[Mapping[str, Any]],
    new: Sequence[Mapping[str, Any]],
) -> Iterator[str]:
    were, are = _by_name(old), _by_name(new)
    for key, each in were.items():
        if key not in are:
            yield f"{name}: parameter {key} gone"
        else:
            yield from _narrower(f"{name}: {key}", each["schema"], are[key]["schema"])
    for key, each in are.items():
        if each.get("required") and not were.get(key, {}).get("required"):
            yield f"{name}: parameter {key} has become required"


def _by_name(levels: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        each["name"]: each
        for level in levels
        for each in level.get("parameters", ())
        if "name" in each
    }


def _body(
    name: str,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
) -> Iterator[str]:
    were, are = _contents(old.get("requestBody", {})), _contents(new.get("requestBody", {}))
    for media, schema in were.items():
        if media not in are:
            yield f"{name}: takes no {media}"
        else:
            yield from _narrower(f"{name}: body", schema, are[media])
    if are and not were and new["requestBody"].get("required"):
        yield f"{name}: asks for a body"


def _answers(
    name: str,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
) -> Iterator[str]:
    for status, said in old["responses"].items():
        if not status.startswith("2"):
            continue
        if status not in new["responses"]:
            yield f"{name}: answers no {status}"
            continue
        are = _contents(new["responses"][status])
        for media, schema in _contents(said).items():
            if media not in are:
                yield f"{name}: answers no {media}"
            else:
                yield from _poorer(f"{name}: answer", schema, are[media])


def _contents(body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        media: content["schema"]
        for media, content in body.get("content", {}).items()
        if "schema" in content
    }


def _narrower(where: str, old: Any, new: Any) -> Iterator[str]:
    """Why something that was taken is taken no more."""
    if not _kinds(old) <= _kinds(new):
        yield f"{where}: takes no {'/'.join(sorted(_kinds(old) - _kinds(new)))}"
    if "enum" in new and not set(old.get("enum", ["anything"])) <= set(new["enum"]):
        yield f"{where}: takes fewer values"
    for keys, is_narrower in ((_UPPER, _less), (_LOWER, _more)):
        for key in keys:
            if key in new and is_narrower(new[key], old.get(key)):
                yield f"{where}: {key} is narrower"
    for key in set(new.get("required", ())) - set(old.get("required", ())):
        yield f"{where}.{key}: has become required"
    yield from _within(where, old, new, _narrower, "takes no such field")


def _poorer(where: str, old: Any, new: Any) -> Iterator[str]:
    """Why something that was answered is answered no more."""
    if not _kinds(new) <= _kinds(old):
        yield f"{where}: may be {'/'.join(sorted(_kinds(new) - _kinds(old)))}"
    yield from _within(where, old, new, _poorer, "gone")


def _within(
    where: str, old: Any, new: Any, look: Callable[..., Iterator[str]], gone: str
) -> Iterator[str]:  # fmt: skip
    for key, each in old.get("properties", {}).items():
        inside = new.get("properties", {})
        if key not in inside:
            yield f"{where}.{key}: {gone}"
        else:
            yield from look(f"{where}.{key}", each, inside[key])
    if "items" in old and "items" in new:
        yield from look(f"{where}[]", old["items"], new["items"])


def _whole(said: Any, description: Description, depth: int = 0) -> Any:
    """What is said, with every reference in its place to a depth that tells enough."""
    if isinstance(said, list):
        return [_whole(each, description, depth) for each in said]
    if not isinstance(said, Mapping):
        return said
    if "$ref" in said:
        if depth >= _DEEPEST:
            return {}
        kind, name = said["$ref"].split("/")[-2:]
        return _whole(description["components"].get(kind, {}).get(name, {}), description, depth + 1)
    return {key: _whole(each, description, depth) for key, each in said.items()}


def _kinds(schema: Mapping[str, Any]) -> set[str]:
    kinds = schema.get(
        "type", ["string", "integer", "number", "boolean", "object", "array", "null"]
    )
    return {kinds} if isinstance(kinds, str) else set(kinds)


def _less(new: Any, old: Any) -> bool:
    return old is None or new < old


def _more(new: Any, old: Any) -> bool:
    return old is None or new > old
