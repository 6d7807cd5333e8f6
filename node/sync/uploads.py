"""What is too large for a message goes up and comes down in parts, and resumes after any cut.

A grant covers the parts of one package or bundle, bound to its size and digest (protocol §6). It
is asked for with the device key each time, so that nothing about it has to be remembered here.
"""

from __future__ import annotations

import hashlib
import io
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from sqlalchemy.orm import Session

from node.custody import contents
from node.custody import service as custody
from node.office.places import NodeFolder
from node.sync.asking import HubDoor
from node.sync.errors import TOO_LARGE
from node.sync.in_flight import Pace, send_all
from node.sync.slices import Slice
from node.transfer import service as transfer
from shared.kernel.errors import DanglianError, Unavailable
from shared.storage import MOST_PARTS, ObjectStore, Stretch

log = logging.getLogger(__name__)

#: The hub may not know of an offer yet: asked again after 0.25 s, 0.5 s, 1 s … 30 s.
_TRY_AGAIN_SECONDS, _MOST_SECONDS = 0.25, 30.0


@dataclass(frozen=True)
class _Wanted:
    """One thing that waits to be moved: what to ask the hub, where it lies, what then."""

    id: str
    question: dict[str, Any]
    store: ObjectStore
    name: str
    sha256: str
    size: int
    done: Callable[[Session, str], None]


class _Mover(ABC):
    """Moves what waits, one after the other. `step` is a loop of the node process."""

    def __init__(
        self,
        folder: NodeFolder,
        *,
        door: HubDoor | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._database = folder.database()
        self._door = door or HubDoor(folder)
        self._clock = clock
        self._not_before: dict[str, float] = {}
        self._tries: dict[str, int] = {}

    def step(self) -> bool:
        """Move one thing; False when none waits.

        One that the hub does not take or give now (it may not know of it yet) is tried again after
        a while, and does not hold up the others.
        """
        if not self._door.is_open():
            return False
        with self._database.read() as session:
            wanted = self._wanted(session)
        moment = self._clock()
        ready = [each for each in wanted if self._not_before.get(each.id, 0) <= moment]
        if not ready:
            return False
        first = ready[0]
        try:
            self._move(first)
        except Unavailable:
            raise
        except DanglianError as error:
            log.warning("moving %s put off: %s", first.id, error.code)
            tries = self._tries[first.id] = self._tries.get(first.id, 0) + 1
            pause = min(_MOST_SECONDS, _TRY_AGAIN_SECONDS * 2.0 ** min(tries - 1, 10))
            self._not_before[first.id] = moment + pause
            return True
        with self._database.write() as session:
            first.done(session, first.id)
        self._not_before.pop(first.id, None)
        if self._not_before:
            # Most are put off because the hub did not know of them yet: the next one may go, too.
            del self._not_before[min(self._not_before, key=self._not_before.__getitem__)]
        return True

    @abstractmethod
    def _wanted(self, session: Session) -> Sequence[_Wanted]:
        """What waits to be moved, the next first."""

    @abstractmethod
    def _move(self, wanted: _Wanted) -> None:
        """Move one thing whole. Raises what `step` puts off or passes on."""


class Uploader(_Mover):
    """Sends the packages and bundles that the hub waits for."""

    _at_once = MOST_PARTS

    @cached_property
    def _pace(self) -> Pace:
        """Kept from one package to the next: else each would begin with one part."""
        return Pace()

    def _wanted(self, session: Session) -> Sequence[_Wanted]:
        found = []
        for offer_id, sha256, size in transfer.uploads_wanted(session):
            question = {"what": "upload", "offer_id": offer_id, "sha256": sha256, "size": size}
            name = transfer.package_name(sha256)
            store = self._folder.packages
            done = transfer.upload_done
            found.append(_Wanted(offer_id, question, store, name, sha256, size, done))
        for _id, bundle_id, sha256, size in custody.next_to_move(session, leaving=True):
            question = {"what": "upload_bundle", "bundle_id": bundle_id}
            name = contents.bundle_name(sha256)
            store = self._folder.bundles
            found.append(
                _Wanted(bundle_id, question, store, name, sha256, size, custody.note_moved)
            )
        return found

    def _move(self, wanted: _Wanted) -> None:
        grant = self._door.ask(wanted.question)
        if grant["complete"]:
            return
        present = set(grant["present_parts"])
        missing = [n for n in range(1, int(grant["part_count"]) + 1) if n not in present]
        # A hub of version 0.1 says nothing of several, and takes one.
        at_once = min(self._at_once, int(grant.get("parts_at_once", 1)))
        try:
            send_all(missing, partial(self._send, wanted, grant), at_once=at_once, pace=self._pace)
        except DanglianError as error:
            if error.code == TOO_LARGE:  # says what stands before the hub: then one by one
                self._at_once = 1
            raise

    def _send(self, wanted: _Wanted, grant: dict[str, Any], stretch: Stretch) -> None:
        with wanted.store.open(wanted.name) as stream:
            piece = Slice(
                stream, (stretch.first - 1) * int(grant["part_size"]), stretch.length(wanted.size)
            )
            self._door.put_part(grant, stretch.first, piece)


class Fetcher(_Mover):
    """Fetches the bundles of a fonds that this node takes over; parts that are here stay."""

    def _wanted(self, session: Session) -> Sequence[_Wanted]:
        found = []
        for hand_over_id, bundle_id, sha256, size in custody.next_to_move(session, leaving=False):
            contents.work_place(self._folder, hand_over_id)
            question = {"what": "fetch_bundle", "bundle_id": bundle_id}
            name, store = contents.bundle_name(sha256), self._folder.bundles
            found.append(
                _Wanted(bundle_id, question, store, name, sha256, size, custody.note_moved)
            )
        return found

    def _move(self, wanted: _Wanted) -> None:
        if wanted.store.exists(wanted.name):
            return
        grant = self._door.ask(wanted.question)
        incoming = self._folder.incoming
        incoming.begin(wanted.id, size=wanted.size, sha256=wanted.sha256)
        present = set(incoming.parts(wanted.id))
        for number in range(1, int(grant["part_count"]) + 1):
            if number not in present:
                part = self._door.get_part(grant, number)
                incoming.put_part(
                    wanted.id,
                    number,
                    io.BytesIO(part),
                    size=len(part),
                    sha256=hashlib.sha256(part).hexdigest(),
                )
        try:
            with incoming.open_whole(wanted.id) as stream:
                wanted.store.put(wanted.name, stream, sha256=wanted.sha256, size=wanted.size)
        finally:
            # Whole and stored, or damaged on the way: then it is fetched anew.
            incoming.abort(wanted.id)
