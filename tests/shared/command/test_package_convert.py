"""`danglian package convert`: from the command line, for people and for scripts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shared.kernel.issuing import certificate_pem
from shared.kernel.key_files import key_pem
from tests.shared.command.test_package import call, said
from tests.shared.packaging.eep.makers import seal
from tests.shared.packaging.samples import Unit

PASSWORD = "a long password"


@pytest.fixture
def unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Unit:
    made = Unit(tmp_path / "files")
    (tmp_path / "key.pem").write_bytes(key_pem(made.seal, PASSWORD))
    (tmp_path / "certificate.pem").write_bytes(certificate_pem(seal(made).certificates[0]))
    made.package(made.record(box="7"), tmp_path / "package.zip")
    monkeypatch.setenv("DANGLIAN_KEY_PASSWORD", PASSWORD)
    return made


def test_a_package_is_converted_and_its_losses_are_told(unit: Unit, tmp_path: Path) -> None:
    source, key = tmp_path / "package.zip", unit.seal.public.hex
    signing = ("--key", tmp_path / "key.pem", "--certificate", tmp_path / "certificate.pem")
    eep = tmp_path / "record.eep"
    done = said("convert", source, "--to", "eep", "--into", eep, "--seal", key, *signing)
    assert done["written"] == [str(eep)]
    assert {"record": unit.record().code, "field": "box", "name": "盒号", "value": "7"}.items() <= (
        next(each for each in done["losses"] if each["field"] == "box").items()
    )
    assert said("verify", eep, "--seal", key)["signatures"][0]["verdict"] == "valid"
    about = tmp_path / "about.json"
    about.write_text(json.dumps({"medium_number": "G-2024-1", "medium_kind": "DVD-R"}))
    medium = tmp_path / "medium"
    text = call(
        "convert", source, eep, "--to", "medium", "--into", medium, "--seal", key, "--about", about,
        "--medium-size", 4700, code=2,
    ).stderr  # fmt: skip
    assert "档号与前面的一件相同" in text
    text = call(
        "convert", eep, "--to", "medium", "--into", medium, "--seal", key, "--about", about,
    ).stdout  # fmt: skip
    assert "装不下：封装包的电子签名（宜昌市财政局）" in text
    back = said(
        "convert", medium, "--to", "folder", "--into", tmp_path / "b", "--as-it-is", *signing
    )
    assert (back["form"], back["records"], back["losses"]) == ("folder", 1, [])
    assert (tmp_path / "b" / "manifest.json").is_file()


def test_what_a_call_lacks_is_said(unit: Unit, tmp_path: Path, monkeypatch) -> None:
    source, out = tmp_path / "package.zip", tmp_path / "out"
    assert said("convert", source, "--to", "dat93", "--into", out, code=2)["code"] == "not_proven"
    key = ("--key", tmp_path / "key.pem")
    assert said("convert", source, "--to", "eep", "--into", out, *key, code=2)["code"] == "usage"
    monkeypatch.delenv("DANGLIAN_KEY_PASSWORD")
    both = (*key, "--certificate", tmp_path / "certificate.pem")
    assert said("convert", source, "--to", "eep", "--into", out, *both, code=2)["code"] == "usage"
    (tmp_path / "about.json").write_text('{"nothing": 1}')
    known: tuple[object, ...] = ("--seal", unit.seal.public.hex)
    known = (*known, "--about", tmp_path / "about.json")
    wrong = said("convert", source, "--to", "medium", "--into", out, *known, code=2)
    assert wrong["code"] == "bad_about"
    known = known[:2]
    lacking = said("convert", source, "--to", "medium", "--into", out, *known, code=2)
    assert (lacking["code"], lacking["field"]) == ("form_cannot_say", "medium_number")
    assert not out.exists()
