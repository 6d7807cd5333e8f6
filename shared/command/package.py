"""`danglian package`: packages judged, opened, converted; no data folder."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shared.command.main import json_option, show
from shared.command.usage import Usage
from shared.storage.temporary import telling_of_trouble

if TYPE_CHECKING:
    from shared.packaging.eep import Report, Signer, Trust
    from shared.packaging.eep.report import Part

#: Exit codes of `verify`: it is wrong; or nothing is wrong, and nothing proves who made it.
WRONG, UNPROVEN = 1, 3
_ANSWERS = {True: "通过", False: "不通过", None: "未检查"}
_PARTS = {
    "well_formed": "格式",
    "schema_valid": "结构",
    "references": "标识与引用",
    "contents": "文件内容",
}

_file = click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))


def _trusting(command: Callable[..., Any]) -> Callable[..., Any]:
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


@click.group("package")
def package() -> None:
    """查验、打开、转换档案的信息包：DA/T 48-2009、DA/T 93-2022、档发〔2012〕7号、档联自己的。"""


@package.command("verify")
@_file
@json_option
@_trusting
def verify_package_file(file: Path, *, trust: Trust, as_json: bool) -> None:
    """查验一个封装包：格式、结构、引用、内容，以及每个签名。

    退出码：0 全部通过且签名有效；1 有问题；3 没有问题，但没有签名或签名人未被信任。
    """
    from shared.packaging.eep import verify

    with telling_of_trouble(), file.open("rb") as stream:
        report = verify(stream, trust=trust)
    show(report.to_wire(), as_json=as_json, sentence="\n".join(_lines(report)))
    if not report.is_proven:
        sys.exit(UNPROVEN if report.is_sound else WRONG)


@package.command("open")
@_file
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="放到哪个新目录。",
)
@click.option(
    "--as-it-is",
    is_flag=True,
    help="没有签名、签名人未被信任、不是 DA/T 48-2009 写法的也打开；被改动或损坏的仍不打开。",
)
@json_option
@_trusting
def open_package_file(
    file: Path, *, into: Path, as_it_is: bool, trust: Trust, as_json: bool
) -> None:
    """查验一个封装包，通过后取出元数据和全部文件。"""
    from shared.packaging.eep import open_eep

    with telling_of_trouble(), file.open("rb") as stream:
        opened = open_eep(stream, trust=trust, as_it_is=as_it_is)
        paths = opened.save(into)
    names = [str(path.relative_to(into)) for path in paths]
    show(
        {"into": str(into), "files": names, "is_proven": opened.report.is_proven},
        as_json=as_json,
        sentence=f"已取出 {len(names)} 个文件到 {into}。",
    )


def _signing(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say who signs, and hand it a `Signer` or None."""

    @click.option(
        "--key",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="签名的密钥文件（danglian keys 所写的 key.pem）。",
    )
    @click.option(
        "--certificate",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="密钥的证书文件（certificate.pem），随 --key 一起给。",
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
        password: str | None,
        as_json: bool,
        **kwargs: Any,
    ) -> Any:
        signer = _signer(key, certificate, password, asks=not as_json)
        return command(*args, signer=signer, as_json=as_json, **kwargs)

    return wrapped


def _signer(
    key: Path | None, certificate: Path | None, password: str | None, *, asks: bool
) -> Signer | None:
    from shared.kernel.certificates import read_certificates
    from shared.kernel.key_files import read_key_pem
    from shared.kernel.keys import SigningKey
    from shared.packaging.eep import KeySigner, SealSigner

    if key is None and certificate is None:
        return None
    if key is None or certificate is None:
        raise Usage("--key 和 --certificate 要一起给。", "请补上缺的一个，或都不给。")
    if password is None:
        if not asks:
            raise Usage(
                "缺少密钥的口令。", "请设环境变量 DANGLIAN_KEY_PASSWORD。", field="password"
            )
        password = click.prompt("密钥的口令", hide_input=True)
    private = read_key_pem(key.read_bytes(), password)
    chain = read_certificates(certificate.read_bytes())
    return (
        SealSigner(private, chain) if isinstance(private, SigningKey) else KeySigner(private, chain)
    )


@package.command("convert")
@click.argument("sources", type=click.Path(path_type=Path, exists=True), nargs=-1, required=True)
@click.option(
    "--to",
    "form",
    type=click.Choice(["eep", "folder", "dat93", "medium"]),
    required=True,
    help="转换成哪种形式。",
)
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    required=True,
    help="写到哪里，不覆盖旧的；名称以 .zip 结尾的写成 ZIP，否则写成目录。",
)
@click.option(
    "--as-it-is",
    is_flag=True,
    help="没有证明是谁做的、写法与规范不同的也转换；被改动或损坏的仍不转换。",
)
@click.option(
    "--about",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="说明文件的内容（JSON），写法见 docs/packages.md。",
)
@click.option(
    "--medium-size",
    type=click.IntRange(1),
    default=None,
    help="每个载体最多放多少 MB（百万字节）；多了自动分成几个。",
)
@json_option
@_signing
@_trusting
def convert_packages(
    sources: Sequence[Path],
    *,
    form: str,
    into: Path,
    as_it_is: bool,
    about: Path | None,
    medium_size: int | None,
    signer: Signer | None,
    trust: Trust,
    as_json: bool,
) -> None:
    """把信息包转换成别的形式，装不下的逐项说明。

    eep 是 DA/T 48 的封装包，folder 是档联的信息包，dat93 是 DA/T 93 的件级信息包，medium 是
    档发〔2012〕7号的载体存储结构。
    """
    from shared.packaging.exchange import About, convert

    with telling_of_trouble():
        done = convert(
            sources,
            into,
            to=form,
            trust=trust,
            as_it_is=as_it_is,
            signer=signer,
            about=About.from_json(about.read_bytes()) if about else None,
            medium_bytes=medium_size * 1_000_000 if medium_size else None,
        )
    lines = [f"已转换 {done.records} 件，写到：{'、'.join(map(str, done.written))}。"]
    lines += [
        f"  {code} 装不下：{each.name}（{each.value or '无'}）"
        + (f"，读出为{each.instead}" if each.instead else "")
        for code, lost in done.losses
        for each in lost
    ]
    show(done.to_wire(), as_json=as_json, sentence="\n".join(lines))


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


def _lines(report: Report) -> list[str]:
    """The report for people: each answer, and below it what is wrong."""
    lines = [f"{report.kind or '不是封装包'}，{report.size} 字节，SHA-256 {report.sha256}"]
    for name, label in _PARTS.items():
        part: Part = getattr(report, name)
        lines.append(f"{label}：{_ANSWERS[part.passed]}")
        lines += [_finding(each) for each in part.findings]
    for said in report.signatures:
        what = "锁定签名" if said.is_lock else "电子签名"
        who = f"（{said.signer}）" if said.signer else ""
        lines.append(f"{what} {said.identifier or ''}{who}：{said.verdict.label}")
        lines += [_finding(each) for each in said.findings]
    return lines


def _finding(found: Any) -> str:
    where = f"（{found.where}）" if found.where else ""
    return f"  {found.problem}{found.remedy}{where}"
