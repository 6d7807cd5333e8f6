"""What an archive does with a received record later is a new version of its object."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from hub.repository import objects
from hub.repository import service as repository
from hub.repository.models import KeptEvent, KeptObject
from hub.repository.versions import Adding, EventKind, add_version, events_of
from shared.command.main import danglian
from shared.kernel.actor import Actor
from shared.kernel.canonical import sha256_hex
from shared.kernel.errors import Classified, Invalid, NotAllowed, WrongState
from shared.kernel.keys import document_is_signed_by
from tests.hub.correcting.conftest import Kept, kept
from tests.hub.receiving.handover import YILING_ARCHIVE
from tests.hub.receiving.killed import hub_works
from tests.hub.repository.keeping import contents
from tests.hub.repository.validating import assert_valid
from tests.killed import dies

__all__ = ["kept"]

FACTS = {"source": "正文.pdf", "tool": "转换工具 1.0", "reason": "长期保存"}
CONTENT = b"made-up bytes of a rendition"


@pytest.fixture
def rendition(tmp_path: Path) -> Path:
    path = tmp_path / "正文.ofd"
    path.write_bytes(CONTENT)
    return path


def migrate(kept: Kept, who: Actor, *files: Path, **facts: str) -> KeptEvent:
    return add_version(
        kept.hub.city.folder, who, kept.id, EventKind.MIGRATION,
        {each.name: each for each in files}, facts={**FACTS, **facts},
    )  # fmt: skip


def inventory_of(kept: Kept) -> dict[str, object]:
    found = objects.inventory_of(kept.hub.city.folder.store, YILING_ARCHIVE, kept.id)
    assert found is not None
    return found


def all_is_well(kept: Kept, event: KeptEvent, *, version: int = 2) -> None:
    """The version is there once, the first one is as it was, and everybody finds it in order."""
    store = kept.hub.city.folder.store
    with kept.hub.city.database.read() as session:
        (row,) = events_of(kept.id, session=session)
        assert session.scalar(
            select(KeptObject.waiting_since).where(KeptObject.record_id == kept.id)
        )
    assert (row.id, row.version) == (event.id, version)
    inventory = inventory_of(kept)
    assert objects.head_number(inventory) == version
    files = objects.files_of(inventory)
    folder = objects.folder_of(YILING_ARCHIVE, kept.id)
    (line,) = row.document["files"]
    with store.open(f"{folder}/{files[line['file']]}") as stream:
        assert stream.read() == CONTENT
    with store.open(f"{folder}/{files[f'event-{event.id}.json']}") as stream:
        paper = json.load(stream)
    seal = kept.hub.city.folder.keys.seal(YILING_ARCHIVE)
    assert document_is_signed_by(seal.public, paper, paper.pop("archive_signature"))
    assert paper["facts"] == FACTS
    assert repository.verify(kept.hub.city.database, store, YILING_ARCHIVE) == []
    assert_valid(store, YILING_ARCHIVE)
    waiting = kept.hub.city.folder.path / "versions"
    assert list(waiting.iterdir()) == []


def test_a_migrated_file_is_a_new_version_and_the_first_stays_as_it_was(
    kept: Kept, archivist: Actor, rendition: Path
) -> None:
    store = kept.hub.city.folder.store
    first = f"{objects.folder_of(YILING_ARCHIVE, kept.id)}/v1/"
    before = contents(store, first)
    event = migrate(kept, archivist, rendition)
    rendition.unlink()
    kept.hub.work()
    all_is_well(kept, event)
    assert contents(store, first) == before


def test_a_correction_and_two_migrations_are_versions_of_the_same_object(
    kept: Kept, archivist: Actor, rendition: Path
) -> None:
    kept.make(archivist, title="更正后的题名")
    event = migrate(kept, archivist, rendition)
    kept.hub.work()
    newer = rendition.with_name("正文.pdf")
    newer.write_bytes(b"made-up newer rendition")
    migrate(kept, archivist, newer)
    kept.hub.work()
    with kept.hub.city.database.read() as session:
        assert len(events_of(kept.id, session=session)) == 2
    inventory = inventory_of(kept)
    assert objects.head_number(inventory) == 4
    files = objects.files_of(inventory)
    assert {f"event-{event.id}.json", "description-2.json", "receipt.json"} <= files.keys()
    store = kept.hub.city.folder.store
    assert repository.verify(kept.hub.city.database, store, YILING_ARCHIVE) == []
    assert_valid(store, YILING_ARCHIVE)


def test_only_the_archive_that_has_the_record_adds_to_it_and_says_why(
    kept: Kept, archivist: Actor, reviewer: Actor, rendition: Path
) -> None:
    marked = rendition.with_name("纪要.txt")
    marked.write_text("机密★10年\n关于某事的纪要\n", encoding="utf-8")
    with pytest.raises(NotAllowed):
        migrate(kept, reviewer, rendition)
    for files, facts in ((rendition,), {"tool": ""}), ((), {}), ((rendition.parent / "x",), {}):
        with pytest.raises(Invalid):
            migrate(kept, archivist, *files, **facts)
    with pytest.raises(Classified):
        migrate(kept, archivist, marked)
    migrate(kept, archivist, rendition)
    with pytest.raises(WrongState):
        migrate(kept, archivist, rendition)
    assert len(list((kept.hub.city.folder.path / "versions").iterdir())) == 1


def test_a_correction_waits_until_the_version_before_it_is_written(
    kept: Kept, archivist: Actor, rendition: Path
) -> None:
    event = migrate(kept, archivist, rendition)
    kept.make(archivist, title="更正后的题名")
    kept.hub.work("correcting.make")
    assert objects.head_number(inventory_of(kept)) == 1
    kept.hub.work()
    kept.hub.work()
    files = objects.files_of(inventory_of(kept))
    assert files[f"event-{event.id}.json"].startswith("v2/")
    assert files["description-2.json"].startswith("v3/")


# Two puts write the file and the paper, four replaced files make the version count, one commit
# writes it down.
POINTS = [
    ("put-before", 1),
    ("put-before", 2),
    ("put-after", 2),
    *(("replace-before", at) for at in range(1, 5)),
    ("replace-after", 4),
    ("commit", 1),
]


@pytest.mark.faults
@pytest.mark.parametrize(("what", "at"), POINTS)
def test_killed_while_a_version_is_added(
    kept: Kept, archivist: Actor, rendition: Path, *, what: str, at: int
) -> None:
    event = migrate(kept, archivist, rendition)
    kept.hub.city.database.close()
    assert dies(hub_works, kept.hub.city.folder.path, what, at)
    kept.hub.work()
    all_is_well(kept, event)


@pytest.mark.faults
def test_a_version_whose_files_are_gone_is_removed_by_its_journal(
    kept: Kept, archivist: Actor, rendition: Path
) -> None:
    event = migrate(kept, archivist, rendition)
    kept.hub.city.database.close()
    assert dies(hub_works, kept.hub.city.folder.path, "put-before", 2)
    store = kept.hub.city.folder.store
    folder = objects.folder_of(YILING_ARCHIVE, kept.id)
    assert list(store.names(f"{folder}/v2/")) != []
    for path in (kept.hub.city.folder.path / "versions").rglob("event-*"):
        path.unlink()
    kept.hub.work()
    assert list(store.names(f"{folder}/v2/")) == []
    with kept.hub.city.database.read() as session:
        assert session.get(KeptEvent, event.id) is None
    assert objects.head_number(inventory_of(kept)) == 1
    assert_valid(store, YILING_ARCHIVE)
    again = migrate(kept, archivist, rendition)
    kept.hub.work()
    all_is_well(kept, again)


def test_what_never_began_is_cleared(kept: Kept) -> None:
    left = kept.hub.city.folder.path / "versions" / "left"
    left.mkdir(parents=True)
    adding = Adding(kept.hub.city.folder)
    adding.step()
    assert left.is_dir()
    os.utime(left, (0, 0))
    adding.step()
    assert not left.exists()


def test_the_command_takes_a_rendition_by_archival_code(kept: Kept, rendition: Path) -> None:
    code = kept.held().code
    folder = kept.hub.city.folder.path
    words = ["hub", "rendition", "--dir", str(folder), "--json", "--file", str(rendition)]
    facts = [word for name, value in FACTS.items() for word in (f"--{name}", value)]
    answer = CliRunner().invoke(danglian, [*words, "--record", str(code), *facts])
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    assert (told["record_id"], told["files"]) == (kept.id, [rendition.name])
    kept.hub.work()
    with kept.hub.city.database.read() as session:
        (event,) = events_of(kept.id, session=session)
    all_is_well(kept, event)
    assert event.files[event.document["files"][0]["file"]] == sha256_hex(CONTENT)
    answer = CliRunner().invoke(danglian, [*words, "--record", "no such code", *facts])
    assert answer.exit_code == 1
