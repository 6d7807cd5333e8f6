"""`danglian package`: verified and opened from the command line, for people and for scripts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.serialization import Encoding

from shared.command.main import danglian
from tests.shared.packaging.eep.makers import Authority, original, seal, unsigned
from tests.shared.packaging.samples import Unit


def call(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(danglian, ["package", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


def said(*arguments: object, code: int = 0) -> dict[str, Any]:
    return dict(json.loads(call(*arguments, "--json", code=code).stdout))


@pytest.fixture
def unit(tmp_path: Path) -> Unit:
    return Unit(tmp_path / "files")


def test_a_package_is_verified_and_opened_by_its_registered_seal(
    unit: Unit, tmp_path: Path
) -> None:
    file = tmp_path / "record.eep"
    record = unit.record()
    file.write_bytes(original(unit, record).getvalue())
    key = unit.seal.public.hex
    report = said("verify", file, "--seal", key)
    assert [report[name]["passed"] for name in ("well_formed", "schema_valid")] == [True, True]
    assert [report[name]["passed"] for name in ("references", "contents")] == [True, True]
    assert [each["verdict"] for each in report["signatures"]] == ["valid", "valid"]
    assert (
        "锁定签名 修改0-签名1（宜昌市财政局）：有效" in call("verify", file, "--seal", key).stdout
    )
    opened = said("open", file, "--into", tmp_path / "out", "--seal", key)
    assert opened["is_proven"]
    for name in opened["files"]:
        assert (tmp_path / "out" / name).is_file()
    assert said("open", file, "--into", tmp_path / "out", "--seal", key, code=1)["code"] == (
        "folder_not_empty"
    )


def test_authority_revocation_and_day_are_options(unit: Unit, tmp_path: Path) -> None:
    authority = Authority()
    signer = authority.signer()
    file, ca, crl = (tmp_path / name for name in ("record.eep", "ca.pem", "revoked.crl"))
    file.write_bytes(original(unit, unit.record(), signer).getvalue())
    ca.write_bytes(authority.certificate.parsed.public_bytes(Encoding.PEM))
    crl.write_bytes(authority.revoking(signer.certificates[0]).public_bytes(Encoding.DER))
    call("verify", file, "--trust", ca)
    call("verify", file, code=3)
    call("verify", file, "--trust", ca, "--revoked", crl, code=3)
    call("verify", file, "--trust", ca, "--revoked", crl, "--at", "2024-06-30")
    call("verify", file, "--trust", ca, "--at", "2023-06-30", code=3)
    call("verify", file, "--trust", file, code=2)
    call("verify", file, "--revoked", file, code=2)
    call("verify", file, "--seal", "ab", code=2)


def test_what_is_wrong_or_proves_nothing_has_its_own_exit_code(unit: Unit, tmp_path: Path) -> None:
    record = unit.record()
    file = tmp_path / "record.eep"
    file.write_bytes(unsigned(unit, record).getvalue())
    assert said("verify", file, code=3)["signatures"][0]["verdict"] == "absent"
    assert said("open", file, "--into", tmp_path / "out", code=2)["code"] == "eep_signature_absent"
    call("open", file, "--into", tmp_path / "out", "--as-it-is")
    altered = original(unit, record, seal(unit)).getvalue().replace(b"2024-03-05", b"2024-03-06")
    file.write_bytes(altered)
    report = said("verify", file, "--seal", unit.seal.public.hex, code=1)
    assert [each["verdict"] for each in report["signatures"]] == ["valid", "altered"]
    refused = ("open", file, "--into", tmp_path / "other", "--as-it-is")
    assert said(*refused, code=2)["code"] == "eep_signature_wrong"
    assert not (tmp_path / "other").exists()
    call("verify", tmp_path / "missing.eep", code=2)
    file.write_bytes(b"PK\x03\x04")
    assert said("verify", file, code=1)["well_formed"]["passed"] is False


@pytest.mark.parametrize(
    ("form", "name", "folder"),
    [
        ("folder", "own", ""),
        ("folder", "own.zip", ""),
        ("dat93", "dat93", "{code}/"),
        ("medium", "medium.zip", "{code}/"),
        ("medium", "medium.iso", "{code}/"),
    ],
)
def test_every_form_is_verified_and_opened(
    form: str, name: str, folder: str, unit: Unit, tmp_path: Path
) -> None:
    record = unit.record(unit.file("通知.pdf", b"one"), unit.file("附件.txt", b"two"))
    unit.package(record, tmp_path / "package.zip")
    source, key = tmp_path / name, ("--seal", unit.seal.public.hex)
    about = tmp_path / "about.json"
    about.write_text(json.dumps({"medium_number": "G-1"}))
    made = ("--about", about) if form in ("dat93", "medium") else ()
    call("convert", tmp_path / "package.zip", "--to", form, "--into", source, *key, *made)
    assert said("verify", source, *key)["form"] == form
    out = tmp_path / "out"
    assert said("open", source, "--into", out, code=2)["code"] == "not_proven"
    assert not out.exists()
    assert said("open", source, "--into", out, "--as-it-is")["is_proven"] is False
    opened = said("open", source, "--into", tmp_path / "proven", *key)
    assert (opened["form"], opened["is_proven"]) == (form, True)
    there = tmp_path / "proven" / folder.format(code=record.code)
    assert (there / "metadata.xml").is_file()
    found = {path.name: path.read_bytes() for path in there.glob("content/*/*")}
    assert found == {"通知.pdf": b"one", "附件.txt": b"two"}
    assert sorted(opened["files"]) == sorted(
        str(path.relative_to(tmp_path / "proven"))
        for path in (tmp_path / "proven").rglob("*")
        if path.is_file()
    )


def test_an_altered_package_stays_closed_in_every_form(unit: Unit, tmp_path: Path) -> None:
    unit.package(unit.record(unit.file("通知.pdf", b"one")), tmp_path / "package.zip")
    key = ("--seal", unit.seal.public.hex)
    call("convert", tmp_path / "package.zip", "--to", "folder", "--into", tmp_path / "own", *key)
    (altered,) = (tmp_path / "own").glob("content/**/*.pdf")
    altered.write_bytes(b"two")
    out = tmp_path / "out"
    assert said("verify", tmp_path / "own", *key, code=1)["findings"]
    assert said("open", tmp_path / "own", "--into", out, "--as-it-is", *key, code=2)["code"]
    assert not [*tmp_path.glob("out*"), *tmp_path.glob(".out*")]
