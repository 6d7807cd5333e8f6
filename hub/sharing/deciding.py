"""The job that decides what each audience sees, and writes down what is new of it.

It is told of every change in the transaction that makes it (`note_records`), looks for days that
have come, and goes through all of an archive when its policy changes. One decider works at a time:
so what it reads after it has its turn is never older than what another has written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from hub.catalogue import service as catalogue
from hub.catalogue.models import CatalogueRecord
from hub.federation import service as federation
from hub.federation.events import FondsChanged
from hub.sharing.models import (
    FeedMark,
    SharingDue,
    SharingPending,
    SharingPolicy,
    SharingState,
    SharingSweep,
    SharingWithdrawal,
)
from hub.sharing.policies import (
    GONE,
    GONE_REASONS,
    Audience,
    Holding,
    Policy,
    Standing,
    shown,
    standing_of,
)
from shared.kernel.bulk import among, put_rows, table_of
from shared.kernel.canonical import canonical_json, sha256_hex
from shared.kernel.clock import now, today
from shared.kernel.database import Database, locked

CHUNK = 500
#: The row of `FeedMark` that a decider holds; no audience has this name.
DECIDER = "-"
_WHOLES = ("volume", "project")
#: How a record stands that was never decided on: nothing of it is seen.
_NEVER: dict[str, str | None] = {"standing": None, "digest": None}
_NOWHERE = Standing("hidden", "whole_not_open")

_Policies = Mapping[tuple[str | None, str], Policy]


def note_records(session: Session, event: catalogue.RecordsChanged) -> None:
    """Have these records decided on anew, after this transaction."""
    note(session, event.record_ids)


def note_fonds(session: Session, event: FondsChanged) -> None:
    """Have the records of a fonds decided on anew: its name is shown with them."""
    sweep(session, f"fonds:{event.fonds_id}")


def note(session: Session, record_ids: Iterable[str]) -> None:
    """Have these records decided on anew.

    A row that is there is written all the same, so that a decider who has it in hand is waited for.
    """
    moment = now()
    rows = [{"record_id": each, "noted_at": moment} for each in sorted(set(record_ids))]
    put_rows(session, table_of(SharingDue), rows, key=("record_id",))


def sweep(session: Session, scope: str) -> None:
    """Have everything of `archive:<code>` or `fonds:<id>` decided on anew, from the beginning."""
    row = [{"scope": scope, "after_row": 0}]
    put_rows(session, table_of(SharingSweep), row, key=("scope",))


class Deciding:
    """Decides on what is due (a `Background` step), a chunk in each transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def step(self) -> bool:
        """Decide on one chunk; True when there may be more."""
        with self._database.read() as session:
            waits = _next_due(session, 1) or _come(session, 1) or _next_sweep(session)
        if not waits:
            return False
        with self._database.write() as session:
            _take_turn(session)
            if due := _next_due(session, CHUNK, hold=True):
                decide(session, due)
                session.execute(delete(SharingDue).where(SharingDue.record_id.in_(due)))
            elif come := _come(session, CHUNK):
                session.execute(
                    update(SharingState).where(SharingState.record_id.in_(come)).values(due=None)
                )
                decide(session, come)
            elif (row := _next_sweep(session)) is not None:
                _go_on(row, session)
        return True


def _take_turn(session: Session) -> None:
    if locked(session, FeedMark, DECIDER) is None:
        put_rows(
            session, table_of(FeedMark), [{"audience": DECIDER, "position": 0}], key=("audience",)
        )


def _next_due(session: Session, limit: int, *, hold: bool = False) -> Sequence[str]:
    statement = select(SharingDue.record_id).order_by(SharingDue.record_id).limit(limit)
    if hold:  # what somebody is noting just now comes next time
        statement = statement.with_for_update(skip_locked=True)
    return session.scalars(statement).all()


def _come(session: Session, limit: int) -> Sequence[str]:
    """Records for which a day has come, such as the 1 January after a closed period."""
    statement = select(SharingState.record_id).where(SharingState.due <= today())
    return session.scalars(statement.order_by(SharingState.due).limit(limit)).unique().all()


def _next_sweep(session: Session) -> SharingSweep | None:
    return session.scalar(select(SharingSweep).order_by(SharingSweep.scope).limit(1))


def _go_on(found: SharingSweep, session: Session) -> None:
    row = locked(session, SharingSweep, found.scope)
    if row is None:
        return
    kind, _, key = row.scope.partition(":")
    rows = catalogue.received_after(row.after_row, session, limit=CHUNK, **{kind: key})
    if rows:
        decide(session, [id_ for _, id_ in rows])
        row.after_row = rows[-1][0]
        session.flush()
    else:
        session.delete(row)


# ---- one chunk


def decide(session: Session, record_ids: Sequence[str]) -> None:
    """Decide for each audience what it sees of these records, and note what is new of it."""
    ids = sorted(set(record_ids))
    records = _with_wholes(ids, session)
    held = _holdings(records, session)
    policies = _policies({each.archive for each in held.values()}, session)
    whole_again: set[str] = set()
    for audience in Audience:
        before = _states(ids, audience, session)
        standings = _Standings(held, policies, audience)
        states, pending = [], []
        for id_ in held.keys() & set(ids):
            mine, standing = held[id_], standings.of(id_)
            body = shown(mine, standings.policy(id_), standing, audience)
            content = None if body is None else canonical_json(body)
            digest = None if content is None else sha256_hex(content)
            state = _state(id_, audience, standing, digest)
            was = before.get(id_, _NEVER)
            if state == was:
                continue
            states.append(state)
            if was["digest"] != digest:
                pending.append(_change(mine, audience, standing, digest, content))
            if was["standing"] != standing.name and mine.wire["level"] in _WHOLES:
                whole_again.add(id_)
        put_rows(session, table_of(SharingState), states, key=("record_id", "audience"))
        put_rows(session, table_of(SharingPending), pending, key=("audience", "record_id"))
    if whole_again:
        note(session, catalogue.parts_of_wholes(whole_again, session))


def _with_wholes(ids: Sequence[str], session: Session) -> dict[str, CatalogueRecord]:
    """The records, and the volumes and projects that they lie in."""
    found: dict[str, CatalogueRecord] = {}
    wanted = set(ids)
    while wanted:
        more = catalogue.records_of(sorted(wanted), session)
        found |= more
        wanted = {each.parent_id for each in more.values() if each.parent_id} - found.keys()
    return found


def _holdings(records: Mapping[str, CatalogueRecord], session: Session) -> dict[str, Holding]:
    taken_back = session.scalars(
        select(SharingWithdrawal.record_id).where(
            among(session, table_of(SharingWithdrawal).c.record_id, sorted(records))
        )
    )
    withdrawn = set(taken_back)
    fonds = federation.fonds_named({each.fonds_id for each in records.values()}, session)
    return {
        id_: Holding(
            wire=each.wire,
            archive=each.archive,
            state=each.state,
            withheld_title=catalogue.is_withheld(each.title),
            withdrawn=id_ in withdrawn,
            fonds_name=fonds[each.fonds_id].name if each.fonds_id in fonds else "",
        )
        for id_, each in records.items()
    }


def _policies(archives: set[str | None], session: Session) -> dict[tuple[str | None, str], Policy]:
    rows = session.scalars(
        select(SharingPolicy).where(SharingPolicy.archive_code.in_([a for a in archives if a]))
    )
    return {
        (row.archive_code, row.audience): Policy(
            frozenset(row.fields), frozenset(row.closed_fields), row.closed_years
        )
        for row in rows
    }


class _Standings:
    """How records stand for one audience, each after what it lies in."""

    def __init__(
        self, held: Mapping[str, Holding], policies: _Policies, audience: Audience
    ) -> None:
        self._held = held
        self._policies = policies
        self._audience = audience
        self._day = today()
        self._known: dict[str, Standing] = {}

    def policy(self, id_: str) -> Policy | None:
        """What the archive of a record shows the audience."""
        return self._policies.get((self._held[id_].archive, self._audience))

    def of(self, id_: str) -> Standing:
        """How a record stands; a whole that is not here is as if hidden."""
        if id_ not in self._held:
            return _NOWHERE
        if id_ not in self._known:
            self._known[id_] = _NOWHERE  # what lies in itself is never open
            parent = self._held[id_].wire["parent_id"]
            whole = self.of(parent) if parent else None
            mine, policy = self._held[id_], self.policy(id_)
            self._known[id_] = standing_of(mine, policy, self._day, whole)
        return self._known[id_]


def _states(
    ids: Sequence[str], audience: Audience, session: Session
) -> dict[str, dict[str, str | None]]:
    table = table_of(SharingState)
    rows = session.execute(
        select(table).where(
            among(session, table.c.record_id, ids), table.c.audience == str(audience)
        )
    )
    return {row.record_id: dict(row._mapping) for row in rows}


def _state(
    id_: str, audience: Audience, standing: Standing, digest: str | None
) -> dict[str, str | None]:
    return {
        "record_id": id_,
        "audience": str(audience),
        "standing": standing.name,
        "reason": standing.reason,
        "due": standing.due,
        "digest": digest,
    }


def _change(
    held: Holding,
    audience: Audience,
    standing: Standing,
    digest: str | None,
    content: bytes | None,
) -> dict[str, Any]:
    gone = content is None
    return {
        "audience": str(audience),
        "record_id": held.wire["id"],
        "archive": held.archive or "",
        "fonds_id": held.wire["fonds_id"],
        "year": held.wire["year"],
        "kind": "tombstone" if gone else "upsert",
        "reason": GONE_REASONS.get(str(standing.reason), GONE) if gone else None,
        "digest": digest,
        "body": None if content is None else content.decode(),
    }
