"""Danglian's own package as a form: a folder with the same entries as the ZIP that travels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from shared.inspection.finding import Finding
from shared.kernel.errors import Invalid
from shared.kernel.identifiers import new_id
from shared.kernel.keys import PublicKey, Seal
from shared.packaging.build import Sealed, seal_record
from shared.packaging.eep.report import Verdict
from shared.packaging.eep.trust import Trust
from shared.packaging.exchange.carried import Carried, Found, Loss
from shared.packaging.exchange.tree import FolderTree
from shared.packaging.exchange.writing import TreeWriter, copy_out
from shared.packaging.manifest import SIGNATURE
from shared.packaging.package import Entries, LoosePackage
from shared.packaging.verify import verify_loose
from shared.records.fonds import Fonds
from shared.records.metadata import read_xml, recognise


def judge_seal(package: LoosePackage, trust: Trust) -> tuple[Verdict, list[Finding]]:
    """What the unit's seal over a package is worth, and all that is wrong with the package."""
    try:
        key = PublicKey.from_hex(package.signature.get("public_key"))
    except Invalid:
        key = None
    seal = key if key in trust.seals else None
    found = list(verify_loose(package, seal))
    if any(each.is_error for each in found):
        return Verdict.ALTERED, found
    return (Verdict.VALID if seal else Verdict.UNVERIFIABLE), found


class OwnReader:
    """A package of one record whose entries were opened as files."""

    def __init__(self, tree: Entries, name: str) -> None:
        """Raise Invalid when the entries are not those of its manifest."""
        self._tree, self._name = tree, name
        self._package = LoosePackage(tree)
        self.findings: list[Finding] = []

    def __len__(self) -> int:
        """One record."""
        return 1

    def records(self, trust: Trust, work: Path | None = None) -> Iterator[Found]:
        """The record; see `FormReader.records`."""
        package, tree = self._package, self._tree
        verdict, findings = judge_seal(package, trust)
        damaged = verdict is Verdict.ALTERED
        carried = None
        if work is not None and not damaged:
            place_of = tree.place if isinstance(tree, FolderTree) else None
            carried = carried_of(package, work, place_of=place_of)
        yield Found(self._name, verdict, tuple(findings), damaged, carried)


def carried_of(
    package: LoosePackage, work: Path, *, place_of: Callable[[str], Path] | None = None
) -> Carried:
    """The record of a package that was judged, its files unpacked into `work` where they must be.

    `place_of` says where an entry lies already, for a package whose entries are files.
    """
    described = recognise(read_xml(package.metadata_bytes), ())
    manifest = package.manifest
    places: dict[str, Path] = {}
    for file_id, entry in package.files.items():
        if place_of is not None and entry.at is None:
            places[file_id] = place_of(entry.path)
            continue
        places[file_id] = work / file_id
        with package.open(entry.path) as stream:
            copy_out(stream, places[file_id])
    contents = tuple((entry, places[file_id]) for file_id, entry in package.files.items())
    # The seal over an EEP is over nothing that the files make by themselves.
    sealed = None if package.is_wrapped else Sealed(
        package.manifest_bytes,
        package.record_bytes,
        package.metadata_bytes,
        package.signature_bytes,
        contents,
    )  # fmt: skip
    proofs = (Loss("seal"), Loss("signatures", manifest.unit)) if package.is_wrapped else ()
    known = described.fonds
    fonds = Fonds(
        manifest.fonds_id,
        known.names,
        known.forming_unit,
        known.division_code,
        known.level,
        known.numbers,
        receiving_archive=known.receiving_archive,
    )
    return Carried(package.record, fonds, described.archive, places, sealed, proofs)


def sealed_by(carried: Carried, key: Seal) -> Carried:
    """The record sealed by this key, as a package that belongs to no offer."""
    sealed = seal_record(
        carried.record,
        carried.files,
        offer_id=new_id(),
        unit=carried.fonds.forming_unit,
        fonds=carried.fonds,
        archive=carried.archive,
        seal=key,
    )
    return Carried(
        carried.record,
        carried.fonds,
        carried.archive,
        carried.files,
        sealed,
        carried.proofs,
        carried.where,
    )


def write_own(carried: Carried, tree: TreeWriter) -> None:
    """Write the package: the entries in the order in which they lie in the ZIP."""
    sealed = carried.sealed
    if sealed is None:
        raise Invalid(
            "key",
            "档联的信息包须有单位印章的签名。",
            "请用 --key 给出 SM2 印章。",
            code="package_needs_seal",
        )
    for name, content in sealed.described:
        tree.add(name, content)
    for entry, path in sealed.contents:
        tree.copy(entry.path, path, entry.sha256)
    tree.add(SIGNATURE, sealed.signature)
