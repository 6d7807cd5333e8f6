"""The commands `danglian node correction …`: the same verbs as the pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from sqlalchemy.orm import Session

from node.corrections import service as corrections
from node.corrections.models import Correction
from node.filing.acting import acting
from node.office.places import NodeFolder
from shared.command.main import json_option, show, show_table
from shared.kernel.clock import local_text
from shared.kernel.errors import Invalid
from shared.records.corrections import CORRECTABLE, shown
from shared.records.states import CORRECTION

_folder_option = click.option(
    "--dir", "folder", type=click.Path(path_type=Path), required=True, help="节点的数据目录。"
)
_as_option = click.option("--as", "login", default=None, help="以哪个账号的名义办理。")
_COLUMNS = {
    "id": "更正",
    "code": "档号",
    "changes_text": "更正项",
    "state_name": "状态",
    "asked_at": "提出",
    "answered_at": "答复时间",
    "answer": "答复",
}


@click.group("correction")
def correction_command() -> None:
    """更正：档案馆接收之后发现著录有误，请档案馆更正；查看答复。"""


@correction_command.command("ask")
@_folder_option
@_as_option
@click.argument("record_id")
@click.option("--set", "pairs", multiple=True, required=True, help="项=应有的值，可多次。")
@click.option("--reason", required=True, help="理由。")
@json_option
def ask(
    *,
    folder: Path,
    login: str | None,
    record_id: str,
    pairs: tuple[str, ...],
    reason: str,
    as_json: bool,
) -> None:
    """请求更正一件已由档案馆接收的档案。"""
    values = dict(_pair(each) for each in pairs)
    with NodeFolder(folder).database().write() as session:
        actor = acting(login, *corrections.ASKING, session=session)
        result = _wire(corrections.ask(actor, record_id, values, reason, session=session))
    show(result, as_json=as_json, sentence=f"已向档案馆请求更正 {result['code']}，等待答复。")


@correction_command.command("list")
@_folder_option
@_as_option
@click.option(
    "--state",
    type=click.Choice([each for each in CORRECTION.states if each != "making"]),
    default=None,
)
@json_option
def list_corrections(folder: Path, login: str | None, state: str | None, as_json: bool) -> None:
    """列出更正申请和档案馆的答复。"""
    with NodeFolder(folder).database().read() as session:
        rows = [_wire(each) for each in _found(login, state, session)]
    show_table(rows, _COLUMNS, as_json=as_json, title="更正申请", key="corrections")


@correction_command.command("show")
@_folder_option
@_as_option
@click.argument("correction_id")
@json_option
def show_correction(folder: Path, login: str | None, correction_id: str, as_json: bool) -> None:
    """查看一份更正：逐项的原值和应为，档案馆的答复。"""
    with NodeFolder(folder).database().read() as session:
        actor = acting(login, *corrections.ASKING, session=session)
        found = corrections.correction_of(actor, correction_id, session=session)
        result = _wire(found)
    if as_json:
        show(result, as_json=True, sentence="")
        return
    rows = [
        {
            "field": CORRECTABLE[each["field"]],
            "was": shown(each["field"], each["was"]),
            "value": shown(each["field"], each["value"]),
        }
        for each in result["changes"]
    ]
    title = f"{result['code']}：{result['state_name']} {result['answer']}".rstrip()
    columns = {"field": "更正项", "was": "原值", "value": "应为"}
    show_table(rows, columns, as_json=False, title=title)


def _found(login: str | None, state: str | None, session: Session) -> list[Correction]:
    actor = acting(login, *corrections.ASKING, session=session)
    query = corrections.listing(actor, session=session)
    if state is not None:
        query = query.where(Correction.state == state)
    return list(session.scalars(query.order_by(Correction.began_at, Correction.id)))


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    by_label = {label: field for field, label in CORRECTABLE.items()}
    if not separator:
        raise Invalid("set", f"“{text}”的写法不对。", "应为 项=值，如 title=应有的题名。")
    return by_label.get(name.strip(), name.strip()), value


def _wire(correction: Correction) -> dict[str, Any]:
    """A correction as the commands print it."""
    return {
        "id": correction.id,
        "record_id": correction.record_id,
        "code": correction.code,
        "state": correction.state,
        "state_name": CORRECTION.label(correction.state),
        "changes": correction.changes,
        "changes_text": "、".join(CORRECTABLE[each["field"]] for each in correction.changes),
        "reason": correction.request["reason"] if correction.request else None,
        "asked_at": local_text(correction.began_at),
        "answer": correction.answer or correction.problem or "",
        "answered_at": local_text(correction.answered_at) or None,
    }
