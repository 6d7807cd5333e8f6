"""Verifying a package: everything it claims, recomputed; every problem one named finding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from shared.inspection.finding import Finding, Property, Severity
from shared.kernel.canonical import canonical_json
from shared.kernel.digests import digests_of
from shared.kernel.errors import Classified, DanglianError, Invalid
from shared.kernel.keys import PublicKey
from shared.packaging.build import PackageIdentity
from shared.packaging.manifest import (
    DIGEST_ALGORITHM,
    EEP,
    ENTRY_DIGESTS,
    MANIFEST,
    RECORD,
    SIGNATURE,
    SIGNATURE_ALGORITHM,
    PackageEntry,
)
from shared.packaging.package import LoosePackage, Package, open_package
from shared.records.record import content_digest

_AGAIN = "请由移交单位重新生成信息包并提交。"
_SIGNATURE_KEYS = {
    "digest_algorithm",
    "key",
    "public_key",
    "signature",
    "signature_algorithm",
    "signs",
}


def verify_package(
    package: Package | Path,
    *,
    seal: PublicKey | None,
    identity: PackageIdentity | None = None,
    offer: Mapping[str, Any] | None = None,
) -> list[Finding]:
    """Everything that is wrong with a package; an empty list when all holds.

    With `identity` (from the offer) no changed byte goes unnoticed. Without it the seal covers
    the manifest, the manifest covers every entry, and the layout covers the rest of the ZIP.

    Args:
        package: an open package, or a path, which is opened here; one that cannot be opened
            is one finding.
        seal: the unit's registered seal; None only checks that the seal fits its own key, and
            says so as a warning.
        identity: SHA-256 and size as offered.
        offer: the body of the offer entry; its ids, version and digest must be the package's.
    """
    if isinstance(package, Package):
        return list(_verify(package, seal, identity, offer))
    try:
        with open_package(package) as opened:
            return list(_verify(opened, seal, identity, offer))
    except DanglianError as error:
        return [Finding.of_error(error, property=Property.AUTHENTICITY)]


def _verify(
    package: Package,
    seal: PublicKey | None,
    identity: PackageIdentity | None,
    offer: Mapping[str, Any] | None,
) -> Iterator[Finding]:
    found = list(verify_loose(package, seal, offer=offer))
    if identity is not None and package.identity != identity:  # quicker now that all was read
        yield Finding(
            "package_digest_differs",
            "信息包的摘要或大小与移交时登记的不一致。",
            "传输中可能损坏或被替换，请重新传送该信息包。",
            expected=f"{identity.sha256}，{identity.size} 字节",
            actual=f"{package.identity.sha256}，{package.identity.size} 字节",
        )
    yield from found


def verify_loose(
    package: LoosePackage, seal: PublicKey | None, *, offer: Mapping[str, Any] | None = None
) -> Iterator[Finding]:
    """As `verify_package`, of a package whose entries lie wherever they do."""
    yield from check_seal(package, seal)
    altered = list(check_entries(package))
    yield from altered
    if package.is_wrapped and not altered:
        from shared.packaging.wrapped_checks import judge_eep  # which needs what is made here

        for of_item in judge_eep(package, seal).values():
            yield from of_item
    record_is_listed = not any(each.where == RECORD for each in altered)
    yield from check_claims(package, offer, record_is_listed=record_is_listed)


def check_seal(package: LoosePackage, seal: PublicKey | None) -> Iterator[Finding]:
    """Whether signature.json is the unit's seal over the exact bytes of the manifest."""
    try:
        signed = package.signature
        key = PublicKey.from_hex(signed.get("public_key"))
        signature = package.seal_signature
    except Invalid as error:
        yield Finding.of_error(error, where=SIGNATURE, field=None)
        return
    claims = {
        "signs": MANIFEST,
        "digest_algorithm": DIGEST_ALGORITHM,
        "signature_algorithm": SIGNATURE_ALGORITHM,
        "key": key.id,
    }
    is_exact = set(signed) == _SIGNATURE_KEYS and canonical_json(signed) == package.signature_bytes
    if not is_exact or any(signed.get(name) != value for name, value in claims.items()):
        yield Finding("seal_malformed", "签名文件的写法不正确。", _AGAIN, where=SIGNATURE)
    if seal is None:
        yield Finding(
            "seal_not_registered",
            "移交单位的印章公钥未登记，只核对了签名与随附公钥是否相符。",
            "请先登记移交单位的印章公钥，再重新检测。",
            where=SIGNATURE,
            severity=Severity.WARNING,
        )
    elif key != seal:
        yield Finding(
            "seal_of_another",
            "信息包不是用登记的单位印章签的名。",
            "请移交单位用登记的印章重新生成信息包，或先登记新的印章。",
            expected=seal.id,
            actual=key.id,
            where=SIGNATURE,
        )
    if not key.verifies(package.manifest_bytes, signature):
        yield Finding(
            "seal_invalid",
            "单位印章对清单的签名验证失败，清单可能被改动。",
            _AGAIN,
            where=SIGNATURE,
        )


def check_entries(package: LoosePackage) -> Iterator[Finding]:
    """Whether all bytes are those of the manifest.

    Of an EEP that is not, the files in it are not judged: that follows.
    """
    altered = False
    for entry in package.manifest.entries:
        if altered and entry.at is not None:
            continue
        for found in check_entry(package, entry):
            altered = altered or entry.path == EEP
            yield found


def check_entry(package: LoosePackage, entry: PackageEntry) -> Iterator[Finding]:
    """Whether an entry's bytes have the size and both digests that the manifest lists."""
    try:
        with package.open_raw(entry.path) as stream:
            (sha256, sm3), size = digests_of(stream, ENTRY_DIGESTS)
    except DanglianError as error:
        yield Finding.of_error(error, where=entry.path, field=None)
        return
    for code, name, expected, actual in (
        ("entry_size_differs", "大小", entry.size, size),
        ("entry_digest_differs", "SHA-256 摘要", entry.sha256, sha256),
        ("entry_sm3_differs", "SM3 摘要", entry.sm3, sm3),
    ):
        if expected != actual:
            yield Finding(
                code,
                f"“{entry.path}”的{name}与清单不一致。",
                _AGAIN,
                expected=str(expected),
                actual=str(actual),
                where=entry.path,
            )
            return  # the others follow from the first


def check_claims(
    package: LoosePackage, offer: Mapping[str, Any] | None, *, record_is_listed: bool = True
) -> Iterator[Finding]:
    """Whether manifest, record and offer speak of the same record, and of the same files.

    A record that is not the listed one (`check_entries` says so) is not asked.
    """
    manifest = package.manifest
    offered = (
        []
        if offer is None
        else [
            (name, getattr(manifest, name), offer.get(name))
            for name in ("offer_id", "record_id", "record_version", "record_digest")
        ]
    )
    if not record_is_listed:
        yield from _differing(offered)
        return
    try:
        wire = package.record_wire
        if canonical_json(wire) != package.record_bytes:
            yield Finding(
                "record_not_canonical", "record.json 不是规范写法。", _AGAIN, where=RECORD
            )
    except (DanglianError, TypeError, RecursionError):
        yield Finding("record_unreadable", "record.json 无法读取。", _AGAIN, where=RECORD)
        return
    pairs: list[tuple[str, object, object]] = [
        ("record_id", wire.get("id"), manifest.record_id),
        ("record_version", wire.get("version"), manifest.record_version),
        ("record_digest", content_digest(wire), manifest.record_digest),
        ("fonds_id", wire.get("fonds_id"), manifest.fonds_id),
    ]
    yield from _differing([*pairs, *offered])
    with suppress(Classified, Invalid):  # what is wrong with the record itself others say
        yield from _check_files(package)


def _differing(pairs: Iterable[tuple[str, object, object]]) -> Iterator[Finding]:
    for name, actual, expected in pairs:
        if actual != expected:
            yield Finding(
                f"{name}_differs",
                f"信息包所说的{_CLAIMS[name]}前后不一致。",
                _AGAIN,
                expected=str(expected),
                actual=str(actual),
                where=MANIFEST,
            )


_CLAIMS = {
    "offer_id": "移交编号",
    "record_id": "档案标识",
    "record_version": "档案版本",
    "record_digest": "档案摘要",
    "fonds_id": "全宗",
}


def _check_files(package: LoosePackage) -> Iterator[Finding]:
    listed = package.files
    files = {file.id: file for file in package.record.files}
    for file_id in sorted(set(listed) - set(files)):
        yield Finding(
            "file_not_in_record",
            f"“{listed[file_id].path}”未在档案中登记。",
            _AGAIN,
            where=listed[file_id].path,
        )
    for file in files.values():
        entry = listed.get(file.id)
        if entry is None:
            yield Finding(
                "file_missing",
                f"信息包缺少计算机文件“{file.name}”。",
                _AGAIN,
                field="documents",
                where=file.name,
                property=Property.INTEGRITY,
            )
        elif (entry.size, entry.sha256) != (file.size, file.sha256):
            yield Finding(
                "file_differs",
                f"计算机文件“{file.name}”的大小或摘要与档案登记的不一致。",
                _AGAIN,
                field="documents",
                expected=f"{file.sha256}，{file.size} 字节",
                actual=f"{entry.sha256}，{entry.size} 字节",
                where=entry.path,
            )
