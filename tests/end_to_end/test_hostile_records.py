"""Records that one database takes and another refuses, from a node that was tampered with.

A value that SQLite takes may be one that PostgreSQL does not: a NUL, half a surrogate pair, a
number beyond 32 bits, a text too long for an index. At the door of a node each is refused with its
field. A node whose program lets it through cannot stop its own stream with it, on either database.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from hub.catalogue.models import CatalogueRecord
from node.filing import service as filing
from node.filing.models import Objection
from shared.kernel.errors import Invalid
from shared.kernel.identifiers import new_id
from shared.messaging.entry import entry_bytes, next_digest
from shared.messaging.models import DeadLetter, OutgoingEntry, OutgoingStream
from tests.federation import CLERK, Federation, Unit
from tests.servers.postgresql import PostgreSQL

DATABASES = ("sqlite", "postgresql")

#: What is put in whose place, and the field that the refusal must name.
HOSTILE: list[tuple[str, Any, str]] = [
    ("title", "有\x00空字节", "title"),
    ("title", "半个代理对\ud83d", "title"),
    ("title", "不存在的字符\uffff", "title"),
    ("title", "e\u0301 未合成", "title"),
    ("title", "长" * 501, "title"),
    ("title", "很长" * 20_000, "title"),
    ("title", 7, "title"),
    ("title", None, "title"),
    ("doc_no", "号\x00", "doc_no"),
    ("code", "长" * 5_000, "code"),
    ("former_codes", ["旧号" * 3_000], "former_codes"),
    ("retention", "D" * 3_000, "retention"),
    ("year", 2**40, "year"),
    ("year", -1, "year"),
    ("number", 2**31, "number"),
    ("number", 10**30, "number"),
    ("pages", 2**63, "pages"),
    ("pages", 1.5, "pages"),
    ("version", 2**31, "version"),
    ("version", 10**30, "version"),
    ("date", "2024-13-45", "date"),
    ("date", "9" * 10_000, "date"),
    ("parent_id", "\x00" * 36, "parent_id"),
    ("holding", "paper\x00", "holding"),
    ("events", [{"action": "归档\x00"}], "events"),
    ("documents", "无" * 10, "documents"),
    ("题名", "多出来的一项", "题名"),
]


@pytest.fixture
def city(
    tmp_path: Path, database_kind: str, request: pytest.FixtureRequest
) -> Iterator[Federation]:
    if database_kind == "sqlite":
        yield Federation(tmp_path)
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    name = server.create()
    city = Federation(tmp_path, database=server.url(name))
    yield city
    city.hub.database().close()
    server.drop(name)


def tell_tampered(unit: Unit, hub_id: str, body: Mapping[str, Any]) -> int:
    """Append to the node's log what its program would not: nothing is checked. Returns the seq."""
    raw = json.dumps(body, separators=(",", ":"), sort_keys=True).encode()
    with unit.folder.database().write() as session:
        stream = session.get_one(OutgoingStream, hub_id)
        stream.seq += 1
        subject = str(body["id"])
        told = entry_bytes(stream.seq, "record", subject, raw)
        stream.digest = next_digest(stream.digest, told)
        session.add(
            OutgoingEntry(
                peer=hub_id, epoch=stream.epoch, seq=stream.seq, kind="record", subject=subject,
                body=raw, digest=stream.digest, generation=stream.generation,
            )
        )  # fmt: skip
        return stream.seq


def test_what_a_database_might_refuse_is_refused_row_by_row_and_stops_nothing(
    city: Federation, unit: Unit
) -> None:
    good = unit.file(2)
    with unit.folder.database().read() as session:
        (pattern, _) = filing.wires(good, session=session)
    hub_id = city.hub.settings.hub_id
    seqs = {}
    for number, (field, value, _named) in enumerate(HOSTILE):
        plain = {**pattern, "id": new_id(), "number": 500 + number, "code": None}
        seqs[tell_tampered(unit, hub_id, {**plain, field: value})] = _named
        if number % 9 == 0:
            good += unit.file(1, year=2010 + number // 9, word="会议")
    city.settle()

    with city.hub.database().read() as session:
        assert {row.id for row in session.query(CatalogueRecord)} == set(good)
        assert session.query(DeadLetter).count() == 0
    with unit.folder.database().read() as session:
        refused = {row.seq: (row.code, row.field) for row in session.query(Objection)}
    assert refused.keys() == seqs.keys()
    wrong = {
        seq: (HOSTILE[index], refused[seq])
        for index, (seq, named) in enumerate(seqs.items())
        if refused[seq][0] == "internal" or (refused[seq][1] or "").split(".")[0] != named
    }
    assert wrong == {}


@pytest.mark.parametrize(
    "title", ["有\x00空字节", "半个代理对\ud83d", "不存在的字符\uffff", "长" * 501, "零宽\u200b字"]
)
def test_a_title_that_a_database_might_refuse_is_refused_at_the_door(
    unit: Unit, title: str
) -> None:
    row = {"title": title, "date": "2023-02-03", "year": 2023, "retention": "D30"}
    with unit.folder.database().write() as session, pytest.raises(Invalid) as refused:
        filing.collect(CLERK, unit.fonds_id, row, session=session)
    assert refused.value.field == "title"
    assert refused.value.remedy
    assert unit.states() == {}
