"""Packages are verified byte by byte: whatever was changed is noticed, and named."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.kernel.canonical import canonical_json, sha256_hex, sm3_hex
from shared.kernel.errors import Invalid, NotFound
from shared.kernel.identifiers import new_id
from shared.kernel.keys import SigningKey
from shared.packaging import PackageIdentity, open_package, verify_package
from tests.shared.packaging.samples import Unit, codes, rewrite


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Unit, bytes, PackageIdentity, Path]:
    folder = tmp_path_factory.mktemp("sealed")
    unit = Unit(folder / "files")
    identity = unit.package(unit.record(), folder / "p.zip")
    return unit, (folder / "p.zip").read_bytes(), identity, folder


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_flip_of_any_bit_is_noticed(
    sealed: tuple[Unit, bytes, PackageIdentity, Path], data: st.DataObject
) -> None:
    """Even without the offer's digest: the layout, the manifest and the seal cover every bit."""
    unit, whole, identity, folder = sealed
    place = data.draw(st.integers(0, len(whole) - 1))
    bit = data.draw(st.integers(0, 7))
    flipped = bytearray(whole)
    flipped[place] ^= 1 << bit
    path = folder / "flipped.zip"
    path.write_bytes(flipped)
    assert verify_package(path, seal=unit.seal.public) != []
    assert verify_package(path, seal=unit.seal.public, identity=identity) != []


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_package_cut_or_stretched_is_noticed(
    sealed: tuple[Unit, bytes, PackageIdentity, Path], data: st.DataObject
) -> None:
    unit, whole, _identity, folder = sealed
    place = data.draw(st.integers(0, len(whole)))
    more = data.draw(st.binary(min_size=1, max_size=30))
    path = folder / "cut.zip"
    for changed in (whole[:place], whole[:place] + more + whole[place:], whole + more):
        if changed != whole:
            path.write_bytes(changed)
            assert verify_package(path, seal=unit.seal.public) != []


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=400))
def test_rubbish_is_refused_in_words(
    sealed: tuple[Unit, bytes, PackageIdentity, Path], content: bytes
) -> None:
    path = sealed[3] / "rubbish.zip"
    for each in (content, b"PK\x03\x04" + content, content + sealed[1][-22:]):
        path.write_bytes(each)
        with pytest.raises(Invalid):
            open_package(path)


def test_the_offer_and_the_digest_must_be_this_package(unit: Unit, tmp_path: Path) -> None:
    record, offer_id = unit.record(), new_id()
    identity = unit.package(record, tmp_path / "p.zip", offer_id=offer_id)
    offer = unit.offer(record, offer_id, identity)
    seal = unit.seal.public

    def found(**wrong: object) -> list[str]:
        return codes(verify_package(tmp_path / "p.zip", seal=seal, offer={**offer, **wrong}))

    assert found() == []
    assert found(offer_id=new_id()) == ["offer_id_differs"]
    assert found(record_version=2) == ["record_version_differs"]
    assert found(record_id=new_id()) == ["record_id_differs"]
    assert found(record_digest="0" * 64) == ["record_digest_differs"]
    other = PackageIdentity(identity.sha256, identity.size + 1)
    assert codes(verify_package(tmp_path / "p.zip", seal=seal, identity=other)) == [
        "package_digest_differs"
    ]


def test_the_seal_must_be_the_units(unit: Unit, tmp_path: Path) -> None:
    unit.package(unit.record(), tmp_path / "p.zip")
    stranger = SigningKey.generate()
    assert codes(verify_package(tmp_path / "p.zip", seal=stranger.public)) == ["seal_of_another"]
    unknown = verify_package(tmp_path / "p.zip", seal=None)
    assert codes(unknown) == ["seal_not_registered"]
    assert not unknown[0].is_error


def test_deflated_entries_are_read_as_well(unit: Unit, tmp_path: Path) -> None:
    unit.package(unit.record(), tmp_path / "p.zip")
    rewrite(tmp_path / "p.zip", tmp_path / "q.zip", lambda _n, c: c, zipfile.ZIP_DEFLATED)
    assert verify_package(tmp_path / "q.zip", seal=unit.seal.public) == []


def test_each_entry_that_was_changed_is_named(unit: Unit, tmp_path: Path) -> None:
    record = unit.record(unit.file("a.txt", b"one"), unit.file("b.txt", b"two"))
    unit.package(record, tmp_path / "p.zip")
    rewrite(
        tmp_path / "p.zip",
        tmp_path / "q.zip",
        lambda name, content: (
            content[::-1] if name.startswith("content/") else content.replace(b"1", b"7")
            if name == "record.json" else content
        ),
    )  # fmt: skip
    found = verify_package(tmp_path / "q.zip", seal=unit.seal.public)
    # That the record is not the manifest's either only follows.
    assert [(each.code, each.where) for each in found] == [
        ("entry_digest_differs", "record.json"),
        ("entry_digest_differs", "content/01/a.txt"),
        ("entry_digest_differs", "content/01/b.txt"),
    ]
    assert found[1].expected == sha256_hex(b"one")
    with (
        open_package(tmp_path / "q.zip") as package,
        package.open("content/01/a.txt") as stream,
        pytest.raises(Invalid, match="与清单不符"),
    ):
        stream.read()


def test_a_manifest_that_was_resealed_by_nobody_is_noticed(unit: Unit, tmp_path: Path) -> None:
    unit.package(unit.record(), tmp_path / "p.zip")
    rewrite(
        tmp_path / "p.zip",
        tmp_path / "q.zip",
        lambda name, content: (
            content.replace("宜昌市财政局".encode(), "宜昌市审计局".encode())
            if name == "manifest.json"
            else content
        ),
    )
    assert codes(verify_package(tmp_path / "q.zip", seal=unit.seal.public)) == ["seal_invalid"]


def test_a_package_whose_files_are_not_the_records_is_noticed(unit: Unit, tmp_path: Path) -> None:
    """A unit seals a manifest that does not fit its own record."""
    record = unit.record()
    unit.package(record, tmp_path / "p.zip")
    other = replace(record.files[0], size=record.files[0].size + 1)
    documents = (replace(record.documents[0], files=(other,)),)
    changed = canonical_json_of(replace(record, documents=documents))
    manifest = {}

    def change(name: str, content: bytes) -> bytes:
        import json

        if name == "record.json":
            return changed
        if name == "manifest.json":
            manifest.update(json.loads(content))
            entry = manifest["entries"][0]
            entry |= {"size": len(changed), "sha256": sha256_hex(changed), "sm3": sm3_hex(changed)}
            manifest["record_digest"] = sha256_hex(changed)
            return canonical_json(manifest)
        if name == "signature.json":
            body = json.loads(content)
            body["signature"] = unit.seal.sign(canonical_json(manifest)).hex()
            return canonical_json(body)
        return content

    rewrite(tmp_path / "p.zip", tmp_path / "q.zip", change)
    assert codes(verify_package(tmp_path / "q.zip", seal=unit.seal.public)) == ["file_differs"]


def canonical_json_of(record: object) -> bytes:
    from shared.records.record import record_to_wire

    return canonical_json(record_to_wire(record))


def test_without_a_file_there_is_no_package(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        open_package(tmp_path / "absent.zip")
    assert codes(verify_package(tmp_path / "absent.zip", seal=None)) == ["not_found"]
