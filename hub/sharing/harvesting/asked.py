"""What a harvester asks: the six verbs with their arguments, or an error of the protocol."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

#: Each verb with the arguments that it must have, and may have (OAI-PMH 2.0, 4).
VERBS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "Identify": (frozenset(), frozenset()),
    "ListMetadataFormats": (frozenset(), frozenset({"identifier"})),
    "ListSets": (frozenset(), frozenset({"resumptionToken"})),
    "GetRecord": (frozenset({"identifier", "metadataPrefix"}), frozenset()),
    "ListIdentifiers": (
        frozenset({"metadataPrefix"}),
        frozenset({"from", "until", "set", "resumptionToken"}),
    ),
    "ListRecords": (
        frozenset({"metadataPrefix"}),
        frozenset({"from", "until", "set", "resumptionToken"}),
    ),
}
_ONWARD = "resumptionToken"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_SECOND = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
_LONGEST = 1000
_MOST_COUNTED = 2**62


class ProtocolError(Exception):
    """One of the protocol's errors (OAI-PMH 2.0, 3.6): answered with status 200 and its code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Place:
    """Where a list goes on: what a resumption token holds.

    The list ends at `end` whatever is written meanwhile: a record that changes has a later
    position then, and comes with the next harvest. `generation` is the hub's.
    """

    generation: int
    position: int
    end: int
    given: int
    prefix: str
    set_spec: str = ""

    @property
    def token(self) -> str:
        """As it travels."""
        text = json.dumps(list(asdict(self).values()), separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@dataclass(frozen=True)
class Asked:
    """One request; times are seconds since 1970, `until` belongs to the list."""

    verb: str
    arguments: Mapping[str, str]
    identifier: str = ""
    prefix: str = ""
    since: int | None = None
    until: int | None = None
    set_spec: str = ""
    place: Place | None = None


def read_asked(pairs: Iterable[tuple[str, str]]) -> Asked:
    """The request that these arguments make. Raises ProtocolError."""
    told: dict[str, str] = {}
    repeated = set()
    for name, value in pairs:
        if name in told:
            repeated.add(name)
        told[name] = value
    verb = told.pop("verb", "")
    if verb not in VERBS or "verb" in repeated:
        raise ProtocolError("badVerb", "The verb is missing, unknown or repeated.")
    must, may = VERBS[verb]
    if repeated:
        raise ProtocolError("badArgument", f"Repeated: {', '.join(sorted(repeated))[:100]}")
    if unknown := told.keys() - must - may:
        raise ProtocolError("badArgument", f"Not for this verb: {', '.join(sorted(unknown))[:100]}")
    if any(len(value) > _LONGEST for value in told.values()):
        raise ProtocolError("badArgument", f"Longer than {_LONGEST} characters.")
    arguments = {"verb": verb, **told}
    if _ONWARD in told:
        if len(told) > 1:
            raise ProtocolError("badArgument", "A resumption token stands alone.")
        return Asked(verb, arguments, place=_place(told[_ONWARD]))
    if missing := must - told.keys():
        raise ProtocolError("badArgument", f"Missing: {', '.join(sorted(missing))}")
    since, until = _window(told.get("from"), told.get("until"))
    return Asked(
        verb,
        arguments,
        identifier=told.get("identifier", ""),
        prefix=told.get("metadataPrefix", ""),
        since=since,
        until=until,
        set_spec=told.get("set", ""),
    )


def _window(since: str | None, until: str | None) -> tuple[int | None, int | None]:
    """From and until in seconds; a day as until is that whole day."""
    given = [each for each in (since, until) if each is not None]
    if not all(_DAY.fullmatch(each) or _SECOND.fullmatch(each) for each in given):
        raise ProtocolError("badArgument", "Times are YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ.")
    if len({len(each) for each in given}) > 1:
        raise ProtocolError("badArgument", "from and until have different granularities.")
    first = None if since is None else _seconds(since)
    last = None if until is None else _seconds(until, whole_day=True)
    if first is not None and last is not None and first > last:
        raise ProtocolError("badArgument", "from is later than until.")
    return first, last


def _seconds(text: str, *, whole_day: bool = False) -> int:
    try:
        moment = datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)
    except ValueError as error:
        raise ProtocolError("badArgument", "There is no such time.") from error
    if whole_day and _DAY.fullmatch(text):
        return int(moment.timestamp()) + int(timedelta(days=1).total_seconds()) - 1
    return int(moment.timestamp())


def _place(token: str) -> Place:
    try:
        values = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise bad_token() from error
    if not isinstance(values, list) or len(values) != len(fields(Place)) or not _fits(values):
        raise bad_token()
    return Place(*values)


def _fits(values: list[Any]) -> bool:
    *numbers, prefix, set_spec = values
    return all(type(each) is int and 0 <= each < _MOST_COUNTED for each in numbers) and all(
        isinstance(each, str) for each in (prefix, set_spec)
    )


def bad_token() -> ProtocolError:
    """A token that was never given, or of a time before the hub was restored."""
    return ProtocolError("badResumptionToken", "Unknown, or from before a restore: begin anew.")
