"""From where each table of the hub could come again, if the database were lost (design, rule 4).

`repository`: objects of the store. `nodes`: their streams. `derived`: other tables, or the data of
the program. `backup`: nothing else. A table says it in its `info`; those that the hub shares with
the nodes do not know whose they are, so they stand here. A column that differs from its table does
too.
"""

from __future__ import annotations

from sqlalchemy import Column, Table

ORIGINS = ("repository", "nodes", "backup", "derived")

_SHARED = {
    "audit_archive": "derived",
    "audit_checkpoint": "repository",
    "audit_event": "repository",
    "audit_head": "repository",
    "audit_witness": "nodes",
    "identity_access_key": "backup",
    "identity_account": "backup",
    "identity_factor": "backup",
    "identity_grant": "backup",
    "identity_proposed_act": "backup",
    "identity_token": "backup",
    "kernel_job": "backup",
    # Streams begin anew in a new generation; what could not be read is sent again.
    "messaging_outgoing_stream": "nodes",
    "messaging_outgoing_entry": "nodes",
    "messaging_incoming_stream": "nodes",
    "messaging_dead_letter": "nodes",
    "messaging_taken_parcel": "nodes",
}

#: What a node says of itself at its next greeting, or asks for again.
_SAID_BY_NODE = (
    "asking_instance", "asked_at", "asked_epoch", "asked_reason", "software_version",
    "last_contact", "backlog", "oldest_waiting", "clock_offset_ms",
    "compared_at", "compared_groups", "compared_differing",
)  # fmt: skip

_COLUMNS = {
    **{("federation_node", name): "nodes" for name in _SAID_BY_NODE},
    ("federation_hub", "restore_suspected"): "nodes",
    ("federation_hub", "letters_lost"): "backup",
    # When this database wrote it down.
    ("repository_package", "stored_at"): "derived",
    ("repository_description", "stored_at"): "derived",
    ("repository_paper", "made_at"): "derived",
    ("repository_paper", "stored_at"): "derived",
    ("repository_paper", "content"): "derived",
    ("repository_tombstone", "erased_at"): "derived",
    # Taken up again from the paper by the loop that asks.
    ("receiving_receipt", "statuses"): "derived",
}


def origin_of(table: Table) -> str:
    """The origin of a table. Raises KeyError for one that declares none."""
    return str(table.info["origin"] if "origin" in table.info else _SHARED[table.name])


def own_columns(table: Table) -> list[Column[object]]:
    """The columns that come from where their table comes from."""
    origin = origin_of(table)
    return [
        column
        for column in table.columns
        if _COLUMNS.get((table.name, column.name), origin) == origin
    ]
