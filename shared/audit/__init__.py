"""The sealed audit log: who did what to which thing, in one unbroken chain.

An event is written in the transaction of what it tells of, and sealed into the chain within a
second; nobody changes or removes one unseen. It never carries a title or content of what was
refused as classified.
"""

from shared.audit.archiving import Archiver, archives, verify_all
from shared.audit.chain import (
    Head,
    Problem,
    chain_head,
    moment_of,
    oldest_unsealed,
    verify_chain,
    waiting_for_seal,
)
from shared.audit.changed import columns_of
from shared.audit.exported import Verified, export_lines, verify_files
from shared.audit.guard import depend_on_witness, require_witness, shut_when_unsealed
from shared.audit.models import AuditArchive, AuditEvent, AuditWitness, Outcome
from shared.audit.refusals import note_refusal
from shared.audit.sealing import Sealer
from shared.audit.segments import open_segment
from shared.audit.service import Act, Many, events, record, root_of, subjects_after
from shared.audit.watching import Thresholds, statistics, unusual
from shared.audit.witness import settle, take_from, told_to, witnesses

__all__ = [
    "Act",
    "Archiver",
    "AuditArchive",
    "AuditEvent",
    "AuditWitness",
    "Head",
    "Many",
    "Outcome",
    "Problem",
    "Sealer",
    "Thresholds",
    "Verified",
    "archives",
    "chain_head",
    "columns_of",
    "depend_on_witness",
    "events",
    "export_lines",
    "moment_of",
    "note_refusal",
    "oldest_unsealed",
    "open_segment",
    "record",
    "require_witness",
    "root_of",
    "settle",
    "shut_when_unsealed",
    "statistics",
    "subjects_after",
    "take_from",
    "told_to",
    "unusual",
    "verify_all",
    "verify_chain",
    "verify_files",
    "waiting_for_seal",
    "witnesses",
]
