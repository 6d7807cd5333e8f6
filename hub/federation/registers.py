"""What the hub has registered, as documents that the repository keeps, and back into rows.

A document has all that the database says of one thing and that nothing else would say again: the
hub with its keys, an archive with its seals, a node with its keys, a fonds with its numbers, an
agreement, an approved table of a fonds, a ruleset. It is `{kind, id, rows}`, `rows` by table, each
row by column: times as in `shared.kernel.clock`, bytes in hexadecimal digits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Column, LargeBinary, Table, select
from sqlalchemy.orm import Session

from hub.federation.models import (
    Agreement,
    Archive,
    Fonds,
    FondsNumber,
    Hub,
    HubKeyRange,
    Node,
    NodeKey,
    OwnKey,
)
from hub.federation.origins import own_columns
from hub.federation.rule_models import FondsSchedule, Ruleset
from shared.kernel.clock import format_utc, parse_utc
from shared.kernel.database import Model, UtcTime
from shared.kernel.errors import Invalid
from shared.kernel.succession import hub_holder, seal_holder


@dataclass(frozen=True)
class Register:
    """One kind of document: the column with a thing's id, and the tables of what belongs to it."""

    kind: str
    table: type[Model]
    key: str
    #: Tables with the column that names the thing.
    parts: tuple[tuple[type[Model], str], ...] = ()

    def owner(self, thing_id: str) -> str:
        """How the parts call the thing."""
        match self.kind:
            case "hub":
                return hub_holder(thing_id)
            case "archive":
                return seal_holder(thing_id)
        return thing_id


#: In the order in which they can be written: each refers only to those before it.
REGISTERS = (
    Register("hub", Hub, "hub_id", ((OwnKey, "holder"),)),
    Register("archive", Archive, "code", ((OwnKey, "holder"),)),
    Register("node", Node, "id", ((NodeKey, "node_id"), (HubKeyRange, "node_id"))),
    Register("fonds", Fonds, "id", ((FondsNumber, "fonds_id"),)),
    Register("agreement", Agreement, "id"),
    Register("schedule", FondsSchedule, "sha256"),
    Register("ruleset", Ruleset, "version"),
)

Document = dict[str, Any]
#: Kinds with the ids that are meant.
Things = Mapping[str, set[str]]


def documents(session: Session, things: Things | None = None) -> Iterator[Document]:
    """The documents of these things, of all when None; by kind, then by id."""
    for register in REGISTERS:
        if things is None or things.get(register.kind):
            yield from _documents(
                register, None if things is None else things[register.kind], session
            )


def _documents(register: Register, ids: set[str] | None, session: Session) -> Iterator[Document]:
    rows = _rows(register.table, register.key, ids, session)
    owners = {register.owner(thing_id) for thing_id in rows} if ids is not None else None
    parts = [
        (table.__tablename__, _rows(table, column, owners, session))
        for table, column in register.parts
    ]
    for thing_id in sorted(rows):
        owner = register.owner(thing_id)
        yield {
            "kind": register.kind,
            "id": thing_id,
            "rows": {
                register.table.__tablename__: rows[thing_id],
                **{name: found.get(owner, []) for name, found in parts},
            },
        }


def _rows(
    model: type[Model], column: str, wanted: set[str] | None, session: Session
) -> dict[str, list[dict[str, Any]]]:
    """The rows of a table, as written, by the value of a column."""
    table = _table(model)
    columns = own_columns(table)
    query = select(table).order_by(*table.primary_key.columns)
    if wanted is not None:
        query = query.where(table.c[column].in_(wanted))
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in session.execute(query).mappings():
        found[row[column]].append({each.name: _written(row[each.name]) for each in columns})
    return found


def restore(session: Session, document: Document) -> None:
    """Write the rows of a document. Raises Invalid, naming it, for one that cannot be written."""
    try:
        register = next(each for each in REGISTERS if each.kind == document["kind"])
        for model in (register.table, *(table for table, _ in register.parts)):
            table = _table(model)
            for wire in document["rows"][table.name]:
                row = {each.name: _read(each, wire[each.name]) for each in own_columns(table)}
                _require_known(table, row, session)
                session.add(model(**row))
                session.flush()
    except (StopIteration, KeyError, TypeError, ValueError) as error:
        raise Invalid(
            "register",
            f"登记 {document.get('kind')} {document.get('id')} 读不懂。",
            "从另一份备份拷回 store/hub/registers/ 里的这份登记，再重建一次。",
            code="register_damaged",
        ) from error


def _require_known(table: Table, row: Mapping[str, Any], session: Session) -> None:
    """Raise Invalid when a row refers to one that is not there."""
    for key in table.foreign_keys:
        value, target = row.get(key.parent.name), key.column
        if value is not None and session.scalar(select(target).where(target == value)) is None:
            raise Invalid(
                "register",
                f"登记 {table.name} 提到的 {target.table.name} {value} 没有登记。",
                "从另一份备份拷回 store/hub/registers/ 里缺的登记，再重建一次。",
                code="register_incomplete",
            )


def _table(model: type[Model]) -> Table:
    return cast(Table, model.__table__)


def _written(value: Any) -> Any:
    if isinstance(value, datetime):
        return format_utc(value)
    return value.hex() if isinstance(value, bytes) else value


def _read(column: Column[Any], value: Any) -> Any:
    if value is not None and isinstance(column.type, UtcTime):
        return parse_utc(value)
    if value is not None and isinstance(column.type, LargeBinary):
        return bytes.fromhex(value)
    return value
