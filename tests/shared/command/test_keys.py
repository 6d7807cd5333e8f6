"""`danglian keys`: an authority and its certificates, read by openssl as well as by us."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from shared.command.main import danglian
from shared.kernel.certificates import read_certificates
from shared.kernel.key_files import read_key_pem
from shared.kernel.keys import SigningKey
from shared.packaging.eep.signers import read_pkcs12

PASSWORD, OTHER = "口令 number one", "口令 number two"
SECRETS = {"DANGLIAN_KEY_PASSWORD": PASSWORD, "DANGLIAN_AUTHORITY_PASSWORD": PASSWORD}


def call(*words: object, refused: bool = False, **environment: str) -> dict[str, Any]:
    result = CliRunner().invoke(
        danglian, ["keys", *map(str, words), "--json"], env={**SECRETS, **environment}
    )
    assert bool(result.exit_code) == refused, result.output
    return dict(json.loads(result.stdout))


def openssl(*words: object) -> str:
    whole = ["openssl", *map(str, words)]
    return subprocess.run(
        whole, check=True, capture_output=True, text=True, env={**os.environ, **SECRETS}
    ).stdout


@pytest.mark.parametrize("kind", ["sm2", "rsa", "ecdsa"])
def test_an_authority_certifies_a_unit_and_openssl_agrees(kind: str, tmp_path: Path) -> None:
    ca, unit = tmp_path / "ca", tmp_path / "unit"
    call("authority", "--into", ca, "--name", "试验签发机构", "--kind", kind)
    call("issue", "--into", unit, "--name", "宜昌市财政局", "--authority", ca, "--days", 30)
    own, issuer = read_certificates((unit / "certificate.pem").read_bytes())
    assert (own.name, issuer.name) == ("宜昌市财政局", "试验签发机构")
    assert issuer.has_issued(own)
    assert issuer.is_self_signed
    assert (issuer.is_authority, own.is_authority) == (True, False)
    told = call("show", unit / "certificate.pem")["certificates"]
    assert [each["algorithm"] for each in told] == [kind.upper()] * 2
    assert all(each["is_valid"] for each in told)
    identity = ["-vfyopt", "distid:1234567812345678"] if kind == "sm2" else []
    checked = openssl(
        "verify", *identity, "-CAfile", ca / "certificate.pem", unit / "certificate.pem"
    )
    assert checked.strip().endswith(": OK")
    public = openssl(
        "pkey", "-in", unit / "key.pem", "-passin", "env:DANGLIAN_KEY_PASSWORD", "-pubout"
    )
    assert public == openssl("x509", "-in", unit / "certificate.pem", "-pubkey", "-noout")
    for name, mode in (("", 0o700), ("key.pem", 0o600)):
        assert (unit / name).stat().st_mode & 0o777 == mode


def test_an_sm2_key_is_read_again_with_its_password_alone(tmp_path: Path) -> None:
    call("authority", "--into", tmp_path / "ca", "--name", "试验签发机构")
    content = (tmp_path / "ca" / "key.pem").read_bytes()
    key = read_key_pem(content, PASSWORD)
    assert isinstance(key, SigningKey)
    (certificate,) = read_certificates((tmp_path / "ca" / "certificate.pem").read_bytes())
    assert certificate.sm2_key == key.public
    assert key.public.verifies(b"x", key.sign(b"x"))
    refused = call(
        "issue", "--into", tmp_path / "unit", "--name", "单位", "--authority", tmp_path / "ca",
        "--days", 3, refused=True, DANGLIAN_AUTHORITY_PASSWORD=OTHER,
    )  # fmt: skip
    assert refused["code"] == "key_unreadable"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ca"]


def test_pkcs12_is_written_for_ecdsa_and_refused_for_sm2(tmp_path: Path) -> None:
    for kind in ("ecdsa", "sm2"):
        call("authority", "--into", tmp_path / kind, "--name", "试验签发机构", "--kind", kind)
    words = ("--name", "宜昌市档案馆", "--pkcs12", "--days", 3, "--authority")
    call("issue", "--into", tmp_path / "archive", *words, tmp_path / "ecdsa")
    signer = read_pkcs12((tmp_path / "archive" / "key.p12").read_bytes(), PASSWORD)
    assert [each.name for each in signer.certificates] == ["宜昌市档案馆", "试验签发机构"]
    refused = call("issue", "--into", tmp_path / "no", *words, tmp_path / "sm2", refused=True)
    assert refused["code"] == "pkcs12_without_sm2"
    assert not (tmp_path / "no").exists()


def test_nothing_is_overwritten_and_wrong_calls_leave_nothing(tmp_path: Path) -> None:
    ca = tmp_path / "ca"
    call("authority", "--into", ca, "--name", "试验签发机构", "--days", 5)
    before = (ca / "key.pem").read_bytes()
    new = ("--into", tmp_path / "new", "--name")
    for words, code in (
        (("authority", "--into", ca, "--name", "别的"), "keys_already_there"),
        (("authority", *new, "\x07"), "bad_holder_name"),
        (("issue", *new, "单位", "--authority", ca, "--days", 50), "outlives_authority"),
    ):
        assert call(*words, refused=True)["code"] == code
    call("issue", "--into", tmp_path / "unit", "--name", "单位", "--authority", ca, "--days", 2)
    below = call("issue", *new, "单位", "--authority", tmp_path / "unit", "--days", 1, refused=True)
    assert below["code"] == "no_authority"
    short = call("authority", *new, "机构", refused=True, DANGLIAN_KEY_PASSWORD="short")
    assert short["code"] == "password_too_short"
    assert (ca / "key.pem").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ca", "unit"]
