"""How a package goes up where not everything between node and hub takes several parts at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hub.receiving import api
from node.sync.asking import HubDoor
from node.sync.slices import Slice
from shared.storage import PART_SIZE
from tests.federation import Federation
from tests.hub.receiving.handover import pdf

PARTS = 6


@pytest.fixture
def lengths(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes each request of the node had, in order."""
    sent: list[int] = []
    put_part = HubDoor.put_part

    def noted(door: HubDoor, grant: dict[str, Any], number: int, piece: Slice) -> None:
        sent.append(len(piece))
        put_part(door, grant, number, piece)

    monkeypatch.setattr(HubDoor, "put_part", noted)
    return sent


def goes_up(folder: Path) -> str:
    """Let a large package go up; returns the state of its batch at the hub."""
    city = Federation(folder)
    unit = city.enrol("宜昌市文化和旅游局", number="A101")
    city.settle()
    batch_id = unit.offer(unit.file(1, files=[pdf("正文", PARTS * 1_000_000)]))
    city.serve()
    try:
        city.settle()
    finally:
        city.stop_serving()
    return city.batch_states()[batch_id]


def test_a_hub_of_version_0_1_gets_single_parts(
    tmp_path: Path, lengths: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = HubDoor.ask

    def as_of_old(door: HubDoor, question: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in ask(door, question).items() if key != "parts_at_once"}

    monkeypatch.setattr(HubDoor, "ask", as_of_old)
    assert goes_up(tmp_path) == "under_review"
    assert len(lengths) == PARTS
    assert max(lengths) == PART_SIZE


def test_behind_a_proxy_that_takes_one_part_they_go_one_by_one(
    tmp_path: Path, lengths: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The hub itself refuses here as the proxy would: 413.
    monkeypatch.setattr(api.put_part, "danglian_upload", PART_SIZE + 1)
    assert goes_up(tmp_path) == "under_review"
    refused = [length for length in lengths if length > PART_SIZE]
    assert refused, "it tried"
    after = lengths[lengths.index(refused[-1]) + 1 :]
    assert after
    assert max(after) == PART_SIZE


def test_a_package_that_was_put_off_goes_up_as_soon_as_the_hub_takes_another(
    tmp_path: Path,
) -> None:
    city = Federation(tmp_path)
    unit = city.enrol("宜昌市文化和旅游局", number="A101")
    city.settle()
    batch_id = unit.offer(unit.file(3, files=[pdf(f"{number}", 100_000) for number in range(3)]))
    city.serve()
    try:
        while unit.uploader.step():  # the hub knows none of them: all are put off
            pass
        city.clock.seconds += 0.25
        unit.uploader.step()  # one of them is asked for too early again, and waits for longer
        for _ in range(6):  # the clock stands still
            city.turn()
    finally:
        city.stop_serving()
    assert city.batch_states()[batch_id] == "under_review"
