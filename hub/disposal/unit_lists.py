"""The lists 销毁清册 of units: what they destroyed of what no archive had received.

The decision is the unit's own, and bears its seal. The hub keeps the list among its papers, as
`hub/unit-disposals/<fonds>/<list>.json`, so that it outlives the node.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from hub.disposal.deciding import ACTOR
from hub.federation import service as federation
from hub.repository.models import Paper
from hub.repository.papers import UNIT_LISTS, keep_document
from shared import audit
from shared.kernel.canonical import digest_of
from shared.kernel.errors import NotAllowed
from shared.kernel.keys import document_is_signed_by, signer_of
from shared.messaging.entry import Entry
from shared.records import wire
from shared.records.retention import MOST_LISTED, Opinion
from shared.records.text import CODE_LENGTH, NAME_LENGTH, REASON_LENGTH, SHORT_LENGTH, TITLE_LENGTH

#: Under which name the unit's seal stands in a list.
SEAL = "unit_signature"


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
            audit.record(
                session, ACTOR, "disposal.list_kept", f"disposal:{said['list_id']}",
                node=node_id, fonds=said["fonds_id"], count=len(said["lines"]),
                sha256=digest_of(entry.body),
            )  # fmt: skip


def _require_seal(node_id: str, entry: Entry, session: Session) -> None:
    body = {name: value for name, value in entry.body.items() if name != SEAL}
    seal = signer_of(federation.node_seals(node_id, session), entry.body[SEAL])
    if seal is None or not document_is_signed_by(seal, body, entry.body[SEAL]):
        raise NotAllowed(
            "销毁清册的签名不是本单位印章所签，或清册已被改动。",
            "清册仍在本机；请联系市档案馆核对单位印章。",
            code="bad_signature",
        )
