"""The folder that is written: pieces that are whole, a journal that says which, hidden work.

Killed at any moment it is gone on with. A piece is made under a hidden name and made durable; then
a line of the journal says so; then it gets its own name. So what has a name is whole, and what the
journal says is there, or becomes so when the folder is opened again.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Self

from hub.exporting.plan import Plan
from shared.kernel.canonical import canonical_json, strict_json
from shared.kernel.errors import Conflict, Unavailable
from shared.kernel.files import folder_lock, sync_folder, write_atomically
from shared.packaging.build import file_digests
from shared.storage.temporary import make_folders, telling_of_trouble

#: What says, written last, that an export is whole.
REPORT = "export.json"
_WORK = ".export"
_PLAN, _JOURNAL = "plan.json", "journal.jsonl"
_BLOCK = 64 * 1024
#: What is told at once of so many records that were left out; all of it stands in the list.
_TOLD, _MOST_TOLD = ("record_id", "code", "source", "problem"), 1000


@dataclass(frozen=True)
class Totals:
    """How far an export is: records, files and bytes written; records that were left out.

    `pieces` are the packages, objects or trees that there are.
    """

    records: int = 0
    pieces: int = 0
    files: int = 0
    bytes: int = 0
    left_out: int = 0


@dataclass(frozen=True)
class Line:
    """A record in an export: what it is, where it lies, where it came from, what became of it.

    `problem` is why it was left out; `lost` what the form cannot carry of it.
    """

    record_id: str
    code: str
    title: str
    archive: str
    source: str
    version: int
    sha256: str
    problem: str = ""
    lost: tuple[str, ...] = ()


class ExportFolder:
    """The folder of one export, held by one process while it is open.

    Attributes:
        plan: what is exported.
        totals: how far it is.
        cursor: where to go on: the stage, and the last key that was dealt with in it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.plan: Plan
        self.totals = Totals()
        self.cursor: tuple[str, Any] = ("", None)
        self._number = 0
        self._held = ExitStack()

    @classmethod
    @contextmanager
    def opened(cls, path: Path, plan: Plan | None = None) -> Iterator[Self]:
        """Open the folder of an export, and put right what a kill left; with a plan, begin one.

        Raises Conflict when there is something else in the folder, or another process in it;
        Unavailable when it cannot be written.
        """
        folder = cls(path)
        with folder._held, telling_of_disk():
            folder._open(plan)
            yield folder

    @property
    def is_whole(self) -> bool:
        """Whether all of the export is there."""
        return (self.path / REPORT).exists()

    @property
    def left_out(self) -> list[dict[str, Any]]:
        """What was left out, and why: the first of them."""
        report = report_in(self.path)
        if report is not None:
            return list(report["left_out"])
        lines = (line for entry in self.journal() for line in entry["lines"] if line["problem"])
        return [{key: line[key] for key in _TOLD} for line in islice(lines, _MOST_TOLD)]

    @property
    def work(self) -> Path:
        """A hidden folder for what is needed on the way; emptied for each piece."""
        return self._inside("work")

    def _inside(self, name: str) -> Path:
        return self.path / _WORK / name

    def _open(self, plan: Plan | None) -> None:
        known = plan_in(self.path) or plan
        if known is None:
            raise Conflict("这个目录里没有导出。", "请重新导出到一个新目录。", code="no_export")
        self.plan = known
        report = report_in(self.path)
        if report is not None:
            self.totals = Totals(**report["totals"])
            shutil.rmtree(self.path / _WORK, ignore_errors=True)
            return
        make_folders(self.path / _WORK)
        self._held.enter_context(folder_lock(self.path / _WORK, "导出"))
        if not self._inside(_PLAN).exists():
            self._inside(_JOURNAL).touch()
            write_atomically(self._inside(_PLAN), canonical_json(known.to_wire()))
        last = _last_line(self._inside(_JOURNAL))
        if last is not None:
            self.totals = Totals(**last["totals"])
            self.cursor = tuple(last["cursor"])
            self._number = last["number"]
            made = self._inside(f"making-{self._number}")
            if made.exists() and last["place"] is not None:
                self._name(made / "it", last["place"])
        for left in (*(self.path / _WORK).glob("making-*"), self.work):
            shutil.rmtree(left, ignore_errors=True)

    @contextmanager
    def piece(self) -> Iterator[Path]:
        """A hidden place `it` to make the next file or folder at; `settle` gives it its name."""
        making = self._inside(f"making-{self._number + 1}")
        for each in (making, self.work):
            shutil.rmtree(each, ignore_errors=True)
            each.mkdir()
        try:
            yield making / "it"
        finally:
            for each in (making, self.work):
                shutil.rmtree(each, ignore_errors=True)

    def settle(
        self,
        made: Path | None,
        place: str,
        cursor: tuple[str, Any],
        lines: Sequence[Line] = (),
        *,
        label: Mapping[str, str] | None = None,
    ) -> None:
        """Write down what was made, or that nothing could be, and give it its name.

        Args:
            made: the file or folder of `piece`, or None.
            place: the name that it gets in the folder, with `/`.
            cursor: where to go on after it.
            lines: the records that it is about.
            label: what stands on its label 载体标签, if it is what a medium holds.
        """
        files = [] if made is None else list(_settled(made, place))
        left_out = sum(1 for each in lines if each.problem)
        before = self.totals
        totals = Totals(
            before.records + len(lines) - left_out,
            before.pieces + (made is not None),
            before.files + len(files),
            before.bytes + sum(size for _name, size, _sha256, _sm3 in files),
            before.left_out + left_out,
        )
        self._append(
            {
                "number": self._number + 1,
                "place": None if made is None else place,
                "cursor": list(cursor),
                "lines": [asdict(each) for each in lines],
                **({} if label is None else {"label": dict(label)}),
                "files": files,
                "totals": asdict(totals),
            }
        )
        self._number, self.totals, self.cursor = self._number + 1, totals, cursor
        if made is not None:
            self._name(made, place)

    def free_place(self, place: str, otherwise: str) -> str:
        """The place, or another when something has it already."""
        return otherwise if (self.path / place).exists() else place

    def _append(self, entry: Mapping[str, Any]) -> None:
        line = json.dumps(entry, ensure_ascii=False, separators=(",", ":")) + "\n"
        with self._inside(_JOURNAL).open("ab") as stream:
            stream.write(line.encode())
            stream.flush()
            os.fsync(stream.fileno())

    def _name(self, made: Path, place: str) -> None:
        target = self.path / place
        if made.exists():
            make_folders(target.parent)
            made.rename(target)
            sync_folder(target.parent)

    def journal(self) -> Iterator[dict[str, Any]]:
        """What was done, piece by piece."""
        path = self._inside(_JOURNAL)
        if path.exists():
            with path.open("rb") as stream:
                for line in stream:
                    yield json.loads(line)

    @contextmanager
    def paper(self, name: str) -> Iterator[Any]:
        """A file at the top of the folder, to write as text; there whole, or not at all."""
        hidden = self._inside(name)
        with hidden.open("w", encoding="utf-8", newline="") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        hidden.replace(self.path / name)
        sync_folder(self.path)

    def finish(self, report: Mapping[str, Any]) -> None:
        """Say that the export is whole; the hidden work goes."""
        content = json.dumps(report, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
        write_atomically(self.path / REPORT, content.encode())
        self._held.close()
        shutil.rmtree(self.path / _WORK, ignore_errors=True)


def plan_in(path: Path) -> Plan | None:
    """The plan of the export in a folder; None for a folder that is new, or empty.

    Raises Conflict when something else is in it.
    """
    for file, inside in ((path / REPORT, True), (path / _WORK / _PLAN, False)):
        if file.is_file():
            try:
                wire = strict_json(file.read_bytes())
                return Plan.from_wire(wire["plan"] if inside else wire)
            except (ValueError, TypeError, KeyError) as error:
                raise Conflict(
                    f"“{file}”读不懂，不是这个版本的导出。", "请换一个新目录重新导出。"
                ) from error
    if path.exists() and (not path.is_dir() or {each.name for each in path.iterdir()} - {_WORK}):
        raise Conflict(
            f"“{path}”不是空的，也不是没做完的导出。",
            "请换一个新目录。",
            code="export_folder_taken",
            field="to",
        )
    return None


def report_in(path: Path) -> dict[str, Any] | None:
    """The report of a whole export in a folder."""
    file = path / REPORT
    return strict_json(file.read_bytes()) if file.is_file() else None


@contextmanager
def telling_of_disk() -> Iterator[None]:
    """Have a full disk under an export told as what it means for the export."""
    try:
        with telling_of_trouble():
            yield
    except Unavailable as error:
        if error.code != "disk_full":
            raise
        raise Unavailable(
            "导出目录所在的磁盘满了，停在这里；已经导出的都完好。",
            "请清理或扩充磁盘，再接着导出。",
            code="export_disk_full",
        ) from error


def _settled(made: Path, place: str) -> Iterator[tuple[str, int, str, str]]:
    """Every file of what was made, durable: its name in the export, size, SHA-256, SM3."""
    if made.is_file():
        yield (place, *_digested(made))
        return
    for folder, _folders, names in os.walk(made):
        for name in sorted(names):
            path = Path(folder) / name
            yield (f"{place}/{path.relative_to(made).as_posix()}", *_digested(path))
        sync_folder(Path(folder))


def _digested(path: Path) -> tuple[int, str, str]:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
    (sha256, sm3), size = file_digests(path)
    return size, sha256, sm3


def _last_line(path: Path) -> dict[str, Any] | None:
    """The last whole line of a journal; what a kill left half-written behind it is cut off."""
    if not path.exists():
        return None
    with path.open("r+b") as stream:
        end = _line_end(stream, stream.seek(0, os.SEEK_END))
        stream.truncate(end)
        start = _line_end(stream, max(0, end - 1))
        stream.seek(start)
        line = stream.read(end - start)
    return dict(json.loads(line)) if line else None


def _line_end(stream: Any, before: int) -> int:
    """Where the last line ends that ends before this place; 0 for none."""
    while before > 0:
        start = max(0, before - _BLOCK)
        stream.seek(start)
        at = stream.read(before - start).rfind(b"\n")
        if at >= 0:
            return start + int(at) + 1
        before = start
    return 0
