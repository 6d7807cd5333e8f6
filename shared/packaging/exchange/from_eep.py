"""A package of DA/T 48 as one of the forms: taken out of it, and written as one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from shared.kernel.errors import Invalid
from shared.packaging.eep import Eep, Making, Trust, open_eep, write_original
from shared.packaging.eep.decompose import EepFile
from shared.packaging.eep.form import MODIFIED
from shared.packaging.exchange.carried import Carried, Loss, losses
from shared.records.metadata import Recognised, documents_of, recognise
from shared.records.roles import DOCUMENT_ROLES


def take_out(eep: Eep, work: Path, *, where: str) -> Carried:
    """The record of an opened package, its files unpacked into `work`.

    Raises Invalid when a file is not inside, or the metadata make no record.
    """
    found, files = _recognised(eep)
    places: dict[str, Path] = {}
    for file_id, file in files.items():
        if file.encoded is None:
            raise Invalid(
                "file",
                f"封装包里没有“{file.name}”的内容，只有摘要，不能转换。",
                "请取得装有全部文件的封装包。",
                code="eep_digest_only",
            )
        places[file_id] = work / file_id
        places[file_id].touch()
    ids = {id(file): file_id for file_id, file in files.items()}

    def sink(file: EepFile) -> Callable[[bytes], None]:
        path = places[ids[id(file)]]

        def take(piece: bytes) -> None:
            with path.open("ab") as stream:
                stream.write(piece)

        return take

    eep.pour(sink)
    return Carried(
        found.record, found.fonds, found.archive, places, None, tuple(_proofs(eep)), where
    )


def _recognised(eep: Eep) -> tuple[Recognised, dict[str, EepFile]]:
    """The record, and its computer files in the package by their ids in it."""
    tree = eep.metadata
    documents = documents_of(tree)
    by_order = {each["order"]: each for each in documents}
    files: dict[str, EepFile] = {}
    for document in eep.documents:
        wire = by_order[document.number]
        title = document.title or ""
        if title in DOCUMENT_ROLES:
            wire["role"], wire["title"] = title, None
        else:
            wire["role"], wire["title"] = ("正本" if document.is_main else "附件"), title or None
        for file, inside in zip(wire["files"], document.files, strict=True):
            file.update(name=inside.name, size=inside.size, sha256=inside.sha256 or "0" * 64)
            files[file["id"]] = inside
    return recognise(tree, documents), files


def _proofs(eep: Eep) -> list[Loss]:
    report = eep.report
    signers = [each.signer or "" for each in report.signatures if each.signer and not each.is_lock]
    found = [Loss("signatures", "、".join(dict.fromkeys(signers)))] if signers else []
    if report.kind == MODIFIED:
        found.append(Loss("layers"))
    return found


def write_eep(carried: Carried, stream: BinaryIO, making: Making) -> tuple[Loss, ...]:
    """Write the record as an original package, read it back, and return what it cannot carry.

    Raises Invalid for what DA/T 48 cannot say, and when what was written does not verify.
    """
    write_original(
        carried.record,
        carried.files,
        stream,
        fonds=carried.fonds,
        making=making,
        archive=carried.archive,
    )
    # Whether the signers count is for others to say; that nothing is wrong is asked here.
    again, _files = _recognised(open_eep(stream, trust=Trust(), as_it_is=True))
    lost = losses(carried.record, again.record)
    seal = (Loss("seal"),) if carried.sealed else ()
    return (*carried.proofs, *seal, *lost)
