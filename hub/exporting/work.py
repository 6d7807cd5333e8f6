"""An export, step by step: what comes next is taken from the store and settled in the folder."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import asdict
from itertools import islice
from typing import Any

from hub.catalogue.models import CatalogueRecord
from hub.exporting.folder import ExportFolder, Line
from hub.exporting.forms import FORMS, OCFL, TREES
from hub.exporting.packing import Chosen, Packing
from hub.exporting.plan import began, next_selected
from hub.federation import service as federation
from hub.federation.places import HubFolder
from hub.repository import objects
from hub.repository.examining import Pace, Stores
from hub.repository.handing_out import Damaged, Held, fetch, held_of, papers_after
from hub.repository.keeping import Kept
from shared.kernel.actor import Actor
from shared.kernel.clock import utc_text
from shared.kernel.files import write_atomically
from shared.packaging.build import file_digests
from shared.packaging.exchange.label import labels_pdf
from shared.records.text import neutral

#: So many records are asked for at once; of a form with many in one tree that is how many go in.
_AT_ONCE, _IN_TREE, _FILES_AT_ONCE = 50, 1000, 1000
#: What is gone through, in this order; all but the first only of a whole repository.
_RECORDS, _PAPERS, _HUB, _DONE = "records", "papers", "hub", "done"
MANIFESTS = {"manifest-sha256.txt": 2, "manifest-sm3.txt": 3}
LIST = "records.csv"
README, LABELS = "说明.txt", "载体标签.pdf"
_COLUMNS = (
    "档号", "题名", "编号", "版本", "档案馆", "位置", "来源", "信息包SHA-256", "没有导出的原因",
    "形式装不下的",
)  # fmt: skip
_README = """\
这是从“{hub}”导出的馆藏，形式：{form}。由{by}导出。

export.json          这次导出的情况：选择条件、件数、各清单的摘要。有它，导出才完整。
records.csv          每件一行：档号、题名、位置、来源、信息包的摘要；没有导出的，写明原因。
manifest-sha256.txt  每个文件的 SHA-256。核对：sha256sum -c manifest-sha256.txt
manifest-sm3.txt     每个文件的 SM3（GB/T 32905）。核对一个文件：openssl dgst -sm3 文件
载体标签.pdf         dat93 和 medium 才有：每个目录刻一个载体，一页一个，一式三套各一张。

各种形式里面是什么，见档联的说明 docs/packages.zh-CN.md。
"""


_NOT_KEPT = "馆藏中没有这件的信息包。请在“馆藏核验”中查看。"


class Export:
    """One export under way; `step` does some of it, and says whether there is more.

    Args:
        hub: the hub that it comes from.
        folder: the open folder that it goes to.
        actor: who exports; nothing else than his is in it.
        pace: bounds how fast the store is read.
        enough: asked after each record, whether a step shall end.
    """

    def __init__(
        self,
        hub: HubFolder,
        folder: ExportFolder,
        actor: Actor,
        *,
        pace: Pace | None = None,
        enough: Callable[[], bool] = lambda: False,
    ) -> None:
        self._hub, self._folder, self._actor = hub, folder, actor
        self._pace = pace or Pace()
        self._enough = enough
        self._plan = folder.plan
        self._stores = Stores(hub.store, hub.second_store)
        with hub.database().read() as session:
            self._names = {each.code: each.name for each in federation.archives(session)}
        self._packing = Packing(hub, self._plan, self._names, pace=self._pace)

    def step(self) -> bool:
        """Export some records, or write the lists at the end; False when the export is whole."""
        if self._folder.is_whole:
            return False
        stage, key = self._folder.cursor
        if stage in ("", _RECORDS):
            self._records(key or 0)
        elif stage == _PAPERS:
            self._papers(key)
        elif stage == _HUB:
            self._hub_files(key)
        else:
            self._finish()
            return False
        return True

    # ---- records

    def _records(self, row: int) -> None:
        in_trees = self._plan.form in TREES
        limit = _IN_TREE if in_trees else _AT_ONCE
        with self._hub.database().read() as session:
            records = next_selected(self._actor, self._plan, row, limit, session=session)
            held = held_of([each.id for each in records], session=session)
        if not records:
            self._folder.settle(None, "", (_PAPERS if self._plan.is_whole else _DONE, ""))
            return
        found = [(record, self._find(record, held)) for record in records]
        if in_trees:
            self._tree(found)
            return
        for record, each in found:
            self._one(each, (_RECORDS, record.row))
            if self._enough():
                return

    def _find(self, record: CatalogueRecord, held: dict[str, list[Held]]) -> Chosen | Line | None:
        """The record with what is kept of it; None for what was received after the beginning."""
        for each in held.get(record.id, ()):
            if each.archive_code == record.archive:
                return Chosen(record, each) if each.stored_at <= began(self._plan) else None
        about = (record.id, record.code or "", record.title, record.archive or "", "")
        return Line(*about, record.version, "", _NOT_KEPT)

    def _one(self, found: Chosen | Line | None, cursor: tuple[str, Any]) -> None:
        if not isinstance(found, Chosen):
            self._folder.settle(None, "", cursor, [found] if found else [])
            return
        if self._plan.form == OCFL:
            self._declare(found.held.archive_code)
        with self._folder.piece() as made:
            line = self._packing.one(found, made, self._folder.work)
            place = self._folder.free_place(*self._packing.place(found))
            self._folder.settle(None if line.problem else made, place, cursor, [line])

    def _tree(self, found: list[tuple[CatalogueRecord, Chosen | Line | None]]) -> None:
        some = self._packing.fitting([each for _record, each in found])
        cursor = (_RECORDS, found[len(some) - 1][0].row)
        lines = [each for each in some if isinstance(each, Line)]
        chosen = [each for each in some if isinstance(each, Chosen)]
        number = self._folder.totals.pieces + 1
        with self._folder.piece() as made:
            written, label = self._packing.tree(chosen, made, self._folder.work, number=number)
            made_or_not = None if label is None else made
            place = f"{number:03d}"
            self._folder.settle(made_or_not, place, cursor, [*lines, *written], label=label)

    # ---- what a whole repository has beside its records

    def _declare(self, archive_code: str) -> None:
        """Have the storage root of an archive say what it is, before its first object."""
        for name, content in objects.declarations_of(archive_code).items():
            if not (self._folder.path / name).exists():
                with self._folder.piece() as made:
                    made.write_bytes(content)
                    self._folder.settle(made, name, self._folder.cursor)

    def _papers(self, after: str) -> None:
        archive = self._plan.filters.archive
        with self._hub.database().read() as session:
            papers = papers_after(self._actor, after, session=session, archive_code=archive)
        for kept in papers:
            self._paper(kept, (_PAPERS, kept.place))
        if not papers:
            is_all = archive is None and self._actor.system
            self._folder.settle(None, "", (_HUB if is_all else _DONE, ""))

    def _hub_files(self, after: str) -> None:
        """What the hub has written of itself and did not go with the papers yet."""
        names = (name for name in self._stores.first.names("hub/") if name > after)
        some = list(islice(names, _FILES_AT_ONCE))
        for name in some:
            if not (self._folder.path / name).exists():
                digest = self._stores.first.stat(name).sha256
                self._paper(Kept(name, "", None, {name: digest}), (_HUB, name))
        self._folder.settle(None, "", (_HUB, some[-1]) if some else (_DONE, ""))

    def _paper(self, kept: Kept, cursor: tuple[str, Any]) -> None:
        (digest,) = kept.files.values()
        with self._folder.piece() as made:
            try:
                fetch(self._stores, kept.place, digest, made, pace=self._pace)
            except Damaged as error:
                problem = f"{error.message}{error.remedy}"
                line = Line("", "", "", kept.archive_code, kept.place, 0, digest, problem)
                self._folder.settle(None, "", cursor, [line])
                return
            self._folder.settle(made, kept.place, cursor)

    # ---- the end

    def _finish(self) -> None:
        for name, column in MANIFESTS.items():
            with self._folder.paper(name) as paper:
                for entry in self._folder.journal():
                    paper.writelines(f"{file[column]}  {file[0]}\n" for file in entry["files"])
        with self._folder.paper(LIST) as paper:
            paper.write("\ufeff")
            rows = csv.writer(paper)
            rows.writerow(_COLUMNS)
            for entry in self._folder.journal():
                rows.writerows(_row(line, entry["place"]) for line in entry["lines"])
        plan, hub = self._plan, self._hub.settings
        with self._folder.paper(README) as paper:
            paper.write(_README.format(hub=hub.name, form=FORMS[plan.form], by=plan.by))
        names = [*MANIFESTS, LIST, README]
        labels = [entry["label"] for entry in self._folder.journal() if "label" in entry]
        if labels:
            write_atomically(self._folder.path / LABELS, labels_pdf(labels))
            names.append(LABELS)
        papers = {name: file_digests(self._folder.path / name) for name in names}
        self._folder.finish(
            {
                "plan": plan.to_wire(),
                "hub": hub.name,
                "form": FORMS[plan.form],
                "finished_at": utc_text(),
                "totals": asdict(self._folder.totals),
                "left_out": self._folder.left_out,
                "papers": {
                    name: {"sha256": sha256, "sm3": sm3, "size": size}
                    for name, ((sha256, sm3), size) in papers.items()
                },
            }
        )


def _row(line: dict[str, Any], place: str | None) -> list[str]:
    values = (
        line["code"],
        line["title"],
        line["record_id"],
        str(line["version"] or ""),
        line["archive"],
        "" if line["problem"] else place or "",
        line["source"],
        line["sha256"],
        line["problem"],
        "、".join(line["lost"]),
    )
    return [neutral(value) for value in values]
