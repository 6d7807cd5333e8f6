"""The commands `danglian node hand-over …`: the same verbs as the pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from node.custody import service
from node.custody.models import HandOver
from node.filing.acting import acting, fonds_named
from node.filing.acting import command_options as _options
from node.office.places import NodeFolder
from shared.command.main import show, show_table
from shared.kernel.actor import Role
from shared.kernel.jobs import Job
from shared.records.states import HAND_OVER

_COLUMNS = {
    "fonds": "全宗",
    "direction": "方向",
    "counterpart": "对方单位",
    "state_name": "状态",
    "hand_over_id": "编号",
}


@click.group("hand-over")
def hand_over_command() -> None:
    """全宗交接：申请移出、停写清点、签字、取消或拒绝、查看进展。"""


@hand_over_command.command("ask")
@_options
@click.option("--fonds", default=None, help="全宗号、名称或标识；只有一个时可不填。")
@click.option("--wish", required=True, help="希望由哪个单位接管。")
@click.option("--reason", required=True, help="依据或原因。")
def ask(
    *, folder: Path, login: str | None, as_json: bool, fonds: str | None, wish: str, reason: str
) -> None:
    """申请把一个全宗移交给别的单位保管。"""
    with NodeFolder(folder).database().write() as session:
        actor = acting(login, Role.LEADER, session=session)
        fonds_id = fonds_named(fonds, session)
        asked = service.ask(actor, fonds_id, wish, reason, session=session)
        result = hand_over_wire(asked, session)
    show(result, as_json=as_json, sentence=f"已申请，编号 {result['hand_over_id']}。")


@hand_over_command.command("list")
@_options
def list_hand_overs(*, folder: Path, login: str | None, as_json: bool) -> None:
    """列出本机移出和接管的全宗。"""
    with NodeFolder(folder).database().read() as session:
        actor = acting(login, *service.SEEING, session=session) if login else None
        rows = [
            hand_over_wire(each, session)
            for each in session.scalars(select(HandOver).order_by(HandOver.created_at.desc()))
            if actor is None or actor.may(*service.SEEING, fonds=each.fonds_id)
        ]
    show_table(rows, _COLUMNS, as_json=as_json, title="全宗交接", key="hand_overs")


@hand_over_command.command("freeze")
@_options
@click.argument("hand_over_id")
def freeze(*, folder: Path, login: str | None, as_json: bool, hand_over_id: str) -> None:
    """停写这个全宗；市级平台确认后自动清点。"""
    with NodeFolder(folder).database().write() as session:
        actor = acting(login, Role.LEADER, session=session)
        result = hand_over_wire(service.freeze(actor, hand_over_id, session=session), session)
    show(result, as_json=as_json, sentence="已停止书写；清点完毕后请核对签字。")


@hand_over_command.command("sign")
@_options
@click.argument("hand_over_id")
def sign(*, folder: Path, login: str | None, as_json: bool, hand_over_id: str) -> None:
    """以本单位印章在交接清单上签字（移出方或接管方）。"""
    place = NodeFolder(folder)
    with place.database().read() as session:
        actor = acting(login, Role.LEADER, session=session)
        statement = service.draft_statement(actor, hand_over_id, session=session)
    draft = service.seal_statement(statement, place.keys.seal())
    with place.database().write() as session:
        signed = service.sign(actor, hand_over_id, draft, session=session)
        result = hand_over_wire(signed, session)
    show(result, as_json=as_json, sentence="已签字。")


@hand_over_command.command("call-off")
@_options
@click.argument("hand_over_id")
@click.option("--reason", required=True, help="取消或拒绝的原因。")
def call_off(
    *, folder: Path, login: str | None, as_json: bool, hand_over_id: str, reason: str
) -> None:
    """取消交接，或拒绝接管（平台改派之前）；以平台的答复为准。"""
    with NodeFolder(folder).database().write() as session:
        actor = acting(login, Role.LEADER, session=session)
        ended = service.call_off(actor, hand_over_id, reason, session=session)
        result = hand_over_wire(ended, session)
    show(result, as_json=as_json, sentence="已申请取消，以市级平台的答复为准。")


@hand_over_command.command("again")
@_options
@click.argument("hand_over_id")
def again(*, folder: Path, login: str | None, as_json: bool, hand_over_id: str) -> None:
    """重新开始失败或停下的清点、核对或并入。"""
    with NodeFolder(folder).database().write() as session:
        actor = acting(login, Role.LEADER, session=session)
        result = hand_over_wire(service.try_again(actor, hand_over_id, session=session), session)
    show(result, as_json=as_json, sentence="已重新开始。")


def hand_over_wire(hand_over: HandOver, session: Session) -> dict[str, Any]:
    """A hand-over as the commands tell it."""
    job = session.get(Job, hand_over.job_id) if hand_over.job_id else None
    bundles = service.bundles_of(hand_over.id, session=session)
    ready = any(each.id == hand_over.id for each in service.waiting_for_us(session=session))
    return {
        "hand_over_id": hand_over.id,
        "fonds_id": hand_over.fonds_id,
        "fonds": hand_over.fonds_name,
        "direction": "移出" if hand_over.leaving else "接管",
        "counterpart": hand_over.counterpart,
        "state": hand_over.state,
        "state_name": HAND_OVER.label(hand_over.state),
        "reason": hand_over.reason,
        "called_off": hand_over.called_off,
        "counts": (hand_over.inventory or {}).get("counts"),
        "bundles": len(bundles),
        "bundles_moved": sum(each.moved for each in bundles),
        "job": {"done": job.done, "total": job.total, "problem": job.problem} if job else None,
        "waiting_for_us": ready,
    }
