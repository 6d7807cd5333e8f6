"""Sealed events and what stands out in them, sent on to a log service of the house (集中管控).

As syslog (RFC 5424) by octets counted, over TLS (RFC 5425) or TCP (RFC 6587). Each message is a
whole event as exports have it, with its digest: the service's copy can be computed anew, and holds
what somebody might cut from ours. Syslog knows no receipt; so a batch is sent over a connection of
its own, and counts as sent when the service has read it to the end and closed. How far was sent is
noted after that, in a file: a kill in between sends a batch again, and loses nothing. Noted is by
digests where ends of batches were: a database that was restored from an older copy has other events
under the same numbers, and goes on from the last end that it still has.
"""

from __future__ import annotations

import json
import logging
import socket
import ssl
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.audit.models import AuditEvent, Outcome
from shared.audit.watching import Thresholds, Unusual, unusual
from shared.kernel.canonical import canonical_json
from shared.kernel.clock import format_utc, now
from shared.kernel.database import Database
from shared.kernel.errors import Invalid, Unavailable
from shared.kernel.files import write_atomically

log = logging.getLogger(__name__)

SENT_FILE = "audit-forwarded.json"
_MOST = 500
_SECONDS = 10.0
_PORTS = {"tls": 6514, "tcp": 601}
#: The facility 13, "log audit", and how much of somebody's attention a message asks for.
_FACILITY = 13
_ALERT, _WARNING, _NOTICE = 1, 4, 5
_NAME_LENGTH = 32
#: How often is looked for what stands out; each is told once a day.
_ALERT_EVERY = timedelta(minutes=5)


@dataclass(frozen=True)
class LogService:
    """Where the log service is, and by which certificates it is known."""

    scheme: str
    host: str
    port: int
    ca: str = ""

    @classmethod
    def at(cls, address: str, ca: str = "") -> LogService:
        """The service at `tls://host:6514` or `tcp://host:601`. Raises Invalid."""
        try:
            parts = urlsplit(address)
            port = _PORTS[parts.scheme] if parts.port is None else parts.port
            if parts.scheme not in _PORTS or not parts.hostname:
                raise ValueError("no address of a log service")
        except (KeyError, ValueError):
            raise Invalid(
                "audit_forward", f"设置项“audit_forward”的值“{address}”不对。",
                "应如 tls://log.example:6514 或 tcp://127.0.0.1:601。",
            ) from None  # fmt: skip
        return cls(parts.scheme, parts.hostname or "", port, ca)

    def send(self, messages: Iterable[bytes]) -> None:
        """Send messages, and wait until the service has read them. Raises Unavailable."""
        try:
            with socket.create_connection((self.host, self.port), timeout=_SECONDS) as plain:
                if self.scheme == "tcp":
                    _send(plain, messages)
                    return
                context = ssl.create_default_context(cafile=self.ca or None)
                context.minimum_version = ssl.TLSVersion.TLSv1_2
                with context.wrap_socket(plain, server_hostname=self.host) as secret:
                    for each in messages:
                        secret.sendall(each)
                    # Ends the encryption, and waits for the other side's word that it has.
                    secret.unwrap()
        except OSError as error:
            raise Unavailable(
                f"日志服务 {self.host}:{self.port} 没有收下日志：{error}。",
                "请检查日志服务和网络；日志仍在本机，恢复后自动补发。",
                code="log_service_away",
            ) from error


def _send(connection: socket.socket, messages: Iterable[bytes]) -> None:
    for each in messages:
        connection.sendall(each)
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(4096):
        pass


class Forwarder:
    """Sends the log of one database on (a step for `Background`)."""

    def __init__(
        self, database: Database, service: LogService, folder: Path, thresholds: Thresholds
    ) -> None:
        self._database = database
        self._service = service
        self._file = folder / SENT_FILE
        self._thresholds = thresholds
        self._host = socket.gethostname()
        self._looked_at = now() - _ALERT_EVERY

    def step(self) -> bool:
        """Send what was sealed since, up to a bound; True when there may be more."""
        sent = self._sent()
        with self._database.read() as session:
            ends = _still_there(session, sent["ends"])
            found = session.scalars(
                select(AuditEvent)
                .where(AuditEvent.seq > (ends[-1][0] if ends else 0))
                .order_by(AuditEvent.seq)
                .limit(_MOST)
            ).all()
        alerts = self._alerts(set(sent["told"]))
        if not found and not alerts:
            return False
        messages = [self._of_event(each) for each in found]
        self._service.send([*messages, *map(self._of_alert, alerts)])
        for each in alerts:
            log.warning(
                "unusual: %s of %s on %s: %d", each.kind, each.actor_name, each.day, each.count
            )
        today = now() - timedelta(days=2)
        told = [each for each in sent["told"] if each[:10] >= format_utc(today)[:10]]
        ends += [(each.seq, each.digest) for each in found[-1:]]
        sent = {"ends": _thinned(ends), "told": [*told, *map(_key, alerts)]}
        write_atomically(self._file, json.dumps(sent).encode(), mode=0o600)
        return len(found) == _MOST

    def _sent(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self._file.read_bytes()))
        except FileNotFoundError:
            return {"ends": [], "told": []}

    def _alerts(self, told: set[str]) -> list[Unusual]:
        moment = now()
        if moment - self._looked_at < _ALERT_EVERY:
            return []
        self._looked_at = moment
        with self._database.read() as session:
            found = unusual(session, self._thresholds, days=1)
        return [each for each in found if _key(each) not in told]

    def _of_event(self, event: AuditEvent) -> bytes:
        severity = _NOTICE if event.outcome == Outcome.DONE else _WARNING
        return self._message(severity, format_utc(event.time), event.action, event.to_wire())

    def _of_alert(self, found: Unusual) -> bytes:
        said = {
            "unusual": found.kind, "day": found.day, "actor_id": found.actor_id,
            "actor_name": found.actor_name, "count": found.count,
        }  # fmt: skip
        return self._message(_ALERT, format_utc(now()), "unusual", said)

    def _message(self, severity: int, at: str, kind: str, said: Mapping[str, Any]) -> bytes:
        """One message of RFC 5424 with its length before it (RFC 6587, 3.4.1)."""
        head = (
            f"<{_FACILITY * 8 + severity}>1 {at} {self._host} danglian - {kind[:_NAME_LENGTH]} - "
        )
        message = head.encode() + b"\xef\xbb\xbf" + canonical_json(said)
        return f"{len(message)} ".encode() + message


def _still_there(session: Session, ends: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
    """Ends of batches up to the last that the log still has, as it was sent."""
    for count in range(len(ends), 0, -1):
        seq, digest = ends[count - 1]
        held = select(AuditEvent.id).where(AuditEvent.seq == seq, AuditEvent.digest == digest)
        if session.scalar(held) is not None:
            return list(ends[:count])
    return []


def _thinned(ends: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
    """The last end, and ever fewer of those further back: one within each power of two."""
    kept: dict[int, Sequence[Any]] = {}
    for each in ends:
        kept.setdefault((ends[-1][0] - each[0]).bit_length(), each)
    return list(kept.values())


def _key(found: Unusual) -> str:
    return f"{found.day} {found.kind} {found.actor_id}"
