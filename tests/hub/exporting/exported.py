"""What was received and is exported, and what is asked of every export."""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from flask import Flask

from shared.command.main import danglian
from shared.records.record import Record
from tests.hub.receiving.handover import YILING_ARCHIVE, HandedOver, Hub, Unit

RECORDS = 3


@dataclass
class Received:
    """Some records that the archive of 夷陵区 has received; the first was corrected since."""

    hub: Hub
    unit: Unit
    batch: HandedOver
    desk: Flask | None = None

    def take_in(self, batch: HandedOver) -> None:
        """Have the archive receive a batch."""
        city = self.hub.city
        self.hub.work("receiving.check")
        self.hub.conclude(city.reviewer(YILING_ARCHIVE), batch.id, "accepted")
        self.unit.sign(batch.id)
        self.hub.receive(city.archivist(YILING_ARCHIVE), batch.id)
        self.hub.work()

    @property
    def records(self) -> list[Record]:
        return [each.record for each in self.batch.offers]

    def export(self, target: Path, *words: str, code: int = 0) -> Any:
        """Run the command; what it says as JSON."""
        call = ["hub", "export", "--dir", str(self.hub.city.folder.path), "--to", str(target)]
        answer = CliRunner().invoke(danglian, [*call, "--json", *words])
        assert answer.exit_code == code, answer.output
        return json.loads(answer.output)

    def damage(self, record: Record) -> str:
        """Let the package of a record rot; its name in the store."""
        store = self.hub.city.folder.store
        digest = next(each.sha256 for each in self.batch.offers if each.record.id == record.id)
        name = next(name for name in store.names("archives/") if name.endswith(f"{digest}.zip"))
        store.replace(name, b"rotten")
        return name


def _digests_of(path: Path) -> tuple[str, str, int]:
    content = path.read_bytes()
    return (
        hashlib.sha256(content).hexdigest(),
        hashlib.new("sm3", content).hexdigest(),
        len(content),
    )


def assert_whole(folder: Path) -> list[dict[str, str]]:
    """An export that is whole says so, lists every file rightly, and has no other; its records."""
    report = json.loads((folder / "export.json").read_bytes())
    papers = {**report["papers"], "export.json": {}}
    for name, said in report["papers"].items():
        assert (said["sha256"], said["sm3"], said["size"]) == _digests_of(folder / name)
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    for name, place in (("manifest-sha256.txt", 0), ("manifest-sm3.txt", 1)):
        lines = (folder / name).read_text(encoding="utf-8").splitlines()
        listed = {path: digest for digest, path in (line.split("  ", 1) for line in lines)}
        assert len(listed) == len(lines)
        assert set(listed) | set(papers) == there
        assert all(_digests_of(folder / path)[place] == each for path, each in listed.items())
    checked = subprocess.run(
        ["sha256sum", "--quiet", "-c", "manifest-sha256.txt"], cwd=folder, check=False
    )
    assert checked.returncode == 0
    return rows_of(folder)


def rows_of(folder: Path) -> list[dict[str, str]]:
    """The records in the list of an export."""
    with (folder / "records.csv").open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))
