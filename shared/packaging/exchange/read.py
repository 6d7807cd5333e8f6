"""Reading a form: every deviation a finding, every record as far as it can be had.

What is in the tree may come from anybody. A record is proven when the unit's seal lies beside it
in 其他 and holds; without one it is what its metadata and the catalogue say.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from shared.inspection.finding import Finding, Property, Severity, shown
from shared.kernel.errors import DanglianError, Invalid
from shared.kernel.files import chunks
from shared.packaging.eep.report import Verdict
from shared.packaging.eep.trust import Trust
from shared.packaging.exchange.carried import Carried, Found
from shared.packaging.exchange.described import Files
from shared.packaging.exchange.form import Catalogue, Form
from shared.packaging.exchange.own import carried_of, judge_seal
from shared.packaging.exchange.papers import read_catalogue, read_description
from shared.packaging.exchange.rows import AGAIN, Row, completed, differences, structural, surplus
from shared.packaging.exchange.tree import FolderTree, Part, read_small
from shared.packaging.exchange.write import names_in_folder, proof_folder
from shared.packaging.exchange.writing import copy_out
from shared.packaging.manifest import MANIFEST, METADATA, RECORD, SIGNATURE, Manifest
from shared.packaging.package import Entries, LoosePackage
from shared.records.metadata import read_any_xml, read_xml, recognise
from shared.records.record import RecordLevel
from shared.records.security import refuse_classified

_MOST_PAPER = 32 * 1024 * 1024
#: Of one form: whoever gets so many asks for a new one, and does not read more.
_MOST_FINDINGS = 10_000


class FormReader:
    """A form that was opened: its papers and folders; `findings` has what is wrong with these."""

    def __init__(self, form: Form, tree: Entries, prefix: str = "") -> None:
        """Read the papers. Raises Invalid when there are more records than can be taken."""
        self.form = form
        self._tree = tree
        self._prefix = prefix
        self._rows: list[Row] = []
        self.description: Mapping[str, str] = {}
        self.findings: list[Finding] = []
        for part in (self._read_description, self._read_rows, self._find_folders):
            for finding in part():
                if len(self.findings) < _MOST_FINDINGS:
                    self.findings.append(finding)

    def __len__(self) -> int:
        """How many records there are by the catalogues."""
        return len(self._rows)

    def _has(self, name: str) -> bool:
        return self._prefix + name in self._tree.sizes

    def _small(self, name: str) -> bytes:
        return read_small(self._tree, self._prefix + name, _MOST_PAPER)

    def _read_description(self) -> Iterator[Finding]:
        form = self.form
        name = form.description_file
        if not self._has(name):
            yield structural("form_paper_missing", f"缺少{name}。", name)
            return
        try:
            self.description = read_description(form, self._small(name))
        except Invalid as error:
            yield Finding.of_error(error, where=name, field=None)
            return
        wanted = [line for line in form.lines if line.required]
        if missing := [line.name for line in wanted if line.holds not in self.description]:
            yield structural(
                "form_description_incomplete", f"{name} 没有写明{'、'.join(missing)}。", name
            )

    def _read_rows(self) -> Iterator[Finding]:
        form = self.form
        there = [each for each in form.catalogues if self._has(each.file)]
        if not there:
            name = form.catalogues[0].file
            yield structural("form_paper_missing", f"缺少{name}。", name)
        for catalogue in there:
            try:
                read = read_catalogue(catalogue, self._small(catalogue.file))
            except Invalid as error:
                yield Finding.of_error(error, where=catalogue.file, field=None)
                continue
            for number, values in enumerate(read, 1):
                self._rows.append(_row(catalogue, len(self._rows) + 1, values))
                yield from _check_row(catalogue, number, values)
        if len(self._rows) > form.most_records:
            raise Invalid(
                "package",
                f"目录有 {len(self._rows)} 条，超过 {form.most_records} 条。",
                "请分成几个信息包。",
                code="too_many_rows",
            )
        said = self.description.get("count")
        if said is not None and said != str(len(self)):
            yield structural(
                "form_count_differs",
                f"说明文件写有 {shown(said)} 件，目录有 {len(self)} 条。",
                form.description_file,
            )

    def _find_folders(self) -> Iterator[Finding]:
        """Give each row the one folder that bears its code; name what belongs to no row."""
        files, loose = self._folders()
        by_name: dict[str, list[str]] = {}
        for folder in files:
            by_name.setdefault(PurePosixPath(folder).name, []).append(folder)
        taken: set[str] = set()
        codes: set[str] = set()
        for row in self._rows:
            if row.code and row.code in codes:
                yield structural(
                    "form_code_twice", f"档号“{shown(row.code)}”在目录中出现两次。", row.code
                )
                continue
            codes.add(row.code)
            said = row.values.get("电子档案名称", "")
            folders = by_name.get(row.code) or [each for each in (said,) if each in files]
            if len(folders) > 1:
                yield structural(
                    "form_folder_twice", f"档号“{shown(row.code)}”有几个同名的目录。", row.code
                )
            elif not folders or folders[0] in taken:
                yield structural(
                    "form_folder_missing",
                    f"档号“{shown(row.code)}”没有同名的目录。",
                    row.code or "目录",
                )
            else:
                row.folder, row.files = folders[0], sorted(files[folders[0]])
                taken.add(folders[0])
        for name in (*loose, *(each for each in files if each not in taken)):
            yield structural("form_file_unassigned", "文件或目录不属于目录中的任何一件。", name)

    def _folders(self) -> tuple[dict[str, list[str]], list[str]]:
        """The files of each folder but 其他, and those at the root that are no papers."""
        form = self.form
        papers = {form.description_file, *(each.file for each in form.catalogues)}
        files: dict[str, list[str]] = {}
        loose: list[str] = []
        for full in self._tree.sizes:
            name = full[len(self._prefix) :]
            folder, _, last = name.rpartition("/")
            if not folder:
                loose += [name] if name not in papers else []
            elif not name.startswith(f"{form.other}/"):
                files.setdefault(folder, []).append(last)
        return files, loose

    def records(self, trust: Trust, work: Path | None = None) -> Iterator[Found]:
        """Each record that has a folder, one after the other.

        Args:
            trust: whose seals count.
            work: a folder for files that have to be unpacked, which the caller clears after each;
                without it nothing is taken, and only what is wrong is said.
        """
        for row in self._rows:
            if row.folder is None:
                continue
            try:
                yield self._record(row, trust, work)
            except DanglianError as error:
                broken = Finding.of_error(error, where=row.folder)
                yield Found(row.code, Verdict.ABSENT, (broken,), is_damaged=True)

    def _record(self, row: Row, trust: Trust, work: Path | None) -> Found:
        refuse_classified(*row.values.values())
        proofs = proof_folder(self.form, row.place)
        if self._has(f"{proofs}/{MANIFEST}"):
            return self._sealed(row, proofs, trust, work)
        metadata = [name for name in row.files if self.form.is_metadata(name)]
        contents = [name for name in row.files if not self.form.is_metadata(name)]
        if lacking := list(_lacking(row, metadata, contents)):
            return Found(row.code, Verdict.ABSENT, tuple(lacking), is_damaged=True)
        return self._unsealed(row, metadata[0], contents, work)

    def _sealed(self, row: Row, proofs: str, trust: Trust, work: Path | None) -> Found:
        """A record with its seal: the package that it was, its entries where the form has them."""
        manifest = Manifest.from_bytes(self._small(f"{proofs}/{MANIFEST}"))
        listed = [entry.path for entry in manifest.entries if entry.file_id]
        names = names_in_folder(self.form, [PurePosixPath(each).name for each in listed])
        known = [self.form.metadata_file(1), *names]
        there = {
            **{each: f"{proofs}/{each}" for each in (MANIFEST, RECORD)},
            **{
                path: f"{row.folder}/{name}"
                for path, name in zip((METADATA, *listed), known, strict=True)
            },
            SIGNATURE: f"{proofs}/{SIGNATURE}",
        }
        there = {name: self._prefix + each for name, each in there.items()}
        package = LoosePackage(Part(self._tree, there))
        verdict, found = judge_seal(package, trust)
        damaged = any(each.is_error for each in found)
        tree = read_xml(package.metadata_bytes)
        found += differences(row, tree, package.record.remark)
        found += [surplus(row, name) for name in row.files if name not in known]
        if damaged or work is None:
            return Found(row.code, verdict, tuple(found), damaged)
        folder = self._tree if isinstance(self._tree, FolderTree) else None
        place_of = (lambda path: folder.place(there[path])) if folder else None
        carried = carried_of(package, work, place_of=place_of)
        return Found(row.code, verdict, tuple(found), damaged, carried)

    def _unsealed(
        self, row: Row, metadata: str, contents: Sequence[str], work: Path | None
    ) -> Found:
        """A record by what its metadata and its row say; its files as they lie there."""
        content = self._small(f"{row.folder}/{metadata}")
        findings: list[Finding] = []
        try:
            tree = read_xml(content)
        except Invalid:
            tree = read_any_xml(content)
            findings.append(
                Finding(
                    "form_metadata_foreign",
                    "元数据不是档联的写法，只按元素名称读取。",
                    "请核对读出的内容。",
                    where=f"{row.folder}/{metadata}",
                    severity=Severity.WARNING,
                )
            )

        def take(name: str, file_id: str) -> tuple[str, int, Path | None]:
            return self._bytes(f"{row.folder}/{name}", work / file_id if work else None)

        whole = completed(tree, row)
        files = Files(self.form, row, whole, contents, take)
        found = recognise(whole, files.documents)
        findings += differences(row, tree, found.record.remark)
        findings += files.findings
        carried = None
        if work is not None and not files.is_damaged:
            carried = Carried(
                found.record, found.fonds, found.archive, files.places, where=row.code
            )
        return Found(row.code, Verdict.ABSENT, tuple(findings), files.is_damaged, carried)

    def _bytes(self, name: str, path: Path | None) -> tuple[str, int, Path | None]:
        """SHA-256 and size of a file, and where it lies; out of a ZIP it is unpacked to `path`."""
        tree, full = self._tree, self._prefix + name
        with tree.open(full) as stream:
            if path is not None and not isinstance(tree, FolderTree):
                return (*copy_out(stream, path), path)
            digest, size = hashlib.sha256(), 0
            for piece in chunks(stream):
                digest.update(piece)
                size += len(piece)
        place = tree.place(full) if isinstance(tree, FolderTree) else None
        return digest.hexdigest(), size, place


def _row(catalogue: Catalogue, number: int, values: dict[str, str]) -> Row:
    """A row at the place that it says, or that it has."""
    said = values.get("顺序号", "")
    place = int(said) if said.isascii() and said.isdecimal() and len(said) < 10 else number
    return Row(catalogue, place, values)


def _check_row(catalogue: Catalogue, number: int, values: Mapping[str, str]) -> Iterator[Finding]:
    where = f"{catalogue.file} 第 {number} 条"
    wanted = [each.name for each in catalogue.columns if each.required]
    if missing := [name for name in wanted if not values.get(name)]:
        yield structural("form_row_incomplete", f"目录条目没有填写{'、'.join(missing)}。", where)
    if more := set(values) - {each.name for each in catalogue.columns}:
        yield Finding(
            "form_row_unknown",
            f"目录条目有规定以外的项：{shown('、'.join(sorted(more)))}。",
            AGAIN,
            where=where,
            property=Property.INTEGRITY,
            severity=Severity.WARNING,
        )


def _lacking(row: Row, metadata: Sequence[str], contents: Sequence[str]) -> Iterator[Finding]:
    if not metadata:
        yield structural(
            "form_metadata_missing", f"“{shown(row.code)}”的目录中没有元数据。", row.folder
        )
    if not contents and RecordLevel.VOLUME not in row.catalogue.levels:
        yield structural(
            "form_content_missing", f"“{shown(row.code)}”的目录中没有内容文件。", row.folder
        )
