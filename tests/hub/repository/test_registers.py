"""Registers and the audit go into the repository when something happens, once each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.federation import fonds as fonds_verbs
from hub.federation import service as federation
from hub.federation.epochs import raise_generation
from hub.repository import service as repository
from hub.repository.audit_segments import AuditWriter, restore_audit
from hub.repository.models import Paper
from hub.repository.registers import RegisterWriter, stored_registers
from shared.audit import chain_head, verify_chain
from shared.kernel.database import Database
from tests.hub.conftest import YILING, City
from tests.sealing import seal


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Database]:
    """A database of a hub in which nothing was ever written."""
    database = Database.in_file(tmp_path / "empty.sqlite", ("shared", "hub"))
    database.create_schema()
    yield database
    database.close()


def papers(city: City, folder: str) -> list[str]:
    while repository.PaperWriter(city.database, city.folder.store).step():
        pass
    return list(city.folder.store.names(folder))


def newest(city: City) -> dict[str, dict[str, Any]]:
    found = (document for document, _names in stored_registers(city.folder.store) if document)
    return {document["id"]: document for document in found}


def test_what_is_registered_is_written_when_it_happens_and_when_it_changes(city: City) -> None:
    writer = RegisterWriter(city.database)
    writer.step()
    first = papers(city, "hub/registers/")
    with city.database.write() as session:
        fonds = city.fonds("夷陵区水利局", YILING, session, number="J101")
        node = city.node("水利局", fonds, session=session)
    writer.step()
    second = papers(city, "hub/registers/")
    assert {name.split("/")[2] for name in set(second) - set(first)} == {"fonds", "node"}
    with city.database.write() as session:
        fonds_verbs.rename_fonds(
            city.admin, fonds.id, "夷陵区水务局", date(2026, 1, 1), key=city.key, session=session
        )
    writer.step()
    (third,) = set(papers(city, "hub/registers/")) - set(second)
    assert third == f"hub/registers/fonds/{fonds.id}/000001-000002.json"
    (row,) = newest(city)[fonds.id]["rows"]["federation_fonds"]
    assert (row["name"], row["keeping_node"]) == ("夷陵区水务局", node.id)
    keys = newest(city)[node.id]["rows"]["federation_node_key"]
    assert {each["purpose"] for each in keys} == {"device", "seal"}
    # A hub that starts anew compares all, and finds nothing to write.
    RegisterWriter(city.database).step()
    assert len(papers(city, "hub/registers/")) == len(second) + 1


def test_an_agreement_is_written_with_all_the_fonds_that_it_moves(city: City) -> None:
    with city.database.write() as session:
        fonds = city.fonds("夷陵区教育局", YILING, session)
    writer = RegisterWriter(city.database)
    writer.step()
    with city.database.write() as session:
        agreement = federation.make_agreement(
            city.admin, "420506", "集中保管协议〔2026〕1号", key=city.key, session=session
        )
    writer.step()
    papers(city, "hub/registers/")
    assert newest(city)[agreement.id]["kind"] == "agreement"
    (row,) = newest(city)[fonds.id]["rows"]["federation_fonds"]
    assert row["receiving_archive"] == agreement.receiving_archive


def test_the_audit_is_written_in_pieces_that_make_the_whole_chain(
    city: City, empty: Database
) -> None:
    assert not AuditWriter(city.database, wait=timedelta(days=1)).step()
    assert papers(city, "hub/audit/") == []  # it waits until it is worth a file
    writer = AuditWriter(city.database, wait=timedelta(0))
    writer.step()
    with city.database.write() as session:
        city.fonds("夷陵区水利局", YILING, session)
    seal(city.database)
    writer.step()
    writer.step()
    first, second = papers(city, "hub/audit/")
    assert int(first[-15:-5]) + 1 == int(second.rpartition("/")[2][:10])
    with city.database.read() as session:
        head = chain_head(session)
    for _ in range(2):
        assert restore_audit(empty, city.folder.store) == (head, [])
    with empty.read() as session:
        assert verify_chain(session, witness=head) == []


def test_after_a_restore_the_newer_generation_of_the_audit_counts(
    city: City, empty: Database
) -> None:
    writer = AuditWriter(city.database, wait=timedelta(0))
    writer.step()
    assert len(papers(city, "hub/audit/")) == 1
    with city.database.write() as session:
        raise_generation(session)
    seal(city.database)
    writer.step()
    newer = papers(city, "hub/audit/")[-1]
    # What a database that is lost had told before, from the same place on.
    document = json.loads((city.folder.path / "store" / newer).read_bytes())
    city.folder.store.delete(newer)
    lost = newer.replace("000002", "000001", 1)
    with city.database.write() as session:
        session.query(Paper).filter(Paper.name == newer).delete()
    forged = {**document, "events": [{**each, "digest": "0" * 64} for each in document["events"]]}
    path = city.folder.path / "store" / lost
    path.write_text(json.dumps(forged))
    writer.step()
    assert len(papers(city, "hub/audit/")) == 3
    head, findings = restore_audit(empty, city.folder.store)
    assert findings == []
    with city.database.read() as session:
        assert head == chain_head(session)


def test_an_audit_that_was_altered_is_taken_as_far_as_it_can_be_believed(
    city: City, empty: Database
) -> None:
    AuditWriter(city.database, wait=timedelta(0)).step()
    (name,) = papers(city, "hub/audit/")
    path = city.folder.path / "store" / name
    path.write_bytes(path.read_bytes().replace(b"hub.founded", b"hub.wounded"))
    head, (finding,) = restore_audit(empty, city.folder.store)
    assert (head.seq, finding.code) == (0, "audit_incomplete")
