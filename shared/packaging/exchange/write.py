"""Writing records as a form: each in its folder with its metadata, the papers at the root.

The unit's seal goes along: manifest, record and signature of Danglian's own package lie in 其他,
so that whoever reads the form with Danglian can prove it, and make the same package of it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path, PurePosixPath

from shared.kernel.errors import Invalid
from shared.packaging.build import distinct_names
from shared.packaging.exchange.carried import Carried, Loss, losses
from shared.packaging.exchange.form import Catalogue, Form
from shared.packaging.exchange.papers import (
    About,
    catalogue_file,
    description_file,
    environment_for,
    row_values,
)
from shared.packaging.exchange.writing import TreeWriter
from shared.packaging.manifest import MANIFEST, RECORD, SIGNATURE
from shared.records.archival_code import sort_key
from shared.records.classes import class_name
from shared.records.metadata import describe, read_xml, recognise, to_xml
from shared.records.record import FIELD_NAMES, LEVEL_NAMES, RecordLevel
from shared.records.retention import retention_name
from shared.records.text import safe_file_name

#: Below 其他: what proves a record, under its place in the form.
PROOFS = "档联"
#: What a name may have in UDF (UTF-16) and in most file systems (UTF-8), with room for a ` (2)`.
_MOST_CHARACTERS, _MOST_BYTES, _LONGEST_EXTENSION = 120, 240, 20
#: A file on a disc takes whole sectors; a record has its papers, and lines in those of the form.
_SECTOR = 2048
_PAPERS = 64 * 1024


def proof_folder(form: Form, place: int) -> str:
    """Where the proof of a record lies, by its place 顺序号 in the whole form."""
    return f"{form.other}/{PROOFS}/{place:06d}"


def names_in_folder(form: Form, names: list[str]) -> list[str]:
    """The names of computer files beside their metadata: none twice, none too long for a disc."""
    return distinct_names([form.metadata_file(1), *map(shortened, names)])[1:]


def shortened(name: str) -> str:
    """The name, cut before its extension where a disc or a file system would refuse it.

    The whole name stands in the metadata.
    """
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension) > _LONGEST_EXTENSION:
        stem, dot, extension = name, "", ""
    tail = dot + extension
    stem = stem[: _MOST_CHARACTERS - len(tail)]
    while len((stem + tail).encode()) > _MOST_BYTES:
        stem = stem[:-1]
    return stem.rstrip(" .") + tail if len(stem + tail) < len(name) else name


def _on_label(carried: Carried) -> dict[str, str]:
    """What a record brings to the label of its medium."""
    record = carried.record
    return {
        "fonds_number": fonds_number(carried) or "",
        "fonds_name": carried.fonds.name,
        "category": class_name(record.class_code),
        "year": str(record.year),
        "retention": retention_name(record.retention),
        "security": record.security.label,
    }


def fonds_number(carried: Carried) -> str | None:
    """The number of the record's fonds, in the archive that keeps it where there is one."""
    archive = carried.archive
    return carried.fonds.number_in(archive.code) if archive else carried.fonds.number


def size_on_medium(carried: Carried) -> int:
    """About how many bytes a record takes on a medium, rather too many than too few."""
    sealed = carried.sealed
    papers = len(sealed.manifest + sealed.record + sealed.metadata) if sealed else 0
    files = sum(-(-file.size // _SECTOR) * _SECTOR for file in carried.record.files)
    return files + papers + _PAPERS


class FormWriter:
    """One tree of a form under way."""

    def __init__(self, form: Form, tree: TreeWriter, about: About) -> None:
        self._form = form
        self._tree = tree
        self._about = about
        self._rows: dict[str, list[dict[str, str]]] = {}
        self._codes: dict[str, str] = {}
        self._units: dict[str, None] = {}
        self._extensions: set[str] = set()
        self._held: dict[str, dict[str, None]] = {}
        self.size = 0

    def __len__(self) -> int:
        """How many records there are in it."""
        return len(self._codes)

    @property
    def codes(self) -> str:
        """The first and the last archival code 起止档号."""
        codes = sorted(self._codes, key=sort_key)
        return codes[0] if len(codes) == 1 else f"{codes[0]} 至 {codes[-1]}"

    @property
    def units(self) -> str:
        """The units that hand over."""
        return "、".join(self._units)

    def add(self, carried: Carried) -> tuple[Loss, ...]:
        """Write a record; returns what the form cannot carry of it.

        Raises Invalid for a record that the form has no place for.
        """
        form, record = self._form, carried.record
        catalogue = self._catalogue(carried)
        metadata = (
            carried.sealed.metadata
            if carried.sealed
            else to_xml(describe(record, carried.fonds, archive=carried.archive))
        )
        tree = read_xml(metadata)
        folder = self._folder(carried)
        place = len(self) + 1
        row = row_values(catalogue, tree, place=place, folder=folder, remark=record.remark)
        for column in catalogue.columns:
            if column.required and not row[column.name]:
                raise self._cannot(carried, f"没有{column.name}")
        files = list(self._files(carried))
        self._codes[str(record.code)] = folder
        self._rows.setdefault(catalogue.file, []).append(row)
        self._units.setdefault(carried.fonds.forming_unit)
        self._tree.add(f"{folder}/{form.metadata_file(1)}", metadata)
        for name, path, sha256 in files:
            self._tree.copy(f"{folder}/{name}", path, sha256)
            self._extensions.add(PurePosixPath(name).suffix.lstrip(".").upper() or "无扩展名")
        self.size += size_on_medium(carried)
        for key, value in _on_label(carried).items():
            self._held.setdefault(key, {}).setdefault(value)
        if carried.sealed:
            proofs = proof_folder(form, place)
            self._tree.add(f"{proofs}/{MANIFEST}", carried.sealed.manifest)
            self._tree.add(f"{proofs}/{RECORD}", carried.sealed.record)
            self._tree.add(f"{proofs}/{SIGNATURE}", carried.sealed.signature)
            return carried.proofs
        return (*carried.proofs, *losses(record, recognise(tree).record))

    def finish(self, *, number: str | None, count: int | None) -> None:
        """Write the papers. `number` is that of the medium, `count` how many media there are.

        None is for what is not known, and then not told.
        """
        form, about = self._form, self._about
        levels = [name for each in form.catalogues if (name := each.file) in self._rows]
        for catalogue in form.catalogues:
            if catalogue.file in levels or catalogue is form.catalogues[0]:
                rows = self._rows.get(catalogue.file, [])
                self._tree.add(catalogue.file, catalogue_file(catalogue, rows))
        values = {
            "unit": self.units,
            "content": about.content or f"{self.units}形成的档案，共 {len(self)} 件（卷）",
            "codes": self.codes,
            "count": str(len(self)),
            "environment": about.environment or environment_for(self._extensions),
            "medium_kind": about.medium_kind or "",
            "medium_capacity": about.medium_capacity or "",
            "medium_number": number or "",
            "medium_count": str(count) if number and count else "",
            "keeper": about.keeper or "",
            "maker": about.maker or "",
            "checker": about.checker or "",
            "remarks": about.remarks or "",
        }
        self._tree.add(form.description_file, description_file(form, values))

    def label(self, *, number: str | None, made_on: date) -> dict[str, str]:
        """What stands on the label of the medium."""
        formats = sorted(self._extensions)
        return {
            **{key: "、".join(filter(None, values)) for key, values in self._held.items()},
            "medium_number": number or "",
            "codes": self.codes,
            "amount": f"{len(self)} 件（卷），{self.size / 1_000_000:,.1f} MB",
            "formats": "、".join(formats),
            "environment": self._about.environment or environment_for(formats),
            "maker": self._about.maker or "",
            "made_on": f"{made_on:%Y-%m-%d}",
        }

    def _catalogue(self, carried: Carried) -> Catalogue:
        form, record = self._form, carried.record
        if len(self) >= form.most_records:
            raise self._cannot(carried, f"已有 {form.most_records} 件，再多要分开")
        if str(record.code) in self._codes:
            raise self._cannot(carried, "档号与前面的一件相同")
        found = next((each for each in form.catalogues if record.level in each.levels), None)
        if found is None:
            raise self._cannot(carried, f"只装件，不装{LEVEL_NAMES[record.level]}")
        is_held = record.level in (RecordLevel.VOLUME, RecordLevel.PROJECT)
        if not record.files and not is_held:
            raise self._cannot(carried, "没有计算机文件")
        return found

    def _folder(self, carried: Carried) -> str:
        record = carried.record
        values = {
            "fonds_number": fonds_number(carried) or "",
            "year": str(record.year),
            "category": record.class_code,
            "code": record.code or "",
        }
        segments = []
        for pattern in self._form.folders:
            segment = pattern.format(**values)
            key = pattern.strip("{}")
            if not segment:
                raise self._cannot(carried, f"没有{FIELD_NAMES.get(key, key)}")
            try:
                safe = safe_file_name(segment)
            except Invalid as error:
                raise self._cannot(carried, f"“{segment}”不能作目录名（{error.message}）") from None
            segments.append(safe)
        return "/".join(segments)

    def _files(self, carried: Carried) -> Iterator[tuple[str, Path, str]]:
        """Each computer file: its name in the folder, where it lies, its digest."""
        if carried.sealed:
            listed = [
                (PurePosixPath(entry.path).name, path, entry.sha256)
                for entry, path in carried.sealed.contents
            ]
        else:
            listed = [
                (file.name, carried.files[file.id], file.sha256)
                for document in sorted(carried.record.documents, key=lambda each: each.order)
                for file in document.files
            ]
        names = names_in_folder(self._form, [name for name, _path, _sha256 in listed])
        if taken := [name for name in names if self._form.is_metadata(name)]:
            raise self._cannot(carried, f"文件“{taken[0]}”的名称是留给元数据的")
        for name, (_name, path, sha256) in zip(names, listed, strict=True):
            yield name, path, sha256

    def _cannot(self, carried: Carried, why: str) -> Invalid:
        code = carried.record.code or carried.where
        return Invalid(
            "record",
            f"{self._form.standard} 的形式装不下“{code}”：{why}。",
            "请先补全或改正，或换一种形式。",
            code="form_cannot_say",
        )
