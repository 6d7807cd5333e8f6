"""What a transaction makes of rows: the digests of what a subject was, and of what it became.

The canonical form of a subject is the list of its rows that the transaction made, changed or
removed, each as its table's name and its columns, in the order of table and key. Which rows are a
subject's: those that carry its id, in their key or as `…_id`, an archive's also as `archive_code`;
where none does (`hub`, `office`), all that the transaction changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import InstanceState, Mapper
from sqlalchemy.orm.base import NO_VALUE

from shared.audit.models import AuditArchive, AuditCheckpoint, AuditEvent, AuditHead, AuditWitness
from shared.audit.plain import digest

#: The log is no subject of itself.
_OWN = (AuditArchive, AuditCheckpoint, AuditEvent, AuditHead, AuditWitness)

_Was = dict[str, Any] | None
#: Of what something was, and of what it became.
Digests = tuple[str | None, str | None]


class Changes:
    """The rows that a transaction changed through the unit of work, and what they had been."""

    def __init__(self) -> None:
        self._rows: dict[Any, _Was] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def note(self, row: Any, *, is_new: bool = False) -> None:
        """Keep what a row is in the database, unless it is known already; before it is flushed."""
        if row not in self._rows and not isinstance(row, _OWN):
            self._rows[row] = None if is_new else _before(inspect(row))

    def forget_after(self, count: int) -> None:
        """Forget all but the rows that were noted first."""
        for row in list(self._rows)[count:]:
            del self._rows[row]

    def digests_of(self, subjects: Iterable[str]) -> dict[str, Digests]:
        """The SM3 of the rows of each `kind:id` as they were and as they are; None where none is.

        After what was pending has been flushed.
        """
        by_id = self._by_id()
        found: dict[str, Digests] = {}
        whole: Digests | None = None
        for subject in dict.fromkeys(subjects):
            rows = by_id.get(subject.partition(":")[2])
            if rows is not None:
                found[subject] = self._digests(rows)
            else:
                found[subject] = whole = whole or self._digests(self._rows)
        return found

    def has(self, subject: str) -> bool:
        """Whether one of the rows is the subject's, so that its digests are of it alone."""
        return subject.partition(":")[2] in self._by_id()

    def _by_id(self) -> dict[str, list[Any]]:
        by_id: dict[str, list[Any]] = {}
        for row in self._rows:
            for each in _ids(row):
                by_id.setdefault(each, []).append(row)
        return by_id

    def _digests(self, rows: Iterable[Any]) -> Digests:
        rows = list(rows)
        was = (_named(row, before) for row in rows if (before := self._rows[row]) is not None)
        became = (_named(row, after) for row in rows if (after := _after(row)) is not None)
        return _digest(was), _digest(became)


def _digest(rows: Iterable[tuple[Any, ...]]) -> str | None:
    listed = sorted(rows, key=lambda row: row[:2])
    return digest(listed) if listed else None


def columns_of(row: Any) -> dict[str, Any]:
    """The columns of a row as they are, for an `Act`: of one that a statement removes."""
    return _before(inspect(row))


def _before(state: InstanceState[Any]) -> dict[str, Any]:
    known = {**state.dict, **state.committed_state}
    return {name: known[name] for name in _columns(state.mapper) if _is_known(known, name)}


def _is_known(values: dict[str, Any], name: str) -> bool:
    return name in values and values[name] is not NO_VALUE


def _after(row: Any) -> dict[str, Any] | None:
    state: InstanceState[Any] = inspect(row)
    if state.deleted or state.was_deleted or not state.persistent:
        return None
    # What a rolled-back savepoint has expired is read again; what was never read stays so.
    return {
        name: getattr(row, name)
        for name in _columns(state.mapper)
        if name in state.dict or name in state.expired_attributes
    }


def _ids(row: Any) -> Iterable[str]:
    state: InstanceState[Any] = inspect(row)
    return {str(each) for name in _id_columns(state.mapper) if (each := state.dict.get(name))}


def _named(row: Any, values: dict[str, Any]) -> tuple[Any, ...]:
    mapper = inspect(row).mapper
    key = [str(values.get(name)) for name in _key_columns(mapper)]
    return mapper.local_table.name, key, values


@cache
def _columns(mapper: Mapper[Any]) -> tuple[str, ...]:
    return tuple(sorted(mapper.column_attrs.keys()))


@cache
def _key_columns(mapper: Mapper[Any]) -> tuple[str, ...]:
    return tuple(mapper.get_property_by_column(column).key for column in mapper.primary_key)


@cache
def _id_columns(mapper: Mapper[Any]) -> tuple[str, ...]:
    return tuple(
        {
            *_key_columns(mapper),
            *(n for n in _columns(mapper) if n.endswith(("_id", "archive_code"))),
        }
    )
