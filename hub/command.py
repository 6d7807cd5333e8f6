"""`danglian hub`: the commands of the city's platform."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
from sqlalchemy.orm import Session

from hub.accounts import user_group
from hub.custody.commands import hand_over_group
from hub.exporting.command import export_command as export_holdings_command
from hub.federation import service as federation
from hub.federation.broker_commands import broker_group
from hub.federation.commands import (
    ACTOR,
    agreement_group,
    folder_option,
    fonds_group,
    node_group,
    node_wire,
)
from hub.federation.founding import found_hub
from hub.federation.key_roll import settle_keys
from hub.federation.keys_command import keys_group
from hub.federation.letters_command import letters_group
from hub.federation.migration_command import migrate_command
from hub.federation.places import HubFolder
from hub.federation.recovery_command import grant_command, recover_command
from hub.federation.sync import PostOffice
from hub.health.check_config import check_config
from hub.health.command import doctor_command
from hub.parcels.command import export_command, import_command
from hub.rebuilding.command import rebuild_command
from hub.receiving.commands import gaps_command, stamps_command
from hub.repository.fixity_command import fixity_command
from hub.repository.reinspecting_command import reinspect_command
from hub.repository.versions_command import rendition_command
from hub.sharing.command import publish_command, sharing_group
from hub.sharing.pushing.commands import consumer_group
from hub.sharing.registration.commands import registrations_group
from hub.sharing.resources.commands import resources_group
from shared.command.accounts import told_administrators
from shared.command.audit import Log, audit_group
from shared.command.main import json_option, show, show_table
from shared.command.stopping import stop_on_signal
from shared.kernel.actor import Role, system_actor
from shared.kernel.ailment import Ailment
from shared.kernel.collector import calm_collector
from shared.kernel.errors import Invalid
from shared.kernel.files import folder_lock
from shared.records.values import NAME_LENGTH, required_text

#: The roles that there are at a hub.
ROLES = [str(role) for role in Role]


def _holdings(node_id: str, session: Session) -> Iterable[Any]:
    from hub.wiring import holdings

    return holdings(node_id, session)


def _complete(
    folder: HubFolder, tell: Callable[[str], None]
) -> tuple[dict[str, int], list[Ailment]]:
    from hub.correcting.restoring import restore_corrections
    from hub.receiving.restoring import restore_received
    from hub.repository.audit_segments import name_what_is_missing
    from hub.repository.restored_versions import restore_versions
    from hub.repository.tombstones import restore_lists

    name_what_is_missing(folder)
    lists, of_lists = restore_lists(folder, tell)
    restored = restore_received(folder, tell)
    corrections, of_corrections = restore_corrections(folder, tell)
    versions, of_versions = restore_versions(folder, tell)
    counts = {**restored.counts, "corrections": corrections, "versions": versions, "lists": lists}
    return counts, [*of_lists, *restored.findings, *of_corrections, *of_versions]


def _post_office(folder: HubFolder) -> PostOffice:
    from hub.wiring import post_by_hand

    return post_by_hand(folder)


def _log(path: Path) -> Log:
    folder = HubFolder(path)
    return Log(folder.database(), folder.keys.hub, lambda: folder.store)


@click.group("hub")
def hub() -> None:
    """市级平台：初始化、运行、账号、全宗、联网单位。"""


fonds_group.add_command(hand_over_group)
fonds_group.add_command(gaps_command)
hub.add_command(fonds_group)
hub.add_command(node_group)
hub.add_command(agreement_group)
hub.add_command(broker_group)
hub.add_command(keys_group)
hub.add_command(letters_group)
hub.add_command(consumer_group)
hub.add_command(recover_command(_complete))
hub.add_command(rebuild_command(_complete))
hub.add_command(doctor_command)
hub.add_command(check_config)
hub.add_command(fixity_command)
hub.add_command(reinspect_command)
hub.add_command(
    audit_group(
        folder_option=folder_option,
        place=_log,
        actor=ACTOR,
    )
)
hub.add_command(export_holdings_command)
hub.add_command(rendition_command)
hub.add_command(resources_group)
hub.add_command(registrations_group)
hub.add_command(migrate_command)
hub.add_command(stamps_command)
node_group.add_command(grant_command(_holdings))
hub.add_command(user_group)
hub.add_command(sharing_group)
hub.add_command(publish_command)
hub.add_command(export_command(_post_office))
hub.add_command(import_command(_post_office))


@hub.command("init")
@folder_option
@click.option("--name", required=True, help="平台名称，显示在每个页面上。")
@click.option("--city", required=True, help="市的12位区划代码，如 420500000000。")
@click.option("--port", default=8060, show_default=True, help="网页端口。")
@click.option(
    "--database", default="", help="PostgreSQL 数据库的地址；不填则用数据目录中的 SQLite。"
)
@click.option(
    "--admin-password", help="三员共用的密码；不填则各生成一个一次性密码，首次登录须修改。"
)
@json_option
def init(
    *,
    folder: Path,
    name: str,
    city: str,
    port: int,
    database: str,
    admin_password: str | None,
    as_json: bool,
) -> None:
    """建立平台的数据目录，载入区划和档案馆，设立三员（系统管理员、安全保密管理员、安全审计员）。"""
    from shared.identity.founders import check_first_password, found_administrators
    from shared.records.divisions import load_divisions

    name = required_text(name, "name", max_length=NAME_LENGTH)
    if city not in load_divisions():
        raise Invalid(
            "city",
            f"区划表中没有代码为 {city} 的市。",
            "请填写12位的市级区划代码，如 420500000000。",
        )
    check_first_password(admin_password)
    place = HubFolder.create(
        folder, name=name, city=city, port=port, database=database,
        # A shared password is for a demo or a test, where nobody has a telephone at hand.
        factor_for_administrators=admin_password is None,
    )  # fmt: skip
    with place.database().write() as session:
        found_hub(ACTOR, place, session=session)
        made = found_administrators(ACTOR, session=session, password=admin_password)
        archives = len(federation.archives(session))
    place.database().close()
    place.establish()
    result: dict[str, Any] = {
        "hub_id": place.settings.hub_id, "dir": str(place.path), "archives": archives,
    }  # fmt: skip
    if admin_password is None:
        result["administrators"] = made
    told = "" if admin_password else told_administrators(made)
    show(
        result,
        as_json=as_json,
        sentence=f"已建立“{name}”（{archives} 个档案馆），数据目录 {place.path}。\n{told}",
    )


_shard_option = click.option(
    "--shard",
    "shards",
    type=int,
    multiple=True,
    help="只收发这个分片（从 0 起），可重复；不填为全部。其余由别处的 hub work 收发。",
)


@hub.command("run")
@folder_option
@click.option("--host", help="监听地址；不填按设置。")
@click.option("--port", type=int, help="端口；不填按设置，0 取一个空闲端口。")
@_shard_option
@json_option
def run(
    folder: Path, host: str | None, port: int | None, shards: tuple[int, ...], as_json: bool
) -> None:
    """运行平台：网页、接口，以及与各单位的收发。按 Ctrl-C 停止。"""
    from hub.app import make_app
    from hub.wiring import start
    from shared.web import serve

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    place = HubFolder(folder)
    settings = place.settings
    chosen = _chosen(shards, place)
    stopping = threading.Event()
    stop_on_signal(stopping)
    with folder_lock(place.path, "hub run"):
        settle_keys(place)
        server = serve(
            make_app(place, host=host),
            host or settings.host,
            settings.port if port is None else port,
            threads=settings.threads,
        )
        background = start(place, chosen)
        calm_collector()
        show(
            {"url": server.url, "hub_id": settings.hub_id},
            as_json=as_json,
            sentence=f"{settings.name}已启动：{server.url} （按 Ctrl-C 停止）",
        )
        stopping.wait()
        server.stop()
        background.stop()
        place.database().close()


@hub.command("work")
@folder_option
@_shard_option
@json_option
def work_command(folder: Path, shards: tuple[int, ...], as_json: bool) -> None:
    """只收发各单位的消息，不开网页；分片可以分给多个进程、多台服务器。按 Ctrl-C 停止。"""
    from hub.wiring import work
    from shared.kernel.background import Background

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    place = HubFolder(folder)
    chosen = _chosen(shards, place)
    stopping = threading.Event()
    stop_on_signal(stopping)
    with ExitStack() as stack:
        for shard in chosen:
            stack.enter_context(folder_lock(place.path / "shards" / str(shard), "hub work"))
        settle_keys(place)
        background = Background()
        work(place, chosen, background)
        background.start()
        calm_collector()
        show(
            {"hub_id": place.settings.hub_id, "shards": list(chosen)},
            as_json=as_json,
            sentence=f"正在收发分片 {'、'.join(map(str, chosen))} （按 Ctrl-C 停止）",
        )
        stopping.wait()
        background.stop()
        place.database().close()


def _chosen(shards: tuple[int, ...], place: HubFolder) -> tuple[int, ...]:
    for shard in shards:
        if not 0 <= shard < place.shards:
            raise Invalid("shard", f"没有分片 {shard}。", f"分片从 0 到 {place.shards - 1}。")
    return shards or tuple(range(place.shards))


@hub.command("status")
@folder_option
@json_option
def status(folder: Path, as_json: bool) -> None:
    """平台的概况：档案馆、全宗、联网单位、目录条数，各单位联系得怎样，需要处理的事。"""
    from hub.health.doctor import alerts
    from hub.overview import overview_of

    place = HubFolder(folder)
    with place.database().read() as session:
        found = overview_of(system_actor("command"), session)
        found["each_node"] = [node_wire(each) for each in federation.nodes(session)]
        found["alerts"] = [each.to_wire() for each in alerts(place, session)]
    result = {"name": place.settings.name, "hub_id": place.settings.hub_id, **found}
    if as_json:
        show(result, as_json=True, sentence="")
        return
    rows = [
        {"what": "平台", "value": place.settings.name},
        {"what": "地址", "value": place.address},
        {"what": "代", "value": found["generation"]},
        {"what": "档案馆", "value": found["archives"]},
        {"what": "全宗", "value": found["fonds"]},
        {"what": "联网单位", "value": found["nodes"]},
        {"what": "目录条数", "value": found["records"]},
        {"what": "其中已接收", "value": found["received"]},
        {"what": "等待确认恢复的单位", "value": found["asking"]},
        *({"what": "需要处理", "value": each["problem"]} for each in found["alerts"]),
    ]
    show_table(rows, {"what": "项目", "value": "情况"}, as_json=False, title="平台概况")
