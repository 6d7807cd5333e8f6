"""The sealed audit log: who did what to which thing, in one unbroken chain.

An event is written in the transaction of what it tells of; nobody changes or removes one unseen.
It never carries a title or content of what was refused as classified.
"""

from shared.audit.chain import Head, Problem, chain_head, verify_chain
from shared.audit.exported import Verified, export_lines, verify_files
from shared.audit.models import AuditEvent, AuditWitness
from shared.audit.service import events, record
from shared.audit.witness import settle, take_from, told_to, witnesses

__all__ = [
    "AuditEvent",
    "AuditWitness",
    "Head",
    "Problem",
    "Verified",
    "chain_head",
    "events",
    "export_lines",
    "record",
    "settle",
    "take_from",
    "told_to",
    "verify_chain",
    "verify_files",
    "witnesses",
]
