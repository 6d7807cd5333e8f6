"""The worked client of the documents keeps a full copy, whatever happens between its runs."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from danglian.client import CopyDiffers, Feed

from hub.federation.epochs import raise_generation
from hub.sharing.policies import Audience
from shared.kernel.actor import Grant, Role
from shared.kernel.errors import DanglianError
from shared.web import serve
from tests.hub.desk import Api, make_desk
from tests.hub.sharing.conftest import ARCHIVE

_PAGE = Path(__file__).parents[3] / "docs" / "integrators.md"


@pytest.fixture
def keep_copy():
    """The function that stands in the documents."""
    block = _PAGE.read_text(encoding="utf-8").split("<!-- example: full copy -->")[1]
    names: dict[str, Any] = {}
    exec(re.search(r"```python\n(.+?)```", block, re.DOTALL)[1], names)
    return names["keep_copy"]


@pytest.fixture
def served(archive):
    """A hub that answers, and a token for it."""
    desk = make_desk(archive.city, platform=Grant(Role.ARCHIVIST, ARCHIVE))
    token = Api(desk, "platform").headers["Authorization"].removeprefix("Bearer ")
    server = serve(desk, "127.0.0.1", 0, threads=2)
    yield server.url, token
    server.stop()


def _held(path):
    with closing(sqlite3.connect(path)) as copy:
        return {
            id_: json.loads(text) for id_, text in copy.execute("SELECT id, record FROM records")
        }


def test_a_copy_is_kept_up_to_date_and_proven(archive, served, keep_copy, tmp_path):
    feed, path = Feed(*served), tmp_path / "copy.sqlite"
    archive.share(Audience.GOVERNMENT)
    first, second, *_ = archive.received(4)
    archive.settle()
    assert keep_copy(feed, path) == 4
    archive.withdraw(first)
    archive.correct(second, title="关于改正后的事项的通知")
    archive.settle()
    assert keep_copy(feed, path) == 3
    assert _held(path) == archive.seen(Audience.GOVERNMENT)
    with archive.city.database.write() as session:
        raise_generation(session, to=2)
    assert keep_copy(feed, path) == 3
    with closing(sqlite3.connect(path)) as copy:
        copy.execute("DELETE FROM records WHERE id = ?", [second])
        copy.commit()
    with pytest.raises(CopyDiffers):
        keep_copy(feed, path)


def test_what_the_hub_refuses_is_told(served):
    address, _ = served
    with pytest.raises(DanglianError) as refused:
        next(Feed(address, "no token").pages())
    assert refused.value.code == "not_signed_in"
