"""What is inspected: a record with its files, from a node's folders or out of a package."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from shared.inspection.annexes import named_annexes
from shared.inspection.finding import Finding
from shared.inspection.formats import Format, identify
from shared.inspection.report import Stage
from shared.inspection.shape import ShapeProblem, shape_problems
from shared.inspection.soundness import troubles
from shared.inspection.texts import first_words
from shared.inspection.trouble import DAMAGED, LOCKED, Trouble
from shared.inspection.twins import Twin
from shared.kernel.clock import today
from shared.kernel.errors import Classified, DanglianError, Invalid
from shared.kernel.files import chunks
from shared.records.archives import Archive
from shared.records.fonds import Fonds
from shared.records.metadata import Node, describe, read_xml
from shared.records.numbering import Gap
from shared.records.record import ComputerFile, Record, record_from_wire, record_to_wire
from shared.records.schedules import RetentionSchedule
from shared.records.security import page_mark

if TYPE_CHECKING:
    from shared.kernel.keys import PublicKey
    from shared.packaging.build import PackageIdentity
    from shared.packaging.package import Package
    from shared.seals import Seal
    from shared.verifier.certificates import Authorities

_IN_MEMORY = 8 * 1024 * 1024

#: Looks a file through; the name of what it found, or None. Raises Unavailable.
VirusScanner = Callable[[BinaryIO], str | None]


def _today() -> date:
    return date.fromisoformat(today())


@dataclass(frozen=True)
class Context:
    """What the checks must know beyond the record; what is None is not examined, and says so.

    Attributes:
        stage: the link in which this happens.
        fonds: the record's fonds, for the metadata and the fonds number in the code.
        archive: the archive by whose numbers it is described (None: the receiving one).
        today: dates after it have not come yet.
        code_used_by: the id of the record of this fonds that bears a code, or None (1-8); a
            record's own id is no duplicate.
        schedule: the rows of the fonds' own approved 归档范围与保管期限表 (2-9); None takes those
            that come with the program, where the fonds names one of them.
        seal: the unit's registered seal (1-1).
        identity: the package's SHA-256 and size, as offered (1-14).
        measured: those of the very bytes under inspection, where the caller has just digested them;
            else they are read for it.
        offer: the body of the offer entry (1-9).
        record_digest: digest of this version of the record in the catalogue (1-9).
        accepted_formats: codes of `shared.inspection.formats` that the archive takes (3-8).
        scan: the virus scanner, where one is set up (4-1, 4-2).
        authorities: to whom the certificates of seals inside documents must lead (1-1).
    """

    stage: Stage = Stage.TRANSFER
    fonds: Fonds | None = None
    archive: Archive | None = None
    today: date = field(default_factory=_today)
    code_used_by: Callable[[str], str | None] | None = None
    schedule: RetentionSchedule | None = None
    seal: PublicKey | None = None
    identity: PackageIdentity | None = None
    measured: PackageIdentity | None = None
    offer: Mapping[str, Any] | None = None
    record_digest: str | None = None
    accepted_formats: frozenset[str] | None = None
    scan: VirusScanner | None = None
    authorities: Authorities | None = None

    @property
    def fonds_number(self) -> str | None:
        """The fonds number that codes must begin with."""
        if self.fonds is None:
            return None
        if self.archive is not None:
            return self.fonds.number_in(self.archive.code)
        return self.fonds.number


@dataclass(frozen=True)
class Measure:
    """What the bytes of one computer file have shown."""

    size: int
    sha256: str
    kind: Format | None
    troubles: tuple[Trouble, ...] = ()
    seals: tuple[Seal, ...] = ()
    is_marked: bool = False
    virus: str | None = None
    #: How many annexes the first page names; None when it names none.
    annexes: int | None = None


Source = Callable[[], AbstractContextManager[BinaryIO]]


class Subject:
    """One record under inspection; what is read once is remembered."""

    def __init__(
        self,
        wire: Mapping[str, Any],
        sources: Mapping[str, Source],
        context: Context,
        package: Package | None = None,
    ) -> None:
        self.wire = wire
        self.context = context
        self.package = package
        self._sources = sources
        self._measures: dict[str, Measure | Finding] = {}

    @classmethod
    def of_record(
        cls, record: Record | Mapping[str, Any], files: Mapping[str, Path], context: Context
    ) -> Subject:
        """A record with the places of its files, by file id."""
        wire = record_to_wire(record) if isinstance(record, Record) else record
        sources = {file_id: _path_source(path) for file_id, path in files.items()}
        return cls(wire, sources, context)

    @classmethod
    def of_package(cls, package: Package, context: Context) -> Subject:
        """What a package holds."""
        sources = {
            file_id: _package_source(package, entry.path)
            for file_id, entry in package.files.items()
        }
        return cls(package.record_wire, sources, context, package)

    @cached_property
    def shape(self) -> list[ShapeProblem]:
        """Every value that the record's schema refuses."""
        return shape_problems(self.wire)

    @cached_property
    def _read(self) -> Record | DanglianError:
        try:
            return record_from_wire(self.wire)
        except (Invalid, Classified) as error:
            return error

    @property
    def record(self) -> Record | None:
        """The record; None when it is not well-formed (1-3 says why)."""
        return self._read if isinstance(self._read, Record) else None

    @property
    def record_error(self) -> DanglianError | None:
        """Why the record cannot be read."""
        return None if isinstance(self._read, Record) else self._read

    @property
    def files(self) -> tuple[ComputerFile, ...]:
        """The computer files of the record; none when it is not well-formed."""
        return self.record.files if self.record else ()

    @property
    def extra_files(self) -> list[str]:
        """Ids of files that were handed over and are not in the record."""
        return sorted(set(self._sources) - {file.id for file in self.files})

    @cached_property
    def described(self) -> Node | None:
        """The metadata that the record itself yields; None without record or fonds."""
        if self.record is None or self.context.fonds is None:
            return None
        return describe(self.record, self.context.fonds, archive=self.context.archive)

    @cached_property
    def metadata(self) -> Node | Invalid | None:
        """The metadata in the package, why it cannot be read, or None without a package."""
        if self.package is None:
            return None
        try:
            return read_xml(self.package.metadata_bytes)
        except Invalid as error:
            return error

    def has(self, file: ComputerFile) -> bool:
        """Whether the bytes of a file are there at all."""
        return file.id in self._sources and not isinstance(self._measured(file), Finding)

    def measure(self, file: ComputerFile) -> Measure | None:
        """What the bytes of a file have shown; None when they are not there (1-11 says so)."""
        if file.id not in self._sources:
            return None
        measured = self._measured(file)
        return measured if isinstance(measured, Measure) else None

    def unreadable(self, file: ComputerFile) -> Finding | None:
        """Why the bytes of a file that should be there cannot be had."""
        if file.id not in self._sources:
            return None
        measured = self._measured(file)
        return measured if isinstance(measured, Finding) else None

    def measures(self) -> Iterator[tuple[str, ComputerFile, Measure]]:
        """Field path, file and measure of every file whose bytes are there."""
        for place, file in self.places():
            measure = self.measure(file)
            if measure is not None:
                yield place, file, measure

    def seals(self) -> Iterator[dict[str, Any]]:
        """Every seal of the files, as plain values, with the field and the file that it is in."""
        for place, file, measure in self.measures():
            for seal in measure.seals:
                said = seal.to_wire()
                del said["findings"]
                yield {"field": place, "file": file.name, "sha256": measure.sha256, **said}

    def places(self) -> Iterator[tuple[str, ComputerFile]]:
        """Every computer file with its path in the record, `documents.0.files.1`."""
        for outer, document in enumerate(self.record.documents if self.record else ()):
            for inner, file in enumerate(document.files):
                yield f"documents.{outer}.files.{inner}", file

    def _measured(self, file: ComputerFile) -> Measure | Finding:
        if file.id not in self._measures:
            try:
                with self._sources[file.id]() as stream:
                    self._measures[file.id] = _measure(stream, self.context)
            except DanglianError as error:
                self._measures[file.id] = Finding.of_error(error, where=file.name, field=None)
            except OSError:
                self._measures[file.id] = Finding(
                    "file_unreadable",
                    f"计算机文件“{file.name}”无法读取。",
                    "请重新上传该文件；如仍无法读取，请检查存储。",
                    where=file.name,
                )
        return self._measures[file.id]


@dataclass(frozen=True)
class Batch:
    """A batch under inspection: what was counted, what is registered, and the runs of numbers.

    Attributes:
        records: how many records were counted.
        size: how many bytes of computer files were counted.
        registered_records: how many the 移交与接收登记表 says; None when there is none yet.
        registered_size: how many bytes it says.
        gaps: what is wrong in the runs of numbers, by category; None when nobody has looked.
        uncounted: records whose bytes could not be counted, because their package does not open.
        twins: what looks like another record of the fonds; None when nobody has looked.
    """

    id: str
    records: int
    size: int
    registered_records: int | None = None
    registered_size: int | None = None
    gaps: Mapping[str, Sequence[Gap]] | None = None
    uncounted: int = 0
    twins: Sequence[Twin] | None = None


def _measure(stream: BinaryIO, context: Context) -> Measure:
    digest, size = hashlib.sha256(), 0
    for piece in chunks(stream):
        digest.update(piece)
        size += len(piece)
    kind = identify(stream)
    found = troubles(kind, stream) if kind else []
    is_readable = not any(each.kind in (DAMAGED, LOCKED) for each in found)
    seals: tuple[Seal, ...] = ()
    is_marked, annexes = False, None
    if kind and is_readable:
        seals = _seals(kind, stream, context)
        words = first_words(kind, stream)
        is_marked, annexes = page_mark(words) is not None, named_annexes(words)
    virus = None
    if context.scan is not None:
        stream.seek(0)
        virus = context.scan(stream)
    return Measure(size, digest.hexdigest(), kind, tuple(found), seals, is_marked, virus, annexes)


def _seals(kind: Format, stream: BinaryIO, context: Context) -> tuple[Seal, ...]:
    from shared.seals import Trust, seals_of
    from shared.verifier.certificates import Authorities

    return seals_of(kind.code, stream, Trust(context.authorities or Authorities()))


def _path_source(path: Path) -> Source:
    @contextmanager
    def open_path() -> Iterator[BinaryIO]:
        with path.open("rb") as stream:
            yield stream

    return open_path


def _package_source(package: Package, entry: str) -> Source:
    @contextmanager
    def open_entry() -> Iterator[BinaryIO]:
        # The checks jump about in a file; a packed entry can only be read forwards.
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as copy, package.open_raw(entry) as stream:
            for piece in chunks(stream):
                copy.write(piece)
            copy.seek(0)
            yield cast(BinaryIO, copy)

    return open_entry
