"""Commands for what went wrong: grant a node, recover the hub, and the doctor."""

from __future__ import annotations

import json
from pathlib import Path

import click

from hub.federation import epochs
from hub.federation.doctor import examine, examine_store
from hub.federation.nodes import node_of
from hub.federation.places import HubFolder
from shared.command.main import json_option, show, show_table
from shared.kernel.actor import system_actor
from shared.kernel.files import folder_lock, write_atomically

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


@click.command("recover")
@folder_option
@json_option
def recover_command(folder: Path, as_json: bool) -> None:
    """平台从备份恢复后、启动前运行：开始新的代，并请各单位补回备份之后的内容。"""
    place = HubFolder(folder)
    with folder_lock(place.path, "hub recover"):
        kept = _kept_generation(place.path)
        with place.database().write() as session:
            generation = epochs.raise_generation(session, at_least=kept)
        _keep_generation(place.path, generation)
    show(
        {"generation": generation},
        as_json=as_json,
        sentence=f"已进入第 {generation} 代。现在可以启动平台，各单位联网后自动补齐。",
    )


@click.command("doctor")
@folder_option
@json_option
def doctor_command(folder: Path, as_json: bool) -> None:
    """检查平台：每个卡住的地方，以及解开它的命令。"""
    place = HubFolder(folder)
    with place.database().read() as session:
        findings = [finding.to_wire() for finding in examine(session)]
    findings += [finding.to_wire() for finding in examine_store(place.store)]
    show_table(
        findings,
        {"code": "代号", "problem": "情况", "remedy": "怎么办"},
        as_json=as_json,
        title="检查结果" if findings else "没有发现问题",
        key="findings",
    )


def _generation_file(folder: Path) -> Path:
    # Beside the objects, because a store outlives a database that is restored from a backup.
    return folder / "store" / "generation.json"


def _kept_generation(folder: Path) -> int:
    path = _generation_file(folder)
    return int(json.loads(path.read_text())["generation"]) if path.exists() else 0


def _keep_generation(folder: Path, generation: int) -> None:
    write_atomically(_generation_file(folder), json.dumps({"generation": generation}).encode())
