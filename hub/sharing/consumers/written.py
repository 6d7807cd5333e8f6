"""The request log as a spreadsheet reads it: CSV in UTF-8 with its mark."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from hub.sharing.consumers.models import ConsumerRequest
from shared.kernel.clock import local_text
from shared.records.text import neutral

COLUMNS = ("时间", "应用", "来自", "方法", "路径", "状态", "条数", "字节数")
_AT_ONCE = 500


def request_lines(name: str, lines: Iterable[ConsumerRequest]) -> Iterator[bytes]:
    """The table in pieces. What a stranger wrote is no formula to any spreadsheet program."""
    target = io.StringIO(newline="")
    writer = csv.writer(target)
    yield "\ufeff".encode()
    writer.writerow(COLUMNS)
    for number, line in enumerate(lines, 1):
        writer.writerow(
            (
                local_text(line.at, with_seconds=True),
                neutral(name),
                neutral(line.place),
                neutral(line.method),
                neutral(line.path),
                "没有答完" if line.status is None else line.status,
                line.taken,
                line.sent,
            )
        )
        if number % _AT_ONCE == 0:
            yield _taken(target)
    yield _taken(target)


def _taken(target: io.StringIO) -> bytes:
    text = target.getvalue()
    target.seek(0)
    target.truncate()
    return text.encode()
