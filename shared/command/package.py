"""`danglian package`: what a package of DA/T 48 is worth, and what is in it; no data folder."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shared.command.main import json_option, show
from shared.storage.temporary import telling_of_trouble

if TYPE_CHECKING:
    from shared.packaging.eep import Report, Trust
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
    """查验、打开电子文件封装包（DA/T 48-2009 的 .eep 文件）。"""


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
