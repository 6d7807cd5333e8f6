"""Reads the whole feed out of a database, as the web process does: `python feed_child.py URL WAY`.

`WAY` is `feed`, its lines streamed, or the form in which harvesters get it by OAI-PMH, list by
list. A process of its own, so that its memory is that of reading out. Says in JSON what it took.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import hub.schema
from hub.sharing import feed
from hub.sharing.harvesting.answering import Harvest, Repository
from hub.sharing.harvesting.asked import read_asked
from hub.sharing.policies import Audience
from shared.kernel.database import Database

_TOKEN = re.compile(rb"<resumptionToken[^>]*>([^<]+)<")
_BASE = "https://hub.example/api/v1/oai"


def harvested(database: Database, form: str) -> Iterator[bytes]:
    """Every answer to a harvester that takes the whole list."""
    repository = Repository(_BASE, "市档案馆", "hub.example", "a@hub.example", Audience.PUBLIC)
    asked = [("verb", "ListRecords"), ("metadataPrefix", form)]
    while asked:
        answer = Harvest(repository, database).answer(read_asked(asked))
        yield answer
        token = _TOKEN.search(answer)
        asked = [("verb", "ListRecords"), ("resumptionToken", token[1].decode())] if token else []


def main(url: str, way: str) -> None:
    assert hub.schema.__all__
    database = Database(url, ("shared", "hub"))
    start, cpu, size, entries = time.perf_counter(), time.process_time(), 0, 0
    if way == "feed":
        entries = -1  # the last line is no entry: it says where the feed ends
        pieces, mark = feed.export(database, Audience.PUBLIC, None), b"\n"
    else:
        pieces, mark = harvested(database, way), b"<record>"
    for piece in pieces:
        size += len(piece)
        entries += piece.count(mark)
    took, cpu = time.perf_counter() - start, time.process_time() - cpu
    database.close()
    # Not `getrusage`: its peak is that of whoever started this process, too.
    status = Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) // 1024
    said = {"seconds": took, "cpu": cpu, "bytes": size, "entries": entries, "peak_mb": peak}
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
