"""The hub's half of the proof that both sides hold the same (protocol §7).

The comparison is an entry of the up stream, so it is evaluated at one seq: everything the node
told before it has been applied, and nothing that came after.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from hub.catalogue.tally import sums_of
from hub.federation import service as federation
from shared.kernel.clock import utc_text
from shared.kernel.errors import Invalid
from shared.messaging.entry import Entry


def apply_reconcile(session: Session, node_id: str, entries: Sequence[Entry]) -> None:
    """Compare the node's sums with ours, and answer which fonds and years differ.

    Body: `{sums: {"<fonds_id>/<year>": sum}}`; the answer is an entry `reconciled`.
    """
    fonds_ids = [fonds.id for fonds in federation.kept_by(node_id, session)]
    ours = sums_of(fonds_ids, session)
    for entry in entries:
        theirs = entry.body.get("sums")
        if not isinstance(theirs, dict):
            raise Invalid("sums", "核对内容无法识别。", "请升级软件后再核对。")
        differing = sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
        federation.note_comparison(
            node_id, groups=len(ours), differing=len(differing), session=session
        )
        body = {"seq": entry.seq, "at": utc_text(), "groups": len(ours), "differing": differing}
        federation.tell_node(session, node_id, "reconciled", node_id, body)
