"""The commands of receiving: time stamps of receipts, and the gap list of a fonds."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from hub.federation.commands import ACTOR, folder_option
from hub.federation.places import HubFolder
from hub.receiving import service as receiving
from hub.receiving.stamping import Stamping, count_stamps
from shared.command.main import json_option, show, show_table


@click.command("stamps")
@folder_option
@click.option("--renew", is_flag=True, help="现在就给等待的凭证加盖，给快到期的续盖。")
@json_option
def stamps_command(folder: Path, renew: bool, as_json: bool) -> None:
    """接收凭证的时间戳：多少份在等待，多少份要续盖。运行着的平台会自己加盖和续盖。"""
    place = HubFolder(folder)
    time_stamper = place.time_stamper
    if renew:
        stamping = Stamping(place.database(), place.store, time_stamper)
        while stamping.step():
            pass
    with place.database().read() as session:
        counts = count_stamps(session)
    result = {"is_configured": time_stamper is not None, **asdict(counts)}
    sentence = (
        f"接收凭证 {counts.receipts} 份，{counts.waiting} 份没有时间戳，"
        f"{counts.weakening} 份要续盖。"
    )
    if time_stamper is None:
        sentence += "平台没有设置时间戳服务（stamp_url），凭证不加盖时间戳。"
    show(result, as_json=as_json, sentence=sentence)


@click.command("gaps")
@folder_option
@click.argument("fonds_id")
@click.option("--all", "everything", is_flag=True, help="连同空号、另处保存、已销毁的件号。")
@json_option
def gaps_command(folder: Path, fonds_id: str, everything: bool, as_json: bool) -> None:
    """断号表：各批、各年已接收的档案中间缺哪些件号，分别是什么情况。"""
    with HubFolder(folder).database().read() as session:
        runs = receiving.gaps_of(ACTOR, fonds_id, session=session)
    rows = [
        {
            "series": run.series.label,
            "year": run.series.year,
            "class_code": run.series.class_code,
            "retention": run.series.retention,
            "first": run.first,
            "last": run.last,
            "numbers": run.numbers,
            "standing": str(run.standing),
            "standing_name": run.standing.label,
            "reason": run.reason,
        }
        for run in runs
        if everything or run.standing.is_gap
    ]
    show_table(
        rows,
        {"series": "类目", "numbers": "件号", "standing_name": "情况", "reason": "说明"},
        as_json=as_json,
        title="断号表" if rows else "没有断号",
        key="gaps",
    )
