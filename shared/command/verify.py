"""`danglian verify`: a receipt and the files it names, checked anywhere; no data folder."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from shared.command.main import json_option, show
from shared.kernel.errors import Invalid
from shared.storage.temporary import telling_of_trouble
from shared.verifier.certificates import Authorities
from shared.verifier.report import OPTIONS, read_authorities

F = TypeVar("F", bound=Callable[..., Any])


_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


def files_option(option: str, name: str) -> Callable[[F], F]:
    """An option that names files, explained as in the program of one file."""
    return click.option(option, name, multiple=True, type=_FILE, help=OPTIONS[option])


def authorities_of(
    trusted: Sequence[Path], others: Sequence[Path], revoked: Sequence[Path]
) -> Authorities:
    """Who counts, out of the files that were named. Raises Invalid."""
    try:
        return read_authorities(trusted, others, revoked)
    except ValueError as error:
        raise Invalid(
            "certificate", f"读不出证书或吊销列表：{error}", "请使用 PEM 或 DER 格式的文件。",
            code="certificates_unreadable",
        ) from error  # fmt: skip


@click.command()
@click.argument("receipt", type=_FILE)
@click.argument("files", type=click.Path(path_type=Path, exists=True), nargs=-1)
@click.option("--seal", "seals", multiple=True, help="已登记的印章公钥（十六进制），可给多个。")
@files_option("--stamp", "stamps")
@files_option("--trust", "trusted")
@files_option("--certificate", "others")
@files_option("--revoked", "revoked")
@click.option("--all", "needs_all", is_flag=True, help="回执所列的必须齐全，缺少的也算有问题。")
@json_option
def verify(
    receipt: Path,
    files: Sequence[Path],
    *,
    seals: Sequence[str],
    stamps: Sequence[Path],
    trusted: Sequence[Path],
    others: Sequence[Path],
    revoked: Sequence[Path],
    needs_all: bool,
    as_json: bool,
) -> None:
    """核对接收凭证（回执）和它的时间戳，并逐个核对文件、信息包或目录。

    退出码：0 都已证实；1 有问题；3 没有发现改动，但不知道是谁的印章。
    """
    from shared.kernel.keys import PublicKey
    from shared.verifier.report import verify as judge

    authorities = authorities_of(trusted, others, revoked)
    known = {PublicKey.from_hex(each).hex for each in seals}
    with telling_of_trouble():
        report = judge(
            receipt,
            files,
            seals=known,
            needs_all=needs_all,
            stamp_files=stamps,
            authorities=authorities,
        )
    show(report.to_wire(), as_json=as_json, sentence="\n".join(report.lines()))
    sys.exit(report.exit_code)
