"""`danglian audit verify`: exported logs, checked anywhere; and `audit export` of hub and node."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shared.command.main import json_option, show
from shared.kernel.actor import Actor
from shared.kernel.clock import SHANGHAI
from shared.kernel.errors import Conflict, Invalid

if TYPE_CHECKING:
    from shared.kernel.database import Database
    from shared.kernel.keys import SigningKey

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_DAY = click.DateTime(["%Y-%m-%d"])
_HEAD = re.compile(r"(\d{1,12}):([0-9a-f]{64})")


@click.group()
def audit() -> None:
    """操作日志：在任何地方核对导出的日志。"""


@audit.command()
@click.argument("files", type=_FILE, nargs=-1, required=True)
@click.option("--witness", metavar="序号:摘要", help="别处记下的一条：日志里必须有它，且一字不差。")
@click.option("--key", metavar="公钥", help="导出方的公钥（十六进制）；不填则签名有效即可。")
@json_option
def verify(files: Sequence[Path], *, witness: str | None, key: str | None, as_json: bool) -> None:
    """逐条重算导出的操作日志；几个文件按先后次序给出。

    不需要平台、单位端或数据库。第一处改动、缺失、多出或调换，按序号指出。
    退出码：0 完整；1 有问题。
    """
    from shared.audit import Head, verify_files
    from shared.kernel.keys import PublicKey

    known = None
    if witness is not None:
        if (match := _HEAD.fullmatch(witness)) is None:
            raise Invalid("witness", "见证应写成“序号:摘要”。", "例如从另一份导出的末行抄下。")
        known = Head(int(match[1]), match[2])
    found = verify_files(files, witness=known, key=None if key is None else PublicKey.from_hex(key))
    if found.problems:
        sentence = "\n".join(each.message for each in found.problems)
        sentence += f"\n结论：日志有 {len(found.problems)} 处问题，请保留原件并报告安全审计员。"
    else:
        sentence = (
            f"日志完整：第 {found.first} 条至第 {found.head.seq} 条首尾衔接，"
            f"共 {found.count} 条，未发现改动或缺失。"
        )
    show(found.to_wire(), as_json=as_json, sentence=sentence)
    sys.exit(1 if found.problems else 0)


def audit_group(
    *,
    folder_option: Callable[..., Any],
    place: Callable[[Path], tuple[Database, SigningKey]],
    actor: Actor,
) -> click.Group:
    """The group `audit` of a hub or node: `place` opens its database, and has its own key."""

    @click.group("audit")
    def group() -> None:
        """操作日志：导出，交别人保存或核对。"""

    @group.command("export")
    @folder_option
    @click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
    @click.option("--since", type=_DAY, help="从这一天起；不填则从头。")
    @click.option("--until", type=_DAY, help="到这一天之前；不填则到最后。")
    @json_option
    def export(
        *,
        folder: Path,
        target: Path,
        since: datetime | None,
        until: datetime | None,
        as_json: bool,
    ) -> None:
        """把操作日志导出成一个签名的文本文件；用 danglian audit verify 核对。"""
        from shared import audit as log
        from shared.storage.temporary import telling_of_trouble, temporary_file

        database, key = place(folder)
        with telling_of_trouble(), temporary_file(target.absolute().parent) as made:
            with database.read() as session:
                made.stream.writelines(
                    log.export_lines(session, key, since=_in_china(since), until=_in_china(until))
                )
            try:
                made.link_to(target)
            except FileExistsError as error:
                raise Conflict(
                    f"文件 {target} 已经存在。", "请换一个文件名。", code="file_exists"
                ) from error
        with database.write() as session:
            log.record(session, actor, "audit.exported", "audit")
        show({"file": str(target)}, as_json=as_json, sentence=f"操作日志已导出到 {target}。")

    return group


def _in_china(day: datetime | None) -> datetime | None:
    return None if day is None else day.replace(tzinfo=SHANGHAI)
