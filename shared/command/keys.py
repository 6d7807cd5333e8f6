"""`danglian keys`: a test authority, certificates of units and archives; no data folder."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shared.command.main import AskedOption, json_option, show, show_table
from shared.kernel.clock import format_utc, now
from shared.kernel.errors import Conflict, Invalid
from shared.storage.temporary import telling_of_trouble

if TYPE_CHECKING:
    from shared.kernel.certificates import Certificate
    from shared.kernel.key_files import PrivateKey

KINDS = ("sm2", "rsa", "ecdsa")
_KEY, _CERTIFICATE, _PKCS12 = "key.pem", "certificate.pem", "key.p12"
_LEAST_PASSWORD = 8
_COLUMNS = {
    "name": "持有者",
    "issuer": "签发者",
    "algorithm": "算法",
    "is_authority": "可签发",
    "valid_from": "生效",
    "valid_to": "失效",
    "is_valid": "现在有效",
}


@click.group()
def keys() -> None:
    """试验用的签发机构，单位和档案馆的密钥与证书（SM2、RSA、ECDSA）。"""


_into = click.option(
    "--into", type=click.Path(path_type=Path), required=True, help="放到哪个新目录，不覆盖旧的。"
)
_name = click.option("--name", required=True, help="持有者的名称。")
#: A certificate may not outlive its authority's, so that one has the longer default.
_days = partial(
    click.option, "--days", type=click.IntRange(1, 36500), show_default=True, help="有效多少天。"
)
_password = click.option(
    "--password",
    cls=AskedOption,
    prompt="保护密钥的口令",
    hide_input=True,
    confirmation_prompt=True,
    envvar="DANGLIAN_KEY_PASSWORD",
    help="保护密钥的口令；不写就询问，脚本用环境变量 DANGLIAN_KEY_PASSWORD。",
)


@keys.command()
@_into
@_name
@click.option("--kind", type=click.Choice(KINDS), default="sm2", show_default=True, help="算法。")
@_days(default=3650)
@_password
@json_option
def authority(into: Path, *, name: str, kind: str, days: int, password: str, as_json: bool) -> None:
    """新建试验用的签发机构（CA）：自己的密钥和根证书。"""
    from shared.kernel.issuing import make_authority

    _check(password, into)
    key, certificate = make_authority(kind, name, now(), now() + timedelta(days=days))
    _write(into, key, [certificate], password, as_json=as_json)


@keys.command()
@_into
@_name
@click.option(
    "--authority",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    help="签发机构的目录；算法随它。",
)
@click.option(
    "--authority-password",
    cls=AskedOption,
    prompt="签发机构的口令",
    hide_input=True,
    envvar="DANGLIAN_AUTHORITY_PASSWORD",
    help="签发机构的口令；不写就询问，脚本用环境变量 DANGLIAN_AUTHORITY_PASSWORD。",
)
@click.option("--pkcs12", is_flag=True, help="另写 PKCS#12（key.p12）。")
@_days(default=1095)
@_password
@json_option
def issue(
    into: Path,
    *,
    name: str,
    folder: Path,
    authority_password: str,
    pkcs12: bool,
    days: int,
    password: str,
    as_json: bool,
) -> None:
    """为单位或档案馆新建密钥，由签发机构发证书。"""
    from shared.kernel.certificates import read_certificates
    from shared.kernel.issuing import issue as issued
    from shared.kernel.key_files import read_key_pem

    _check(password, into)
    with telling_of_trouble():
        signer = read_key_pem((folder / _KEY).read_bytes(), authority_password)
        issuer = read_certificates((folder / _CERTIFICATE).read_bytes())[0]
    key, certificate = issued(signer, issuer, name, now(), now() + timedelta(days=days))
    _write(into, key, [certificate, issuer], password, as_json=as_json, pkcs12=pkcs12)


@keys.command("show")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@json_option
def show_certificates(file: Path, *, as_json: bool) -> None:
    """证书是谁的、谁签发的、有效到哪天。"""
    from shared.kernel.certificates import read_certificates

    with telling_of_trouble():
        found = read_certificates(file.read_bytes())
    show_table([_told(each) for each in found], _COLUMNS, as_json=as_json, key="certificates")


def _told(certificate: Certificate) -> dict[str, Any]:
    from shared.kernel.certificates import RSA_WITH_SHA256, SM2_WITH_SM3

    names = {SM2_WITH_SM3: "SM2", RSA_WITH_SHA256: "RSA"}
    return {
        "name": certificate.name,
        "issuer": certificate.parsed.issuer.rfc4514_string(),
        "algorithm": names.get(str(certificate.algorithm), "ECDSA"),
        "is_authority": certificate.is_authority,
        "valid_from": certificate.parsed.not_valid_before_utc,
        "valid_to": certificate.parsed.not_valid_after_utc,
        "is_valid": certificate.is_valid_at(now()),
        "public_key": certificate.sm2_key.hex if certificate.sm2_key else None,
    }


def _check(password: str, into: Path) -> None:
    if len(password) < _LEAST_PASSWORD:
        raise Invalid(
            "password",
            f"口令太短，至少 {_LEAST_PASSWORD} 个字符。",
            "请换一个长些的口令。",
            code="password_too_short",
        )
    if into.exists() or into.is_symlink():
        raise Conflict(
            f"“{into}”已经存在，不会覆盖。", "请换一个新目录。", code="keys_already_there"
        )


def _write(
    into: Path,
    key: PrivateKey,
    chain: list[Certificate],
    password: str,
    *,
    as_json: bool,
    pkcs12: bool = False,
) -> None:
    """Write the folder whole or not at all; only its owner may read keys."""
    from shared.kernel.issuing import certificate_pem, pkcs12_of
    from shared.kernel.key_files import key_pem

    contents = {
        _KEY: key_pem(key, password),
        _CERTIFICATE: b"".join(map(certificate_pem, chain)),
    }
    if pkcs12:
        contents[_PKCS12] = pkcs12_of(key, chain, password)
    making = into.with_name(f".{into.name}.part-{os.getpid()}")
    with telling_of_trouble():
        making.mkdir(mode=0o700, parents=True)
        try:
            for name, content in contents.items():
                mode = 0o644 if name == _CERTIFICATE else 0o600
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
                with os.fdopen(os.open(making / name, flags, mode), "wb") as stream:
                    stream.write(content)
            making.rename(into)
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise
    until = chain[0].parsed.not_valid_after_utc
    show(
        {"into": str(into), "files": sorted(contents), "valid_to": format_utc(until)},
        as_json=as_json,
        sentence=f"已写到 {into}：{'、'.join(sorted(contents))}，有效到 {until:%Y-%m-%d}。",
    )
