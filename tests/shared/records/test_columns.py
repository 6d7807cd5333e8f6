"""The column types hold every write to the value domain."""

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, create_engine, insert, select

from shared.kernel.errors import Invalid
from shared.records.columns import CleanText, Json

_TABLE = Table(
    "things",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("title", CleanText(5)),
    Column("data", Json()),
)


@pytest.fixture
def connection():
    engine = create_engine("sqlite://")
    _TABLE.metadata.create_all(engine)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_clean_values_come_back_as_they_were(connection) -> None:
    data = {"题名": ["一", 2, None, True, {"深": "处\n二行"}]}
    connection.execute(insert(_TABLE).values(title="题名", data=data))
    assert connection.execute(select(_TABLE.c.title, _TABLE.c.data)).one() == ("题名", data)


@pytest.mark.parametrize("title", ["一二三四五六", "a\x00b", "e\u0301", "半\ud800", "零\u200b宽"])
def test_a_text_outside_the_domain_is_never_written(connection, title) -> None:
    with pytest.raises(Invalid):
        connection.execute(insert(_TABLE).values(title=title))


@pytest.mark.parametrize(
    "data", [{"a": "\x00"}, ["\ud800"], {"键\u200b": 1}, {"f": 1.5}, {"o": object()}, {1: "x"}]
)
def test_json_with_a_value_outside_the_domain_is_never_written(connection, data) -> None:
    with pytest.raises(Invalid):
        connection.execute(insert(_TABLE).values(data=data))


def test_none_is_null_in_both(connection) -> None:
    connection.execute(insert(_TABLE).values(title=None, data=None))
    assert connection.execute(select(_TABLE.c.id).where(_TABLE.c.data.is_(None))).one() == (1,)
