"""Each act that changes something says in the log what it was and became: each test holds it to it.

When a transaction of a test has told of a changing act, and neither the verb gives digests or a
Merkle root, nor the unit of work has changed a row of the act's subject, the test fails: digests of
other rows that happened to change with it say nothing. A verb that changes rows by statements has
to say so itself (`audit.Act`). A new action counts as changing until it is listed.
"""

from __future__ import annotations

from sqlalchemy import event
from sqlalchemy.orm import Session

from shared.audit import AuditEvent, Outcome, events
from shared.audit.collecting import told_in
from shared.kernel.database import database_of

#: Acts that only look, let something out, or tell of what others did; of the log itself.
TELLING = frozenset(
    {
        "access.missed", "access.refused", "act.failed", "file.disclosed", "record.looked_up",
        "export.removed", "parcel.written",
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
#: Acts on many things: each event has their number and the Merkle root over their names.
BULK = frozenset(
    {
        "appraisal.begun", "appraisal.judged", "appraisal.narrowed", "appraisal.submitted",
        "appraisal.widened", "archives.loaded", "batch.mirrors_released", "batch.offered",
        "batch.received", "batch.signed_by_archive", "batch.withdrawn", "box.moved",
        "category.reordered", "category.sorted", "class.class_closed", "class.drafts_cleared",
        "class.numbers_drafted", "disposal.approved", "disposal.carried_out", "disposal.list_kept",
        "disposal.proposed", "disposal.sealed", "divisions.loaded", "export.begun",
        "hand_over.assigned", "hand_over.bundles_lost", "hand_over.frozen", "hand_over.signed",
        "hand_over.taken_in", "hub.second_store_begun", "record.arranged", "record.collected_many",
        "record.opinions_set", "record.put_back", "record.put_into", "record.taken_out",
        "record.undone", "sharing.published",
    }
)  # fmt: skip
_GIVEN = "digests given"

EXEMPT = TELLING | ELSEWHERE | MAY_CHANGE_NOTHING


def many_of(action: str, session: Session) -> tuple[int | None, str | None]:
    """The number and the root of the latest event of an act on many things."""
    found = session.scalars(events(action=action).order_by(AuditEvent.id.desc()).limit(1)).one()
    return found.count, found.root


def hold_to_digests() -> None:
    """From here on each transaction of this process is held to it."""
    event.listen(Session, "before_commit", _note_given, insert=True)
    event.listen(Session, "after_commit", _require_digests)


def _note_given(session: Session) -> None:
    """Remember which digests are the verb's own: the others are worked out after this."""
    if not session.in_nested_transaction():
        rows, _ = told_in(session)
        session.info[_GIVEN] = {id(row) for row in rows if row["before"] or row["after"]}


def _require_digests(session: Session) -> None:
    if session.in_nested_transaction():
        return  # a savepoint: what it told goes on waiting
    if database_of(session).packages == ("shared",):
        return  # the tests of the log itself tell of acts that nobody has done
    rows, changed = told_in(session)
    given = session.info.pop(_GIVEN, set())
    for row in rows:
        if row["outcome"] != Outcome.DONE or row["action"] in EXEMPT:
            continue
        assert row["root"] or row["action"] not in BULK, (
            f"{row['action']} is an act on many things: give it audit.Act(each=…)"
        )
        # Of the installation itself, which has no id, all that has changed is the change.
        whole = ":" not in row["subject"] and len(changed) > 0
        assert row["root"] or id(row) in given or changed.has(row["subject"]) or whole, (
            f"{row['action']} on {row['subject']} changes something, and nothing says what it was "
            "and became: give it an audit.Act, or list it in tests/audit_digests.py"
        )
