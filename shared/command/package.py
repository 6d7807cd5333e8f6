"""`danglian package`: packages built, judged, opened, converted; no data folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shared.command.main import json_option, show
from shared.command.package_making import build_package_file, convert_packages
from shared.command.package_report import report_on
from shared.command.trusting import trusting
from shared.storage.temporary import telling_of_trouble

if TYPE_CHECKING:
    from shared.packaging.eep import Trust


@click.group("package")
def package() -> None:
    """档案的信息包：DA/T 48-2009、DA/T 93-2022、档发〔2012〕7号、档联自己的。"""


@package.command("verify")
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@json_option
@trusting
def verify_package_file(file: Path, *, trust: Trust, as_json: bool) -> None:
    """查验一个信息包或载体（文件、目录、ZIP 或光盘映像）：写法、内容，以及每个签名。

    退出码：0 全部通过且签名有效；1 有问题；3 没有问题，但没有签名或签名人未被信任。
    """
    with telling_of_trouble():
        said = report_on(file, trust)
    show(said.wire, as_json=as_json, sentence="\n".join(said.lines))
    sys.exit(said.exit_code)


@package.command("open")
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="放到哪个新目录。",
)
@click.option(
    "--as-it-is",
    is_flag=True,
    help="没有签名、签名人未被信任、写法与规范不同的也打开；被改动或损坏的仍不打开。",
)
@json_option
@trusting
def open_package_file(
    file: Path, *, into: Path, as_it_is: bool, trust: Trust, as_json: bool
) -> None:
    """查验一个信息包或载体（文件、目录、ZIP 或光盘映像），通过后取出元数据和全部文件。"""
    from shared.packaging.exchange import unpack

    with telling_of_trouble():
        opened = unpack(file, into, trust=trust, as_it_is=as_it_is)
    names = [str(path.relative_to(into.absolute())) for path in opened.files]
    show(
        {
            "form": opened.form,
            "into": str(into),
            "files": names,
            "is_proven": opened.is_proven,
        },
        as_json=as_json,
        sentence=f"已取出 {len(names)} 个文件到 {into}。",
    )


package.add_command(build_package_file)
package.add_command(convert_packages)
