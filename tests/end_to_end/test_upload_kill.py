"""A node that is killed while it sends a large package goes on where it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hub.receiving import uploads
from hub.receiving.models import Upload
from node.sync.asking import HubDoor
from node.sync.in_flight import MOST
from node.sync.slices import Slice
from tests.end_to_end.uploading import ALONE, node_uploads, numbers_of
from tests.federation import NOTHING_WRONG, Federation, everywhere_the_same
from tests.hub.receiving.handover import pdf
from tests.killed import dies

PARTS = 16


@pytest.mark.parametrize(("answers", "at_once"), [(0, 2), (2, 1), (2, 2)])
def test_a_node_killed_with_several_parts_under_way_repeats_at_most_those(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: int, at_once: int
) -> None:
    city = Federation(tmp_path / "city")
    unit = city.enrol("宜昌市文化和旅游局", number="A101")
    city.settle()
    batch_id = unit.offer(unit.file(1, files=[pdf("正文", PARTS * 1_000_000)]))
    city.settle()
    acknowledged = tmp_path / "acknowledged"
    city.serve()
    try:
        unit.folder.database().close()
        assert dies(node_uploads, unit.folder.path, acknowledged, answers, at_once)
        lines = acknowledged.read_text().splitlines()
        assert len(lines) == ALONE + answers
        answered = {int(number) for line in lines for number in line.split()}

        with city.hub.database().read() as session:
            upload_id = session.query(Upload).one().id
            here = set(uploads.present_numbers(session, upload_id))
        assert answered <= here, "what was acknowledged is here"
        again: list[int] = []
        put_part = HubDoor.put_part

        def counted(door: HubDoor, grant: dict[str, Any], number: int, piece: Slice) -> None:
            again.extend(numbers_of(number, piece))
            put_part(door, grant, number, piece)

        monkeypatch.setattr(HubDoor, "put_part", counted)
        unit.start()
        city.settle()
    finally:
        city.stop_serving()
    begun = set(range(1, 2 + (ALONE - 1 + MOST) * at_once))
    assert len(again) == len(set(again)), "each is sent once more at most"
    assert not here & set(again), "nothing that is here is sent again"
    repeated = len(begun & set(again))
    assert repeated <= (MOST - answers) * at_once, "at most what was under way is repeated"
    assert city.batch_states()[batch_id] == "under_review"
    assert everywhere_the_same(city, unit) == NOTHING_WRONG
