"""Opening a package: metadata and files, out of bytes that were verified and no others."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from lxml import etree

from shared.inspection.finding import Finding
from shared.kernel.errors import Invalid
from shared.packaging.eep.decompose import EepDocument, EepFile, documents, metadata
from shared.packaging.eep.encoded import Content, Take
from shared.packaging.eep.form import ENCODED_ID, REFERENCE, SIGNED
from shared.packaging.eep.report import Report, Verdict
from shared.packaging.eep.scan import scan
from shared.packaging.eep.signatures import changed_meanwhile
from shared.packaging.eep.skeleton import Element, Layer, below, layers, qualified
from shared.packaging.eep.trust import Trust
from shared.packaging.eep.verify import Verified, look_into
from shared.records.metadata import Node, to_xml
from shared.records.security import read_security, refuse_classified
from shared.storage.temporary import new_folder


class Eep:
    """A verified package; its newest layer is what it says."""

    def __init__(self, stream: BinaryIO, verified: Verified) -> None:
        self._stream = stream
        self._verified = verified

    @property
    def report(self) -> Report:
        """What verifying it said."""
        return self._verified.report

    @cached_property
    def _layer(self) -> Layer:
        return layers(self._verified.root)[0]

    @cached_property
    def _held(self) -> dict[str | None, Content]:
        return {
            each.element.get(ENCODED_ID): each
            for each in self._verified.scanned.contents
            if each.element.get(REFERENCE) is None
        }

    @cached_property
    def documents(self) -> tuple[EepDocument, ...]:
        """Its documents, with their files."""
        return documents(self._layer, self._held)

    @cached_property
    def metadata(self) -> Node:
        """Its metadata as a tree of DA/T 46."""
        return metadata(self._layer, self.documents)

    def pour(self, sink: Callable[[EepFile], Take | None]) -> None:
        """Let the files out, in the order of the text, piece by piece, in one reading.

        Args:
            sink: asked for each file for what takes its bytes; None leaves the file out.

        Raises Invalid when the package is no longer the one that was verified: then what has come
        out is to be thrown away.
        """
        wanted: dict[str, list[EepFile]] = {}
        for document in self.documents:
            for file in document.files:
                if file.encoded is not None:
                    wanted.setdefault(file.encoded, []).append(file)

        def taker(element: etree._Element) -> Take | None:
            takers = [sink(file) for file in wanted.get(element.get(ENCODED_ID) or "", ())]
            heard = [take for take in takers if take is not None]

            def take_all(piece: bytes) -> None:
                for take in heard:
                    take(piece)

            return take_all if heard else None

        if scan(self._stream, taker=taker).sha256 != self.report.sha256:
            raise changed_meanwhile()

    def save(self, folder: Path) -> list[Path]:
        """Write `metadata.xml` and `content/01/…` into a new folder, whole or not at all.

        Returns the paths of the files. Raises Conflict when the folder is there and not empty,
        Unavailable when it cannot be written, Invalid as `pour`.
        """
        with new_folder(folder) as making:
            names = self._save(making)
        return [folder / name for name in names]

    def _save(self, folder: Path) -> list[str]:
        (folder / "metadata.xml").write_bytes(to_xml(self.metadata))
        # By the file itself: the identifiers of a foreign package may be missing.
        places = {
            id(file): f"content/{document.number:02d}/{file.name}"
            for document in self.documents
            for file in document.files
            if file.encoded is not None
        }
        for name in places.values():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()

        def sink(file: EepFile) -> Take:
            path = folder / places[id(file)]

            def take(piece: bytes) -> None:
                with path.open("ab") as stream:
                    stream.write(piece)

            return take

        self.pour(sink)
        return ["metadata.xml", *places.values()]


def open_eep(stream: BinaryIO, *, trust: Trust | None = None, as_it_is: bool = False) -> Eep:
    """Open a package after verifying it.

    Args:
        stream: a seekable stream of the package, open as long as the `Eep` is used.
        trust: whose signatures count.
        as_it_is: also open what proves nothing: unsigned, signed by unknown people, or of another
            form than DA/T 48-2009. What is damaged, altered or ambiguous stays closed.

    Raises Invalid, with the first finding that is in the way; Classified for a package whose 密级,
    title or file names say so, in any of its layers.
    """
    verified = look_into(stream, trust=trust)
    _refuse_classified(verified.root)
    report = verified.report
    altered = any(each.verdict is Verdict.ALTERED for each in report.signatures)
    readable = (report.well_formed.passed, report.references.passed, report.contents.passed)
    refused = False in readable or altered if as_it_is else not report.is_proven
    if refused or verified.root.find(qualified(SIGNED)) is None:
        found = _in_the_way(report)
        raise Invalid("file", f"封装包未予打开：{found.problem}", found.remedy, code=found.code)
    return Eep(stream, verified)


def _refuse_classified(root: Element) -> None:
    for each in below(root, "密级"):
        with suppress(Invalid):  # what cannot be read is none of the classified ones
            read_security(each.text)
    for name in ("题名", "文件编号", "计算机文件名"):
        refuse_classified(*(each.text for each in below(root, name)))


def _in_the_way(report: Report) -> Finding:
    """The gravest finding: of the document, then what was altered, then what proves nothing."""
    of_document = [each for part in report.parts for each in part.findings if each.is_error]
    altered = [
        each
        for said in report.signatures
        if said.verdict is Verdict.ALTERED
        for each in said.findings
    ]
    return [*of_document, *altered, *report.findings][0]
