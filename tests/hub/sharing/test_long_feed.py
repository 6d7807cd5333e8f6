"""A copy read over a line that breaks at random, while a writer changes what is shared."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from danglian.client import Feed
from werkzeug.serving import make_server

from hub.sharing.policies import Audience
from shared.kernel.actor import Grant, Role
from shared.kernel.errors import Unavailable
from shared.kernel.identifiers import new_id
from tests.hub.desk import Api, make_desk
from tests.hub.sharing.conftest import ARCHIVE
from tests.hub.sharing.test_long_harvest import Writer

CHANGES = int(os.environ.get("CHANGED", "1000000"))
_AT_ONCE = 1000


class Torn:
    """A WSGI application whose answers break off in the middle, one in five of those asked for."""

    def __init__(self, inner: Callable[..., Any], chance: random.Random) -> None:
        self._inner, self._chance = inner, chance
        self.broken = 0

    def __call__(self, environ: Any, start_response: Any) -> Iterator[bytes]:
        content = b"".join(self._inner(environ, start_response))
        if self._chance.random() < 0.2:
            self.broken += 1
            content = content[: self._chance.randrange(len(content))]
        return iter([content])


def change(writer: Writer, total: int, at_once: int) -> None:
    """So many changes: records that are new, that change, that go and that come back."""
    chance, ids, done = random.Random(7), [], 0
    while done < total:
        size = min(at_once, total - done)
        added = [new_id() for _ in range(size // 2 if ids else size)]
        again = chance.sample(ids, min(len(ids), size - len(added)))
        gone = len(again) // 4
        writer.write(
            dict.fromkeys(again[:gone])
            | dict.fromkeys(again[gone:], f"第{done}次更正")
            | dict.fromkeys(added, "新接收")
        )
        writer.sequence()
        ids += added
        done += len(added) + len(again)


def follow(archive: Any, total: int, at_once: int) -> None:
    """Change and read at the same time, read to the end, and hold the copy against the proof."""
    writer, folder = Writer(archive), archive.city.folder
    # Quotas of accounts are not what this is about.
    folder.settings = replace(folder.settings, requests_per_minute=0, address_requests_per_minute=0)
    app = make_desk(archive.city, platform=Grant(Role.ARCHIVIST, ARCHIVE))
    token = Api(app, "platform").headers["Authorization"].removeprefix("Bearer ")
    torn = Torn(app.wsgi_app, random.Random(11))
    app.wsgi_app = torn  # type: ignore[method-assign]
    server = make_server("127.0.0.1", 0, app, threaded=True)
    serving = threading.Thread(target=server.serve_forever)
    writing = threading.Thread(target=change, args=(writer, total, at_once))
    feed = Feed(f"http://127.0.0.1:{server.server_port}", token, audience=str(Audience.PUBLIC))
    held: dict[str, str] = {}
    cursor: str | None = None
    serving.start()
    writing.start()
    try:
        proven = False
        while not proven:
            is_last = not writing.is_alive()
            try:
                for page in feed.pages(cursor, limit=at_once):
                    for each in page.changes:
                        held.pop(each.id, None)
                        if each.digest is not None:
                            held[each.id] = each.digest
                    cursor = page.cursor
                # Raises CopyDiffers wherever the copy is at the proof's place and not as it says.
                proven = feed.proof().check(cursor, list(held.items())) and is_last
            except Unavailable:
                continue  # the line broke: it goes on from the last page that was whole
    finally:
        writing.join()
        server.shutdown()
        serving.join()
        server.server_close()
    assert held.keys() == {key for key, title in writer.titles.items() if title is not None}
    assert torn.broken > 0


def test_a_copy_is_whole_after_three_thousand_changes_and_broken_answers(archive: Any) -> None:
    follow(archive, 3_000, 100)


@pytest.mark.at_length
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("database_kind", ["postgresql"])
def test_a_copy_is_whole_after_a_million_changes_and_broken_answers(
    archive: Any, database_kind: str
) -> None:
    follow(archive, CHANGES, _AT_ONCE)
