"""What happens to a record in tests: another version of it, one more event, a file."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shared.kernel.canonical import digest_of
from shared.kernel.clock import now
from shared.kernel.identifiers import new_id
from shared.records.record import Event, Record, check_record

_PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>endobj\n"
)


def next_version(record: Record, **changes: Any) -> Record:
    """The record with changes and the next version number, checked as a whole."""
    return check_record(replace(record, version=record.version + 1, **changes))


def with_event(record: Record, action: str, agent: str, *, agent_unit: str, **more: Any) -> Record:
    """The record with one more event at the end of its history; the version stays."""
    values = {"time": now(), **more}
    event = Event(id=new_id(), action=action, agent=agent, agent_unit=agent_unit, **values)
    return replace(record, events=(*record.events, event))


def pdf(text: str, extra: int = 0) -> bytes:
    """A small sound PDF that no other text makes, with so many bytes more."""
    stream = f"% {digest_of(text)}\n{'x' * extra}".encode()
    body = _PDF + f"4 0 obj<</Length {len(stream)}>>stream\n".encode() + stream
    body += b"\nendstream\nendobj\n"
    offsets = [body.index(f"{number} 0 obj".encode()) for number in (1, 2, 3, 4)]
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    xref = f"xref\n0 5\n0000000000 65535 f \n{table}trailer<</Size 5/Root 1 0 R>>\n"
    return body + xref.encode() + f"startxref\n{len(body)}\n%%EOF\n".encode()
