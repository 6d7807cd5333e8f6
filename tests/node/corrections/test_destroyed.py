"""The mirror of what an archive has destroyed follows it: the description stays, the bytes go."""

from __future__ import annotations

from typing import Any

import pytest

from node.filing.models import Record
from node.filing.reconciling import told_sums
from node.transfer.erasing import Erasing
from shared.kernel.canonical import digest_of, sum_of_digests
from shared.kernel.clock import utc_text
from shared.kernel.identifiers import new_id
from shared.kernel.keys import SigningKey
from shared.records.corrections import corrected
from tests.node.corrections.conftest import Mirror, archive, mirror, office

__all__ = ["archive", "mirror", "office"]


def stone(
    mirror: Mirror, seal: SigningKey | None = None, state: str = "disposed"
) -> dict[str, Any]:
    event = {
        "id": new_id(), "action": "销毁", "time": utc_text(), "agent": "张鉴定",
        "agent_unit": "市档案馆", "basis": "期限已满", "description": "李馆长批准，甲、乙监销",
    }  # fmt: skip
    record = corrected(mirror.wire(), {}, [event], state=state)
    said = {"record": record, "record_digest": digest_of(record), "reason": "期限已满"}
    return mirror._sealed({**said, "list_id": new_id()}, seal, None)


def test_a_tombstone_destroys_the_mirror_and_its_bytes(mirror: Mirror) -> None:
    node = mirror.office.node
    before = len(list(node.folder.files.names())), len(list(node.folder.packages.names()))
    told = stone(mirror)
    for _ in range(2):
        mirror.send("disposed", told)
    assert mirror.wire() == told["record"]
    erasing = Erasing(node.folder)
    assert erasing.step()
    assert not erasing.step()
    after = len(list(node.folder.files.names())), len(list(node.folder.packages.names()))
    assert after == (before[0] - 1, before[1] - 1)
    with node.database.read() as session:
        assert session.get_one(Record, mirror.id).erased_at is not None
        assert session.get_one(Record, mirror.ids[1]).erased_at is None
        ((_name, sums),) = told_sums(session).items()
    [other] = [each for each in node.told() if each["id"] == mirror.ids[1]][-1:]
    assert sums == sum_of_digests(
        [
            digest_of([mirror.id, digest_of(told["record"]), "disposed"]),
            digest_of([mirror.ids[1], digest_of(other), "offered"]),
        ]
    )


@pytest.mark.parametrize("what", ["seal", "state", "digest"])
def test_a_tombstone_that_its_archive_has_not_sealed_destroys_nothing(
    mirror: Mirror, what: str
) -> None:
    told = stone(
        mirror,
        SigningKey.generate() if what == "seal" else None,
        "received" if what == "state" else "disposed",
    )
    if what == "digest":
        told["record"]["title"] = "另一个题名"
    mirror.send("disposed", told)
    assert mirror.wire()["state"] == "received"
    assert len(mirror.notices()) == 1
    assert not Erasing(mirror.office.node.folder).step()
