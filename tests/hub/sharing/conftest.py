"""An archive with received records, and what its audiences get to see of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from hub.catalogue import service as catalogue
from hub.federation.models import Fonds, Node
from hub.sharing import feed
from hub.sharing import service as sharing
from hub.sharing.deciding import Deciding
from hub.sharing.policies import FIELDS, Audience
from hub.sharing.sequencing import Sequencing
from shared.kernel.canonical import digest_of, sum_of_digests
from shared.kernel.identifiers import new_id
from shared.records.record import Opening, Record
from tests.hub.conftest import City

ARCHIVE = "420506"
OPEN = Opening("open")


@dataclass
class Sharing:
    """What a test says of an archive's records, in a few words."""

    city: City
    fonds: Fonds
    node: Node
    records: list[Record] = field(default_factory=list)
    code: str = ARCHIVE

    @property
    def archivist(self) -> Any:
        return self.city.archivist(self.code)

    def receive(self, *records: Record) -> list[str]:
        """The node files these records, and the archive receives them."""
        with self.city.database.write() as session:
            catalogue.apply_records(session, self.node.id, self.city.entries(*records))
            ids = [each.id for each in records]
            catalogue.set_custody(session, ids, self.code, new_id())
        self.records += records
        return ids

    def record(self, **more: Any) -> Record:
        number = len(self.records) + more.pop("step", 1)
        return self.city.record(self.fonds, number, **{"year": 1990, "opening": OPEN, **more})

    def received(self, count: int = 1, **more: Any) -> list[str]:
        """So many new records, received; of the year 1990 and to be opened, unless said."""
        return self.receive(*(self.record(step=step, **more) for step in range(1, count + 1)))

    def correct(self, record_id: str, **changes: Any) -> None:
        """The archive makes the next version of a record that it has."""
        with self.city.database.write() as session:
            row = catalogue.record_of(record_id, session)
            made = {**row.wire, "version": row.version + 1, **changes}
            catalogue.take_correction(session, row, made)

    def share(self, audience: Audience = Audience.PUBLIC, **more: Any) -> None:
        """The archive shares with an audience: all fields, unless said."""
        policy = sharing.NewPolicy(**{"fields": tuple(FIELDS), "basis": "馆务会决定", **more})
        with self.city.database.write() as session:
            sharing.set_policy(self.archivist, self.code, audience, policy, session=session)

    def withdraw(self, record_id: str) -> None:
        with self.city.database.write() as session:
            sharing.withdraw(self.archivist, record_id, "有人提出异议", session=session)

    def settle(self) -> None:
        """Let the jobs do all that they have to do."""
        deciding_, sequencing = Deciding(self.city.database), Sequencing(self.city.database)
        while deciding_.step() or sequencing.step():
            pass

    def reasons(self, record_id: str, audience: Audience = Audience.PUBLIC) -> tuple[str, Any]:
        with self.city.database.read() as session:
            for state in sharing.states_of(record_id, session):
                if state.audience == audience:
                    return state.standing, state.reason
        raise AssertionError("nothing was decided")

    def feed(self, audience: Audience = Audience.PUBLIC, cursor: str = "") -> list[dict[str, Any]]:
        """All entries after a cursor, as a program reads them."""
        lines = b"".join(feed.export(self.city.database, audience, cursor)).splitlines()
        return [json.loads(line) for line in lines][:-1]

    def seen(self, audience: Audience = Audience.PUBLIC) -> dict[str, dict[str, Any]]:
        """The records that a reader of the whole feed has in the end."""
        return copy_of(self.feed(audience))

    def proof(self, audience: Audience = Audience.PUBLIC) -> dict[str, Any]:
        with self.city.database.read() as session:
            return feed.proof(audience, session)


def copy_of(entries: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    held: dict[str, dict[str, Any]] = {}
    for entry in entries:
        if entry["kind"] == "upsert":
            held[entry["id"]] = entry["record"]
        else:
            held.pop(entry["id"], None)
    return held


def digest_of_copy(held: dict[str, dict[str, Any]]) -> tuple[int, str]:
    """What a reader proves with: the number of records, and the sum of their digests."""
    items = [digest_of([id_, digest_of(record)]) for id_, record in held.items()]
    return len(items), sum_of_digests(items)


@pytest.fixture
def archive(city: City) -> Sharing:
    with city.database.write() as session:
        fonds = city.fonds("小溪塔街道办事处", "420506001000", session, number="J001")
        node = city.node("小溪塔街道办事处", fonds, session=session)
    return Sharing(city, fonds, node)


class Reader:
    """A consumer: reads on from its cursor, a page at a time, and keeps a copy."""

    def __init__(self, archive: Sharing, audience: Audience = Audience.PUBLIC) -> None:
        self._archive = archive
        self._audience = audience
        self.cursor: str | None = None
        self.held: dict[str, dict[str, Any]] = {}
        self.positions: list[int] = []

    def read_page(self, limit: int = 5) -> bool:
        """Take one page; True when there is more."""
        with self._archive.city.database.read() as session:
            at, end = feed.begin(self.cursor, self._audience, session)
            page = feed.read_page(self._audience, at, end, limit, session)
        for entry in map(json.loads, page.entries):
            self.positions.append(entry["position"])
            if entry["kind"] == "upsert":
                assert digest_of(entry["record"]) == entry["digest"]
                self.held[entry["id"]] = entry["record"]
            else:
                self.held.pop(entry["id"], None)
        self.cursor = page.cursor.text
        return page.more

    def read_on(self) -> None:
        """Take pages to the end."""
        while self.read_page():
            pass
