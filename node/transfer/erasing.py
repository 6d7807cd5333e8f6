"""What was destroyed 销毁 loses its bytes: computer files, and the packages that it travelled in.

A record in the state `disposed`, by the unit's own decision or as the mirror of what its archive
destroyed, keeps its description and history; so does a mirror that was let go (`releasing`). Bytes
that something else still needs stay. Killed anywhere, it is done again: the row says so when
nothing is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from node.filing.disposal import gave_up_bytes
from node.filing.models import ComputerFile, Record
from node.office.models import Standing
from node.office.places import NodeFolder
from node.office.service import standings
from node.office.working import HANDING, TAKING_IN
from node.registry.files import erasing, object_name
from node.registry.models import Registered, RegisteredFile
from node.transfer.models import BatchRecord
from node.transfer.offering import package_name
from shared import audit
from shared.kernel.actor import system_actor
from shared.kernel.clock import now
from shared.kernel.errors import Conflict
from shared.kernel.files import folder_lock

_ACTOR = system_actor("erasing")
_AT_ONCE = 20


class Erasing:
    """Erases a few of these records at a time (a `Background` step).

    Never beside somebody who keeps files: in one step (`registry.files.Keeping`), or in two, as an
    import and a hand-over do, here or in a command.
    """

    def __init__(self, folder: NodeFolder) -> None:
        self._folder = folder
        self._database = folder.database()

    def step(self) -> bool:
        """Erase some; True when there may be more."""
        with self._database.read() as session:
            ids = session.scalars(
                select(Record.id)
                .where(gave_up_bytes(), Record.erased_at.is_(None))
                .order_by(Record.id)
                .limit(_AT_ONCE)
            ).all()
        return sum(self._erase(each) for each in ids) > 0

    def _erase(self, record_id: str) -> bool:
        with alone_with_files(self._folder) as may:
            if not may:
                return False  # somebody is just keeping a file: the next step asks again
            with self._database.read() as session:
                if fonds_is_arriving(session):
                    return False
                files = sorted(_only_of(record_id, session))
                packages = sorted(_packages_of(record_id, session))
            for sha256 in files:
                self._folder.files.delete(object_name(sha256))
            for sha256 in packages:
                self._folder.packages.delete(package_name(sha256))
            with self._database.write() as session:
                finish_erasing(record_id, len(files), session=session)
        return True


@contextmanager
def alone_with_files(folder: NodeFolder) -> Iterator[bool]:
    """Whether nobody keeps files just now, in one step or in two; nobody begins to meanwhile."""
    try:
        with (
            folder_lock(folder.path / TAKING_IN, "清除文件"),
            folder_lock(folder.path / HANDING, "清除文件"),
            erasing(folder.files) as may,
        ):
            yield may
    except Conflict as error:
        if error.code != "folder_in_use":
            raise
        yield False


def fonds_is_arriving(session: Session) -> bool:
    """Whether files of a whole fonds are coming in."""
    return any(each.standing == Standing.ARRIVING for each in standings(session).values())


def finish_erasing(record_id: str, files: int, *, session: Session) -> None:
    """Write down that the bytes of a record are gone."""
    record = session.get_one(Record, record_id)
    record.erased_at = now()
    session.flush()
    audit.record(session, _ACTOR, "record.erased", record, files=files)


def _only_of(record_id: str, session: Session) -> set[str]:
    """The digests of files that nothing but destroyed records and released mirrors needs.

    The document in the registry of which the record was made goes with it.
    """
    digests = set(
        session.scalars(select(ComputerFile.sha256).where(ComputerFile.record_id == record_id))
    )
    digests |= set(
        session.scalars(
            select(RegisteredFile.sha256)
            .join(Registered, Registered.id == RegisteredFile.document_id)
            .where(Registered.record_id == record_id)
        )
    )
    given_up = select(Record.id).where(gave_up_bytes())
    needed = set(
        session.scalars(
            select(ComputerFile.sha256)
            .where(ComputerFile.sha256.in_(digests))
            .where(ComputerFile.record_id.not_in(given_up))
        )
    )
    needed |= set(
        session.scalars(
            select(RegisteredFile.sha256)
            .join(Registered, Registered.id == RegisteredFile.document_id)
            .where(RegisteredFile.sha256.in_(digests))
            .where(or_(Registered.record_id.is_(None), Registered.record_id.not_in(given_up)))
        )
    )
    return digests - needed


def _packages_of(record_id: str, session: Session) -> set[str]:
    """The packages in which a record was offered, whatever became of the offer."""
    other = (
        exists()
        .where(BatchRecord.package_sha256 == _own.c.package_sha256)
        .where(BatchRecord.record_id != record_id)
    )
    found = session.scalars(
        select(_own.c.package_sha256).where(
            _own.c.record_id == record_id, _own.c.package_sha256.is_not(None), ~other
        )
    )
    return {str(each) for each in found}


_own = BatchRecord.__table__.alias("own")
