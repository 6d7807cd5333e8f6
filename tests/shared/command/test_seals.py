"""`danglian seals`: what it prints, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from shared.command.main import danglian
from shared.kernel.issuing import certificate_pem
from tests.shared.seals.samples import (
    NOW,
    PLAIN,
    UNSEALED,
    Party,
    Sealing,
    plain_pdf,
    sealed,
    signed_data,
    signed_pdf,
    zipped,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("documents")
    party = Party.make("ecdsa")
    (made / "root.pem").write_bytes(certificate_pem(party.root))
    listed = party.revoking(party.holder, NOW, until=NOW)
    (made / "revoked.crl").write_bytes(listed.der)
    parts = sealed(PLAIN, Sealing(party))
    (made / "letter.ofd").write_bytes(zipped(parts))
    (made / "plain.ofd").write_bytes(zipped(UNSEALED))
    (made / "changed.ofd").write_bytes(zipped({**parts, "OFD.xml": parts["OFD.xml"] + b"\n"}))
    pdf = signed_pdf(plain_pdf(), lambda message: signed_data(party.holder, message))
    (made / "letter.pdf").write_bytes(pdf)
    (made / "note.txt").write_text("没有签章", encoding="utf-8")
    return made


def run(folder: Path, *words: str) -> Result:
    paths = [str(folder / each) if (folder / each).is_file() else each for each in words]
    return CliRunner().invoke(danglian, ["seals", *paths])


def said(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_documents_with_good_seals_end_with_0(folder: Path) -> None:
    result = run(folder, "letter.ofd", "letter.pdf", "--trust", "root.pem", "--json")
    assert result.exit_code == 0, result.output
    ofd, pdf = said(result)["files"]
    assert (ofd["verdict"], pdf["verdict"]) == ("valid", "valid")
    assert [each["form"] for each in ofd["seals"] + pdf["seals"]] == [
        "GB/T 38540", "adbe.pkcs7.detached",
    ]  # fmt: skip


def test_without_seal_or_authority_it_ends_with_3(folder: Path) -> None:
    absent = run(folder, "plain.ofd", "letter.ofd", "--trust", "root.pem", "--json")
    assert absent.exit_code == 3
    assert [each["verdict"] for each in said(absent)["files"]] == ["absent", "valid"]
    unknown = run(folder, "letter.ofd")
    assert unknown.exit_code == 3
    assert "无法验证：宜昌市财政局公章，宜昌市财政局" in unknown.output


def test_a_changed_document_ends_with_1_and_the_part_is_named(folder: Path) -> None:
    result = run(folder, "letter.pdf", "changed.ofd", "--trust", "root.pem")
    assert result.exit_code == 1
    assert "签章之后，OFD.xml 被改动。" in result.output


def test_what_was_revoked_since_was_valid_when_it_was_received(folder: Path) -> None:
    words = ("letter.ofd", "--trust", "root.pem", "--revoked", "revoked.crl", "--json")
    assert run(folder, *words).exit_code == 3
    received = f"{NOW.replace(hour=0, minute=0, second=0):%Y-%m-%d}"
    result = run(folder, *words, "--received", received)
    assert result.exit_code == 0, result.output
    (document,) = said(result)["files"]
    assert document["verdict"] == "valid_at_receipt"
    assert document["seals"][0]["proven_at"] == f"{received}T00:00:00.000000Z"


def test_other_files_are_refused(folder: Path) -> None:
    result = run(folder, "note.txt", "--json")
    assert result.exit_code != 0
    assert said(result)["code"] == "file_without_seals"
