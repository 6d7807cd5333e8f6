"""What is inspected: a record with its files, from a node's folders or out of a package."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.inspection.finding import Finding
from shared.inspection.formats.examination import Questions
from shared.inspection.formats.sandbox import Series
from shared.inspection.measuring import Measure, Source, measure_of, package_source, path_source
from shared.inspection.processors import PROCESSORS
from shared.inspection.profile import Profile
from shared.inspection.questions import questions_about
from shared.inspection.report import Stage
from shared.inspection.scanner import Scanner, VirusScanner
from shared.inspection.scheme import Occasion, Scheme, load_scheme
from shared.inspection.shape import ShapeProblem, shape_problems
from shared.inspection.twins import Twin
from shared.kernel.clock import today
from shared.kernel.errors import Classified, DanglianError, Invalid, Unavailable
from shared.records.archives import Archive
from shared.records.fonds import Fonds
from shared.records.metadata import Node, describe, read_xml
from shared.records.numbering import Gap
from shared.records.record import ComputerFile, Record, record_from_wire, record_to_wire
from shared.records.roles import MAIN_ROLES
from shared.records.schedules import RetentionSchedule

if TYPE_CHECKING:
    from shared.inspection.decoder import Decoder
    from shared.inspection.formats.remembering import Remembered
    from shared.kernel.keys import PublicKey
    from shared.packaging.build import PackageIdentity
    from shared.packaging.package import Package
    from shared.verifier.certificates import Authorities


def _today() -> date:
    return date.fromisoformat(today())


@dataclass(frozen=True)
class Context:
    """What the checks must know beyond the record; what is None is not examined, and says so.

    Attributes:
        stage: the link in which this happens.
        occasion: the occasion within it; None takes that on which all of the link is inspected.
        scheme: which items there are, and what they count for.
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
        profile: in which form the archive takes packages (1-13); None where nobody asks.
        accepted_formats: codes of `shared.inspection.formats` that the archive takes (3-8).
        scan: the virus scanner, where one is set up (4-1, 4-2).
        scanner: what that scanner says of itself: its definitions and their date (4-1).
        decoder: what decodes sound and film to the end, where one is set up (3-4).
        authorities: to whom the certificates of seals inside documents must lead (1-1).
        remembered: what earlier inspections have seen in the same bytes (None: look anew).
    """

    stage: Stage = Stage.TRANSFER
    occasion: Occasion | None = None
    scheme: Scheme = field(default_factory=load_scheme)
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
    profile: Profile | None = None
    accepted_formats: frozenset[str] | None = None
    scan: VirusScanner | None = None
    scanner: Scanner | None = None
    decoder: Decoder | None = None
    authorities: Authorities | None = None
    remembered: Remembered | None = None

    @property
    def at(self) -> Occasion:
        """The occasion, also where only the link was said."""
        return self.occasion or Occasion.of_stage(self.stage)

    @property
    def fonds_number(self) -> str | None:
        """The fonds number that codes must begin with."""
        if self.fonds is None:
            return None
        if self.archive is not None:
            return self.fonds.number_in(self.archive.code)
        return self.fonds.number


@dataclass(frozen=True)
class Form:
    """The foreign form around a record (`foreign`): its kind, and what reading it has shown.

    Attributes:
        kind: a key of `shared.packaging.exchange.FORMS`.
        told: what was found, by the item that it belongs to.
        is_carried: whether it lies on a carrier 脱机载体 that people can look at.
    """

    kind: str
    told: Mapping[str, Sequence[Finding]]
    is_carried: bool = False


class Subject:
    """One record under inspection; what is read once is remembered.

    Attributes:
        is_loose: whether there is no record, only files (`shared.inspection.loose`).
        form: the foreign form around it; None outside of one.
    """

    is_loose = False

    def __init__(
        self,
        wire: Mapping[str, Any],
        sources: Mapping[str, Source],
        context: Context,
        package: Package | None = None,
        *,
        form: Form | None = None,
    ) -> None:
        self.wire = wire
        self.context = context
        self.package = package
        self.form = form
        self._sources = sources
        self._measures: dict[str, Measure | Finding] = {}

    @classmethod
    def of_record(
        cls,
        record: Record | Mapping[str, Any],
        files: Mapping[str, Path],
        context: Context,
        form: Form | None = None,
    ) -> Subject:
        """A record with the places of its files, by file id; out of a foreign form, or not."""
        wire = record_to_wire(record) if isinstance(record, Record) else record
        sources = {file_id: path_source(path) for file_id, path in files.items()}
        return cls(wire, sources, context, form=form)

    @classmethod
    def of_package(cls, package: Package, context: Context) -> Subject:
        """What a package holds."""
        sources = {
            file_id: package_source(package, entry.path) for file_id, entry in package.files.items()
        }
        return cls(package.record_wire, sources, context, package)

    @property
    def is_unpacked(self) -> bool:
        """Whether there is neither a package of ours nor a foreign form yet."""
        return self.package is None and self.form is None

    def form_says(self, number: str) -> Sequence[Finding]:
        """What reading the form, or the EEP in a package, has shown of an item."""
        told = self.form.told if self.form else self._eep_told
        return told.get(number, ())

    @cached_property
    def _eep_told(self) -> Mapping[str, Sequence[Finding]]:
        """What the EEP has shown that has the files of a package, by item."""
        if self.package is None or not self.package.is_wrapped:
            return {}
        from shared.packaging.wrapped_checks import judge_eep

        return judge_eep(self.package, self.context.seal)

    @property
    def kind(self) -> str:
        """Which kind of records it is, as the scheme tells them apart."""
        return self.context.scheme.kind_of(self.wire)

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

    @cached_property
    def code_holder(self) -> str | None:
        """Id of the record of this fonds that bears the code 档号, as the catalogue says."""
        if self.record is None or self.record.code is None or self.context.code_used_by is None:
            return None
        return self.context.code_used_by(self.record.code)

    @cached_property
    def catalogue_error(self) -> Exception | None:
        """Why the catalogue does not answer who bears the code (3-2); None when it does."""
        from sqlalchemy.exc import SQLAlchemyError  # not loaded where there is no database

        try:
            self.code_holder  # noqa: B018 - reading is what is tried
        except (OSError, SQLAlchemyError) as error:
            return error
        return None

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
        self._measure_together()
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

    def _measure_together(self) -> None:
        """Look into all files in turn, and into several at once where processors are free."""
        waiting = deque(
            file
            for file in self.files
            if file.id in self._sources and file.id not in self._measures
        )
        if not waiting:
            return

        def work() -> None:
            with Series() as series, suppress(IndexError):
                while True:
                    self._measured(waiting.popleft(), series)

        # The entries of a package are read from one file, in turn.
        with PROCESSORS.more(0 if self.package is not None else len(waiting) - 1) as others:
            if not others:
                work()
                return
            with ThreadPoolExecutor(others + 1) as pool:
                for done in [pool.submit(work) for _ in range(others + 1)]:
                    done.result()

    @cached_property
    def _questions(self) -> dict[str, Questions]:
        """What to look for in each file of a main text, by its id."""
        if self.record is None:
            return {}
        asked = questions_about(self.record)
        return {
            file.id: asked
            for document in self.record.documents
            if document.role in MAIN_ROLES
            for file in document.files
        }

    def _measured(self, file: ComputerFile, series: Series | None = None) -> Measure | Finding:
        if file.id not in self._measures:
            try:
                with (
                    self._sources[file.id]() as stream,
                    nullcontext(series) if series else Series(alone=True) as looking,
                ):
                    asked = self._questions.get(file.id, {})
                    self._measures[file.id] = measure_of(stream, self.context, asked, looking)
            except Unavailable:
                raise  # the scanner is away: the file has no fault
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
