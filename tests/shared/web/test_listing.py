"""Lists by the address alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select
from werkzeug.datastructures import MultiDict

from shared.kernel.database import Database
from shared.kernel.jobs import Job
from shared.web import Filter, Listing, Page

ROWS = 137


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    path: Path = tmp_path_factory.mktemp("listing")
    database = Database.in_file(path / "test.sqlite", ("shared",))
    database.create_schema()
    with database.write() as session:
        for number in range(ROWS):
            session.add(
                Job(
                    id=f"{number:036d}",
                    kind="abc"[number % 3],
                    title=f"第{number}号 100%_完成" if number % 10 == 0 else f"第{number}号",
                    done=number % 7,
                )
            )
    return database


def listing(**arguments: str) -> Listing:
    return Listing.from_request(
        MultiDict(arguments),
        sorts={"title": Job.title, "done": Job.done},
        default_sort="-done",
        search=(Job.title, Job.kind),
        filters={
            "kind": Filter("种类", Job.kind, {"a": "甲", "b": "乙"}),
            "done": Filter("完成", Job.done, {1: "一", 2: "二"}),
            "big": Filter("大", choices={"1": "是"}, apply=lambda s, _: s.where(Job.done > 5)),
        },
    )


def page_of(database: Database, **arguments: str) -> Page[Job]:
    with database.read() as session:
        return listing(**arguments).apply(select(Job), session=session)


def test_the_first_page(database: Database) -> None:
    page = page_of(database)
    assert (page.total, page.pages, page.page, page.size) == (ROWS, 7, 1, 20)
    assert (page.first, page.last) == (1, 20)
    assert page.sort == "done"
    assert page.descending
    assert not page.narrowed


def test_a_page_beyond_the_end_is_the_last(database: Database) -> None:
    page = page_of(database, page="99", size="50")
    assert (page.page, page.first, page.last) == (3, 101, ROWS)


def test_search_and_filters(database: Database) -> None:
    assert page_of(database, q="第13").total == 8  # 13 and 130 to 136
    assert page_of(database, q="100%_完").total == 14  # no wildcards
    assert page_of(database, kind="a").total == 46
    assert page_of(database, kind="c").total == ROWS  # not among the choices
    assert page_of(database, done="1", kind="b").total == 7
    assert page_of(database, big="1").narrowed
    nothing = page_of(database, q="没有")
    assert (nothing.total, nothing.first, nothing.last, nothing.pages) == (0, 0, 0, 1)


def test_addresses_keep_what_they_do_not_change(database: Database) -> None:
    page = page_of(database, q="号&=#", kind="a", size="50", page="2", extra="1")
    query = parse_qs(page.url(page=3)[1:])
    assert query == {"q": ["号&=#"], "kind": ["a"], "size": ["50"], "page": ["3"], "extra": ["1"]}
    assert "page" not in parse_qs(page.url(size=100)[1:])
    assert parse_qs(page.sort_url("title")[1:])["sort"] == ["title"]
    assert parse_qs(page.clear_url[1:]) == {"size": ["50"], "extra": ["1"]}
    assert dict(page.kept) == {"size": "50", "extra": "1"}
    turned = page_of(database, sort="title")
    assert parse_qs(turned.sort_url("title")[1:])["sort"] == ["-title"]


def test_counting_can_stop_early(database: Database) -> None:
    with database.read() as session:
        page = listing().apply(select(Job), session=session, count_limit=100)
    assert page.more
    assert page.total == 100
    assert page.pages == 5


def test_rows_of_several_columns(database: Database) -> None:
    with database.read() as session:
        page = listing(sort="title").apply(select(Job.title, Job.done), session=session)
    assert page.items[0].title == "第0号 100%_完成"


def test_two_queries_and_no_more(database: Database) -> None:
    statements: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    with database.read() as session:
        event.listen(database.engine, "before_cursor_execute", note)
        listing(q="号").apply(select(Job), session=session)
        event.remove(database.engine, "before_cursor_execute", note)
    assert len(statements) == 2


def test_the_window_of_pages(database: Database) -> None:
    assert page_of(database).window == [1, 2, 3, None, 7]
    assert page_of(database, page="4").window == [1, 2, 3, 4, 5, 6, 7]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    arguments=st.dictionaries(
        st.sampled_from(["q", "page", "size", "sort", "kind", "done", "x"]), st.text(max_size=30)
    )
)
def test_no_address_breaks_a_list(database: Database, arguments: dict[str, str]) -> None:
    page = page_of(database, **arguments)
    assert 1 <= page.page <= page.pages
    assert len(page.items) <= page.size


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30
)
@given(
    sort=st.sampled_from(["title", "-title", "done", "-done"]),
    size=st.sampled_from(["20", "50", "100"]),
    kind=st.sampled_from(["", "a", "b"]),
)
def test_the_pages_together_are_every_row_once(
    database: Database, sort: str, size: str, kind: str
) -> None:
    first = page_of(database, sort=sort, size=size, kind=kind)
    seen = [
        job.id
        for number in range(1, first.pages + 1)
        for job in page_of(database, sort=sort, size=size, kind=kind, page=str(number)).items
    ]
    assert len(seen) == len(set(seen)) == first.total


def test_two_lists_of_a_page_keep_out_of_each_others_way(database: Database) -> None:
    arguments = MultiDict({"items_page": "2", "items_q": "第", "items_kind": "a", "page": "3"})
    with database.read() as session:
        items, whole = (
            Listing.from_request(
                arguments,
                name=name,
                sorts={"title": Job.title},
                default_sort="title",
                search=(Job.title,),
                filters={"kind": Filter("种类", Job.kind, {"a": "甲", "b": "乙"})},
            ).apply(select(Job), session=session)
            for name in ("items", "")
        )
    assert (items.page, items.total, items.search) == (2, 46, "第")
    assert (whole.page, whole.total, whole.search) == (3, ROWS, "")
    address, _, place = items.url(page=3).partition("#")
    assert parse_qs(address[1:]) == {
        "items_page": ["3"], "items_q": ["第"], "items_kind": ["a"], "page": ["3"]
    }  # fmt: skip
    assert place == "items"
    assert items.kept == [("items_page", "2"), ("page", "3")][1:]
    assert parse_qs(items.clear_url.partition("#")[0][1:]) == {"page": ["3"]}


@given(
    st.lists(st.tuples(st.none() | st.text("甲乙a", max_size=3), st.integers(0, 9)), max_size=60),
    st.sampled_from(["place", "-place", "name", "-name", "size"]),
)
def test_what_is_at_hand_is_listed_whole_and_in_order(
    rows: list[tuple[str | None, int]], sort: str
) -> None:
    def page(number: int) -> Page[tuple[str | None, int]]:
        return Listing.from_request(
            MultiDict({"sort": sort, "page": str(number)}),
            sorts={"place": None, "name": lambda row: row[0], "size": lambda row: row[1]},
            default_sort="place",
            size=20,
        ).apply_to(rows)

    first = page(1)
    shown = [row for number in range(1, first.pages + 1) for row in page(number).items]
    assert first.total == len(rows)
    assert sorted(map(repr, shown)) == sorted(map(repr, rows))
    if sort == "place":
        assert shown == rows
    if sort == "name":
        assert [row[0] for row in shown] == sorted(
            (row[0] for row in rows), key=lambda name: (name is None, name)
        )


def test_what_is_at_hand_is_searched_and_filtered() -> None:
    rows = [{"name": "通知.PDF", "note": None}, {"name": "批复.ofd", "note": "附件"}]

    def found(**arguments: str) -> list[str]:
        listing = Listing.from_request(
            MultiDict(arguments),
            sorts={"name": lambda row: row["name"]},
            default_sort="name",
            search=(lambda row: row["name"], lambda row: row["note"]),
            filters={
                "with": Filter(
                    "备注",
                    choices={"note": "有"},
                    apply=lambda rows, _value: [each for each in rows if each["note"]],
                )
            },
        )
        return [row["name"] for row in listing.apply_to(rows).items]

    assert found(q="pdf") == ["通知.PDF"]
    assert found(q="附件") == ["批复.ofd"]
    assert found(**{"with": "note"}) == ["批复.ofd"]
    assert found(q="没有") == []
