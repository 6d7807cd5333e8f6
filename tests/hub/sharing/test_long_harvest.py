"""A hundred thousand records harvested by two real programs while a writer changes them."""

from __future__ import annotations

import os
import random
import threading
from typing import Any

import pytest
from oaipmh_scythe import Scythe
from sickle import Sickle
from werkzeug.serving import make_server

from hub.app import make_app
from hub.sharing.models import SharingPending
from hub.sharing.policies import Audience
from hub.sharing.sequencing import Sequencing
from shared.kernel.bulk import put_rows, table_of
from shared.kernel.canonical import canonical_json, sha256_hex
from shared.kernel.identifiers import new_id

DATABASES = ("postgresql",)
COUNT = int(os.environ.get("HARVESTED", "100000"))
_OAI = "{http://www.openarchives.org/OAI/2.0/}"


class Writer:
    """Decides, as the job of sharing does, that records are seen, changed or gone."""

    def __init__(self, archive: Any) -> None:
        self._archive = archive
        self.titles: dict[str, str | None] = {}

    def write(self, titles: dict[str, str | None]) -> None:
        rows = [self._row(each, title) for each, title in titles.items()]
        with self._archive.city.database.write() as session:
            put_rows(session, table_of(SharingPending), rows, key=("audience", "record_id"))
        self.titles |= titles

    def sequence(self) -> None:
        while Sequencing(self._archive.city.database).step():
            pass

    def _row(self, record_id: str, title: str | None) -> dict[str, Any]:
        body = None if title is None else canonical_json(_seen(record_id, title, self._archive))
        return {
            "audience": str(Audience.PUBLIC),
            "record_id": record_id,
            "archive": "420506",
            "fonds_id": self._archive.fonds.id,
            "year": 1990,
            "kind": "tombstone" if body is None else "upsert",
            "reason": "withdrawn" if body is None else None,
            "digest": None if body is None else sha256_hex(body),
            "body": None if body is None else body.decode(),
        }

    def change(self, rounds: int, stop: threading.Event) -> None:
        """Change, take back and add records until the harvest is over, or so many rounds."""
        chance = random.Random(7)
        ids = list(self.titles)
        for turn in range(rounds):
            if stop.is_set():
                return
            some = chance.sample(ids, 30)
            self.write(
                dict.fromkeys(some[:20], f"第{turn}次更正")
                | dict.fromkeys(some[20:])
                | {new_id(): "新接收" for _ in range(10)}
            )
            self.sequence()
            stop.wait(0.05)


def _seen(record_id: str, title: str, archive: Any) -> dict[str, Any]:
    return {
        "id": record_id, "archive": "420506", "fonds_id": archive.fonds.id,
        "fonds_name": archive.fonds.name, "opened": True, "level": "record", "class_code": "WS",
        "year": 1990, "retention": "Y", "title": title, "code": None, "withheld": {},
    }  # fmt: skip


def _harvest(address: str, held: dict[str, str], since: str | None) -> str | None:
    """Harvest on into `held`; returns the time from which to go on. No identifier comes twice."""
    more = {"from": since} if since else {}
    listed = Sickle(address).ListRecords(metadataPrefix="oai_dc", **more)
    began, met = None, set()
    for each in listed:
        began = began or listed.oai_response.xml.findtext(f"{_OAI}responseDate")
        key = each.header.identifier.rpartition(":")[2]
        assert key not in met
        met.add(key)
        if each.header.deleted:
            held.pop(key, None)
        else:
            held[key] = each.metadata["title"][0]
    return began


@pytest.mark.at_length
@pytest.mark.timeout(1800)
def test_a_hundred_thousand_records_are_harvested_whole_while_a_writer_changes_them(archive):
    writer, stop = Writer(archive), threading.Event()
    for start in range(0, COUNT, 5000):
        writer.write({new_id(): f"第{start + n}件" for n in range(min(5000, COUNT - start))})
    writer.sequence()
    stop.wait(1.5)  # the current second is not harvested
    server = make_server("127.0.0.1", 0, make_app(archive.city.folder), threaded=True)
    serving = threading.Thread(target=server.serve_forever)
    writing = threading.Thread(target=writer.change, args=(10_000, stop))
    serving.start()
    writing.start()
    address = f"http://127.0.0.1:{server.server_port}/api/v1/oai"
    held: dict[str, str] = {}
    try:
        since = _harvest(address, held, None)
        stop.set()
        writing.join()
        stop.clear()
        stop.wait(1.5)
        _harvest(address, held, since)
        with Scythe(address) as scythe:
            whole = {
                each.header.identifier.rpartition(":")[2]: each.metadata["title"][0]
                for each in scythe.list_records(metadata_prefix="oai_dc")
                if not each.header.deleted
            }
    finally:
        stop.set()
        writing.join()
        server.shutdown()
        serving.join()
        server.server_close()
    wanted = {key: title for key, title in writer.titles.items() if title is not None}
    assert held == wanted
    assert whole == wanted
