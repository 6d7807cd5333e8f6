"""`danglian package build` and `convert`: packages made, and made into others."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shared.command.main import json_option, show
from shared.command.package_report import report_on
from shared.command.trusting import signing, trusting
from shared.command.usage import Usage
from shared.storage.temporary import telling_of_trouble

if TYPE_CHECKING:
    from shared.packaging.eep import Signer, Trust
    from shared.packaging.exchange import Converted


@click.command("build")
@click.argument("files", type=click.Path(path_type=Path, exists=True, dir_okay=False), nargs=-1)
@click.option(
    "--metadata",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="元数据文件：DA/T 46 的 XML，或 JSON（写法见 docs/packages.md）。",
)
@click.option(
    "--to",
    "form",
    type=click.Choice(["eep", "folder"]),
    default="eep",
    show_default=True,
    help="做成封装包，还是档联的信息包。",
)
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    required=True,
    help="写到哪里，不覆盖旧的；档联的信息包，名称以 .zip 结尾的写成 ZIP，否则写成目录。",
)
@json_option
@signing
def build_package_file(
    files: Sequence[Path],
    *,
    metadata: Path,
    form: str,
    into: Path,
    signer: Signer | None,
    as_json: bool,
) -> None:
    """用元数据和文件做一件档案的信息包，做好后查验一遍。

    查验时信任签名用的密钥。退出码：0 做好且签名有效；2 做不成，什么也没写；3 做好了，但没有签名。
    """
    from shared.packaging.exchange import build, trust_in

    with telling_of_trouble():
        done = build(metadata, files, into, to=form, signer=signer)
        said = report_on(into, trust_in(signer))
    lines = [f"已做好：{into}", *_lost(done), *said.lines]
    show({**done.to_wire(), "report": said.wire}, as_json=as_json, sentence="\n".join(lines))
    sys.exit(said.exit_code)


@click.command("convert")
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
    help="写到哪里，不覆盖旧的；名称以 .zip 结尾的写成 ZIP，.iso 写成光盘映像，否则写成目录。",
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
@click.option(
    "--labels",
    type=click.Path(path_type=Path, dir_okay=False),
    help="把载体标签（DA/T 52）写成哪个 PDF，供打印；只用于 dat93 和 medium。",
)
@json_option
@signing
@trusting
def convert_packages(
    sources: Sequence[Path],
    *,
    form: str,
    into: Path,
    as_it_is: bool,
    about: Path | None,
    medium_size: int | None,
    labels: Path | None,
    signer: Signer | None,
    trust: Trust,
    as_json: bool,
) -> None:
    """把信息包转换成别的形式，装不下的逐项说明。

    eep 是 DA/T 48 的封装包，folder 是档联的信息包，dat93 是 DA/T 93 的件级信息包，medium 是
    档发〔2012〕7号的载体存储结构。
    """
    from shared.packaging.exchange import About, convert

    if form in ("eep", "folder") and (labels or medium_size):
        raise Usage("--labels 和 --medium-size 只用于 dat93 和 medium。", "请去掉，或换一种形式。")
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
            labels=labels,
        )
    lines = [f"已转换 {done.records} 件，写到：{'、'.join(map(str, done.written))}。", *_lost(done)]
    show(done.to_wire(), as_json=as_json, sentence="\n".join(lines))


def _lost(done: Converted) -> list[str]:
    """What the form cannot carry, for people."""
    return [
        f"  {code} 装不下：{each.name}（{each.value or '无'}）"
        + (f"，读出为{each.instead}" if each.instead else "")
        for code, lost in done.losses
        for each in lost
    ]
