"""Commands for what went wrong: grant a node, recover the hub."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from hub.federation import epochs
from hub.federation.generations import begin_generation
from hub.federation.key_roll import check_keys, settle_keys
from hub.federation.nodes import node_of
from hub.federation.places import HubFolder
from shared.command.main import json_option, show, show_table
from shared.command.persons import two_people, two_people_options
from shared.kernel.actor import Role, system_actor
from shared.kernel.ailment import Ailment
from shared.kernel.files import folder_lock

folder_option = click.option(
    "--dir", "folder", type=click.Path(path_type=Path), required=True, help="平台的数据目录。"
)


def grant_command(holdings: epochs.Holdings) -> click.Command:
    """`danglian hub node grant`: confirm the instance of a node that asks to go on."""

    @click.command("grant")
    @folder_option
    @click.argument("node_id")
    @json_option
    def grant(folder: Path, node_id: str, as_json: bool) -> None:
        """确认一个单位的恢复申请：由申请的那台电脑继续，其他副本停止发送。"""
        place = HubFolder(folder)
        with place.database().write() as session:
            epoch = epochs.grant(
                system_actor("command"),
                node_id,
                key=place.keys.hub(),
                holdings=holdings,
                session=session,
            )
            name = node_of(node_id, session).name
        show(
            {"node_id": node_id, "epoch": epoch},
            as_json=as_json,
            sentence=f"已确认“{name}”，第 {epoch} 期。该单位的电脑会自动完成恢复。",
        )

    return grant


def _agreed(place: HubFolder, given: Mapping[str, Any]) -> None:
    """Have two people agree that the hub goes on from a backup, as the backup knows them.

    A database that knows no two such people (rebuilt from the repository, or of a release before
    the three administrators) has nobody to ask; the log says so.
    """
    from shared import audit
    from shared.identity import policy_of
    from shared.identity.service import held_by_someone

    database, roles = place.database(), (Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR)
    with database.read() as session:
        known = all(held_by_someone(each, session) for each in roles)
    actor, second = system_actor("recover"), None
    if known:
        policy = policy_of(place.settings)
        actor, second = two_people(
            given, *roles, folder=place.path, database=database, policy=policy
        )
    with database.write() as session:
        audit.record(
            session, actor, "hub.restored", "hub", second=second.name if second else "（库中无人）"
        )


#: Completes from the store what the database lacks, given by the rooms above this one: takes the
#: hub's folder and what hears the progress, returns counts by name and what does not count.
Complete = Callable[[HubFolder, Callable[[str], None]], tuple[dict[str, int], list[Ailment]]]


def recover_command(complete: Complete) -> click.Command:
    """`danglian hub recover`: a new generation, and what the store holds beyond the database."""

    @click.command("recover")
    @folder_option
    @two_people_options
    @json_option
    def recover(folder: Path, as_json: bool, **people: str) -> None:
        """平台从备份恢复后、启动前运行：开始新的代，按馆藏补齐数据库，其余请各单位补回。

        须两人在场：系统管理员（--first）和安全保密管理员（--second），用备份里的密码。
        """
        place = HubFolder(folder)
        with folder_lock(place.path, "hub recover"):
            check_keys(place)
            _agreed(place, {**people, "as_json": as_json})
            generation = begin_generation(place)
            keys = settle_keys(place, restored=True)
            counts, found = complete(
                place, lambda text: None if as_json else click.echo(text, err=True)
            )
        findings = [finding.to_wire() for finding in found]
        result = {"generation": generation, "keys": keys, **counts, "findings": findings}
        if as_json:
            show(result, as_json=True, sentence="")
            return
        click.echo(
            f"已进入第 {generation} 代。按馆藏补回 {counts['batches']} 批 {counts['records']} 件"
            f"（原已登记 {counts['known']} 批）、更正 {counts['corrections']} 份。"
            "现在可以启动平台，各单位联网后补齐其余内容。"
        )
        if counts["left_out"]:
            click.echo(f"其中 {counts['incomplete']} 批没有补全，缺 {counts['left_out']} 件。")
        if findings:
            show_table(
                findings,
                {"code": "代号", "problem": "情况", "remedy": "怎么办"},
                as_json=False,
                title="没有补回的",
            )

    return recover
