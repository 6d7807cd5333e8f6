"""What is wrong with the package of DA/T 48 (EEP) that lies in a package of ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from shared.inspection.eep_items import ITEM_OF_PART, ITEM_OF_RECORD, ITEM_OF_SIGNATURES
from shared.inspection.finding import Finding, shown
from shared.kernel.errors import DanglianError, Invalid, Unavailable
from shared.kernel.keys import PublicKey
from shared.packaging.eep import Eep, Trust
from shared.packaging.eep.verify import look_into
from shared.packaging.manifest import EEP
from shared.packaging.package import LoosePackage
from shared.records.metadata import RECORD as RECORD_ENTITY
from shared.records.metadata import Node, find_all, read_xml
from shared.records.record import Record

_AGAIN = "请由移交单位重新生成信息包并提交。"


def judge_eep(package: LoosePackage, seal: PublicKey | None) -> dict[str, tuple[Finding, ...]]:
    """What verifying the EEP in a package has shown, by item; nothing in it raises.

    `seal` is the unit's registered one, whose own certificate counts then; for want of one it is
    that which has sealed the package.
    """
    try:
        with package.open_eep() as stream:
            verified = look_into(stream, trust=Trust(seals=_seals(package, seal)))
            report = verified.report
            told = {item: getattr(report, part).findings for part, item in ITEM_OF_PART.items()}
            told[ITEM_OF_SIGNATURES] = report.of_signatures
            if not any(each.is_error for of_item in told.values() for each in of_item):
                told[ITEM_OF_RECORD] = tuple(_another_record(package, Eep(stream, verified)))
    except Unavailable:
        raise
    except DanglianError as error:
        return {ITEM_OF_SIGNATURES: (Finding.of_error(error, where=EEP, field=None),)}
    return {item: tuple(map(_placed, of_item)) for item, of_item in told.items()}


def _seals(package: LoosePackage, seal: PublicKey | None) -> list[PublicKey]:
    if seal is not None:
        return [seal]
    try:
        return [PublicKey.from_hex(package.signature.get("public_key"))]
    except Invalid:
        return []  # the seal's own check says so


def _placed(finding: Finding) -> Finding:
    """The same, with the file that it is in."""
    return replace(finding, where=f"{EEP}：{finding.where}" if finding.where else EEP)


def _another_record(package: LoosePackage, eep: Eep) -> Iterator[Finding]:
    """Where the EEP speaks of something else than the record beside it."""
    record: Record | None = None
    with suppress(DanglianError):  # what is wrong with the record itself others say
        record = package.record
    if record is None:
        return
    try:
        wanted, said = _values(read_xml(package.metadata_bytes)), _values(eep.metadata)
    except Invalid as error:
        yield Finding.of_error(error, field=None)
        return
    for name, value in [*(wanted - said), *(said - wanted)][:1]:
        yield Finding(
            "eep_of_another_record",
            f"封装包里的元数据“{name}”与信息包的不一致。",
            _AGAIN,
            actual=shown(value),
        )
        return
    inside = sorted((file.sha256, file.size) for each in eep.documents for file in each.files)
    if inside != sorted((file.sha256, file.size) for file in record.files):
        yield Finding(
            "eep_files_differ",
            "封装包里的计算机文件与档案记录的不一致。",
            _AGAIN,
            expected=f"{len(record.files)} 个",
            actual=f"{len(inside)} 个",
        )


def _values(metadata: Node) -> Counter[tuple[str, str | None]]:
    """What metadata say of the record itself; of persons an EEP says more."""
    return Counter(
        (node.name, node.value)
        for entity in find_all(metadata, RECORD_ENTITY)
        for node in entity.walk()
        if node.value
    )
