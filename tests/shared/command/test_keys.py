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
from shared.kernel.errors import Invalid
from shared.kernel.key_files import read_key_pem
from shared.kernel.keys import SigningKey
from shared.packaging.eep.signers import read_pkcs12
from tests import signing_service

DAYS = ("--days", 30)
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
    call("issue", "--into", unit, "--name", "宜昌市财政局", "--authority", ca)
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


@pytest.mark.parametrize("kind", ["sm2", "ecdsa"])
def test_pkcs12_is_written_and_read_by_us_and_by_openssl(kind: str, tmp_path: Path) -> None:
    call("authority", "--into", tmp_path / "ca", "--name", "试验签发机构", "--kind", kind)
    words = ("--name", "宜昌市档案馆", "--pkcs12", "--days", 3, "--authority")
    folder = tmp_path / "archive"
    call("issue", "--into", folder, *words, tmp_path / "ca")
    content = (folder / "key.p12").read_bytes()
    signer = read_pkcs12(content, PASSWORD)
    assert [each.name for each in signer.certificates] == ["宜昌市档案馆", "试验签发机构"]
    secret = ("env:DANGLIAN_KEY_PASSWORD", "-in")
    plain = tmp_path / "plain.pem"
    openssl("pkcs12", "-nodes", "-out", plain, "-passin", *secret, folder / "key.p12")
    assert plain.read_bytes().count(b"BEGIN CERTIFICATE") == 2
    public = openssl("x509", "-in", folder / "certificate.pem", "-pubkey", "-noout")
    assert openssl("pkey", "-in", plain, "-pubout") == public
    for bad, password in ((content, OTHER), (content[:-1], PASSWORD), (content[:40], PASSWORD)):
        with pytest.raises(Invalid) as caught:
            read_pkcs12(bad, password)
        assert caught.value.code == "pkcs12_unreadable"


@pytest.mark.parametrize(
    "scheme",
    [
        (),
        ("-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1"),
        ("-certpbe", "SM4-CBC", "-keypbe", "SM4-CBC", "-macalg", "sm3"),
        ("-certpbe", "NONE", "-keypbe", "AES-128-CBC"),
    ],
)
def test_an_sm2_key_that_openssl_has_put_into_pkcs12_signs(
    scheme: tuple[str, ...], tmp_path: Path
) -> None:
    call("authority", "--into", tmp_path / "ca", "--name", "试验签发机构")
    call(
        "issue",
        "--into",
        tmp_path / "unit",
        "--name",
        "单位",
        "--authority",
        tmp_path / "ca",
        *DAYS,
    )
    key, own = tmp_path / "unit" / "key.pem", tmp_path / "unit" / "certificate.pem"
    secret = "env:DANGLIAN_KEY_PASSWORD"
    openssl(
        "pkcs12", "-export", "-inkey", key, "-passin", secret, "-in", own, "-passout", secret,
        "-certfile", tmp_path / "ca" / "certificate.pem", "-out", tmp_path / "o.p12", *scheme,
    )  # fmt: skip
    signer = read_pkcs12((tmp_path / "o.p12").read_bytes(), PASSWORD)
    digest = signer.certificates[0].new_digest().digest()
    assert signer.certificates[0].verifies(digest, signer.sign_digest(digest))
    assert signer.certificates[-1].name == "试验签发机构"


@pytest.fixture
def described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The words that build a package, up to where it goes."""
    monkeypatch.setenv("DANGLIAN_KEY_PASSWORD", PASSWORD)
    event = {"action": "归档", "time": "2025-03-01T00:00:00.000000Z", "agent": "张三"}
    record = {"code": "A182-WS·2024-D30-0001", "title": "通知", "author": "单位"}
    whole = {**record, "date": "2024-03-05", "events": [{**event, "agent_unit": "单位"}]}
    fonds = {"name": "单位", "number": "A182"}
    (tmp_path / "a.txt").write_text("一")
    (tmp_path / "m.json").write_text(json.dumps({"fonds": fonds, "record": whole}))
    return ["package", "build", "--metadata", tmp_path / "m.json", tmp_path / "a.txt", "--into"]


def built(*words: object) -> int:
    return CliRunner().invoke(danglian, list(map(str, words))).exit_code


def test_a_pkcs12_file_signs_a_package(described: list[object], tmp_path: Path) -> None:
    call("authority", "--into", tmp_path / "ca", "--name", "试验签发机构")
    unit = ("--into", tmp_path / "unit", "--name", "单位", "--authority", tmp_path / "ca", *DAYS)
    call("issue", *unit, "--pkcs12")
    p12 = ("--key", tmp_path / "unit" / "key.p12")
    assert built(*described, tmp_path / "one.eep", *p12) == 0
    certificate = ("--certificate", tmp_path / "unit" / "certificate.pem")
    assert built(*described, tmp_path / "two.eep", *p12, *certificate) == 2
    assert sorted(path.name for path in tmp_path.glob("*.eep")) == ["one.eep"]


@pytest.mark.parametrize(
    ("kind", "form", "name"),
    [("sm2", "folder", "p.zip"), ("rsa", "eep", "p.eep"), ("ecdsa", "eep", "p.eep")],
)
def test_a_signing_service_signs_a_package(
    kind: str, form: str, name: str, described: list[object], tmp_path: Path
) -> None:
    secret = {"DANGLIAN_KEY_PASSWORD": signing_service.PASSWORD}
    call("authority", "--into", tmp_path / "ca", "--name", "试验签发机构", "--kind", kind)
    unit = ("--into", tmp_path / "unit", "--name", "单位", "--authority", tmp_path / "ca", *DAYS)
    call("issue", *unit, **secret)
    signer = ("--signer", signing_service.command(tmp_path / "unit" / "key.pem"))
    certificate = ("--certificate", tmp_path / "unit" / "certificate.pem")
    assert built(*described, tmp_path / name, "--to", form, *signer) == 2
    assert built(*described, tmp_path / name, "--to", form, *signer, *certificate) == 0
    other = ("--certificate", tmp_path / "ca" / "certificate.pem")
    assert built(*described, tmp_path / "x.eep", *signer, *other) != 0
    assert not (tmp_path / "x.eep").exists()


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
