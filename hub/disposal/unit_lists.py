"""The lists 销毁清册 of units: what they destroyed of what no archive had received.

The decision is the unit's own, and bears its seal. The hub keeps the list among its papers, as
`hub/unit-disposals/<fonds>/<list>.json`, so that it outlives the node; the table repeats what lies
there, for the pages of the unit and of the archive that receives from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from hub.disposal.deciding import ACTOR
from hub.disposal.models import UnitList
from hub.federation import service as federation
from hub.repository.models import Paper
from hub.repository.papers import UNIT_LISTS, below, content_of, keep_document, read_document
from shared import audit
from shared.kernel.actor import Actor, Role
from shared.kernel.canonical import digest_of
from shared.kernel.clock import parse_utc
from shared.kernel.database import Database
from shared.kernel.errors import DanglianError, NotAllowed, NotFound
from shared.kernel.keys import PublicKey, document_is_signed_by, signer_of
from shared.messaging.entry import Entry
from shared.records import wire
from shared.records.retention import MOST_LISTED, Opinion
from shared.records.text import CODE_LENGTH, NAME_LENGTH, REASON_LENGTH, SHORT_LENGTH, TITLE_LENGTH
from shared.storage import ObjectStore

#: Under which name the unit's seal stands in a list.
SEAL = "unit_signature"
#: Who sees it: these of the unit, and of the archive that receives from it.
SEEING = (Role.CLERK, Role.LEADER, Role.APPRAISER, Role.ARCHIVIST, Role.REVIEWER)
_AT_ONCE = 50


class _PersonSchema(wire.WireSchema):
    name = wire.Text(NAME_LENGTH, required=True)
    at = wire.Moment(required=True)


class _LineSchema(wire.WireSchema):
    record_id = wire.Id(required=True)
    record_version = wire.Int(1, 1_000_000, required=True)
    code = wire.Text(CODE_LENGTH, required=True, allow_none=True)
    title = wire.Text(TITLE_LENGTH, required=True)
    date = wire.Text(10, required=True, allow_none=True)
    year = wire.Int(0, 9999, required=True, allow_none=True)
    retention = wire.Text(SHORT_LENGTH, required=True, allow_none=True)
    level = wire.Text(10, required=True)
    opinion = wire.Choice([Opinion.DESTROY.value], required=True)
    longer = wire.Text(SHORT_LENGTH, required=True, allow_none=True)
    reason = wire.Text(REASON_LENGTH, required=True)
    is_destroyed = wire.Flag(required=True)
    problem = wire.Text(REASON_LENGTH, required=True, allow_none=True)


class _SealSchema(wire.WireSchema):
    key = wire.Text(200, required=True)
    public_key = wire.Text(4000, required=True)
    signature = wire.Text(4000, required=True)


class _ListSchema(wire.WireSchema):
    list_id = wire.Id(required=True)
    fonds_id = wire.Id(required=True)
    title = wire.Text(TITLE_LENGTH, required=True)
    lines = wire.List(wire.Nested(_LineSchema), least=1, most=MOST_LISTED, required=True)
    drawn = wire.Nested(_PersonSchema, required=True)
    approved = wire.Nested(_PersonSchema, required=True)
    witnesses = wire.List(wire.Nested(_PersonSchema), least=2, most=2, required=True)
    state = wire.Choice(["done"], required=True)
    at = wire.Moment(required=True)
    unit_signature = wire.Nested(_SealSchema, required=True)


def apply_lists(session: Session, node_id: str, entries: Sequence[Entry]) -> None:
    """Keep the lists of a unit (entries `disposal_list`); the same again is nothing.

    Raises NotAllowed for a fonds that this node does not keep and without the unit's seal, Invalid
    for what is no such list, Conflict for another list under a known name.
    """
    for entry in entries:
        said = wire.load(_ListSchema(), entry.body)
        if not federation.keeps(node_id, said["fonds_id"], session):
            raise NotAllowed(
                "这份销毁清册的全宗不由本单位保管。", "请联系市档案馆核对。", code="foreign_fonds"
            )
        _require_seal(node_id, entry, session)
        name = f"{UNIT_LISTS}{said['fonds_id']}/{said['list_id']}.json"
        is_new = session.get(Paper, name) is None
        keep_document(session, name, entry.body)
        if is_new:
            _note(session, entry.body)
            audit.record(
                session, ACTOR, "disposal.list_kept", f"disposal:{said['list_id']}",
                audit.Act(each=[line["record_id"] for line in said["lines"]]),
                node=node_id, fonds=said["fonds_id"], count=len(said["lines"]),
                sha256=digest_of(entry.body),
            )  # fmt: skip


def _require_seal(node_id: str, entry: Entry, session: Session) -> None:
    if not _is_sealed_by(federation.node_seals(node_id, session), entry.body):
        raise NotAllowed(
            "销毁清册的签名不是本单位印章所签，或清册已被改动。",
            "清册仍在本机；请联系市档案馆核对单位印章。",
            code="bad_signature",
        )


def _is_sealed_by(seals: Sequence[PublicKey], document: Mapping[str, Any]) -> bool:
    body = {name: value for name, value in document.items() if name != SEAL}
    seal = signer_of(seals, document[SEAL])
    return seal is not None and document_is_signed_by(seal, body, document[SEAL])


def _note(session: Session, document: Mapping[str, Any]) -> None:
    session.add(
        UnitList(
            id=document["list_id"],
            fonds_id=document["fonds_id"],
            title=document["title"],
            count=len(document["lines"]),
            destroyed=sum(line["is_destroyed"] for line in document["lines"]),
            document=dict(document),
            at=parse_utc(document["at"]),
        )
    )


def take_up(database: Database, store: ObjectStore) -> None:
    """Note the lists that only the store has: after an upgrade, and when a database is made anew.

    What is no list, or bears no registered unit's seal, is left out.
    """
    with database.read() as session:
        known = set(session.scalars(select(UnitList.id)))
        papers = select(Paper.name, Paper.content).where(
            below(UNIT_LISTS), Paper.refused.is_(False)
        )
        rows = [row for row in session.execute(papers) if _id_in(row.name) not in known]
    for first in range(0, len(rows), _AT_ONCE):
        some = [(row.name, _read(*row, store)) for row in rows[first : first + _AT_ONCE]]
        with database.write() as session:
            for name, document in some:
                if document is not None and _is_ours(name, document, session):
                    _note(session, document)


def _read(name: str, content: bytes | None, store: ObjectStore) -> dict[str, Any] | None:
    if content is not None:
        return read_document(content)
    if not store.exists(name):
        return None  # fixity tells of what is missing
    return read_document(content_of(store, name))


def _id_in(name: str) -> str:
    return name.rpartition("/")[2].removesuffix(".json")


def _is_ours(name: str, document: Mapping[str, Any], session: Session) -> bool:
    """Whether this is the list of its name, sealed by a unit."""
    try:
        said = wire.load(_ListSchema(), document)
    except DanglianError:
        return False  # somebody has put another paper there; fixity tells of it
    key = str(said[SEAL]["key"])
    return (
        name == f"{UNIT_LISTS}{said['fonds_id']}/{said['list_id']}.json"
        and session.get(UnitList, said["list_id"]) is None
        and _is_sealed_by(federation.unit_seals(key, session), document)
    )


class TakingUp:
    """Takes up, once after a start, the lists that came before there was a table of them."""

    def __init__(self, database: Database, store: ObjectStore) -> None:
        self._database = database
        self._store = store
        self._is_done = False

    def step(self) -> bool:
        """False: all is taken up then."""
        if not self._is_done:
            take_up(self._database, self._store)
            self._is_done = True
        return False


# ---- for readers


def lists_seen(actor: Actor) -> Select[UnitList]:
    """The lists of the units that the actor belongs to, or whose records its archive receives."""
    return select(UnitList).where(UnitList.fonds_id.in_(federation.fonds_within(actor, SEEING)))


def list_seen(actor: Actor, list_id: str, *, session: Session) -> UnitList:
    """One of them. Raises NotFound."""
    found = session.scalar(lists_seen(actor).where(UnitList.id == list_id))
    if found is None:
        raise NotFound("没有这份销毁清册。", "请回到单位销毁清册的列表重新查看。")
    return found
