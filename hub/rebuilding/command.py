"""`danglian hub rebuild`: when nothing but the store is left."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from hub.federation.recovery_command import Complete
from hub.rebuilding.service import rebuild
from shared.command.main import json_option, show, show_table
from shared.kernel.files import folder_lock

#: The hub is rebuilt, but not all that the store has: each finding says what and why.
INCOMPLETE = 3


def rebuild_command(complete: Complete) -> click.Command:
    """The command; `complete` is as in `recover_command`."""

    @click.command("rebuild")
    @click.option(
        "--into",
        type=click.Path(path_type=Path),
        required=True,
        help="新的数据目录；先放好 keys/。",
    )
    @click.option("--store", required=True, help="馆藏：文件夹，或 s3:// 开头的地址。")
    @click.option(
        "--database", default="", help="空的 PostgreSQL 数据库的地址；不填则用新目录中的 SQLite。"
    )
    @click.option(
        "--second-store",
        default="",
        help="第二份存储（设置项 second_store 的写法）：馆藏里缺的、坏的先从那里拷回。",
    )
    @click.option("--backup", help="旧备份里的 hub.sqlite 或它的目录、地址：从中取账号等。")
    @json_option
    def rebuild_(
        *,
        into: Path,
        store: str,
        database: str,
        second_store: str,
        backup: str | None,
        as_json: bool,
    ) -> None:
        """数据库没有了：只凭馆藏重建平台。中途停了，再运行一次接着做。没有补全的以 3 退出。"""

        def tell(text: str) -> None:
            if not as_json:
                click.echo(text, err=True)

        with folder_lock(into, "hub rebuild"):
            done = rebuild(
                into,
                store,
                database=database,
                second_store=second_store,
                backup=backup,
                complete=complete,
                tell=tell,
            )
        findings = [each.to_wire() for each in done.findings]
        if as_json:
            result = {
                "dir": str(into.resolve()),
                "generation": done.generation,
                **done.counts,
                "empty": done.empty,
                "findings": findings,
                "to_do": done.to_do,
            }
            show(result, as_json=True, sentence="")
        else:
            counts = done.counts
            click.echo(
                f"已在 {into} 重建平台，第 {done.generation} 代：单位 {counts['nodes']} 个、"
                f"全宗 {counts['fonds']} 个；接收 {counts['batches']} 批 {counts['records']} 件、"
                f"更正 {counts['corrections']} 份。"
            )
            if counts["left_out"]:
                click.echo(
                    f"其中 {counts['incomplete']} 批没有补全，缺 {counts['left_out']} 件，见下表。"
                )
            if done.empty:
                click.echo(f"没有备份、现在是空的表：{'、'.join(done.empty)}。")
            for number, each in enumerate(done.to_do, 1):
                click.echo(f"{number}. {each}")
            if findings:
                columns = {"code": "代号", "problem": "情况", "remedy": "怎么办"}
                show_table(findings, columns, as_json=False, title="没有重建的")
        if findings:
            sys.exit(INCOMPLETE)

    return rebuild_
