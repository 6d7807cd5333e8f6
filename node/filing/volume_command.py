"""The commands of volumes: `danglian node file put-into`, `take-out`, and `undo`."""

from __future__ import annotations

from pathlib import Path

import click

from node.filing import service as filing
from node.filing.acting import acting, command_options, fonds_named
from node.office.places import NodeFolder
from shared.command.main import show
from shared.kernel.clock import local_text
from shared.kernel.errors import WrongState


@click.command("put-into")
@click.argument("volume_id")
@click.argument("record_ids", nargs=-1, required=True)
@command_options
def put_into(
    folder: Path, login: str | None, as_json: bool, volume_id: str, record_ids: tuple[str, ...]
) -> None:
    """组卷：把文件放入案卷（或把案卷放入项目）；在别的案卷中的改放到这里。定号之前可用。"""
    with NodeFolder(folder).database().write() as session:
        actor = acting(login, session=session)
        volume = filing.record_of(actor, volume_id, session=session)
        count = len(filing.put_into(actor, volume, record_ids, session=session))
        title = volume.title
    show({"records": count}, as_json=as_json, sentence=f"已放入《{title}》{count} 件。")


@click.command("take-out")
@click.argument("record_ids", nargs=-1, required=True)
@command_options
def take_out(folder: Path, login: str | None, as_json: bool, record_ids: tuple[str, ...]) -> None:
    """把文件移出案卷（把案卷移出项目），成为单独的一件。定号之前可用。"""
    with NodeFolder(folder).database().write() as session:
        actor = acting(login, session=session)
        count = len(filing.take_out(actor, record_ids, session=session))
    show({"records": count}, as_json=as_json, sentence=f"已移出 {count} 件。")


@click.command("undo")
@click.option("--fonds", default=None, help="全宗：全宗号、名称或标识；只有一个时可省略。")
@command_options
def undo(folder: Path, login: str | None, as_json: bool, fonds: str | None) -> None:
    """撤销最近一步整理：设定门类年度、调整顺序、组卷、移出。定号之后不能撤销。"""
    with NodeFolder(folder).database().write() as session:
        actor = acting(login, session=session)
        step = filing.step_to_undo(actor, fonds_named(fonds, session), session=session)
        if step is None:
            raise WrongState(
                "没有可以撤销的一步。", "定号之后不能撤销；可直接调整。", code="not_undoable"
            )
        filing.undo(actor, step.id, session=session)
        result = {"what": step.what, "records": len(step.records), "made_by": step.made_by}
        told = f"已撤销{step.made_by}于 {local_text(step.made_at)} 所做的：{step.what}。"
    show(result, as_json=as_json, sentence=told)


commands = (put_into, take_out, undo)
