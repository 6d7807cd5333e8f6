"""Files of a submission on their way in: kept with it, or nothing of them is left.

Bytes reach the store before the transaction that needs them. What is coming is written down first,
so that a process that dies in between leaves no bytes that nobody knows of: the next sweep finds
the note, and removes what nothing needs.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import IO

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from node.filing.models import ComputerFile
from node.office.places import NodeFolder
from node.registry.files import Keeping, StoredFile, object_name
from node.registry.models import RegisteredFile
from node.submission.models import Arrival
from node.transfer.erasing import alone_with_files, fonds_is_arriving
from shared.kernel.identifiers import new_id


class Arriving:
    """Files that are kept together with what they belong to.

    `with Arriving(folder, digests) as files: files.keep(…) … the transaction, with files.done(…)`
    """

    def __init__(
        self, folder: NodeFolder, digests: Iterable[str], *, declassified: bool = False
    ) -> None:
        self._database = folder.database()
        self._keeping = Keeping(folder.files, declassified=declassified)
        self._digests = sorted(set(digests))
        self._id = new_id()

    def __enter__(self) -> Arriving:
        # Whoever sweeps is alone with the files: a note that it sees is of a dead process.
        self._keeping.__enter__()
        try:
            with self._database.write() as session:
                session.add(Arrival(id=self._id, digests=self._digests))
        except BaseException as error:
            self._keeping.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def keep(self, stream: IO[bytes], name: str) -> StoredFile:
        """Take a file into the store. Raises Invalid, Classified, Unavailable."""
        return self._keeping.keep(stream, name)

    def done(self, session: Session) -> None:
        """Everything is where it belongs, in this transaction."""
        session.execute(delete(Arrival).where(Arrival.id == self._id))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._keeping.__exit__(kind, error, traceback)
        if error is not None:
            with self._database.write() as session:
                self.done(session)


class Sweeping:
    """Clears what dead processes left of submissions (a step for `Background`)."""

    def __init__(self, folder: NodeFolder) -> None:
        self._folder = folder
        self._database = folder.database()

    def step(self) -> bool:
        """Clear everything there is; never True, for there is nothing to go on with at once."""
        with self._database.read() as session:
            if session.scalar(select(Arrival.id).limit(1)) is None:
                return False
        with alone_with_files(self._folder) as may:
            if not may:
                return False  # somebody is just keeping a file: the next step asks again
            with self._database.read() as session:
                if fonds_is_arriving(session):
                    return False
                rows = session.scalars(select(Arrival)).all()
                unneeded = _unneeded({each for row in rows for each in row.digests}, session)
            for sha256 in sorted(unneeded):
                self._folder.files.delete(object_name(sha256))
            with self._database.write() as session:
                session.execute(delete(Arrival).where(Arrival.id.in_([row.id for row in rows])))
        return False


def _unneeded(digests: set[str], session: Session) -> set[str]:
    """Which of these files no document and no record has."""
    needed: set[str] = set()
    for column in (RegisteredFile.sha256, ComputerFile.sha256):
        needed.update(session.scalars(select(column).where(column.in_(digests))))
    return digests - needed
