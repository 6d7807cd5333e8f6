"""One record, or some, taken out of the store and written in the form of the export."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path

from hub.catalogue.models import CatalogueRecord
from hub.catalogue.withholding import is_withheld
from hub.exporting.folder import Line
from hub.exporting.forms import BAGIT, EEP, OCFL, OWN
from hub.exporting.plan import Plan, began
from hub.federation.places import HubFolder
from hub.repository.examining import Pace, Stores
from hub.repository.handing_out import Held, fetch, fetch_all
from hub.repository.papers import read_document
from shared.kernel.certificates import self_signed
from shared.kernel.clock import SHANGHAI
from shared.kernel.errors import Classified, Conflict, DanglianError, Invalid, NotFound
from shared.packaging import open_package
from shared.packaging.eep import Making, SealSigner
from shared.packaging.exchange.carried import Carried, Loss
from shared.packaging.exchange.form import form_of
from shared.packaging.exchange.from_eep import write_eep
from shared.packaging.exchange.own import carried_of
from shared.packaging.exchange.plain_folders import Later, write_bag, write_eark
from shared.packaging.exchange.write import FormWriter
from shared.packaging.exchange.writing import TreeWriter, new_tree
from shared.packaging.verify import check_claims, check_seal
from shared.records.archival_code import sort_key
from shared.records.record import record_from_wire
from shared.records.text import safe_file_name

#: What one record beside its package takes in a form of many: its papers, and its lines in theirs.
_PAPERS = 128 * 1024
_LONGEST_NAME = 200
_TEN_YEARS = timedelta(days=3652)
#: What is wrong with a record, not with the store or the disk: it is left out, and said so.
_LEFT_OUT = (Invalid, NotFound, Classified, Conflict)


@dataclass(frozen=True)
class Chosen:
    """A record to be exported, with what is kept of it."""

    record: CatalogueRecord
    held: Held

    def line(self, problem: str = "", lost: Sequence[Loss] = ()) -> Line:
        """What the list of an export says of it."""
        record, held = self.record, self.held
        version = max(held.descriptions, default=None)
        return Line(
            record.id,
            record.code or "",
            record.title,
            held.archive_code,
            held.package.name,
            record.version if version is None else version,
            held.package.sha256,
            problem,
            tuple(dict.fromkeys(each.name for each in lost)),
        )

    @property
    def folder(self) -> str:
        """Where packages like it lie: its archive, its fonds, its year."""
        fonds = (self.record.code or "").partition("-")[0]
        return f"{self.held.archive_code}/{_safe(fonds) or '无全宗号'}/{self.record.year}"

    @property
    def name(self) -> str:
        """Its archival code, as far as a file can be called so."""
        return _safe(self.record.code or "") or self.record.id


def _safe(text: str) -> str:
    try:
        name = safe_file_name(text)
    except Invalid:
        return ""
    return name if len(name.encode()) <= _LONGEST_NAME and not name.startswith(".") else ""


class Packing:
    """Writes records in one form."""

    def __init__(self, hub: HubFolder, plan: Plan, names: dict[str, str], *, pace: Pace) -> None:
        self._hub, self._plan, self._names, self._pace = hub, plan, names, pace
        self._stores = Stores(hub.store, hub.second_store)
        self._signer = cache(self._seal_of)

    # ---- one package for each record

    def one(self, chosen: Chosen, made: Path, work: Path) -> Line:
        """Write the package of a record at `made`; its line says when it had to be left out."""
        try:
            _require_shown(chosen)
            return chosen.line(lost=self._written(chosen, made, work))
        except _LEFT_OUT as error:
            return chosen.line(_said(error))

    def place(self, chosen: Chosen) -> tuple[str, str]:
        """Where the package of a record lies, and where when something has this name already."""
        if self._plan.form == OCFL:
            return chosen.held.place, chosen.held.place
        end = ".eep" if self._plan.form == EEP else ""
        start = f"{chosen.folder}/{chosen.name}"
        return f"{start}{end}", f"{start}（{chosen.record.id}）{end}"

    def _written(self, chosen: Chosen, made: Path, work: Path) -> tuple[Loss, ...]:
        held = chosen.held
        if self._plan.form == OCFL:
            made.mkdir()
            fetch_all(self._stores, held.kept, made, pace=self._pace)
            return ()
        if self._plan.form == OWN:
            made.mkdir()
            kept = (held.package, held.receipt, *held.descriptions.values(), *held.later.values())
            for stored in kept:
                name = stored.name.rpartition("/")[2]
                fetch(self._stores, stored.name, stored.sha256, made / name, pace=self._pace)
            return ()
        if self._plan.form == EEP and self._handed_out(held, made, work):
            return _later_left_out(held)
        carried = self._carried(held, work)
        if self._plan.form == EEP:
            keeper, signer = self._signer(held.archive_code)
            with made.open("w+b") as stream:
                lost = write_eep(carried, stream, Making(keeper, [signer]))
            return (*lost, *_later_left_out(held))
        papers, later = self._papers(held, work), self._later(held, work)
        with new_tree(made) as tree:
            if self._plan.form == BAGIT:
                day = began(self._plan).astimezone(SHANGHAI).date().isoformat()
                keeper = self._names[held.archive_code]
                write_bag(carried, papers, tree, later=later, keeper=keeper, made_on=day)
            else:
                write_eark(carried, papers, tree, later=later)
        return ()

    def _handed_out(self, held: Held, made: Path, work: Path) -> bool:
        """Give out the EEP that the unit has handed in; False where there is none, or it is old."""
        if held.descriptions:
            return False
        path = work / "package.zip"
        fetch(self._stores, held.package.name, held.package.sha256, path, pace=self._pace)
        with open_package(path) as package:
            if package.is_wrapped:
                with package.open_eep() as eep, made.open("xb") as to:
                    shutil.copyfileobj(eep, to)
            found = package.is_wrapped
        path.unlink()
        return found

    def _carried(self, held: Held, work: Path) -> Carried:
        """The record as it is now, its files proven and unpacked."""
        path = work / "package.zip"
        fetch(self._stores, held.package.name, held.package.sha256, path, pace=self._pace)
        with open_package(path) as package:
            for finding in (*check_seal(package, None), *check_claims(package, None)):
                if finding.is_error:
                    raise Invalid("package", finding.problem, finding.remedy, code=finding.code)
            carried = carried_of(package, work)
        path.unlink()
        if not held.descriptions:
            return carried
        described = self._paper(held, max(held.descriptions), work)
        record = record_from_wire((read_document(described) or {})["record"])
        if {file.id for file in record.files} != set(carried.files):
            raise Invalid(
                "documents",
                "现在的著录与收到的信息包里的文件对不上。",
                "请用 own 或 ocfl 形式导出这一件。",
                code="files_differ",
            )
        return replace(carried, record=record)

    def _paper(self, held: Held, version: int, work: Path) -> bytes:
        stored = held.descriptions[version]
        path = work / "paper"
        fetch(self._stores, stored.name, stored.sha256, path, pace=self._pace)
        return path.read_bytes()

    def _papers(self, held: Held, work: Path) -> dict[str, bytes]:
        path = work / "paper"
        found = {}
        for stored in (held.receipt, *held.descriptions.values()):
            fetch(self._stores, stored.name, stored.sha256, path, pace=self._pace)
            found[stored.name.rpartition("/")[2]] = path.read_bytes()
        return found

    def _later(self, held: Held, work: Path) -> list[Later]:
        """The files of later versions, out of the store."""
        found = []
        for name, stored in held.later.items():
            fetch(self._stores, stored.name, stored.sha256, work / name, pace=self._pace)
            found.append(Later(name, work / name, stored.sha256, stored.size))
        return found

    def _seal_of(self, archive_code: str) -> tuple[str, SealSigner]:
        name, key = self._names[archive_code], self._hub.keys.seal(archive_code)
        moment = began(self._plan)
        return name, SealSigner(key, (self_signed(key, name, moment, moment + _TEN_YEARS),))

    # ---- many records in one tree

    def fitting(self, some: Sequence[Chosen | Line | None]) -> Sequence[Chosen | Line | None]:
        """As many of the first of these as go into one tree; at least one."""
        size = 0
        for count, each in enumerate(some):
            if isinstance(each, Chosen):
                size += each.held.package.size + _PAPERS
            if size > self._plan.tree_bytes and count:
                return some[:count]
        return some

    def tree(
        self, some: Sequence[Chosen], made: Path, work: Path, *, number: int
    ) -> tuple[list[Line], dict[str, str] | None]:
        """Write some records as one tree at `made`, by archival code; their lines, and its label.

        It is none to keep when each had to be left out, and has no label then.
        """
        lines: list[Line] = []
        label = None
        with ExitStack() as stack:
            writer: FormWriter | None = None
            for chosen in sorted(some, key=lambda each: sort_key(each.record.code or "")):
                try:
                    _require_shown(chosen)
                    carried = self._fit_for_tree(chosen, work)
                    if writer is None:
                        tree: TreeWriter = stack.enter_context(new_tree(made))
                        writer = FormWriter(form_of(self._plan.form), tree, self._plan.about)
                    lost = (*writer.add(carried), *_later_left_out(chosen.held))
                    lines.append(chosen.line(lost=lost))
                except _LEFT_OUT as error:
                    lines.append(chosen.line(_said(error)))
                for left in work.iterdir():
                    left.unlink()
            if writer is not None and len(writer):
                named = self._medium_number(number)
                writer.finish(number=named, count=None)
                day = began(self._plan).astimezone(SHANGHAI).date()
                label = writer.label(number=named, made_on=day)
        return lines, label

    def _fit_for_tree(self, chosen: Chosen, work: Path) -> Carried:
        size = chosen.held.package.size + _PAPERS
        if size > self._plan.tree_bytes:
            raise Invalid(
                "medium_size",
                f"“{chosen.record.code}”有 {size} 字节，一个载体装不下。",
                "请换用容量更大的载体。",
                code="medium_too_small",
            )
        carried = self._carried(chosen.held, work)
        if not chosen.held.descriptions:
            return carried
        # The unit's seal is over the record as it was: these forms have one description only.
        return replace(carried, sealed=None, proofs=(*carried.proofs, Loss("seal")))

    def _medium_number(self, number: int) -> str:
        start = self._plan.about.medium_number or f"{began(self._plan).astimezone(SHANGHAI):%Y%m%d}"
        return f"{start}-{number}"


def _later_left_out(held: Held) -> tuple[Loss, ...]:
    """What a form leaves out that has one version of a record: files of its later ones."""
    return (Loss("later"),) if held.later else ()


def _require_shown(chosen: Chosen) -> None:
    if is_withheld(chosen.record.title):
        raise Classified


def _said(error: DanglianError) -> str:
    return f"{error.message}{error.remedy}"
