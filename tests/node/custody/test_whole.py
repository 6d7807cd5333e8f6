"""What passes with a fonds: every table of a node is either named in its room's `whole.py`, or not
of a fonds at all."""

from __future__ import annotations

import node.schema
from node.custody.inventory import statements
from shared.kernel.database import Model
from shared.kernel.identifiers import new_id

#: Tables of the node itself, and why nothing in them belongs to one fonds.
OF_THE_NODE = {
    "office": "who the node is",
    "clerks_change": "who took over from whom: accounts are the node's own",
    "office_hub_key": "whom it trusts",
    "office_fonds": "which fonds it keeps, and how they stand here",
    "office_ruleset": "what archives inspect by; the hub tells the new keeper",
    "office_schedule": "the approved tables of fonds; the hub tells the new keeper",
    "filing_place": "shared by all fonds; places travel by name",
    "filing_held": "what the hub said in one adoption",
    "hand_over": "the hand-overs themselves, of which each side has its own",
    "hand_over_bundle": "likewise",
    "submission_arrival": "files that are just coming in; cleared when their process has died",
    "sync_reconciliation": "comparisons of this node's stream",
    "sync_acknowledgement": "how far the hub has applied this node's stream",
    "sync_batch_progress": "hints of the hub about what this node offered; it says them anew",
    "sync_shared_record": "hints of the hub about what is shared; said anew to whoever keeps it",
    "sync_shared_cursor": "how far the hub has told these hints",
}


def test_no_table_of_a_fonds_is_left_behind() -> None:
    assert node.schema
    known = {
        mapper.class_.__tablename__
        for mapper in Model.registry.mappers
        if mapper.class_.__module__.startswith("node.")
    }
    named = set(statements(new_id()))
    assert named.isdisjoint(OF_THE_NODE)
    assert known == named | set(OF_THE_NODE)


def test_a_table_of_a_fonds_is_written_after_those_that_it_refers_to() -> None:
    seen: set[str] = set()
    for name, (model, _statement) in statements(new_id()).items():
        wanted = {key.column.table.name for key in model.__table__.foreign_keys}
        assert wanted - {name} - set(OF_THE_NODE) <= seen
        seen.add(name)
