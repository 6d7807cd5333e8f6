"""Papers 文书 kept beside packages: verdicts, receipts, answers, and the stamps of receipts.

Each is one object of the store.

Written down in the transaction of the event, and put into the store after it (`PaperWriter`).
"""

from __future__ import annotations

import io
import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from hub.repository.keeping import keeper_of, note_kept
from hub.repository.models import Paper
from shared.kernel.canonical import canonical_json, sha256_hex
from shared.kernel.clock import now
from shared.kernel.database import Database
from shared.kernel.errors import Conflict, Unavailable
from shared.storage import ObjectStore

log = logging.getLogger(__name__)

_CHUNK = 200
_EVERY_HOUR = 3600.0
#: Papers of the hub that lie in the store before the database has a row of them.
WRITTEN_FIRST = ("hub/generations/", "hub/keys/")
#: Where the lists 销毁清册 of units lie, by fonds.
UNIT_LISTS = "hub/unit-disposals/"


#: The folders of certified copies 复制件证明 and of their withdrawals, in that of their archive.
COPIES, COPY_WITHDRAWALS = "copies", "copy-withdrawals"


def read_document(content: bytes) -> dict[str, Any] | None:
    """The JSON object in these bytes; None when they are none."""
    try:
        value = json.loads(content)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def keep_paper(
    session: Session, archive_code: str, kind: str, paper_id: str, document: Mapping[str, Any]
) -> None:
    """Have a paper written to `archives/<code>/<kind>/…/<id>.json` after this commit.

    The same paper again is fine; another one under its name is a Conflict.
    """
    keep_document(session, _paper_name(archive_code, kind, paper_id), document)


def keep_document(session: Session, name: str, document: Mapping[str, Any]) -> None:
    """Have a document of the hub itself written under a whole name, as `keep_paper` has papers."""
    _keep(session, name, canonical_json(dict(document)))


def keep_stamp(
    session: Session, archive_code: str, receipt_id: str, number: int, content: bytes
) -> None:
    """Have a time stamp of a receipt written to the store after this commit, as it is."""
    _keep(session, _stamp_name(archive_code, receipt_id, number), content)


def _keep(session: Session, name: str, content: bytes) -> None:
    digest = sha256_hex(content)
    row = session.get(Paper, name)
    if row is None:
        session.add(Paper(name=name, sha256=digest, size=len(content), content=content))
        session.flush()
    elif row.sha256 != digest:
        raise Conflict(f"文书 {name} 已存有另一内容。", "请联系系统管理员核对。")


def below(folder: str) -> ColumnElement[bool]:
    """That a paper's name begins with this folder's, as the key's index finds it."""
    return (Paper.name >= folder) & (Paper.name < f"{folder[:-1]}0")  # 0 comes after the slash


def write_paper(
    store: ObjectStore, archive_code: str, kind: str, paper_id: str, document: Mapping[str, Any]
) -> None:
    """Write a paper to the store at once, where something must not be there without it."""
    content = canonical_json(dict(document))
    store.put(
        _paper_name(archive_code, kind, paper_id),
        io.BytesIO(content),
        sha256=sha256_hex(content),
        size=len(content),
    )


def _paper_name(archive_code: str, kind: str, paper_id: str) -> str:
    return f"archives/{archive_code}/{kind}/{paper_id[-2:]}/{paper_id}.json"


def _stamp_name(archive_code: str, receipt_id: str, number: int) -> str:
    return f"archives/{archive_code}/stamps/{receipt_id[-2:]}/{receipt_id}.{number}.tsr"


def stamp_of(store: ObjectStore, archive_code: str, receipt_id: str, number: int) -> bytes | None:
    """A time stamp of a receipt as the store has it; None when it has none."""
    name = _stamp_name(archive_code, receipt_id, number)
    if not store.exists(name):
        return None
    with store.open(name) as stream:
        return stream.read()


def paper_ids(store: ObjectStore, archive_code: str, kind: str) -> Iterator[str]:
    """The ids of all papers of a kind that the store has of an archive."""
    for name in store.names(f"archives/{archive_code}/{kind}/"):
        yield name.rpartition("/")[2].removesuffix(".json")


def papers(store: ObjectStore, archive_code: str, kind: str) -> Iterator[dict[str, Any]]:
    """All papers of a kind that the store has of an archive."""
    for name in store.names(f"archives/{archive_code}/{kind}/"):
        with store.open(name) as stream:
            value: dict[str, Any] = json.load(stream)
        yield value


def paper_of(
    store: ObjectStore, archive_code: str, kind: str, paper_id: str
) -> dict[str, Any] | None:
    """A paper as the store has it; None when it has none that can be read."""
    name = _paper_name(archive_code, kind, paper_id)
    if not store.exists(name):
        return None
    with store.open(name) as stream:
        return read_document(stream.read())


@dataclass(frozen=True)
class NamedPaper:
    """A paper that the database knows by its id: whose, of which kind, with which digest.

    `document` is the paper itself while the store may not have it yet.
    """

    archive_code: str
    kind: str
    paper_id: str
    sha256: str
    document: dict[str, Any] | None

    def read(self, store: ObjectStore) -> dict[str, Any]:
        """The paper as the store has it. Raises Unavailable when it has none that can be read."""
        found = paper_of(store, self.archive_code, self.kind, self.paper_id)
        if found is None:
            raise Unavailable("馆藏里的这份凭证暂时读不出来。", "请稍后再试，或联系系统管理员。")
        return found


def paper_named(
    session: Session, archive_codes: Iterable[str], kinds: Iterable[str], paper_id: str
) -> NamedPaper | None:
    """The paper with this id of one of these kinds, whichever archive's it is; None for none."""
    wanted = {
        _paper_name(archive, kind, paper_id): (archive, kind)
        for archive, kind in product(archive_codes, kinds)
    }
    row = session.scalar(
        select(Paper).where(Paper.name.in_(wanted), Paper.refused.is_(False)).limit(1)
    )
    if row is None:
        return None
    document = read_document(row.content) if row.content is not None else None
    return NamedPaper(*wanted[row.name], paper_id, row.sha256, document)


class PaperWriter:
    """Writes waiting papers to the store (a step for `Background`)."""

    def __init__(self, database: Database, store: ObjectStore) -> None:
        self._database = database
        self._store = store

    def step(self) -> bool:
        """Write a few papers; True when there may be more."""
        with self._database.read() as session:
            waiting = list(
                session.scalars(
                    select(Paper)
                    .where(Paper.stored_at.is_(None), Paper.refused.is_(False))
                    .order_by(Paper.made_at, Paper.name)
                    .limit(_CHUNK)
                )
            )
        if not waiting:
            return False
        written = {paper.name: self._write(paper) for paper in waiting}
        stored: list[str] = []
        with self._database.write() as session:
            for paper in session.scalars(select(Paper).where(Paper.name.in_(written))):
                if written[paper.name]:
                    paper.content = None
                    paper.stored_at = now()
                    stored.append(paper.name)
                else:
                    paper.refused = True
            note_papers(session, stored)
        return True

    def _write(self, paper: Paper) -> bool:
        content = io.BytesIO(paper.content or b"")
        try:
            self._store.put(paper.name, content, sha256=paper.sha256, size=paper.size)
        except Conflict:
            # What the store has came first and stays; a person must look at the other one.
            log.exception("another paper lies already under %s", paper.name)
            return False
        return True


def note_papers(session: Session, names: Iterable[str]) -> None:
    """Have papers read again and copied as all that is kept."""
    note_kept(session, ((name, keeper_of(name), None) for name in names))


class PaperFinder:
    """Takes up papers of the hub that reach the store before any row (a step for `Background`).

    A generation and the statements of a key's roll-over are written to the store first.
    """

    def __init__(self, database: Database, store: ObjectStore) -> None:
        self._database = database
        self._store = store
        self._looked_at = -_EVERY_HOUR

    def step(self) -> bool:
        """Look once an hour; False, for all is taken up then."""
        if time.monotonic() - self._looked_at >= _EVERY_HOUR:
            note_stored(self._database, self._store, WRITTEN_FIRST, believe=lambda *_: True)
            self._looked_at = time.monotonic()
        return False


def note_stored(
    database: Database,
    store: ObjectStore,
    folders: Iterable[str],
    *,
    believe: Callable[[str, dict[str, Any]], bool],
) -> None:
    """Write down the papers that the store has in these folders, when a database is made anew.

    What cannot be read is left out, and what `believe` does not: it takes a name and what is there.
    """
    names = (name for folder in folders for name in store.names(folder))
    while some := list(islice(names, _CHUNK)):
        found = [(name, content_of(store, name)) for name in some]
        with database.write() as session:
            known = set(session.scalars(select(Paper.name).where(Paper.name.in_(some))))
            rows = [
                Paper(name=name, sha256=sha256_hex(content), size=len(content), stored_at=now())
                for name, content in found
                if name not in known
                and (document := read_document(content)) is not None
                and believe(name, document)
            ]
            session.add_all(rows)
            session.flush()
            note_papers(session, [row.name for row in rows])


def content_of(store: ObjectStore, name: str) -> bytes:
    """The bytes of a paper as the store has it."""
    with store.open(name) as stream:
        return stream.read()
