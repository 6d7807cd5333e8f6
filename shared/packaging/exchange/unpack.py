"""A package or form opened: metadata and files of each record in a folder, for anybody to read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shared.kernel.errors import Invalid
from shared.packaging.eep import Trust, open_eep
from shared.packaging.exchange.carried import Carried
from shared.packaging.exchange.plain_folders import by_document
from shared.packaging.exchange.sources import EEP, FOLDER, cleared, is_eep, opened_source
from shared.packaging.exchange.writing import TreeWriter, new_folder_tree, work_beside
from shared.records.metadata import describe, to_xml
from shared.records.text import safe_file_name

_METADATA = "metadata.xml"


@dataclass(frozen=True)
class Unpacked:
    """What was taken out: of which form, into which files (their paths), whether it was proven."""

    form: str
    files: tuple[Path, ...]
    is_proven: bool


def unpack(
    path: Path, into: Path, *, trust: Trust | None = None, as_it_is: bool = False
) -> Unpacked:
    """Verify a package or form, and take out what is in it, whole or not at all.

    A package of one record becomes `metadata.xml` (DA/T 46) and `content/01/…` in the new folder
    `into`; a form of many records the same for each, in a folder named by its archival code 档号.

    Args:
        path: an EEP, Danglian's own package, an item package of DA/T 93 or a medium of
            档发〔2012〕7号; all but the EEP as folder, ZIP or image of a disc.
        into: the folder, which must not be there, or be empty.
        trust: whose signatures and seals count.
        as_it_is: also take what nobody has proven, and what breaks the order of its form; never
            what is damaged, altered or classified.

    Raises Invalid, with the first finding that is in the way; Classified; Conflict when there is
    something in `into`, Unavailable when it cannot be written.
    """
    trust, into = trust or Trust(), into.absolute()
    if is_eep(path):  # what its metadata make no record of is opened too
        with path.open("rb") as stream:
            eep = open_eep(stream, trust=trust, as_it_is=as_it_is)
            return Unpacked(EEP, tuple(eep.save(into)), eep.report.is_proven)
    into.parent.mkdir(parents=True, exist_ok=True)
    with opened_source(path, trust, as_it_is=as_it_is) as source, work_beside(into) as work:
        names: list[str] = []
        with new_folder_tree(into) as tree:
            folders: set[str] = set()
            for carried in cleared(source, work):
                folder = "" if source.form == FOLDER else f"{_folder(carried, folders)}/"
                names += _write(carried, tree, folder)
        return Unpacked(source.form, tuple(into / name for name in names), source.is_proven)


def _folder(carried: Carried, taken: set[str]) -> str:
    """The folder of a record. Raises Invalid when another one has it."""
    name = safe_file_name(carried.record.code or carried.where, "code")
    if name.casefold() in taken:
        raise Invalid(
            "code", f"档号“{name}”出现两次。", "请由原单位重新生成后提交。", code="form_code_twice"
        )
    taken.add(name.casefold())
    return name


def _write(carried: Carried, tree: TreeWriter, folder: str) -> list[str]:
    metadata = (
        carried.sealed.metadata
        if carried.sealed
        else to_xml(describe(carried.record, carried.fonds, archive=carried.archive))
    )
    tree.add(f"{folder}{_METADATA}", metadata)
    names = [f"{folder}{_METADATA}"]
    for place, name, path, file in by_document(carried):
        names.append(f"{folder}content/{place}/{name}")
        tree.copy(names[-1], path, file.sha256)
    return names
