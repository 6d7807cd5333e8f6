"""The unit's own inspections: every one is kept, and what the archive does stays open."""

from __future__ import annotations

from imageio_ffmpeg import get_ffmpeg_exe

from node.filing import service as filing
from node.office.places import NodeFolder
from node.transfer import service as transfer
from node.transfer.inspections import inspection_of, runs_of
from node.transfer.models import InspectionRun
from node.transfer.work import TransferWork
from shared.inspection.report import Outcome
from shared.inspection.scheme import load_scheme
from shared.inspection.verdict import BatchVerdict, Verdict
from shared.kernel.settings import change_settings
from tests.node.conftest import Node
from tests.node.transfer.conftest import Office

LEFT = {"2-1", "2-2", *(f"4-{number}" for number in range(1, 8))}


def runs(node: Node, batch_id: str) -> list[InspectionRun]:
    with node.database.read() as session:
        return runs_of(session.get_one(transfer.Batch, batch_id), session=session)


def found(node: Node, batch_id: str) -> BatchVerdict | None:
    with node.database.read() as session:
        return inspection_of(session.get_one(transfer.Batch, batch_id), session=session)


def test_every_inspection_is_kept_with_who_when_and_by_which_scheme(
    node: Node, office: Office
) -> None:
    batch_id = office.prepared(office.filed(2))
    assert (runs(node, batch_id), found(node, batch_id)) == ([], None)
    office.inspect(batch_id)
    office.inspect(batch_id)
    last, first = runs(node, batch_id)
    assert last.at > first.at
    assert {each.made_by for each in (last, first)} == {office.clerk.name}
    assert last.scheme == load_scheme().version
    assert (last.tool, last.verdict) == ("danglian-inspection/1", "open")
    assert last.tally["records"] == 2
    assert last.tally["items"]["1-7"] == {"passed": 2}
    assert last.tally["items"]["2-6"] == {"passed": 1}, "the batch as a whole, once"


def test_an_inspection_names_what_decoded_sound_and_film(node: Node, office: Office) -> None:
    """In its operation record; and to the archive, which may have another decoder, or none."""
    change_settings(node.folder.path, {"media_decoder": get_ffmpeg_exe()})
    office.work = TransferWork(NodeFolder(node.folder.path))
    batch_id, _ = office.offered(1)
    (run,) = runs(node, batch_id)
    tool, _, named = run.tool.partition("；")
    assert tool == "danglian-inspection/1"
    assert named.startswith("ffmpeg ")
    assert office.batch(batch_id).closing["self_check"]["inspected"]["decoder"] == named


def test_one_that_was_never_finished_has_no_verdict(node: Node, office: Office) -> None:
    batch_id = office.prepared(office.filed(1))
    with node.database.write() as session:
        transfer.inspect(office.clerk, batch_id, session=session)
    (run,) = runs(node, batch_id)
    assert (run.verdict, run.ended_at) == (None, None)
    assert found(node, batch_id) is None


def test_a_batch_that_was_inspected_can_be_given_up(node: Node, office: Office) -> None:
    batch_id = office.prepared(office.filed(1))
    office.inspect(batch_id)
    with node.database.write() as session:
        transfer.give_up(office.clerk, batch_id, session=session)
    with node.database.read() as session:
        assert session.get(transfer.Batch, batch_id) is None


def test_what_the_archive_inspects_stays_open_and_stops_no_offer(
    node: Node, office: Office
) -> None:
    batch_id, _ = office.offered(1)
    said = found(node, batch_id)
    assert said is not None
    assert {each.item.number for each in said.items if each.is_open} == LEFT
    assert said.verdict is Verdict.OPEN
    assert office.batch(batch_id).state == "offered"
    self_check = office.batch(batch_id).closing["self_check"]
    assert self_check["with_errors"] == 0
    assert set(self_check["open"]) == LEFT
    assert (self_check["scheme"], self_check["verdict"]) == (said.scheme, "open")


def test_a_record_that_fails_shows_in_the_batch(node: Node, office: Office) -> None:
    node.collect(office.clerk, 1)  # said to be electronic, without any file
    node.close(office.clerk)
    with node.database.read() as session:
        [record] = filing.records_for_transfer(node.fonds, session=session)
    batch_id = office.prepared([record.id])
    office.inspect(batch_id)
    said = found(node, batch_id)
    assert said is not None
    assert said.verdict is Verdict.FAILED
    assert {each.item.number: each.outcome for each in said.failed}["2-7"] is Outcome.FAILED
