"""A small city of which only the store is left, and what is compared when it is rebuilt."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from sqlalchemy import event, select

from hub.correcting import service as correcting
from hub.federation import service as federation
from hub.federation.origins import origin_of, own_columns
from hub.federation.places import HubFolder
from hub.repository.audit_segments import AuditWriter
from hub.repository.versions import EventKind, add_version
from hub.wiring import steps
from shared.audit import Sealer
from shared.command.main import danglian
from shared.kernel.clock import today
from shared.records.fonds_schedule import schedule_document
from tests.federation import ARCHIVIST, Federation, Unit
from tests.killed import Bomb

#: The history of a rebuilt hub goes on: what is written down of it is more, by these keys.
_GROWS = {"audit_checkpoint": "last", "audit_event": "seq", "repository_paper": "name"}
Tables = dict[str, list[dict[str, Any]]]


def lively_city(folder: Path) -> Federation:
    """Two units: received and corrected, returned, and under review; and a ruleset in force."""
    city = Federation(folder)
    first = city.enrol("宜昌市文化和旅游局", number="A101")
    _rule(city, first)
    second = city.enrol("宜昌市水利局", number="A102")
    ids = first.file(3)
    city.finish(first, first.offer(ids[:2]))
    correcting.make(city.hub, ARCHIVIST, ids[0], {"title": "核对后的题名"}, "核对原件后更正")
    rendition = folder / "正文.ofd"
    rendition.write_bytes(b"made-up bytes of a rendition")
    add_version(
        *(city.hub, ARCHIVIST, ids[0], EventKind.MIGRATION, {rendition.name: rendition}),
        facts={"source": "正文.pdf", "tool": "转换工具 1.0", "reason": "长期保存"},
    )
    other = second.file(2, year=2022)
    returned = second.offer(other[:1])
    city.settle()
    city.conclude(returned, "returned", returned=other[:1])
    second.offer(other[1:], "待审的一批")
    city.settle()
    return city


def _rule(city: Federation, unit: Unit) -> None:
    """The city's archive has a ruleset, with the table of a unit."""
    row = {
        "number": "1",
        "section": "业务",
        "scope": "非遗名录",
        "retention": "Y",
        "alternatives": [],
    }
    document = schedule_document(
        unit.fonds_id, name="范围表", version="2026", approved_on=date(2026, 1, 8),
        approval="宜档复〔2026〕3号", items=[row],
    )  # fmt: skip
    with city.hub.database().write() as session:
        federation.put_schedule(ARCHIVIST, document, session=session)
    federation.activate_ruleset(
        city.hub, ARCHIVIST, "420500", active_from=date.fromisoformat(today()), approval="馆务会"
    )


def write_all(hub: HubFolder, *, but: Collection[str] = ()) -> None:
    """Let everything that waits for it reach the store, without the steps of these names."""
    Sealer(hub.database(), hub.keys.hub).finish()
    AuditWriter(hub.database(), wait=timedelta(0)).step()
    for name, step in steps(hub).items():
        while name not in but and step():
            pass


def tables_of(hub: HubFolder, origin: str) -> Tables:
    """The rows of all tables of an origin, by what comes from there of them."""
    found = {}
    with hub.database().read() as session:
        for table in hub.database().tables():
            if origin_of(table) == origin:
                query = select(*own_columns(table)).order_by(*table.primary_key.columns)
                found[table.name] = [dict(row) for row in session.execute(query).mappings()]
    return found


def compare(before: Tables, after: Tables) -> list[str]:
    """Which tables differ, where nothing is expected to; the audit and the papers have grown."""
    wrong = []
    for name, rows in before.items():
        now = after[name]
        if name == "federation_hub":
            now = [{**row, "generation": rows[0]["generation"]} for row in now]
        elif name in _GROWS:
            known = {row[_GROWS[name]] for row in rows}
            now = [row for row in now if row[_GROWS[name]] in known]
        if name != "audit_head" and rows != now:
            wrong.append(name)
    return wrong


def lose_all_but_the_store(city: Federation, aside: Path) -> Path:
    """The store alone, put aside; the hub's folder is gone but for its sealed keys."""
    write_all(city.hub)
    city.hub.database().close()
    shutil.copytree(city.hub.path / "store", aside / "store")
    shutil.copytree(city.hub.path / "keys", aside / "new" / "keys")
    return aside / "store"


def rebuild(aside: Path, *more: str, store: str = "") -> tuple[int, dict[str, Any]]:
    """`danglian hub rebuild` as people type it: how it ended, and what it said."""
    answer = CliRunner().invoke(
        danglian,
        [
            *("hub", "rebuild", "--json", "--into", str(aside / "new")),
            *("--store", store or str(aside / "store"), *more),
        ],
    )
    assert answer.exception is None or isinstance(answer.exception, SystemExit), answer.output
    return answer.exit_code, json.loads(answer.stdout)


def rebuilding_dies(aside: Path, commit: int) -> None:
    """Rebuild until death before a commit; for a process of its own."""
    from sqlalchemy.engine import Engine

    bomb = Bomb(commit)
    event.listen(Engine, "commit", lambda connection: bomb.tick())
    rebuild(aside)
