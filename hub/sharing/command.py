"""`danglian hub sharing` and `danglian hub publish`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from hub.federation import service as federation
from hub.federation.commands import ACTOR, folder_option
from hub.federation.places import HubFolder
from hub.sharing import service as sharing
from hub.sharing.policies import CLOSED_YEARS, FIELDS, HIDDEN_NAMES, STANDING_NAMES, Audience
from hub.sharing.publishing import publish
from shared.command.main import json_option, show, show_table

_archive_option = click.option("--archive", required=True, help="档案馆代码，如 420506。")
_audience_option = click.option(
    "--audience",
    type=click.Choice([str(each) for each in Audience]),
    required=True,
    help="对谁：public 社会公众，government 省级共享平台。",
)
_record_option = click.option("--id", "record_id", required=True, help="哪一件（编号）。")


@click.group("sharing")
def sharing_group() -> None:
    """共享：各档案馆对谁共享哪些著录项，撤回一件，查一件为什么不共享。"""


@sharing_group.command("set")
@folder_option
@_archive_option
@_audience_option
@click.option(
    "--field", "fields", multiple=True, type=click.Choice(list(FIELDS)), required=True,
    help="已开放档案的哪些著录项，可重复。",
)  # fmt: skip
@click.option(
    "--closed-field", "closed_fields", multiple=True, type=click.Choice(list(FIELDS)),
    help="未开放档案的哪些著录项，可重复；只对 government。不写则未开放的不共享。",
)  # fmt: skip
@click.option(
    "--closed-years", type=int, default=CLOSED_YEARS, show_default=True,
    help="封闭期：形成之年以后满多少年开放。",
)  # fmt: skip
@click.option("--basis", required=True, help="依据，如馆务会决定的日期和文号。")
@json_option
def set_policy(
    *,
    folder: Path,
    archive: str,
    audience: str,
    fields: tuple[str, ...],
    closed_fields: tuple[str, ...],
    closed_years: int,
    basis: str,
    as_json: bool,
) -> None:
    """规定一个档案馆对谁共享什么；该馆的全部馆藏随后重新判定。"""
    place = HubFolder(folder)
    new = sharing.NewPolicy(fields, basis, closed_fields, closed_years)
    with place.database().write() as session:
        row = sharing.set_policy(ACTOR, archive, Audience(audience), new, session=session)
    place.database().close()
    show(
        {"archive": row.archive_code, "audience": row.audience, "version": row.version},
        as_json=as_json,
        sentence=f"已规定（第 {row.version} 版）；运行中的平台正在重新判定该馆的馆藏。",
    )


@sharing_group.command("close")
@folder_option
@_archive_option
@_audience_option
@json_option
def close_policy(folder: Path, archive: str, audience: str, as_json: bool) -> None:
    """一个档案馆不再对谁共享；已经共享的全部收回。"""
    place = HubFolder(folder)
    with place.database().write() as session:
        sharing.close_policy(ACTOR, archive, Audience(audience), session=session)
    place.database().close()
    show({"archive": archive, "audience": audience}, as_json=as_json, sentence="已停止共享。")


def _named(fields: Iterable[str]) -> str:
    return "、".join(FIELDS[each] for each in fields)


@sharing_group.command("list")
@folder_option
@json_option
def list_policies(folder: Path, as_json: bool) -> None:
    """各档案馆的共享规定。"""
    place = HubFolder(folder)
    with place.database().read() as session:
        rows = [
            {
                "archive": row.archive_code,
                "audience": row.audience,
                "fields": list(row.fields) if as_json else _named(row.fields),
                "closed_fields": list(row.closed_fields) if as_json else _named(row.closed_fields),
                "closed_years": row.closed_years,
                "version": row.version,
                "basis": row.basis,
            }
            for row in sharing.policies(session)
        ]
    place.database().close()
    columns = {
        "archive": "档案馆", "audience": "对谁", "fields": "已开放的", "closed_fields": "未开放的",
        "closed_years": "封闭期（年）", "version": "版", "basis": "依据",
    }  # fmt: skip
    show_table(rows, columns, as_json=as_json, title="共享规定", key="policies")


@sharing_group.command("withdraw")
@folder_option
@_record_option
@click.option("--reason", required=True, help="为什么撤回。")
@json_option
def withdraw(folder: Path, record_id: str, reason: str, as_json: bool) -> None:
    """撤回共享：一件档案不再对任何范围共享。"""
    place = HubFolder(folder)
    with place.database().write() as session:
        sharing.withdraw(ACTOR, record_id, reason, session=session)
    place.database().close()
    show({"id": record_id}, as_json=as_json, sentence="已撤回；下一次读取或发布时生效。")


@sharing_group.command("restore")
@folder_option
@_record_option
@json_option
def restore(folder: Path, record_id: str, as_json: bool) -> None:
    """恢复共享：撤回过的一件重新按规定判定。"""
    place = HubFolder(folder)
    with place.database().write() as session:
        sharing.share_again(ACTOR, record_id, session=session)
    place.database().close()
    show({"id": record_id}, as_json=as_json, sentence="已恢复，按共享规定重新判定。")


@sharing_group.command("why")
@folder_option
@_record_option
@json_option
def why(folder: Path, record_id: str, as_json: bool) -> None:
    """一件档案对各个范围共享不共享，为什么，到哪一天会变。"""
    place = HubFolder(folder)
    with place.database().read() as session:
        rows = [
            {
                "audience": state.audience,
                "standing": STANDING_NAMES[state.standing],
                "reason": HIDDEN_NAMES.get(state.reason or "", ""),
                "due": state.due,
            }
            for state in sharing.states_of(record_id, session)
        ]
    place.database().close()
    columns = {"audience": "对谁", "standing": "现在", "reason": "原因", "due": "到期"}
    show_table(
        rows,
        columns,
        as_json=as_json,
        title="共享不共享" if rows else "还没有判定（未接收进馆）",
        key="states",
    )


@click.command("publish")
@folder_option
@click.option(
    "--to", "target", type=click.Path(path_type=Path, file_okay=False), required=True,
    help="发布包拷到哪个目录（U 盘、光盘、单向导入设备）。",
)  # fmt: skip
@click.option("--after", type=click.IntRange(min=0), default=0, help="只拷这个编号以后的。")
@click.option("--anew", is_flag=True, help="另起一个系列，从头发布；门户重建时用。")
@json_option
def publish_command(folder: Path, target: Path, after: int, anew: bool, as_json: bool) -> None:
    """向因特网上的门户发布：把向社会开放的目录写成签名的发布包，由人单向带去导入。"""
    place = HubFolder(folder)
    done = publish(
        ACTOR, place, target, after=after, anew=anew,
        tell=lambda text: click.echo(text, err=True),
    )  # fmt: skip
    with place.database().read() as session:
        hub_id = federation.hub_of(session).hub_id
    place.database().close()
    key = place.keys.hub().public.hex
    show(
        {
            "made": done.made, "copied": done.copied, "series": done.series,
            "number": done.number, "hub_id": hub_id, "hub_key": key,
        },
        as_json=as_json,
        sentence=f"生成 {done.made} 个发布包，拷出 {done.copied} 个，最新是第 {done.series} 系列第"
        f" {done.number} 个。\n平台的编号：{hub_id}\n平台的公钥：{key}",
    )  # fmt: skip
