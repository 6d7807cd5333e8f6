"""`danglian verify`: a receipt and the files it names, checked anywhere; no data folder."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from shared.command.main import json_option, show
from shared.storage.temporary import telling_of_trouble


@click.command()
@click.argument("receipt", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("files", type=click.Path(path_type=Path, exists=True), nargs=-1)
@click.option("--seal", "seals", multiple=True, help="已登记的印章公钥（十六进制），可给多个。")
@click.option("--all", "needs_all", is_flag=True, help="回执所列的必须齐全，缺少的也算有问题。")
@json_option
def verify(
    receipt: Path, files: Sequence[Path], *, seals: Sequence[str], needs_all: bool, as_json: bool
) -> None:
    """核对接收凭证（回执），并逐个核对文件、信息包或目录。

    退出码：0 都已证实；1 有问题；3 没有发现改动，但不知道是谁的印章。
    """
    from shared.kernel.keys import PublicKey
    from shared.verifier.report import verify as judge

    known = {PublicKey.from_hex(each).hex for each in seals}
    with telling_of_trouble():
        report = judge(receipt, files, seals=known, needs_all=needs_all)
    show(report.to_wire(), as_json=as_json, sentence="\n".join(report.lines()))
    sys.exit(report.exit_code)
