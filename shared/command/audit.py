"""`danglian audit verify`: exported logs, checked anywhere; and `audit export` of hub and node."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shared.command.main import json_option, show
from shared.kernel.actor import Actor
from shared.kernel.clock import SHANGHAI
from shared.kernel.errors import Conflict, Invalid

if TYPE_CHECKING:
    from shared.audit.archiving import Store
    from shared.kernel.database import Database
    from shared.kernel.keys import Seal

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_DAY = click.DateTime(["%Y-%m-%d"])
_LONGEST_LIST = 256 * 1024 * 1024
_LONGEST_PROOF = 64 * 1024
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


@audit.command()
@click.argument("files", type=_FILE, nargs=-1, required=True)
@click.option("--seq", type=int, required=True, help="成批办理的那一条的序号。")
@click.option("--name", help="要证明的一件的编号；与 --names 一起给。")
@click.option("--names", "listed", type=_FILE, help="当时全部编号的名单，一行一个。")
@click.option("--proof", type=_FILE, help="别人给的证明文件，代替 --name 和 --names。")
@click.option("--key", metavar="公钥", help="导出方的公钥（十六进制）；不填则签名有效即可。")
@json_option
def member(
    files: Sequence[Path],
    *,
    seq: int,
    name: str | None,
    listed: Path | None,
    proof: Path | None,
    key: str | None,
    as_json: bool,
) -> None:
    """某一件在不在一次成批办理之中：与导出的日志里那一条的默克尔树根核对。

    有名单的，加 --json 写下证明，交给别人用 --proof 核对，不必把名单里其余的给他。
    退出码：0 在其中；1 不在。
    """
    from shared.audit.members import Membership, act_of, membership
    from shared.kernel.keys import PublicKey

    event = act_of(files, seq, key=None if key is None else PublicKey.from_hex(key))
    if proof is not None:
        shown = Membership.from_wire(_json_of(proof))
        count = event["count"]
    elif name is not None and listed is not None:
        names = _names(listed)
        shown, count = membership(name, names), len(names)
    else:
        raise Invalid("name", "没有说明是哪一件。", "请给出 --name 和 --names，或 --proof。")
    holds = (shown.root, count) == (event["root"], event["count"])
    act = f"第 {seq} 条（{event['action']}，{event['actor_name']}，共 {event['count']} 件）"
    sentence = f"“{shown.name}”在{act}之中。" if holds else f"与{act}的树根不符：不能证明在其中。"
    wire = {"member": holds, "seq": seq, "count": event["count"], **shown.to_wire()}
    show(wire, as_json=as_json, sentence=sentence)
    sys.exit(0 if holds else 1)


def _json_of(path: Path) -> object:
    try:
        with path.open("rb") as stream:
            return json.loads(stream.read(_LONGEST_PROOF))
    except (ValueError, RecursionError):
        return None


def _names(path: Path) -> list[str]:
    if path.stat().st_size > _LONGEST_LIST:
        raise Invalid("names", "名单过大。", "名单一行一个编号，不超过 256 MB。", code="too_large")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid("names", "名单不是 UTF-8 文本。", "请另存为 UTF-8，一行一个编号。") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


@dataclass(frozen=True)
class Log:
    """The log of a hub or node: its database, what signs it, and where older events are."""

    database: Database
    key: Callable[[], Seal]
    store: Callable[[], Store]


def audit_group(
    *, folder_option: Callable[..., Any], place: Callable[[Path], Log], actor: Actor
) -> click.Group:
    """The group `audit` of a hub or node: `place` opens its log."""

    @click.group("audit")
    def group() -> None:
        """操作日志：封存、核对、导出。"""

    @group.command("export")
    @folder_option
    @click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
    @click.option("--since", type=_DAY, help="从这一天起；不填则从在线的第一条起。")
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
        """把在线的操作日志导出成一个签名的文本文件；用 danglian audit verify 核对。"""
        from shared import audit as log
        from shared.storage.temporary import telling_of_trouble, temporary_file

        opened = place(folder)
        log.Sealer(opened.database, opened.key).finish()
        days = {"since": _in_china(since), "until": _in_china(until)}
        with telling_of_trouble(), temporary_file(target.absolute().parent) as made:
            with opened.database.read() as session:
                made.stream.writelines(log.export_lines(session, opened.key(), **days))
            try:
                made.link_to(target)
            except FileExistsError as error:
                raise Conflict(
                    f"文件 {target} 已经存在。", "请换一个文件名。", code="file_exists"
                ) from error
        with opened.database.write() as session:
            log.record(session, actor, "audit.exported", "audit")
        show({"file": str(target)}, as_json=as_json, sentence=f"操作日志已导出到 {target}。")

    @group.command("seal")
    @folder_option
    @json_option
    def seal(*, folder: Path, as_json: bool) -> None:
        """立即封存已写下的日志；程序运行着时每秒自动封存，不必手工运行。"""
        from shared import audit as log

        opened = place(folder)
        with opened.database.read() as session:
            before = log.chain_head(session)
        log.Sealer(opened.database, opened.key).finish()
        with opened.database.read() as session:
            head = log.chain_head(session)
        show(
            {"sealed": head.seq - before.seq, "last": head.seq, "digest": head.digest},
            as_json=as_json,
            sentence=f"封存 {head.seq - before.seq} 条，日志到第 {head.seq} 条。",
        )

    @group.command("verify")
    @folder_option
    @json_option
    def verify(*, folder: Path, as_json: bool) -> None:
        """逐条重算全部操作日志：先是已归档的文件，再是在线的。退出码：0 完整；1 有问题。"""
        from shared import audit as log

        opened = place(folder)
        with opened.database.read() as session:
            problems = log.verify_all(session, opened.store())
            head, files = log.chain_head(session), len(log.archives(session))
        sentence = "\n".join(each.message for each in problems[:50])
        if problems:
            sentence += f"\n结论：日志有 {len(problems)} 处问题，请保留原件并报告安全审计员。"
        else:
            sentence = f"日志完整：到第 {head.seq} 条首尾衔接，其中归档文件 {files} 个。"
        found = [each.to_wire() for each in problems]
        wire = {"sound": not problems, "last": head.seq, "files": files, "problems": found}
        show(wire, as_json=as_json, sentence=sentence)
        sys.exit(1 if problems else 0)

    return group


def _in_china(day: datetime | None) -> datetime | None:
    return None if day is None else day.replace(tzinfo=SHANGHAI)
