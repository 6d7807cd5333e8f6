"""Lists of the catalogue are as quick for who may little as for who may all."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest
from sqlalchemy import text as sql

from hub.catalogue import service as catalogue
from hub.catalogue import text
from hub.catalogue.models import CatalogueRecord, CatalogueTally
from hub.catalogue.query import Filters
from hub.catalogue.told import tokens_of
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.bulk import add_rows, table_of
from shared.kernel.canonical import canonical_json
from shared.kernel.clock import now
from shared.kernel.identifiers import new_id
from tests.hub.conftest import City, city, city_on_postgresql, city_template
from tests.hub.receiving.handover import YILING_ARCHIVE
from tests.performance.table import EMBEDDED, SERVERS, Table, seconds

__all__ = ["city", "city_on_postgresql", "city_template"]
DATABASES = ("sqlite", "postgresql")
FONDS, RECORDS = 100, int(os.environ.get("RECORDS", "50000"))
_WORDS = ("防汛", "林权", "教育", "预算", "乡村", "交通", "水利", "卫生", "土地", "人口")


@pytest.mark.performance
@pytest.mark.timeout(3600)
def test_a_list_is_as_quick_for_a_clerk_of_many_fonds(
    city: City, database_kind: str, table: Table
) -> None:
    stack = SERVERS if database_kind == "postgresql" else EMBEDDED
    fonds_ids = [new_id() for _ in range(FONDS)]
    _fill(city, fonds_ids)

    def clerk(count: int) -> Actor:
        return city.person(*(Grant(Role.CLERK, None, each) for each in fonds_ids[:count]))

    actors = {
        "a clerk of 1 fonds": clerk(1),
        "a clerk of 20 fonds": clerk(20),
        "a clerk of 100 fonds": clerk(100),
        "an archivist of all": city.archivist(YILING_ARCHIVE),
        "a reader": city.person(Grant(Role.READER, YILING_ARCHIVE)),
        "the system": city.admin,
    }
    asked = {
        "list": Filters(),
        "list of a year": Filters(year=2020),
        "search of a word": Filters(text="防汛"),
    }
    with city.database.read() as session:
        for name, actor in actors.items():
            took = [
                _quickest(lambda of=of, who=actor: catalogue.search(who, of, session=session))
                for of in asked.values()
            ]
            took.append(
                _quickest(
                    lambda who=actor: catalogue.counted(
                        who, Filters(), session=session, by=("year",)
                    )
                )
            )
            what = f"Catalogue of {RECORDS:,} for {name}: {', '.join(asked)}, counts (of our CPU)"
            table.add(what, stack, ", ".join(took))


def _quickest(ask: Callable[[], object]) -> str:
    """The quickest of five, on the clock and of our own computing: SQLite computes here."""
    clock, computing = [], []
    for _ in range(5):
        start, cpu = time.perf_counter(), time.process_time()
        ask()
        clock.append(time.perf_counter() - start)
        computing.append(time.process_time() - cpu)
    return f"{seconds(min(clock))} ({seconds(min(computing))})"


def _fill(city: City, fonds_ids: list[str]) -> None:
    """Received and unreceived records of all fonds, one in twenty of them 内部."""
    empty, moment = canonical_json({}), now()
    dialect = city.database.engine.dialect.name
    for begin in range(0, RECORDS, 5_000):
        rows = [
            {
                "row": number + 1, "id": new_id(), "node_id": "n",
                "fonds_id": fonds_ids[number % FONDS], "version": 1, "digest": "0" * 64,
                "told_state": "filed", "wire": empty, "division_code": "420506000000",
                "reviewing_archive": YILING_ARCHIVE, "receiving_archive": YILING_ARCHIVE,
                "disclosure": "full", "level": "record", "class_code": "WS",
                "year": 2010 + number // FONDS % 15, "retention": "D30",
                "code": f"J{FONDS - 1 - number % FONDS:03}-WS·{number}",
                "code_key": f"J{FONDS - 1 - number % FONDS:03}-WS·{number:06}",
                "title": f"关于{_WORDS[number // FONDS % len(_WORDS)]}工作第{number}号的通知",
                "security": "internal" if number // FONDS % 20 == 0 else "none",
                "holding": "electronic", "state": "received" if number % 2 else "filed",
                "custody": "x", "received": bool(number % 2), "arrived_at": moment,
                "updated_at": moment,
            }
            for number in range(begin, min(begin + 5_000, RECORDS))
        ]  # fmt: skip
        with city.database.write() as session:
            add_rows(session, table_of(CatalogueRecord), rows)
            text.index(
                session,
                {row["row"]: tokens_of((row["title"], None, row["code"]), dialect) for row in rows},
            )
    with city.database.write() as session:
        for number, fonds_id in enumerate(fonds_ids):
            records = len(range(number, RECORDS, FONDS))
            session.add(
                CatalogueTally(
                    fonds_id=fonds_id, year=2020, class_code="WS", retention="D30", state="filed",
                    level="record", records=records, sum="0" * 64,
                )
            )  # fmt: skip
    with city.database.engine.connect() as connection:
        connection.execute(sql("ANALYZE"))
        connection.commit()
