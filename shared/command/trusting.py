"""The options that say whose signatures count, and who signs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shared.command.usage import Usage

if TYPE_CHECKING:
    from shared.packaging.eep import Signer, Trust


def trusting(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say whose signatures count, and hand it a `Trust`."""

    @click.option(
        "--trust",
        "authorities",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        multiple=True,
        help="信任的签发机构证书文件（PEM 或 DER），可给多个。",
    )
    @click.option("--seal", "seals", multiple=True, help="已登记的印章公钥（十六进制），可给多个。")
    @click.option(
        "--revoked",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        multiple=True,
        help="吊销列表（CRL）文件，可给多个。",
    )
    @click.option(
        "--at",
        type=click.DateTime(["%Y-%m-%d"]),
        default=None,
        help="证书须在哪一天有效，如接收的那天；默认今天。",
    )
    @wraps(command)
    def wrapped(
        *args: Any,
        authorities: Sequence[Path],
        seals: Sequence[str],
        revoked: Sequence[Path],
        at: datetime | None,
        **kwargs: Any,
    ) -> Any:
        return command(*args, trust=_trust(authorities, seals, revoked, at), **kwargs)

    return wrapped


def signing(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say who signs, and hand it a `Signer` or None."""

    @click.option(
        "--key",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="签名的密钥文件（danglian keys 所写的 key.pem），或 PKCS#12 文件（.p12，自带证书）。",
    )
    @click.option(
        "--certificate",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="密钥的证书文件（certificate.pem），随 key.pem 或 --signer 一起给。",
    )
    @click.option(
        "--signer",
        help="签名服务或印章设备，代替 --key：网址、unix:套接字或命令（docs/integrators.md）。",
    )
    @click.option(
        "--password",
        envvar="DANGLIAN_KEY_PASSWORD",
        help="密钥的口令；不写就询问，脚本用环境变量 DANGLIAN_KEY_PASSWORD。",
    )
    @wraps(command)
    def wrapped(
        *args: Any,
        key: Path | None,
        certificate: Path | None,
        signer: str | None,
        password: str | None,
        as_json: bool,
        **kwargs: Any,
    ) -> Any:
        who = (
            _signer(key, certificate, password, asks=not as_json)
            if signer is None
            else _signer_at(signer, key, certificate)
        )
        return command(*args, signer=who, as_json=as_json, **kwargs)

    return wrapped


def _signer_at(address: str, key: Path | None, certificate: Path | None) -> Signer:
    from shared.kernel.certificates import read_certificates
    from shared.kernel.signing_service import SigningService
    from shared.packaging.eep import signer_at

    if key is not None or certificate is None:
        raise Usage(
            "--signer 要和 --certificate 一起给，不和 --key 一起给。", "请补上证书，或去掉 --key。"
        )
    return signer_at(SigningService(address), read_certificates(certificate.read_bytes()))


def _signer(
    key: Path | None, certificate: Path | None, password: str | None, *, asks: bool
) -> Signer | None:
    from shared.kernel.certificates import read_certificates
    from shared.kernel.key_files import read_key_pem
    from shared.packaging.eep import read_pkcs12, signer_with

    if key is None and certificate is None:
        return None
    content = key.read_bytes() if key else b""
    is_pem = content.lstrip().startswith(b"-----BEGIN")
    if key is None or is_pem != (certificate is not None):
        raise Usage(
            "--key 和 --certificate 要一起给；PKCS#12 文件自带证书，只给 --key。",
            "请补上缺的一个，或去掉多的一个。",
        )
    if password is None:
        if not asks:
            raise Usage(
                "缺少密钥的口令。", "请设环境变量 DANGLIAN_KEY_PASSWORD。", field="password"
            )
        password = click.prompt("密钥的口令", hide_input=True)
    if certificate is None:
        return read_pkcs12(content, password)
    return signer_with(read_key_pem(content, password), read_certificates(certificate.read_bytes()))


def _trust(
    authorities: Sequence[Path],
    seals: Sequence[str],
    revoked: Sequence[Path],
    at: datetime | None,
) -> Trust:
    from shared.kernel.certificates import read_certificates, read_revocations
    from shared.kernel.clock import SHANGHAI
    from shared.kernel.keys import PublicKey
    from shared.packaging.eep import Trust

    return Trust(
        [each for path in authorities for each in read_certificates(path.read_bytes())],
        [PublicKey.from_hex(each) for each in seals],
        [read_revocations(path.read_bytes()) for path in revoked],
        at.replace(hour=12, tzinfo=SHANGHAI) if at else None,
    )
