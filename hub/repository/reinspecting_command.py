"""`danglian hub reinspect`: inspect what is kept, now, and say what does not pass."""

from __future__ import annotations

import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from hub.federation import service as federation
from hub.federation.commands import ACTOR, folder_option
from hub.federation.places import HubFolder
from hub.repository.examining import Pace
from hub.repository.fixity_command import BROKEN_OFF, MOMENT, SECONDS_BETWEEN, WRONG, places_of
from hub.repository.loops import MEGABYTE
from hub.repository.reinspecting import (
    STANDING_NAMES,
    Reinspected,
    Reinspecting,
    Standing,
    count_due,
)
from shared.command.main import json_option, show, show_table
from shared.kernel.clock import SHANGHAI, now


@click.command("reinspect")
@folder_option
@click.option("--archive", help="只检测这个档案馆的，如 420506。")
@click.option("--rate", type=click.IntRange(min=0), help="每秒最多读多少字节，0 不限；不填按设置。")
@click.option("--limit", type=click.IntRange(min=1), help="最多检测多少件。")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d", MOMENT]),
    help="这个时间以后检测过的不再检测；中断后写上次开始的时间，就接着做。不填为现在。",
)
@click.option("--now", "wanted", help="只检测这一件：档号、编号，或它在存储里的位置。")
@json_option
def reinspect_command(
    *,
    folder: Path,
    archive: str | None,
    rate: int | None,
    limit: int | None,
    since: datetime | None,
    wanted: str | None,
    as_json: bool,
) -> None:
    """保存环节的四性检测：按现行的检测规则，把馆藏的每一件重新检测一遍。

    从最久没有检测的开始。随时可以中断。有不合格的，退出码为 1。
    """
    place = HubFolder(folder)
    started = now() if since is None else min(now(), since.replace(tzinfo=SHANGHAI))
    settings = place.settings
    again = Reinspecting(
        *(place.database(), place.store),
        pace=Pace(settings.inspection_mb_per_second * MEGABYTE if rate is None else rate),
        authorities=place.seal_authorities,
        clamd=place.clamd,
        decoder=settings.media_decoder,
        actor=ACTOR,
    )
    told = _Told(as_json)
    try:
        with place.database().read() as session:
            if archive is not None:
                federation.archive_of(archive, session)
            places = places_of(wanted, session) if wanted else []
            told.total = len(places) or count_due(session, started, archive)
        if wanted:
            for each in places:
                told.take(again.look_at(each))
        else:
            for found in again.run(started, archive_code=archive, limit=limit):
                told.take(found)
    except KeyboardInterrupt:
        told.end(started, broken_off=True)
        sys.exit(BROKEN_OFF)
    told.end(started)
    if told.failed:
        sys.exit(WRONG)


class _Told:
    """What was inspected, as it is told: while it goes on, and at its end."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._next = time.monotonic() + SECONDS_BETWEEN
        self.total = self.size = 0
        self.counts = dict.fromkeys(Standing, 0)
        self.failed: list[dict[str, Any]] = []
        self.not_run: dict[str, int] = {}

    def take(self, found: Reinspected | None) -> None:
        if found is None:
            return
        self.counts[found.standing] += 1
        self.size += found.size
        for said in found.not_run:
            self.not_run[said] = self.not_run.get(said, 0) + 1
        if found.standing is Standing.FAILED:
            self.failed += [
                {
                    "record_id": found.record_id,
                    "place": found.place,
                    "number": each.number,
                    "problem": each.problem,
                }
                for each in found.failed
            ]
        if not self._as_json and time.monotonic() > self._next:
            click.echo(self._so_far(f"/{self.total}"), err=True)
            self._next = time.monotonic() + SECONDS_BETWEEN

    def _so_far(self, of: str = "") -> str:
        said = "，".join(f"{STANDING_NAMES[each]} {count}" for each, count in self.counts.items())
        return f"已检测 {sum(self.counts.values())}{of} 件：{said}。"

    def end(self, started: datetime, *, broken_off: bool = False) -> None:
        since = started.astimezone(SHANGHAI).strftime(MOMENT)
        if self._as_json:
            result = {
                "inspected": sum(self.counts.values()),
                "outcomes": {str(each): count for each, count in self.counts.items()},
                "bytes": self.size,
                "problems": self.failed,
                "not_run": self.not_run,
                "complete": not broken_off,
                "since": since,
            }
            show(result, as_json=True, sentence="")
            return
        if self.failed:
            columns = {"number": "检测项", "problem": "问题", "place": "位置"}
            show_table(self.failed, columns, as_json=False, title="不合格的")
        click.echo(self._so_far())
        for said, count in self.not_run.items():
            click.echo(f"{said}（{count} 件）")
        if broken_off:
            click.echo(
                f"已中断。接着检测：danglian hub reinspect --dir … --since {since}", err=True
            )
