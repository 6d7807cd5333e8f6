"""The receiving profile 接收要求 of an archive: what it asks for is what lies in its repository."""

from __future__ import annotations

import io
from pathlib import Path

from hub.repository import objects
from shared.packaging import open_package
from shared.packaging.eep import Trust, open_eep
from tests.end_to_end.test_rulesets import CITY_ARCHIVE, activate
from tests.federation import Federation
from tests.node.transfer.conftest import pdf


def kept(city: Federation, record_id: str) -> bytes:
    """The package in the OCFL object of a record, as its inventory names it."""
    inventory = objects.inventory_of(city.hub.store, CITY_ARCHIVE, record_id)
    assert inventory is not None
    (name,) = (each for each in objects.files_of(inventory).values() if each.endswith(".zip"))
    with city.hub.store.open(f"{objects.folder_of(CITY_ARCHIVE, record_id)}/{name}") as stream:
        return stream.read()


def test_an_archive_that_asks_for_eep_keeps_the_eep_that_it_got(tmp_path: Path) -> None:
    city = Federation(tmp_path)
    unit = city.enrol("宜昌市水利局", number="A101")
    activate(city, profile={"form": "eep", "rule": "exc-c14n", "medium_mb": None})
    city.settle()
    text = pdf("防汛抗旱")
    wrapped, on_paper = unit.file(2, word="防汛抗旱事项", files=[text])
    first = unit.offer([wrapped, on_paper])
    activate(city, profile=None)
    city.settle()
    (plain,) = unit.file(1, year=2024, word="水库调度方案", files=[text])
    second = unit.offer([plain])
    city.settle()
    for act in (lambda batch_id: city.conclude(batch_id, "accepted"), unit.sign, city.sign):
        for batch_id in (first, second):
            act(batch_id)
        city.settle()
    with open_package(io.BytesIO(kept(city, wrapped))) as package:
        assert package.names == [
            "manifest.json", "record.json", "metadata.xml", "record.eep", "signature.json",
        ]  # fmt: skip
        seal = unit.folder.keys.seal().public
        with package.open_eep() as stream:
            eep = open_eep(stream, trust=Trust(seals=[seal]))
            assert eep.report.is_proven
            taken: list[bytes] = []
            eep.pour(lambda _file: taken.append)
        assert b"".join(taken) == text
    for record_id in (on_paper, plain):
        with open_package(io.BytesIO(kept(city, record_id))) as package:
            assert not package.is_wrapped
