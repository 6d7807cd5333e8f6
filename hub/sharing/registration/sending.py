"""Telling the provincial platform what was approved, and asking what became of it.

The table is the outbox. Before a version is sent for the first time the row says so in a commit of
its own; whoever finds it said, after a kill or when no answer came, asks the platform under our key
before telling it again. So nothing is lost, and nothing is registered twice.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from sqlalchemy import select

from hub.sharing.registration.models import Registration
from hub.sharing.registration.platform import Platform, Refused, Standing
from shared import audit
from shared.kernel.actor import system_actor
from shared.kernel.clock import now
from shared.kernel.database import Database, locked
from shared.kernel.errors import Unavailable
from shared.records.states import REGISTRATION
from shared.records.text import REASON_LENGTH, repair_text

log = logging.getLogger(__name__)

_ACTOR = system_actor("registration")
#: After a failure it is tried again after a minute, then after twice as long each time …
_FIRST_PAUSE = timedelta(minutes=1)
#: … but at least so often,
_LONGEST_PAUSE = timedelta(hours=6)
#: and so many times, for more than a week; then a person has to look.
MOST_TRIES = 40
#: How often the platform is asked how a service stands.
ASKED_EVERY = timedelta(hours=1)
#: For so long who has begun a sending is left to it.
LEASE = timedelta(minutes=5)
#: What the platform's states mean here: the verb that leads there.
_VERBS = {
    "pending": "deliver",
    "online": "put_online",
    "offline": "take_offline",
    "refused": "refuse",
}


class Sending:
    """Sends what waits, and asks how it stands (a step for `Background`)."""

    def __init__(
        self, database: Database, platform: Platform | None, *, lease: timedelta = LEASE
    ) -> None:
        self._database = database
        self._platform = platform
        self._lease = lease

    def step(self) -> bool:
        """Do what is due for one service; False when nothing is."""
        if self._platform is None:
            return False
        with self._database.read() as session:
            found = session.scalar(
                select(Registration.id)
                .where(Registration.state.in_(("waiting", "sent", "online", "offline")))
                .where(Registration.due_at <= now())
                .order_by(Registration.due_at, Registration.id)
                .limit(1)
            )
        return found is not None and self._deal_with(found, self._platform)

    def _deal_with(self, registration_id: str, platform: Platform) -> bool:
        taken = self._take(registration_id)
        if taken is None:
            return True
        registration, told_before = taken
        try:
            standing = self._answer(registration, platform, told_before=told_before)
        except Refused as error:
            reference = registration.reference or registration.key
            standing = Standing("refused", reference, f"{error.message}{error.remedy}")
        except Unavailable as error:
            self._failed(registration, error.message)
            return True
        except Exception as error:
            # A plug-in is not ours: whatever it raises must stop neither the loop nor the others.
            log.exception("the plug-in of the provincial platform failed")
            self._failed(registration, f"省级平台插件出错：{type(error).__name__}。")
            return True
        self._settle(registration, standing)
        return True

    def _take(self, registration_id: str) -> tuple[Registration, bool] | None:
        """Say, in a commit of its own, that this is begun; None when another one has it by now.

        With the row comes whether the platform may have been told this version before.
        """
        with self._database.write() as session:
            row = locked(session, Registration, registration_id)
            if row is None or row.due_at is None or row.due_at > now():
                return None
            told_before = row.begun
            row.due_at = now() + self._lease
            if row.state == "waiting":
                row.begun = True
            session.flush()
            session.expunge(row)
            return row, told_before

    @staticmethod
    def _answer(registration: Registration, platform: Platform, *, told_before: bool) -> Standing:
        if registration.state != "waiting":
            standing = platform.standing(str(registration.reference))
        else:
            found = platform.find(registration.key) if told_before else None
            standing = found or platform.register(
                registration.record, registration.key, registration.reference
            )
        if not isinstance(standing, Standing):
            raise TypeError(f"a plug-in answered {type(standing).__name__}")
        return standing

    def _failed(self, seen: Registration, problem: str) -> None:
        """Note a failure, and when to try again; after too many a person has to look."""
        with self._database.write() as session:
            row = locked(session, Registration, seen.id)
            if row is None or (row.key, row.state) != (seen.key, seen.state):
                return
            row.tries += 1
            row.problem = _text(problem)
            pause = _FIRST_PAUSE * 2 ** min(row.tries - 1, 10)
            row.due_at = now() + min(pause, _LONGEST_PAUSE)
            if row.state == "waiting" and row.tries >= MOST_TRIES:
                row.state, row.due_at = REGISTRATION.after("give_up", row.state), None
                audit.record(
                    session, _ACTOR, "registration.given_up", f"registration:{row.id}",
                    count=row.tries,
                )  # fmt: skip

    def _settle(self, seen: Registration, standing: Standing) -> None:
        """Write down what the platform said."""
        with self._database.write() as session:
            row = locked(session, Registration, seen.id)
            if row is None or (row.key, row.state) != (seen.key, seen.state):
                return
            before = row.state
            row.state = REGISTRATION.after(_VERBS[standing.state], before)
            row.words = _text(standing.words)
            row.heard_at, row.tries, row.problem = now(), 0, None
            row.due_at = None if row.state == "refused" else now() + ASKED_EVERY
            if standing.state != "refused" or before != "waiting":
                row.reference = standing.reference
            if row.state != before:
                audit.record(
                    session, _ACTOR, "registration.stands", f"registration:{row.id}",
                    state=row.state, version=row.version,
                )  # fmt: skip


def _text(said: str) -> str | None:
    """What a platform said, in the value domain."""
    return repair_text(said[: 4 * REASON_LENGTH])[:REASON_LENGTH].strip() or None
