"""A record as a bag, or as a folder in the manner of E-ARK: whole, listed, readable by anybody."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import bagit
import pytest
from hypothesis import HealthCheck, given, settings

from shared.kernel.canonical import sha256_hex
from shared.packaging.exchange import Carried
from shared.packaging.exchange.own import sealed_by
from shared.packaging.exchange.plain_folders import Later, write_bag, write_eark
from shared.packaging.exchange.writing import new_tree
from shared.records.record import Record, record_from_wire
from tests.shared.packaging.eep.makers import with_bytes
from tests.shared.packaging.exchange.bags import assert_bag
from tests.shared.packaging.exchange.test_converting import packable_records
from tests.shared.packaging.samples import Unit

PAPERS = {"receipt.json": b"{}", "description-2.json": b"[]"}
#: Names that file systems, manifests or people stumble over.
AWKWARD = (
    *("100%.pdf", "100％.pdf", "a%0Ab.pdf", "x  y.pdf"),
    *("题" * 200 + ".pdf", "题" * 200 + ".PDF"),
)


@settings(max_examples=6, suppress_health_check=list(HealthCheck))
@given(record=packable_records)
def test_any_record_is_whole_in_both(
    record: Record, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tmp_path = tmp_path_factory.mktemp("folders")
    unit = Unit(tmp_path / "files")
    record = with_bytes(unit, record)
    awkward = tuple(
        replace(
            document,
            files=tuple(
                replace(file, name=AWKWARD[at % len(AWKWARD)])
                for at, file in enumerate(document.files)
            ),
        )
        for document in record.documents
    )
    record = replace(record, documents=awkward)
    carried = sealed_by(Carried(record, unit.fonds, None, unit.paths(record)), unit.seal)
    bag, folder = tmp_path / "bag", tmp_path / "eark"
    with new_tree(bag) as tree:
        write_bag(carried, PAPERS, tree, keeper="宜昌市档案馆", made_on="2026-03-05")
    assert_bag(bag)
    with new_tree(folder) as tree:
        write_eark(carried, PAPERS, tree)
    listed = dict(
        reversed(line.split("  ", 1))
        for line in (folder / "manifest-sha256.txt").read_text(encoding="utf-8").splitlines()
    )
    there = {
        path.relative_to(folder).as_posix(): sha256_hex(path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and path.name != "manifest-sha256.txt"
    }
    assert listed == there
    for place in (bag / "data", folder / "metadata/descriptive"):
        assert record_from_wire(json.loads((place / "record.json").read_bytes())) == record
    contents = sorted(file.sha256 for file in record.files)
    for start in (bag / "data/content", folder / "representations"):
        digests = (sha256_hex(path.read_bytes()) for path in start.rglob("*") if path.is_file())
        assert sorted(digests) == contents


def test_a_bag_that_was_altered_is_none_to_another_reader(tmp_path: Path) -> None:
    unit = Unit(tmp_path / "files")
    record = unit.record(unit.file("通知.pdf", b"as it was"))
    carried = sealed_by(Carried(record, unit.fonds, None, unit.paths(record)), unit.seal)
    added = tmp_path / "added.ofd"
    added.write_bytes(b"added")
    later = [Later("event-1-1.ofd", added, sha256_hex(b"added"), 5)]
    with new_tree(tmp_path / "bag") as tree:
        write_bag(carried, PAPERS, tree, later=later, keeper="宜昌市档案馆", made_on="2026-03-05")
    assert_bag(tmp_path / "bag")
    assert (tmp_path / "bag/data/later/event-1-1.ofd").read_bytes() == b"added"
    for name in ("data/content/01/通知.pdf", "data/later/event-1-1.ofd", "bag-info.txt"):
        path = tmp_path / "bag" / name
        before = path.read_bytes()
        path.write_bytes(before[:-1] + b"!")
        with pytest.raises(bagit.BagValidationError):
            bagit.Bag(str(tmp_path / "bag")).validate()
        path.write_bytes(before)
