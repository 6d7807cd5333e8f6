"""Each act that changes something says in the log what it was and became: each test holds it to it.

When a transaction of a test has told of a changing act without digests or a Merkle root, and has
changed nothing that the unit of work knows of, the test fails: a verb that changes rows by
statements has to say so itself (`audit.Act`). A new action counts as changing until it is listed.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from shared.audit import Outcome
from shared.audit.collecting import told_in
from shared.kernel.database import database_of

#: Acts that only look, let something out, or tell of what others did; of the log itself.
TELLING = frozenset(
    {
        "access.missed", "access.refused", "act.failed", "file.disclosed", "record.looked_up",
        "export.begun", "export.removed", "parcel.written", "sharing.published",
        "audit.archived", "audit.contradiction_settled", "audit.exported",
        "audit.other_contradicted", "audit.own_contradicted", "audit.segment_opened",
        "audit.verified",
        "sign_in.refused", "sign_in.passed_on", "node.wrong_code",
        "entry.refused", "entry.refused_by_node", "batch.not_adopted",
        "changed.ignored", "declined.ignored", "disposed.ignored", "receipt.ignored",
        "verdict.ignored", "withdrawn.ignored",
    }
)  # fmt: skip
#: Changes outside of the database: keys in files, a folder that comes back, accounts of the broker.
ELSEWHERE = frozenset(
    {
        "archive.seal_moved", "hub.restored", "hub.token_key_rolled",
        "node.account_given", "node.account_rotated",
    }
)  # fmt: skip
#: Acts that now and then find everything as they want it.
MAY_CHANGE_NOTHING = frozenset({"batch.items_decided", "parcel.taken_in", "record.moved"})
#: The whole store at once: told as a number.
WHOLE_STORE = frozenset({"hub.second_store_begun"})

EXEMPT = TELLING | ELSEWHERE | MAY_CHANGE_NOTHING | WHOLE_STORE


def hold_to_digests() -> None:
    """From here on each transaction of this process is held to it."""
    event.listen(Session, "after_commit", _require_digests)


def _require_digests(session: Session) -> None:
    if database_of(session).packages == ("shared",):
        return  # the tests of the log itself tell of acts that nobody has done
    rows, changed = told_in(session)
    for row in rows:
        assert changed or row["outcome"] != Outcome.DONE or _says_what(row), (
            f"{row['action']} changes something and has no digests: give it an audit.Act, "
            "or list it in tests/audit_digests.py"
        )


def _says_what(row: dict[str, Any]) -> bool:
    named = row["before"] or row["after"] or row["root"]
    return named is not None or row["action"] in EXEMPT
