"""`danglian hub fixity`: read what is kept, now, and say what is damaged."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.catalogue.models import CatalogueRecord
from hub.federation import service as federation
from hub.federation.commands import ACTOR, folder_option
from hub.federation.places import HubFolder
from hub.repository.examining import KIND_NAMES, FaultKind, Looked, Pace, Stores
from hub.repository.faults import wish_again
from hub.repository.fixity import Fixity, Mend, count_due
from hub.repository.keeping import COPY_NAMES, OF_HUB, Copy
from hub.repository.loops import MEGABYTE
from hub.repository.mending import mend
from hub.repository.models import KeptObject
from hub.repository.oversight import ask_for_aside
from hub.repository.second_copy import begin_anew
from shared.command.main import json_option, show, show_table
from shared.kernel.clock import SHANGHAI, now
from shared.kernel.database import Database
from shared.kernel.errors import Conflict, Invalid, NotFound
from shared.kernel.files import folder_lock
from shared.records import archival_code
from shared.web.filters import size as size_text

#: Exit codes: something is wrong with what is kept; it was broken off.
WRONG, BROKEN_OFF = 1, 130
SECONDS_BETWEEN = 5.0
MOMENT = "%Y-%m-%dT%H:%M:%S"
_PURPOSE = "hub fixity"


@click.command("fixity")
@folder_option
@click.option("--archive", help="只核验这个档案馆的，如 420506；hub 为平台自己的登记和日志。")
@click.option("--rate", type=click.IntRange(min=0), help="每秒最多读多少字节，0 不限；不填按设置。")
@click.option("--limit", type=click.IntRange(min=1), help="最多核验多少件。")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d", MOMENT]),
    help="这个时间以后核验过的不再核验；中断后写上次开始的时间，就接着做。不填为现在。",
)
@click.option("--now", "wanted", help="只核验这一件：档号、编号，或它在存储里的位置。")
@click.option("--set-aside", "surplus_of", help="把这一件里多余的文件移到一旁（aside/）。")
@click.option("--new-second", is_flag=True, help="第二份存储换了新的：全部重新复制。")
@json_option
def fixity_command(
    *,
    folder: Path,
    archive: str | None,
    rate: int | None,
    limit: int | None,
    since: datetime | None,
    wanted: str | None,
    surplus_of: str | None,
    new_second: bool,
    as_json: bool,
) -> None:
    """核验馆藏：把收到的每个文件重新读一遍，与接收时的摘要核对；有第二份的自动修复。

    从最久没有核验的开始。随时可以中断。有损坏、缺失或多余的文件时，退出码为 1。
    """
    place = HubFolder(folder)
    if new_second:
        _begin_anew(place, as_json)
        return
    if archive not in (None, OF_HUB):
        with place.database().read() as session:
            federation.archive_of(archive, session)
    started = now() if since is None else min(now(), since.replace(tzinfo=SHANGHAI))
    settings = place.settings
    pace = Pace(settings.fixity_mb_per_second * MEGABYTE if rate is None else rate)
    told = _Told(as_json)
    try:
        if wanted or surplus_of:
            told.takes(_one(place, wanted or surplus_of or "", pace, aside=bool(surplus_of)))
        else:
            told.total = _total(place, started, archive)
            told.takes(_all(place, started, archive, limit, pace))
    except KeyboardInterrupt:
        told.end(started, broken_off=True)
        sys.exit(BROKEN_OFF)
    told.end(started)
    if told.faults:
        sys.exit(WRONG)


class _Told:
    """What was read, as it is told: while it goes on, and at its end."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._next = time.monotonic() + SECONDS_BETWEEN
        self.total = 0
        self.checked = self.own = self.size = 0
        self.mended: list[str] = []
        self.aside: list[str] = []
        self.faults: list[dict[str, Any]] = []

    def takes(self, readings: Iterator[Looked]) -> None:
        for looked in readings:
            if not looked.kept.is_outside:
                self.checked += 1
                self.own += looked.kept.archive_code == OF_HUB
            self.size += looked.bytes
            self.mended += looked.mended
            self.aside += looked.aside
            self.faults += fault_wires(looked)
            if not self._as_json and time.monotonic() > self._next:
                click.echo(self._so_far(f"/{self.total}" if self.total else ""), err=True)
                self._next = time.monotonic() + SECONDS_BETWEEN

    def _so_far(self, of: str = "") -> str:
        wrong = f"{len(self.faults)} 个文件有问题" if self.faults else "没有问题"
        mended = f"，修复 {len(self.mended)} 个" if self.mended else ""
        aside = f"，移开 {len(self.aside)} 个" if self.aside else ""
        own = f"（其中平台的登记和日志 {self.own} 份）" if self.own else ""
        return (
            f"已核验 {self.checked}{of} 件{own}，{size_text(self.size)}，{wrong}{mended}{aside}。"
        )

    def end(self, started: datetime, *, broken_off: bool = False) -> None:
        since = started.astimezone(SHANGHAI).strftime(MOMENT)
        if self._as_json:
            result = {
                "checked": self.checked,
                "own": self.own,
                "bytes": self.size,
                "mended": self.mended,
                "set_aside": self.aside,
                "faults": self.faults,
                "complete": not broken_off,
                "since": since,
            }
            show(result, as_json=True, sentence="")
            return
        if self.faults:
            columns = {"copy": "哪一份", "kind": "情况", "name": "文件"}
            rows = [
                {
                    "copy": COPY_NAMES[Copy(each["copy"])],
                    "kind": KIND_NAMES[FaultKind(each["kind"])],
                    "name": each["name"],
                }
                for each in self.faults
            ]
            show_table(rows, columns, as_json=False, title="有问题的文件")
        click.echo(self._so_far())
        if broken_off:
            click.echo(f"已中断。接着核验：danglian hub fixity --dir … --since {since}", err=True)


def fault_wires(looked: Looked) -> list[dict[str, Any]]:
    """The faults of a reading, for programs."""
    return [
        {
            "copy": looked.copy.value,
            "archive": looked.kept.archive_code,
            "record_id": looked.kept.record_id,
            "place": looked.kept.place,
            "name": fault.name,
            "kind": fault.kind.value,
            "expected": fault.expected,
            "actual": fault.actual,
        }
        for fault in looked.faults
    ]


def _total(place: HubFolder, before: datetime, archive: str | None) -> int:
    stores = Stores(place.store, place.second_store)
    with place.database().read() as session:
        return sum(
            count_due(session, copy, before, archive, with_outside=False) for copy in stores.copies
        )


def _all(
    place: HubFolder, before: datetime, archive: str | None, limit: int | None, pace: Pace
) -> Iterator[Looked]:
    database, stores = place.database(), Stores(place.store, place.second_store)

    ask_hub = _asking(database)

    def mend_while_nobody_runs(
        stores: Stores, looked: Looked, aside: Collection[str]
    ) -> Looked | None:
        try:
            with folder_lock(place.path, _PURPOSE):
                return mend(stores, looked, aside)
        except Conflict:
            return ask_hub(stores, looked, aside)

    left = limit
    for copy in stores.copies:
        fixity = Fixity(
            database,
            stores,
            copy,
            pace=pace,
            mend=mend_while_nobody_runs,
            actor=ACTOR,
            with_outside=True,
        )
        for looked in fixity.run(before, archive_code=archive, limit=left):
            left = None if left is None else left - 1
            yield looked
        if left == 0:
            return


def _asking(database: Database) -> Mend:
    """Asks the hub, which runs, to look at the faults again at once, and mend them."""

    def ask(stores: Stores, looked: Looked, aside: Collection[str]) -> None:
        with database.write() as session:
            wish_again(looked, session)

    return ask


def _one(place: HubFolder, wanted: str, pace: Pace, *, aside: bool) -> Iterator[Looked]:
    database, stores = place.database(), Stores(place.store, place.second_store)
    with _alone(place) as alone:
        with database.write() as session:
            places = places_of(wanted, session)
            for each in places if aside else ():
                ask_for_aside(ACTOR, each, session=session)
        for copy in stores.copies:
            with database.read() as session:
                there = places if copy is Copy.FIRST else _copied(places, session)
            fixity = Fixity(
                database, stores, copy, pace=pace, actor=ACTOR,
                mend=mend if alone else _asking(database),
            )  # fmt: skip
            yield from fixity.look_at(there)
    if aside and not alone:
        raise Conflict(
            "平台正在运行，多余的文件由它移开。", "过一会儿用 --now 再核验一次。", code="later"
        )


@contextmanager
def _alone(place: HubFolder) -> Iterator[bool]:
    """Hold the data folder if nobody does; whether it is held."""
    try:
        with folder_lock(place.path, _PURPOSE):
            yield True
    except Conflict as error:
        if error.code != "folder_in_use":
            raise
        yield False


def places_of(wanted: str, session: Session) -> list[str]:
    """The places that somebody means by an archival code, the id of a record, or a place."""
    named = wanted.strip().removeprefix("urn:uuid:")
    code_key = archival_code.normalise(named)
    records = select(CatalogueRecord.id).where(CatalogueRecord.code_key == code_key)
    found = session.scalars(
        select(KeptObject.place).where(
            (KeptObject.place == named)
            | (KeptObject.record_id == named)
            | KeptObject.record_id.in_(records)
        )
    ).all()
    if not found:
        raise NotFound("馆藏中没有这件档案。", "请核对档号或编号，或确认是否已完成接收。")
    return list(found)


def _copied(places: list[str], session: Session) -> list[str]:
    query = select(KeptObject.place).where(
        KeptObject.place.in_(places), KeptObject.second_looked_at.is_not(None)
    )
    return list(session.scalars(query))


def _begin_anew(place: HubFolder, as_json: bool) -> None:
    if place.second_store is None:
        raise Invalid("second_store", "没有设置第二份存储。", "请填写设置项 second_store。")
    with place.database().write() as session:
        count = begin_anew(ACTOR, place.settings.hub_id, session=session)
    show(
        {"waiting": count},
        as_json=as_json,
        sentence=f"{count} 件将重新复制到第二份存储，平台运行时自动进行。",
    )
