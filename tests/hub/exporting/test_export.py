"""Whatever an archive keeps can be copied out, in each form, proven, and by nobody else."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pypdfium2
import pytest
from sqlalchemy import update

from hub.catalogue.models import CatalogueRecord
from hub.catalogue.query import Filters
from hub.exporting import plan as plans
from hub.exporting.folder import ExportFolder
from hub.exporting.service import draft
from hub.exporting.work import Export
from hub.federation import service as federation
from hub.repository.versions import Adding, EventKind, add_version
from shared.audit import events
from shared.kernel.actor import Actor
from shared.kernel.clock import SHANGHAI, now
from shared.kernel.errors import Conflict, Invalid, NotAllowed
from shared.kernel.files import folder_lock
from shared.kernel.keys import SigningKey
from shared.packaging.eep import Trust, Verdict, open_eep, verify
from shared.packaging.exchange import judge
from shared.storage import FolderStore
from tests.hub.exporting.exported import RECORDS, Received, assert_whole, rows_of
from tests.hub.receiving.handover import YILING_ARCHIVE, ZHIJIANG_ARCHIVE, Unit
from tests.hub.repository.keeping import contents
from tests.hub.repository.validating import assert_valid
from tests.shared.packaging.exchange.bags import assert_bag
from tests.small_disk import small_disk


def seal_of(received: Received) -> SigningKey:
    return received.hub.city.folder.keys.seal(YILING_ARCHIVE)


def test_packages_go_out_as_they_came_in_with_receipt_and_correction(
    received: Received, tmp_path: Path, unit: Unit
) -> None:
    out = tmp_path / "out"
    said = received.export(out, "--form", "own")
    assert (said["records"], said["left_out"], said["complete"]) == (RECORDS, 0, True)
    rows = {row["编号"]: row for row in assert_whole(out)}
    for each in received.batch.offers:
        folder = out / rows[each.record.id]["位置"]
        assert folder.name == each.record.code
        assert (folder / f"{each.sha256}.zip").read_bytes() == each.package
        assert judge(folder / f"{each.sha256}.zip", trust=Trust(seals=[unit.seal.public])).is_proven
        assert json.loads((folder / "receipt.json").read_bytes())["record_id"] == each.record.id
    first = rows[received.records[0].id]
    assert (first["题名"], first["版本"]) == ("更正后的题名", "2")
    assert (out / first["位置"] / "description-2.json").is_file()


def test_an_eep_has_the_record_as_it_is_now_under_the_seal_of_the_archive(
    received: Received, tmp_path: Path
) -> None:
    received.export(tmp_path / "out", "--form", "eep")
    rows = assert_whole(tmp_path / "out")
    trust = Trust(seals=[seal_of(received).public])
    titles = set()
    for row in rows:
        with (tmp_path / "out" / row["位置"]).open("rb") as stream:
            report = verify(stream, trust=trust)
            assert {each.verdict for each in report.signatures} == {Verdict.VALID}
            titles.add(row["题名"] in str(open_eep(stream, trust=trust).metadata))
        assert "移交单位印章" in row["形式装不下的"]
    assert titles == {True}
    assert "更正后的题名" in {row["题名"] for row in rows}


def test_bags_and_folders_in_the_manner_of_e_ark_explain_themselves(
    received: Received, tmp_path: Path
) -> None:
    received.export(tmp_path / "bags", "--form", "bagit")
    received.export(tmp_path / "eark", "--form", "eark")
    for row in assert_whole(tmp_path / "bags"):
        bag = tmp_path / "bags" / row["位置"]
        assert_bag(bag)
        assert (bag / "data/content/01/正文.pdf").read_bytes().startswith(b"%PDF")
        assert json.loads((bag / "data/record.json").read_bytes())["title"] == row["题名"]
    for row in assert_whole(tmp_path / "eark"):
        folder = tmp_path / "eark" / row["位置"]
        there = {
            path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
        }
        assert {
            "manifest-sha256.txt",
            "metadata/descriptive/metadata.xml",
            "metadata/descriptive/record.json",
            "metadata/preservation/receipt.json",
            "metadata/other/received/signature.json",
            "representations/born_digital/data/01/正文.pdf",
        } <= there
        assert not any("METS" in name for name in there)


@pytest.mark.parametrize("form", ["dat93", "medium"])
def test_forms_of_many_records_are_split_into_trees(
    received: Received, tmp_path: Path, form: str, unit: Unit
) -> None:
    out = tmp_path / "out"
    received.export(out, "--form", form, "--medium-size", "1")
    assert len(assert_whole(out)) == RECORDS
    report = judge(out / "001", trust=Trust(seals=[unit.seal.public]))
    assert report.is_sound, report.findings
    verdicts = sorted(str(each.verdict) for each in report.proofs)
    # The seal is over the record as it was: the corrected one goes without.
    assert verdicts == ["absent", "valid", "valid"]
    lost = {row["题名"]: row["形式装不下的"] for row in rows_of(out)}
    assert "移交单位印章" in lost["更正后的题名"]


def test_a_record_larger_than_a_medium_and_trees_that_are_full(
    received: Received, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.exporting.packing._PAPERS", 600_000)
    received.export(tmp_path / "out", "--form", "dat93", "--medium-size", "1")
    assert {row["位置"] for row in assert_whole(tmp_path / "out")} == {"001", "002", "003"}
    with pypdfium2.PdfDocument(tmp_path / "out" / "载体标签.pdf") as sheet:
        labels = [page.get_textpage().get_text_bounded() for page in sheet]
    day = f"{now().astimezone(SHANGHAI):%Y%m%d}"
    assert len(labels) == RECORDS  # a page for each medium, with a label for each of three copies
    assert [page.count(f"{day}-{number}") for number, page in enumerate(labels, 1)] == [3] * RECORDS
    monkeypatch.setattr("hub.exporting.packing._PAPERS", 2_000_000)
    said = received.export(tmp_path / "none", "--form", "dat93", "--medium-size", "1", code=1)
    assert (said["records"], said["left_out"]) == (0, RECORDS)
    assert "装不下" in said["problems"][0]["problem"]


def test_without_a_size_the_media_are_those_of_the_receiving_profile_or_of_four_gigabytes(
    received: Received, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, archivist: Actor
) -> None:
    monkeypatch.setattr("hub.exporting.packing._PAPERS", 60_000_000)
    asked = {"form": "folder", "rule": "exc-c14n", "medium_mb": 100}
    hub = received.hub.city.folder
    with hub.database().write() as session:
        federation.change_draft(archivist, YILING_ARCHIVE, {"profile": asked}, session=session)
    federation.activate_ruleset(
        hub,
        archivist,
        YILING_ARCHIVE,
        active_from=now().astimezone(SHANGHAI).date(),
        approval="夷档发〔2026〕1号",
    )
    for more, places in (("--archive", YILING_ARCHIVE), {"001", "002", "003"}), ((), {"001"}):
        out = tmp_path / f"out{len(more)}"
        received.export(out, "--form", "medium", *more)
        assert {row["位置"] for row in rows_of(out)} == places


def test_the_whole_repository_goes_out_as_it_is_and_a_hub_could_be_made_of_it(
    received: Received, tmp_path: Path
) -> None:
    said = received.export(tmp_path / "out", "--form", "ocfl")
    assert said["records"] == RECORDS
    assert_whole(tmp_path / "out")
    copy, store = FolderStore(tmp_path / "out"), received.hub.city.folder.store
    assert_valid(copy, YILING_ARCHIVE)
    for start in ("archives/", "hub/"):
        assert contents(copy, start) == contents(store, start)
    received.export(tmp_path / "one", "--form", "ocfl", "--archive", YILING_ARCHIVE)
    assert {path.name for path in (tmp_path / "one").iterdir() if path.is_dir()} == {"archives"}
    code = str(received.records[1].code)
    assert received.export(tmp_path / "two", "--form", "ocfl", "--code", code)["records"] == 1
    assert_valid(FolderStore(tmp_path / "two"), YILING_ARCHIVE)


def test_what_is_chosen_is_what_the_catalogue_finds(received: Received, tmp_path: Path) -> None:
    records = received.records
    chosen = {
        "year": (["--year", "2024"], 3),
        "fonds": (["--fonds", records[0].fonds_id], 3),
        "class": (["--class", "WS", "--retention", "D30"], 3),
        "code": (["--code", str(records[0].code), "--id", records[1].id], 2),
    }
    for name, (words, count) in chosen.items():
        said = received.export(tmp_path / name, "--form", "own", *words)
        assert said["records"] == count, name
    listed = tmp_path / "list.txt"
    listed.write_text(f"\ufeff{records[0].code}\n\n{records[2].id}\n", encoding="utf-8")
    said = received.export(tmp_path / "list", "--form", "own", "--list", str(listed))
    assert said["records"] == 2
    wrong = {
        "nothing_to_export": ["--form", "own", "--year", "1999"],
        "not_kept": ["--form", "own", "--code", "9999-WS·2024-D30-0001"],
        "invalid": [],
    }
    for code, words in wrong.items():
        assert received.export(tmp_path / "no", *words, code=2)["code"] == code
    said = received.export(tmp_path / "no", "--form", "own", "--archive", "999999", code=1)
    assert said["code"] == "not_found"
    assert not (tmp_path / "no").exists()


def test_what_is_damaged_is_named_and_left_out(received: Received, tmp_path: Path) -> None:
    rotten = received.records[1]
    name = received.damage(rotten)
    for form in ("own", "eep", "dat93", "ocfl"):
        out = tmp_path / form
        said = received.export(out, "--form", form, code=1)
        assert (said["records"], said["left_out"]) == (RECORDS - 1, 1)
        ((problem),) = said["problems"]
        assert problem["code"] == rotten.code
        assert name in problem["problem"]
        rows = {row["编号"]: row for row in assert_whole(out)}
        assert rows[rotten.id]["位置"] == ""
        assert "损坏" in rows[rotten.id]["没有导出的原因"]
        assert not list(out.rglob(f"*{rotten.code}*"))
    assert received.export(tmp_path / "own", code=1)["left_out"] == 1, "it says so again"


def test_what_one_store_has_damaged_comes_from_the_other(
    received: Received, tmp_path: Path
) -> None:
    from tests.hub.repository.keeping import with_second_store

    (tmp_path / "second").mkdir()
    city = received.hub.city
    city.folder = with_second_store(city.folder, str(tmp_path / "second"))
    received.hub.work("repository.second_copy")
    received.damage(received.records[0])
    assert received.export(tmp_path / "out", "--form", "own")["records"] == RECORDS


def test_a_store_that_is_away_is_no_damage(received: Received, tmp_path: Path) -> None:
    store = received.hub.city.folder.path / "store"
    store.rename(store.with_name("away"))
    store.mkdir()
    assert received.export(tmp_path / "out", "--form", "own", code=75)["code"] == "unavailable"
    store.rmdir()
    store.with_name("away").rename(store)
    assert received.export(tmp_path / "out")["records"] == RECORDS


def test_archivists_export_their_own_archive_and_nobody_else_anything(
    received: Received, archivist: Actor, reviewer: Actor, tmp_path: Path
) -> None:
    city = received.hub.city
    stranger = city.archivist(ZHIJIANG_ARCHIVE)
    with city.database.read() as session:
        _plan, chosen = draft(archivist, "hub", "own", Filters(), session=session)
        assert chosen.count == RECORDS
        with pytest.raises(Invalid):
            draft(stranger, "hub", "own", Filters(archive=YILING_ARCHIVE), session=session)
        for nobody in (reviewer, city.person()):
            with pytest.raises(NotAllowed):
                draft(nobody, "hub", "own", Filters(), session=session)
        with pytest.raises(Invalid):
            plans.ids_of(stranger, [received.records[0].id], session=session)
    # Not by a whole repository either: papers are the archive's too.
    with city.database.read() as session:
        whole, _count = draft(
            city.archivist(YILING_ARCHIVE), "hub", "ocfl", Filters(), session=session
        )
    with ExportFolder.opened(tmp_path / "out", whole) as folder:
        export = Export(city.folder, folder, stranger)
        while export.step():
            pass
        assert folder.totals.files == 0


def test_an_export_is_one_event_of_the_audit(received: Received, tmp_path: Path) -> None:
    said = received.export(tmp_path / "out", "--form", "own", "--year", "2024")
    received.export(tmp_path / "out")
    with received.hub.city.database.read() as session:
        (event,) = session.scalars(events(action="export.")).all()
    assert event.subject == f"export:{said['export_id']}"
    assert event.details == {"kind": "own", "selection": {"year": 2024}, "count": RECORDS}


def test_no_cell_of_the_list_is_run_as_a_formula(received: Received, tmp_path: Path) -> None:
    with received.hub.city.database.write() as session:
        session.execute(update(CatalogueRecord).values(title="=HYPERLINK(1)"))
    received.export(tmp_path / "out", "--form", "own")
    assert {row["题名"] for row in rows_of(tmp_path / "out")} == {"'=HYPERLINK(1)"}


def test_a_record_in_which_a_mark_was_found_since_is_left_out(
    received: Received, tmp_path: Path
) -> None:
    from hub.catalogue.withholding import withhold

    with received.hub.city.database.write() as session:
        record = session.query(CatalogueRecord).filter_by(id=received.records[0].id).one()
        withhold(session, record)
    said = received.export(tmp_path / "out", "--form", "own", code=1)
    assert (said["records"], said["left_out"]) == (RECORDS - 1, 1)


def test_a_folder_holds_one_export(received: Received, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "letter.txt").write_text("mine")
    said = received.export(out, "--form", "own", code=1)
    assert said["code"] == "export_folder_taken"
    (out / "letter.txt").unlink()
    received.export(out, "--form", "own")
    assert received.export(out, "--form", "eep", code=1)["code"] == "another_export"
    with (
        folder_lock(tmp_path / "busy/.export", "test"),
        pytest.raises(Conflict),
        ExportFolder.opened(tmp_path / "busy", _plan(received)),
    ):
        pass


def _plan(received: Received) -> plans.Plan:
    city = received.hub.city
    with city.database.read() as session:
        return draft(city.admin, city.folder.settings.hub_id, "own", Filters(), session=session)[0]


def test_what_is_received_after_the_beginning_is_not_in_it(
    received: Received, tmp_path: Path
) -> None:
    plan, hub = _plan(received), received.hub
    received.take_in(received.unit.hand_over(1))
    with ExportFolder.opened(tmp_path / "out", plan) as folder:
        export = Export(hub.city.folder, folder, hub.city.admin)
        while export.step():
            pass
    assert len(assert_whole(tmp_path / "out")) == RECORDS
    assert received.export(tmp_path / "later", "--form", "own")["records"] == RECORDS + 1


@pytest.mark.faults
def test_a_full_disk_stops_it_with_a_sentence_and_it_goes_on_when_there_is_room(
    received: Received, tmp_path: Path
) -> None:
    import shutil

    disk = tmp_path / "disk"
    disk.mkdir()
    with small_disk(disk, 1) as small:
        ballast = small / "ballast"
        ballast.write_bytes(bytes(shutil.disk_usage(small).free - 40_000))
        said = received.export(small / "out", "--form", "ocfl", code=75)
        assert said["code"] == "export_disk_full"
        assert "接着导出" in said["remedy"]
        assert not (small / "out/export.json").exists()
        ballast.unlink()
        received.export(small / "out")
        assert_whole(small / "out")


@pytest.fixture
def renewed(received: Received, tmp_path: Path) -> Received:
    """The archive has kept the file of the second record in another format since."""
    place = received.hub.city.folder
    (tmp_path / "正文.ofd").write_bytes(b"converted")
    add_version(
        place,
        received.hub.city.archivist(YILING_ARCHIVE),
        received.records[1].id,
        EventKind.MIGRATION,
        {"正文.ofd": tmp_path / "正文.ofd"},
        facts={"source": "正文.pdf", "tool": "转换 2.1", "reason": "换成长期保存的格式"},
    )
    while Adding(place).step():
        pass
    return received


@pytest.mark.parametrize(
    ("form", "there"),
    [("own", ""), ("bagit", "data/later/"), ("eark", "representations/later/data/")],
)
def test_what_was_added_since_goes_along(
    form: str, there: str, renewed: Received, tmp_path: Path
) -> None:
    renewed.export(tmp_path / "out", "--form", form)
    rows = {row["编号"]: row for row in assert_whole(tmp_path / "out")}
    folder = tmp_path / "out" / rows[renewed.records[1].id]["位置"]
    (added,) = folder.glob(f"{there}event-*.ofd")
    assert added.read_bytes() == b"converted"
    (paper,) = folder.glob(f"{there}event-*.json")
    assert json.loads(paper.read_bytes())["facts"]["tool"] == "转换 2.1"
    if form == "bagit":
        assert_bag(folder)


@pytest.mark.parametrize("form", ["eep", "dat93", "medium"])
def test_a_form_with_no_room_for_what_was_added_since_says_so(
    form: str, renewed: Received, tmp_path: Path
) -> None:
    renewed.export(tmp_path / "out", "--form", form)
    rows = {row["编号"]: row["形式装不下的"] for row in assert_whole(tmp_path / "out")}
    told = {id_: "格式迁移后的文件" in said for id_, said in rows.items()}
    assert told == {each.id: each is renewed.records[1] for each in renewed.records}


def test_a_large_file_takes_no_memory(received: Received) -> None:
    """What is read is handed on piece by piece: no piece is larger than the pieces of a store."""
    from hub.repository.examining import Pace, Stores
    from hub.repository.handing_out import fetch

    largest = 0

    class Watched(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            nonlocal largest
            piece = super().read(size)
            largest = max(largest, len(piece))
            return piece

    class Store:
        def open(self, name: str) -> io.BytesIO:
            return Watched(bytes(5 * 1024 * 1024))

    from shared.kernel.canonical import sha256_hex

    target = received.hub.city.folder.path / "copy"
    digest = sha256_hex(bytes(5 * 1024 * 1024))
    fetch(Stores(Store()), "large", digest, target, pace=Pace())
    assert largest <= 1024 * 1024
