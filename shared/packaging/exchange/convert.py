"""From any form into any other: what comes in is proven first, what gets lost is told by name."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.kernel.clock import SHANGHAI, now
from shared.kernel.errors import Invalid
from shared.kernel.files import write_atomically
from shared.packaging.eep import Making, SealSigner, Signer, Trust
from shared.packaging.exchange.build import gather
from shared.packaging.exchange.carried import Carried, Loss
from shared.packaging.exchange.form import DAT93, MEDIUM, form_of
from shared.packaging.exchange.from_eep import write_eep
from shared.packaging.exchange.label import labels_pdf
from shared.packaging.exchange.own import sealed_by, write_own
from shared.packaging.exchange.papers import About
from shared.packaging.exchange.sources import EEP, cleared, opened_source
from shared.packaging.exchange.write import FormWriter, size_on_medium
from shared.packaging.exchange.writing import FILE_KINDS, new_tree, refuse_existing, work_beside
from shared.records.text import safe_file_name
from shared.storage.temporary import new_folder, telling_of_trouble, temporary_file


@dataclass
class Converted:
    """What a conversion has done: how many records, into which files or folders, losing what."""

    form: str
    records: int = 0
    written: list[Path] = field(default_factory=list)
    losses: list[tuple[str, tuple[Loss, ...]]] = field(default_factory=list)

    def to_wire(self) -> dict[str, Any]:
        """As plain values; every key is there."""
        return {
            "form": self.form,
            "records": self.records,
            "written": [str(path) for path in self.written],
            "losses": [
                {"record": code, **each.to_wire()} for code, lost in self.losses for each in lost
            ],
        }


def convert(
    sources: Sequence[Path],
    into: Path,
    *,
    to: str,
    trust: Trust | None = None,
    as_it_is: bool = False,
    signer: Signer | None = None,
    about: About | None = None,
    medium_bytes: int | None = None,
    labels: Path | None = None,
) -> Converted:
    """Write the records of some packages or forms in another form, whole or not at all.

    Args:
        sources: packages of DA/T 48, Danglian's own (ZIP or folder), item packages of DA/T 93 and
            media of 档发〔2012〕7号 (folder, ZIP or image of a disc).
        into: what to write: a file `.eep`, a folder, a `.zip`, or (image of a disc) an `.iso`; a
            folder of packages where several records become packages of one record each.
        to: `eep`, `folder`, `dat93` or `medium`.
        trust: whose signatures and seals count.
        as_it_is: also take what nobody has proven, and what breaks the order of its form; never
            what is damaged or altered.
        signer: who signs packages of DA/T 48, or (SM2) seals those that have no seal.
        about: what the description file says.
        medium_bytes: how much fits on one medium; then there is a folder with one for each, named
            as `into` without its `.zip` or `.iso`, which the media have instead.
        labels: where to write the label sheet (PDF) of the media, for forms of many records.

    Raises Invalid for what is not proven or the form has no place for, Classified, Conflict when
    `into` is there, Unavailable when the disk is full.
    """
    trust = trust or Trust()
    into = into.absolute()
    done = Converted(to)
    with ExitStack() as stack:
        opened = [
            stack.enter_context(opened_source(path, trust, as_it_is=as_it_is)) for path in sources
        ]
        if not sum(map(len, opened)):
            raise Invalid(
                "sources", "里面没有一件档案。", "请检查目录文件。", code="nothing_to_convert"
            )
        into.parent.mkdir(parents=True, exist_ok=True)
        work = stack.enter_context(work_beside(into))
        records = (each for source in opened for each in cleared(source, work))
        writing = _Writing(into, to, signer, done)
        if to in (DAT93, MEDIUM):
            writing.forms(records, about or About(), medium_bytes, labels)
        else:
            writing.packages(records, is_one=sum(map(len, opened)) == 1)
    return done


def build(
    metadata: Path, files: Sequence[Path], into: Path, *, to: str, signer: Signer | None = None
) -> Converted:
    """Make a package of one record: `eep`, or `folder` (Danglian's own, as folder or `.zip`).

    `metadata` and `files` are as in `gather`, which says what it raises; beside that Invalid for
    what the form has no place for, Conflict when `into` is there. Nothing is left after an error.
    """
    done = Converted(to)
    into = into.absolute()
    into.parent.mkdir(parents=True, exist_ok=True)
    writing = _Writing(into, to, signer, done)
    writing.packages(iter([gather(metadata, files)]), is_one=True)
    return done


def trust_in(signer: Signer | None) -> Trust:
    """Trust in this signer alone: in the key, and in whoever issued its certificate."""
    if signer is None:
        return Trust()
    seals = [signer.key.public] if isinstance(signer, SealSigner) else []
    return Trust(signer.certificates[-1:], seals)


@dataclass(frozen=True)
class _Writing:
    """A conversion under way: where to, in which form, who signs, what is done."""

    into: Path
    to: str
    signer: Signer | None
    done: Converted

    def _sealed(self, carried: Carried) -> Carried:
        """Sealed by the key that was given, where no unit has sealed it."""
        if carried.sealed is None and isinstance(self.signer, SealSigner):
            return sealed_by(carried, self.signer.key)
        return carried

    def _note(self, carried: Carried, lost: tuple[Loss, ...]) -> None:
        self.done.records += 1
        if lost:
            self.done.losses.append((carried.record.code or carried.where, lost))

    def packages(self, records: Iterator[Carried], *, is_one: bool) -> None:
        """Packages of one record: `into` itself, or one each in a new folder."""
        if is_one:
            for carried in records:
                self._package(carried, self.into)
            return
        with new_folder(self.into) as folder:
            for carried in records:
                name = safe_file_name(carried.record.code, "code")
                self._package(carried, folder / (f"{name}.eep" if self.to == EEP else name))
        self.done.written[:] = [self.into / path.name for path in self.done.written]

    def _package(self, carried: Carried, target: Path) -> None:
        if self.to == EEP:
            self._note(carried, self._eep(carried, target))
        else:
            with new_tree(target) as tree:
                write_own(self._sealed(carried), tree)
            self._note(carried, carried.proofs)
        self.done.written.append(target)

    def _eep(self, carried: Carried, target: Path) -> tuple[Loss, ...]:
        refuse_existing(target)
        making = Making(carried.fonds.forming_unit, [self.signer] if self.signer else [])
        building = target.parent / f".{target.name}.building"
        try:
            with telling_of_trouble(), temporary_file(building) as temporary:
                lost = write_eep(carried, temporary.stream, making)
                temporary.replace(target)
        finally:
            shutil.rmtree(building, ignore_errors=True)
        return lost

    def forms(
        self, records: Iterator[Carried], about: About, most: int | None, labels: Path | None
    ) -> None:
        """One tree of a form, or one for each medium of so many bytes in a new folder."""
        form = form_of(self.to)
        sheet = b""
        if labels is not None:
            refuse_existing(labels)
        with ExitStack() as stack:
            kind = self.into.suffix if self.into.suffix.lower() in FILE_KINDS else ""
            place = self.into.with_suffix("") if kind else self.into
            folder = stack.enter_context(new_folder(place)) if most is not None else None
            writers: list[FormWriter] = []

            def another() -> None:
                name = f"{len(writers) + 1:03d}{kind}"
                target = self.into if folder is None else folder / name
                self.done.written.append(self.into if folder is None else place / name)
                writers.append(FormWriter(form, stack.enter_context(new_tree(target)), about))

            for each in records:
                carried = self._sealed(each)
                size = size_on_medium(carried)
                if most is not None and size > most:
                    raise Invalid(
                        "medium_size",
                        f"“{carried.record.code}”有 {size} 字节，一个载体装不下。",
                        "请换用容量更大的载体。",
                        code="medium_too_small",
                    )
                if not writers or (most is not None and writers[-1].size + size > most):
                    another()
                self._note(carried, writers[-1].add(carried))
            numbers = _numbers(about.medium_number, len(writers))
            for number, writer in zip(numbers, writers, strict=True):
                writer.finish(number=number, count=len(writers))
            if labels is not None:
                today = now().astimezone(SHANGHAI).date()
                pairs = zip(numbers, writers, strict=True)
                sheet = labels_pdf([each.label(number=no, made_on=today) for no, each in pairs])
        if labels is not None:
            write_atomically(labels, sheet)
            self.done.written.append(labels)


def _numbers(number: str | None, count: int) -> list[str | None]:
    """The number of each medium: the one that was given, and behind it which of several."""
    if number is None or count == 1:
        return [number] * count
    return [f"{number}-{place}" for place in range(1, count + 1)]
