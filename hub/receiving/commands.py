"""The command `danglian hub stamps`: how the receipts stand with their time stamps."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from hub.federation.commands import folder_option
from hub.federation.places import HubFolder
from hub.receiving.stamping import Stamping, count_stamps
from shared.command.main import json_option, show


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
