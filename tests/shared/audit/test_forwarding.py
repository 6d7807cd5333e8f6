"""The log goes on to a log service: whole, once it has been read, and again after a failure."""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from shared import audit
from shared.audit import Thresholds
from shared.audit.forwarding import SENT_FILE, Forwarder, LogService
from shared.audit.models import AuditCheckpoint, AuditEvent, AuditHead, digest_of_event
from shared.kernel.actor import Actor
from shared.kernel.database import Database
from shared.kernel.errors import Invalid, Unavailable
from tests.sealing import seal
from tests.shared.audit.log import database

__all__ = ["database"]
CLERK = Actor("a1", "张三")
#: Closing sends a reset: what had arrived is read by nobody.
AT_ONCE = b"\1\0\0\0\0\0\0\0"


class Service:
    """A log service of one connection at a time; while it `is_deaf` it hangs up unread."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.read: list[bytes] = []
        self.is_deaf = False
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                if self.is_deaf:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
                    continue
                try:
                    self._take(connection)
                except OSError:
                    continue  # our certificate was not taken

    def _take(self, connection: socket.socket) -> None:
        if self._context is None:
            self.read.append(whole_of(connection))
            return
        with self._context.wrap_socket(connection, server_side=True) as secret:
            self.read.append(whole_of(secret))
            secret.unwrap()

    def close(self) -> None:
        self._socket.close()


def whole_of(connection: socket.socket) -> bytes:
    whole = b""
    while piece := connection.recv(65536):
        whole += piece
    return whole


def messages(whole: bytes) -> list[tuple[str, dict[str, object]]]:
    """The heads and bodies of messages by octets counted (RFC 6587)."""
    found = []
    while whole:
        length, _, rest = whole.partition(b" ")
        head, body = rest[: int(length)].split(b"\xef\xbb\xbf")
        found.append((head.decode(), json.loads(body)))
        whole = rest[int(length) :]
    return found


def test_what_is_sealed_goes_on_whole_and_once(database: Database, tmp_path: Path) -> None:
    service = Service()
    address = LogService.at(f"tcp://127.0.0.1:{service.port}")

    def forwarder() -> Forwarder:
        return Forwarder(database, address, tmp_path, Thresholds(refusals=2, night=""))

    with database.write() as session:
        audit.record(session, CLERK, "record.filed", "record:1", title="关于造林的通知")
        for _ in range(2):
            audit.record(session, CLERK, "access.refused", "page:x")
    seal(database)
    service.is_deaf = True
    with pytest.raises(Unavailable):
        forwarder().step()
    assert not (tmp_path / SENT_FILE).exists(), "nobody has read it"
    service.is_deaf = False
    assert not forwarder().step()
    told = messages(service.read[-1])
    assert re.fullmatch(r"<109>1 20\S+Z \S+ danglian - record\.filed - ", told[0][0])
    assert told[1][0].startswith("<108>1 ")
    assert [digest_of_event(said) == said["digest"] for _, said in told[:3]] == [True] * 3
    assert told[3][0].startswith("<105>1 "), "an alert"
    assert told[3][1]["unusual"] == "refusals"
    # A process that begins anew knows what has been sent, also of what stands out.
    count = len(service.read)
    forwarder().step()
    assert len(service.read) == count
    service.close()


def test_a_database_restored_from_an_older_copy_sends_what_is_new_in_it(
    database: Database, tmp_path: Path
) -> None:
    """Its new events bear numbers that were sent before, of events that are gone."""
    service = Service()
    address = LogService.at(f"tcp://127.0.0.1:{service.port}")
    forwarder = Forwarder(database, address, tmp_path, Thresholds())

    def told_of(*subjects: str) -> list[object]:
        for each in subjects:
            with database.write() as session:
                audit.record(session, CLERK, "record.filed", each)
            seal(database)
            forwarder.step()
        said = [body["subject"] for whole in service.read for _, body in messages(whole)]
        service.read.clear()
        return said

    first = [f"record:{number}" for number in range(40)]
    assert told_of(*first) == first
    kept = len(json.loads((tmp_path / SENT_FILE).read_bytes())["ends"])
    assert kept <= 7, "the ends of batches are not kept for ever"
    with database.write() as session:
        head = session.get_one(AuditHead, 1)
        before = session.scalars(select(AuditEvent).where(AuditEvent.seq == 30)).one()
        head.seq, head.digest = 30, before.digest or ""
        session.execute(delete(AuditEvent).where(AuditEvent.seq > 30))
        session.execute(delete(AuditCheckpoint).where(AuditCheckpoint.last > 30))
    # Numbers 31 to 33 were sent before; what had been sent since an end that is left goes again.
    again = told_of("other:1", "other:2", "other:3")
    assert again[-3:] == ["other:1", "other:2", "other:3"]
    assert again[:-3] == first[30 - len(again[:-3]) : 30]
    assert told_of("other:4") == ["other:4"]
    service.close()


def test_the_service_shows_its_certificate(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=log", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    service = Service(context)
    address = f"tls://127.0.0.1:{service.port}"
    LogService.at(address, str(certificate)).send([b"5 hello"])
    assert service.read == [b"5 hello"]
    with pytest.raises(Unavailable):
        LogService.at(address).send([b"5 hello"])
    assert service.read == [b"5 hello"], "nothing is told to a stranger"
    service.close()


@pytest.mark.parametrize("wrong", ["log.example", "udp://log.example:514", "tls://x:y"])
def test_an_address_that_is_none_stops_the_start(wrong: str) -> None:
    with pytest.raises(Invalid):
        LogService.at(wrong)
