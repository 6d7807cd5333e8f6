"""What the bytes of one computer file have shown: digest, format, troubles, seals, viruses."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from shared.inspection.formats import Format
from shared.inspection.formats.examination import Examination, Mark, Questions
from shared.inspection.formats.sandbox import Series
from shared.inspection.formats.trouble import DAMAGED, LOCKED, UNEXAMINED, Trouble
from shared.kernel.files import chunks

if TYPE_CHECKING:
    from shared.inspection.subject import Context
    from shared.packaging.package import Package
    from shared.seals import Seal

_IN_MEMORY = 8 * 1024 * 1024
#: Files with one of these troubles are not searched for seals.
_UNREADABLE = (DAMAGED, LOCKED, UNEXAMINED)

#: Opens the bytes of one file.
Source = Callable[[], AbstractContextManager[BinaryIO]]


@dataclass(frozen=True)
class Measure:
    """What the bytes of one computer file have shown."""

    size: int
    sha256: str
    examination: Examination
    seals: tuple[Seal, ...] = ()
    virus: str | None = None

    @property
    def kind(self) -> Format | None:
        """Its format, by its bytes; None for an unknown one."""
        return self.examination.kind

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """What keeps it from being read, or makes reading it a risk."""
        return self.examination.troubles

    @property
    def is_marked(self) -> bool:
        """Whether its first page bears a mark of classification."""
        return self.examination.mark is Mark.MARKED

    @property
    def annexes(self) -> int | None:
        """How many annexes 附件 its first page names; None when it names none."""
        return cast("int | None", self.examination.facts.get("annexes"))


def measure_of(stream: BinaryIO, context: Context, questions: Questions, series: Series) -> Measure:
    """Digest the bytes of one computer file, look into them, for seals and for viruses.

    Raises Unavailable while the virus scanner is away.
    """
    digest, size = hashlib.sha256(), 0
    for piece in chunks(stream):
        digest.update(piece)
        size += len(piece)
    sha256 = digest.hexdigest()
    if context.remembered is None:
        found = series.examine(stream, questions)
    else:
        found = context.remembered.examine(stream, sha256, questions, series)
    if context.decoder is not None:
        found = context.decoder.examine(found, stream, sha256, context.remembered)
    seals: tuple[Seal, ...] = ()
    if found.kind and not any(each.kind in _UNREADABLE for each in found.troubles):
        seals = _seals(found.kind, stream, context)
    virus = None
    if context.scan is not None:
        stream.seek(0)
        virus = context.scan(stream)
    return Measure(size, sha256, found, seals, virus)


def _seals(kind: Format, stream: BinaryIO, context: Context) -> tuple[Seal, ...]:
    from shared.seals import Trust, seals_of
    from shared.verifier.certificates import Authorities

    return seals_of(kind.code, stream, Trust(context.authorities or Authorities()))


def path_source(path: Path) -> Source:
    """Opens a file of the operating system."""

    @contextmanager
    def open_path() -> Iterator[BinaryIO]:
        with path.open("rb") as stream:
            yield stream

    return open_path


def package_source(package: Package, entry: str) -> Source:
    """Opens a computer file inside a package."""

    @contextmanager
    def open_entry() -> Iterator[BinaryIO]:
        # The checks jump about in a file; a packed entry can only be read forwards.
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as copy, package.open_raw(entry) as stream:
            for piece in chunks(stream):
                copy.write(piece)
            copy.seek(0)
            yield cast(BinaryIO, copy)

    return open_entry
