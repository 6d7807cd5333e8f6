"""The commands `danglian hub fonds hand-over …`: propose, follow, call off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.custody import service as custody
from hub.custody.models import HandOver
from hub.federation import service as federation
from hub.federation.commands import ACTOR, folder_option
from hub.federation.places import HubFolder
from shared.command.main import json_option, show, show_table
from shared.kernel.clock import local_text
from shared.records.states import HAND_OVER

_COLUMNS = {
    "fonds": "全宗",
    "from_node": "移出方",
    "to_node": "接管方",
    "state_name": "状态",
    "changed_at": "时间",
    "hand_over_id": "编号",
}


@click.group("hand-over")
def hand_over_group() -> None:
    """全宗交接：把整个全宗从一个单位交给另一个单位保管。"""


@hand_over_group.command("propose")
@folder_option
@click.argument("fonds_id")
@click.option("--to", "to_node", required=True, help="接管的联网单位编号。")
@click.option("--reason", required=True, help="交接的依据或原因。")
@json_option
def propose(folder: Path, fonds_id: str, to_node: str, reason: str, as_json: bool) -> None:
    """提出交接；由移出方停写、清点、签字，接管方核对签字后，平台改派。"""
    place = HubFolder(folder)
    with place.database().write() as session:
        hand_over = custody.propose(
            ACTOR, fonds_id, to_node, reason, key=place.keys.hub(), session=session
        )
        result = hand_over_wire(hand_over, session)
    show(result, as_json=as_json, sentence=f"已提出交接 {result['hand_over_id']}。")


@hand_over_group.command("list")
@folder_option
@click.option("--open", "only_open", is_flag=True, help="只列没有办结的。")
@json_option
def list_hand_overs(folder: Path, only_open: bool, as_json: bool) -> None:
    """列出全宗交接。"""
    with HubFolder(folder).database().read() as session:
        query = select(HandOver).order_by(HandOver.changed_at.desc(), HandOver.id)
        if only_open:
            query = query.where(HandOver.state.not_in(custody.ENDED))
        rows = [hand_over_wire(each, session) for each in session.scalars(query)]
    show_table(rows, _COLUMNS, as_json=as_json, title="全宗交接", key="hand_overs")


@hand_over_group.command("call-off")
@folder_option
@click.argument("hand_over_id")
@click.option("--reason", required=True, help="取消的原因。")
@json_option
def call_off(folder: Path, hand_over_id: str, reason: str, as_json: bool) -> None:
    """取消交接（平台改派之前），移出方恢复书写。"""
    place = HubFolder(folder)
    with place.database().write() as session:
        hand_over = custody.call_off(
            ACTOR, hand_over_id, reason, key=place.keys.hub(), session=session
        )
        result = hand_over_wire(hand_over, session)
    show(result, as_json=as_json, sentence=f"交接现为“{result['state_name']}”。")


def hand_over_wire(hand_over: HandOver, session: Session) -> dict[str, Any]:
    """A hand-over as the commands tell it."""
    bundles = custody.bundles_of(hand_over.id, session)
    taking = federation.node_of(hand_over.to_node, session) if hand_over.to_node else None
    return {
        "hand_over_id": hand_over.id,
        "fonds_id": hand_over.fonds_id,
        "fonds": federation.fonds_of(hand_over.fonds_id, session).name,
        "from_node": federation.node_of(hand_over.from_node, session).name,
        "to_node": taking.name if taking else hand_over.wish,
        "state": hand_over.state,
        "state_name": HAND_OVER.label(hand_over.state),
        "reason": hand_over.reason,
        "ended": hand_over.ended,
        "counts": (hand_over.statement or {}).get("counts"),
        "bundles": len(bundles),
        "bundles_arrived": sum(each.arrived for each in bundles),
        "changed_at": local_text(hand_over.changed_at),
    }
