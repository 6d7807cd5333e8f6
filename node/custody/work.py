"""The long work of a hand-over, as jobs: writing bundles, verifying them, taking them in.

Everything heavy happens outside of a transaction and can be repeated; a short transaction then
notes it. Killed anywhere, it goes on where the last commit left it.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.custody import contents, inventory, service
from node.custody.contents import FILES, INVENTORY, MOST_LINES, ROWS, Step
from node.custody.models import Bundle, HandOver
from node.office.places import NodeFolder
from node.office.working import HANDING, FolderRunner
from node.registry.files import object_name
from shared.kernel.canonical import canonical_json, sha256_hex
from shared.kernel.clock import now
from shared.kernel.database import Database
from shared.kernel.errors import Invalid, NotFound
from shared.kernel.files import write_atomically
from shared.kernel.identifiers import new_id
from shared.kernel.jobs import Job, Steps
from shared.packaging import PackageIdentity, build_bundle
from shared.records.hand_over import MOST_BUNDLES

#: A bundle takes what fits into this many bytes, but never more than so many entries; a large
#: fonds has larger bundles, so that their number stays within `MOST_BUNDLES`.
BUNDLE_BYTES = 64 * 1024 * 1024
_MOST_ENTRIES = 5000
_PLAN = "plan.json"
#: Parts of a bundle that was never fetched whole, of a hand-over that was called off.
_PARTS_LAST = timedelta(days=1)


@dataclass
class _Prepared:
    """What was done outside of the transaction for the next chunk of one job."""

    total: int = 0
    built: PackageIdentity | None = None
    rows: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    inventory: dict[str, Any] | None = None


class CustodyWork(FolderRunner):
    """Works off the hand-overs of one node; `step` is for `Background`, `finish` for a command."""

    def __init__(self, folder: NodeFolder) -> None:
        #: What the bundles of the hand-over under way hold, in order.
        self._contents: tuple[str, list[Step]] = ("", [])
        super().__init__(
            folder,
            HANDING,
            "全宗交接",
            {
                service.WRITE: Steps(self._write, self._note_written),
                service.CHECK: Steps(self._check, self._note_checked),
                service.TAKE_IN: Steps(self._take_in, self._note_taken_in),
            },
        )

    def step(self) -> bool:
        """Do one chunk of the oldest open job, or clear up; False when there is nothing to do."""
        return super().step() or self._clear_up()

    def _place(self, hand_over_id: str) -> Path:
        return contents.work_place(self._folder, hand_over_id)

    def _of(self, job: Job) -> tuple[HandOver, list[Bundle]]:
        with self._database.read() as session:
            hand_over = session.get_one(HandOver, str(job.arguments["hand_over_id"]))
            return hand_over, service.bundles_of(hand_over.id, session=session)

    # ---- giving: inventory, then bundle after bundle

    def _write(self, job: Job) -> _Prepared:
        hand_over, bundles = self._of(job)
        place = self._place(hand_over.id)
        if not (place / _PLAN).exists():
            self._write_rows(hand_over.fonds_id, place)
        plan: list[list[str]] = json.loads((place / _PLAN).read_bytes())
        prepared = _Prepared(len(plan))
        if len(bundles) < len(plan):
            prepared.built = self._build(hand_over, plan[len(bundles)], len(bundles) + 1)
        else:
            content = (place / INVENTORY).read_bytes()
            written = json.loads(content)
            prepared.inventory = {
                "sha256": sha256_hex(content),
                "counts": inventory.counts_of(written),
                "sums": written["sums"],
                "highest": len(written["highest"]),
            }
        return prepared

    def _write_rows(self, fonds_id: str, place: Path) -> None:
        """Write rows and inventory of the frozen fonds, and last the plan of the bundles."""
        (place / ROWS).mkdir(exist_ok=True)
        names: list[str] = []
        some: list[bytes] = []

        def put() -> None:
            names.append(f"{ROWS}{len(names) + 1:06d}.jsonl")
            write_atomically(place / names[-1], b"\n".join(some))
            some.clear()

        with self._database.read() as session:
            for table, line in inventory.lines(fonds_id, session):
                some.append(b'["' + table.encode() + b'",' + line + b"]")
                if len(some) == MOST_LINES:
                    put()
            if some:
                put()
            found = inventory.inventory_of(fonds_id, session)
        write_atomically(place / INVENTORY, canonical_json(found))
        sized = [(name, (place / name).stat().st_size) for name in (INVENTORY, *names)]
        sized += [(FILES + sha256, size) for sha256, size in found["files"]]
        write_atomically(place / _PLAN, canonical_json(plan_bundles(sized)))

    def _build(self, hand_over: HandOver, names: list[str], number: int) -> PackageIdentity:
        place = self._place(hand_over.id)
        sources = []
        for name in names:
            source = place / name
            if name.startswith(FILES):
                source = self._folder.path / "files" / object_name(name.removeprefix(FILES))
                if not source.is_file():
                    raise NotFound(
                        f"缺少电子文件（摘要 {name.removeprefix(FILES)[:12]}…）。",
                        "请从备份恢复这个文件，再点“重试”；或取消交接。",
                        code="file_missing",
                    )
            sources.append((name, source))
        target = place / f"bundle-{number:04d}.zip"
        about = {"hand_over_id": hand_over.id, "number": str(number)}
        identity = build_bundle(sources, about=about, target=target)
        with target.open("rb") as stream:
            self._folder.bundles.put(
                contents.bundle_name(identity.sha256),
                stream,
                sha256=identity.sha256,
                size=identity.size,
            )
        target.unlink()
        return identity

    def _note_written(self, job: Job, prepared: _Prepared, session: Session) -> bool:
        job.total = prepared.total
        hand_over = session.get_one(HandOver, str(job.arguments["hand_over_id"]))
        if prepared.built is not None:
            job.done += 1
            session.add(
                Bundle(
                    id=new_id(),
                    hand_over_id=hand_over.id,
                    number=job.done,
                    sha256=prepared.built.sha256,
                    size=prepared.built.size,
                )
            )
            return False
        hand_over.inventory = prepared.inventory
        job.result = {"message": "清点完毕，请单位负责人核对后签字移交。"}
        return True

    # ---- taking: verified in a trial database, before anybody signs

    def _trial(self, hand_over: HandOver) -> Database:
        path = self._place(hand_over.id) / "trial.sqlite"
        database = Database.in_file(path, ("shared", "node"))
        database.create_schema()
        return database

    def _all_steps(self, hand_over: HandOver, bundles: list[Bundle]) -> list[Step]:
        if self._contents[0] != hand_over.id:
            paths = [contents.bundle_path(self._folder, each.sha256) for each in bundles]
            self._contents = (hand_over.id, contents.steps_of(paths, hand_over.id))
        return self._contents[1]

    def _check(self, job: Job) -> _Prepared:
        hand_over, bundles = self._of(job)
        steps = self._all_steps(hand_over, bundles)
        prepared = _Prepared(len(steps))
        trial = self._trial(hand_over)
        try:
            if job.done < len(steps):
                step = steps[job.done]
                if step.entry is None:
                    contents.check_files(step)
                else:
                    with trial.write() as session:
                        inventory.write_lines(hand_over.fonds_id, contents.rows_in(step), session)
                return prepared
            prepared.inventory = self._compare(hand_over, bundles, trial)
            return prepared
        finally:
            trial.close()

    def _compare(
        self, hand_over: HandOver, bundles: list[Bundle], trial: Database
    ) -> dict[str, Any]:
        """Hold what came against the signed statement. Raises Invalid where they differ."""
        statement = (hand_over.document or {})["statement"]
        said = self._said(hand_over, bundles)
        with trial.read() as came, self._database.read() as here:
            found = inventory.inventory_of(hand_over.fonds_id, came)
            taken = inventory.foreign_ids(hand_over.fonds_id, came, here)
        if found != said or found["sums"] != statement["sums"]:
            raise _differs(_first_difference(found, said))
        if inventory.counts_of(found) != statement["counts"]:
            raise _differs("counts")
        wanted = {FILES + str(each[0]) for each in found["files"]}
        listed = contents.file_entries([self._path(each) for each in bundles])
        if wanted != listed:
            raise _differs("files")
        if taken:
            raise _differs(taken[0])
        return {
            "sha256": statement["inventory"],
            "counts": statement["counts"],
            "sums": statement["sums"],
            "highest": len(found["highest"]),
        }

    def _path(self, bundle: Bundle) -> Path:
        return contents.bundle_path(self._folder, bundle.sha256)

    def _said(self, hand_over: HandOver, bundles: list[Bundle]) -> dict[str, Any]:
        statement = (hand_over.document or {})["statement"]
        return contents.read_inventory(self._path(bundles[0]), statement["inventory"])

    def _note_checked(self, job: Job, prepared: _Prepared, session: Session) -> bool:
        job.total = prepared.total
        if prepared.inventory is None:
            job.done += 1
            return False
        hand_over = session.get_one(HandOver, str(job.arguments["hand_over_id"]))
        hand_over.inventory = prepared.inventory
        job.result = {"message": "核对完毕，内容与清单一致，请单位负责人签字接管。"}
        return True

    # ---- taking in, after the hub's assignment

    def _take_in(self, job: Job) -> _Prepared:
        hand_over, bundles = self._of(job)
        steps = self._all_steps(hand_over, bundles)
        prepared = _Prepared(len(steps) + 1)
        if job.done == 0:
            return prepared
        if job.done <= len(steps):
            step = steps[job.done - 1]
            if step.entry is None:
                contents.keep_files(step, self._folder)
            else:
                prepared.rows = contents.rows_in(step)
            return prepared
        said = self._said(hand_over, bundles)
        with self._database.read() as session:
            found = inventory.inventory_of(hand_over.fonds_id, session)
        if found != said:
            raise _differs(_first_difference(found, said))
        prepared.inventory = found
        return prepared

    def _note_taken_in(self, job: Job, prepared: _Prepared, session: Session) -> bool:
        job.total = prepared.total
        hand_over = session.get_one(HandOver, str(job.arguments["hand_over_id"]))
        if prepared.inventory is not None:
            service.settle(hand_over, session=session)
            job.result = {"message": "并入完毕，可以在本机继续整理、归档。"}
            return True
        if job.done == 0:
            inventory.clear(hand_over.fonds_id, session)
        inventory.write_lines(hand_over.fonds_id, prepared.rows, session)
        job.done += 1
        return False

    # ---- what nobody needs any more

    def _clear_up(self) -> bool:
        """Remove the working files of hand-overs that have ended, and their bundles."""
        place = self._folder.path / HANDING
        if not place.is_dir():
            return False
        with self._database.read() as session:
            ended = {
                each.id for each in session.scalars(select(HandOver)) if each.state in service.FINAL
            }
            wanted = {contents.bundle_name(each) for each in session.scalars(select(Bundle.sha256))}
        left = [each for each in place.iterdir() if each.is_dir() and each.name in ended]
        if not left:
            return False
        for name in list(self._folder.bundles.names()):
            if name not in wanted:
                self._folder.bundles.delete(name)
        self._folder.incoming.sweep(now() - _PARTS_LAST)
        for each in left:
            shutil.rmtree(each)
        return False


def plan_bundles(sized: list[tuple[str, int]]) -> list[list[str]]:
    """Which entries go into which bundle, in order; at most `MOST_BUNDLES` bundles."""
    most = max(BUNDLE_BYTES, 2 * sum(size for _name, size in sized) // MOST_BUNDLES)
    entries = max(_MOST_ENTRIES, 2 * len(sized) // MOST_BUNDLES)
    plan: list[list[str]] = []
    room = 0
    for name, size in sized:
        if not plan or size > room or len(plan[-1]) >= entries:
            plan.append([])
            room = most
        plan[-1].append(name)
        room -= size
    return plan


def _first_difference(found: dict[str, Any], said: dict[str, Any]) -> str:
    for name in sorted({*found, *said}):
        if found.get(name) != said.get(name):
            return name
    return "sums"


def _differs(where: str) -> Invalid:
    return Invalid(
        "inventory",
        f"交接内容与清单不一致（{where[:80]}）。",
        "请不要签字，取消这次交接，由移出单位重新清点。",
        code="inventory_differs",
    )
