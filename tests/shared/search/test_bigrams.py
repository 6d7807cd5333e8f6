"""What the index promises: every substring is found, and nothing else."""

import sqlite3
from contextlib import closing

import psycopg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.search import fold, index_text, index_vector, match_query, match_vector

CHINESE = st.text(
    st.sampled_from("宜昌市人民政府关于农业生产的通知〔2024〕12号𠮷①ＡaßA-·\u3000 （）"), min_size=1
)
ANY = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


def find(texts: list[list[str]], query: str) -> list[int]:
    match = match_query(query)
    if match is None:
        return []
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE VIRTUAL TABLE t USING fts5(tokens, tokenize='ascii')")
        connection.executemany(
            "INSERT INTO t (rowid, tokens) VALUES (?, ?)",
            [(number, index_text(fields)) for number, fields in enumerate(texts)],
        )
        found = connection.execute("SELECT rowid FROM t WHERE t MATCH ? ORDER BY rowid", [match])
        return [row[0] for row in found]


@given(text=CHINESE | ANY, data=st.data())
def test_every_substring_is_found(text, data):
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    part = text[start:end]
    assert find([[text]], part) == ([0] if fold(part) else [])


@given(text=CHINESE | ANY, query=CHINESE | ANY)
def test_what_is_found_holds_every_term(text, query):
    if find([[text]], query):
        assert all(fold(term) in fold(text) for term in query.split())


def test_the_parts_of_a_query_are_found_in_any_order():
    titles = [["宜昌市人民政府关于农业生产的通知"], ["宜昌市人民政府关于工业的通知"]]
    assert find(titles, "农业 宜昌") == [0]
    assert find(titles, "通知 宜昌") == [0, 1]
    assert find(titles, "产") == [0]


@pytest.mark.parametrize("query", ["宜府发[2024]12号", "宜府发(2024)12号", "宜府发【2024】１２号"])
def test_a_document_number_is_found_however_its_brackets_are_typed(query):
    assert find([["通知", "宜府发〔2024〕12号"]], query) == [0]


@pytest.mark.parametrize("query", ["1102-WS-2024-D30", "1102—ws•2024", "WS．2024-d30"])
def test_a_code_is_found_however_its_separators_are_typed(query):
    assert find([["题名", "1102-WS·2024-D30-BGS-0012"]], query) == [0]


def test_no_term_reaches_across_two_fields():
    assert find([["农业", "生产"]], "业生") == []


@pytest.mark.parametrize("query", ["", "   ", "\u3000"])
def test_an_empty_query_looks_for_nothing(query):
    assert match_query(query) is None


@pytest.mark.parametrize("query", ['"', "a OR b", "NEAR(a b)", "*", "x* NOT y", "';--"])
def test_no_query_is_an_expression(query):
    find([["农业生产"]], query)


@pytest.fixture(scope="module")
def vectors(postgresql):
    with psycopg.connect(postgresql.dsn(postgresql.create())) as connection:
        connection.execute("CREATE TEMPORARY TABLE t (number int, tokens tsvector)")
        connection.execute("CREATE INDEX ON t USING gin (tokens)")
        yield connection


QUERIES = [
    "宜昌",
    "农业 宜昌",
    "产",
    "〔2024〕12号",
    "ws",
    "府发",
    "的通知〔",
    "  ",
    "' & |",
    "号12",
]


@settings(max_examples=40)
@given(texts=st.lists(CHINESE | ANY, min_size=1, max_size=6), query=CHINESE | ANY)
@example(texts=["宜昌市人民政府关于农业生产的通知〔2024〕12号"] * 2, query="农业 通知")
def test_postgresql_finds_what_sqlite_finds(vectors, texts, query):
    vectors.execute("DELETE FROM t")
    for number, text in enumerate(texts):
        vectors.execute("INSERT INTO t VALUES (%s, %s)", (number, index_vector([text, "宜昌 WS"])))
    for each in (query, *QUERIES):
        wanted = find([[text, "宜昌 WS"] for text in texts], each)
        match = match_vector(each)
        found = [] if match is None else vectors.execute(
            "SELECT number FROM t WHERE tokens @@ %s::text::tsquery ORDER BY number", (match,)
        ).fetchall()  # fmt: skip
        assert [row[0] for row in found] == wanted, each
