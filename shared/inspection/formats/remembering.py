"""What was seen in the same bytes before: examinations by digest, in a file beside the data.

A file that was looked into once is not looked into again until the way of looking changes
(`examination.VERSION`). Kept is what an examination says, never words of the document; nothing is
kept of a file that bears a mark of classification, or that could not be examined. Whole reports lie
beside them, encrypted (`shared.inspection.unchanged`). The file may be deleted at any time.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

from shared.inspection.formats.examination import VERSION, Examination, Mark, Questions
from shared.inspection.formats.sandbox import Series
from shared.kernel.canonical import canonical_json, sha256_hex

log = logging.getLogger(__name__)

_PATIENCE = 5.0
#: Rows of some 300 bytes, of reports some 3 KB; the oldest go first.
_MOST = 200_000
_TABLE = (
    "create table if not exists examination "
    "(id integer primary key, key text not null unique, said blob not null)"
)
_ONE = "select said from examination where key = ?"


class Remembered:
    """Examinations kept in one SQLite file, for any number of processes and threads."""

    def __init__(self, path: Path, *, most: int = _MOST) -> None:
        self._path = path
        self._most = most

    def examine(
        self, stream: BinaryIO, sha256: str, questions: Questions, series: Series
    ) -> Examination:
        """What these bytes show: remembered, or looked at now. Raises Unavailable."""
        asked = sha256_hex(canonical_json({name: list(each) for name, each in questions.items()}))
        key = f"{VERSION} {sha256} {asked}"
        found = self._recalled(key)
        if found is None:
            found = series.examine(stream, questions)
            if series.is_sure and found.is_complete and found.mark is not Mark.MARKED:
                self.keep(key, json.dumps(found.to_wire(), ensure_ascii=False).encode())
        return found

    def _recalled(self, key: str) -> Examination | None:
        said = self.recall(key)
        try:
            return None if said is None else Examination.from_wire(json.loads(said))
        except (LookupError, TypeError, ValueError):
            log.warning("what was remembered in %s cannot be read", self._path.name, exc_info=True)
            return None

    def recall(self, key: str) -> bytes | None:
        """What is remembered under a name; None for nothing, or when the file cannot be read."""
        if not self._path.exists():
            return None
        try:
            with closing(sqlite3.connect(self._path, timeout=_PATIENCE)) as database:
                row = database.execute(_ONE, (key,)).fetchone()
        except sqlite3.Error:
            log.warning("what was remembered in %s cannot be read", self._path.name, exc_info=True)
            return None
        said = None if row is None else row[0]
        return said.encode() if isinstance(said, str) else said

    def keep(self, key: str, said: bytes) -> None:
        """Remember something under a name; a file that cannot be written remembers nothing."""
        try:
            with closing(self._open()) as database, database:
                database.execute(
                    "insert or replace into examination (key, said) values (?, ?)", (key, said)
                )
                database.execute(
                    "delete from examination where id <= last_insert_rowid() - ?", (self._most,)
                )
        except sqlite3.Error:
            log.warning("nothing can be remembered in %s", self._path.name, exc_info=True)

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=_PATIENCE)
        # Losing the last ones in a power cut costs looking again.
        database.execute("pragma synchronous = off")
        database.execute(_TABLE)
        return database
