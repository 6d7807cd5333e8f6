"""Events as people read them: names instead of codes, ids only where nothing better is known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.audit import AuditEvent
from shared.identity import Account
from shared.kernel.actor import OPENNESS_NAMES, ROLE_NAMES, Openness, Role
from shared.records.record import COLUMN_NAMES
from shared.web.audit_log.names import (
    DETAIL_KINDS,
    DETAIL_NAMES,
    DETAILS_OF,
    KIND_NAMES,
    VALUE_NAMES,
    VALUES_OF,
    SubjectNames,
)
from shared.web.filters import actor_name

_LONG_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{24,}")
#: A whole subject, or the bare id of an account.
_ANY_SUBJECT = re.compile(r"(?P<kind>[a-z_]+:)?[0-9a-f]{8}-[0-9a-f-]{27}")
_SHOWN = 8
#: Details that are lists of grants, `role:archive:fonds`.
_GRANTS = ("asked", "grants")

#: How the limits of a grant read.
_LIMITS = {"class": "门类 {}", "openness": OPENNESS_NAMES[Openness.OPEN], "until": "至 {}"}


class Names:
    """The names of everything that a page of events speaks of; asked for once."""

    def __init__(
        self,
        events: Iterable[AuditEvent],
        known: SubjectNames,
        *,
        also: Iterable[str] = (),
        session: Session,
    ) -> None:
        subjects = {subject for event in events for subject in _subjects(event)} | set(also)
        ids = [each.removeprefix("account:") for each in subjects if each.startswith("account:")]
        accounts = session.scalars(select(Account).where(Account.id.in_(ids)))
        self._names = {f"account:{each.id}": f"{each.name}（{each.login}）" for each in accounts}
        self._names |= known(session, subjects)

    def actor(self, event: AuditEvent) -> str:
        """Who acted."""
        return actor_name(event.actor_id, event.actor_name)

    def subject(self, event: AuditEvent) -> str:
        """What it was done to."""
        return self.called(event.subject)

    def called(self, subject: str) -> str:
        """The kind and the name of a thing."""
        kind, _, rest = subject.partition(":")
        name = self._names.get(subject) or _short(rest)
        return f"{KIND_NAMES.get(kind, kind)} {name}".strip()

    def details(self, event: AuditEvent) -> str:
        """What else was written down of it."""
        return "；".join(
            f"{DETAILS_OF.get((event.action, key)) or DETAIL_NAMES.get(key, key)}："
            f"{self._value(key, value)}"
            for key, value in event.details.items()
            if value not in (None, "", [], {})
        )

    def _value(self, key: str, value: Any) -> str:
        if isinstance(value, Mapping):
            return "，".join(f"{_named(each)} {self._value(key, of)}" for each, of in value.items())
        if isinstance(value, list):
            return (" 至 " if key == "missing" else "、").join(
                self._value(key, each) for each in value
            )
        if isinstance(value, bool):
            return "是" if value else "否"
        text = str(value)
        for subject in (text, f"account:{text}", f"audit:{text}"):
            if known := self._names.get(subject):
                return known
        if (key, text) in VALUES_OF:
            return VALUES_OF[key, text]
        if key in DETAIL_KINDS:
            return self._names.get(f"{DETAIL_KINDS[key]}:{text}") or _short(text)
        if key == "fields":
            return COLUMN_NAMES.get(text, text)
        if key in _GRANTS:
            return self._grant(text)
        return _named(text) if text in VALUE_NAMES else _LONG_ID.sub(_shortened, text)

    def _grant(self, text: str) -> str:
        told, *limits = text.split(" ")
        role, *scopes = told.split(":")
        name = ROLE_NAMES[Role(role)] if role in set(Role) else VALUE_NAMES.get(role, role)
        words = [
            _short(self._names.get(f"fonds:{each}") or self._names.get(f"archive:{each}") or each)
            for each in scopes
        ]
        for limit in limits:
            kind, _, value = limit.partition("=")
            words.append(_LIMITS.get(kind, "{}").format(_named(value)))
        return f"{name}（{'，'.join(words)}）" if words else name


def _subjects(event: AuditEvent) -> Iterator[str]:
    """Everything with a name of its own in an event."""
    yield event.subject
    for key, value in event.details.items():
        if key in DETAIL_KINDS and isinstance(value, str):
            yield f"{DETAIL_KINDS[key]}:{value}"
        if isinstance(value, str) and (found := _ANY_SUBJECT.fullmatch(value)):
            yield from [value] if found["kind"] else [f"account:{value}", f"audit:{value}"]
        for grant in value if key in _GRANTS and isinstance(value, list) else ():
            for scope in str(grant).split(" ")[0].split(":")[1:]:
                yield f"fonds:{scope}"
                yield f"archive:{scope}"


def _named(value: str) -> str:
    return VALUE_NAMES.get(value, DETAIL_NAMES.get(value, value))


def _short(text: str) -> str:
    return _LONG_ID.sub(_shortened, text)


def _shortened(found: re.Match[str]) -> str:
    return f"…{found.group()[-_SHOWN:]}"
