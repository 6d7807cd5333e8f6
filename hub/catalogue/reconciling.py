"""The hub's half of the proof that both sides hold the same (protocol §7).

The comparison is an entry of the up stream, so it is evaluated at one seq: everything the node
told before it has been applied, and nothing that came after. What an archive corrected meanwhile
may still be on its way down: a fonds and year of which that is so waits for the next comparison.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.catalogue.models import CatalogueRecord
from hub.catalogue.tally import sums_of
from hub.federation import service as federation
from shared.kernel.clock import utc_text
from shared.kernel.errors import Invalid
from shared.messaging.entry import Entry

_CHUNK = 500


def apply_reconcile(session: Session, node_id: str, entries: Sequence[Entry]) -> None:
    """Compare the node's sums with ours, and answer which fonds and years differ.

    Body: `{sums: {"<fonds_id>/<year>": sum}, down: seq}`, with the place of the down stream up to
    which the sums go; the answer is an entry `reconciled`.
    """
    fonds_ids = [fonds.id for fonds in federation.kept_by(node_id, session)]
    ours = sums_of(fonds_ids, session)
    for entry in entries:
        theirs = entry.body.get("sums")
        if not isinstance(theirs, dict):
            raise Invalid("sums", "核对内容无法识别。", "请升级软件后再核对。")
        compared = {*ours, *theirs} - _corrected_after(entry.body.get("down"), node_id, session)
        differing = sorted(name for name in compared if ours.get(name) != theirs.get(name))
        groups = len(compared & ours.keys())
        federation.note_comparison(
            node_id, groups=groups, differing=len(differing), session=session
        )
        body = {"seq": entry.seq, "at": utc_text(), "groups": groups, "differing": differing}
        federation.tell_node(session, node_id, "reconciled", node_id, body)


def _corrected_after(down: object, node_id: str, session: Session) -> set[str]:
    """The groups of records whose correction the node had not heard of at this place."""
    if type(down) is not int:
        return set()
    ids = federation.told_after(session, node_id, "changed", down)
    groups: set[str] = set()
    for start in range(0, len(ids), _CHUNK):
        rows = session.execute(
            select(CatalogueRecord.fonds_id, CatalogueRecord.year)
            .where(CatalogueRecord.id.in_(ids[start : start + _CHUNK]))
            .distinct()
        )
        groups |= {f"{row.fonds_id}/{row.year}" for row in rows}
    return groups
