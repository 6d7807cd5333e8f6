"""Inspection in keeping 保存环节: what is kept is inspected again, least recently inspected first.

Fixity says that bytes are those that were received; this says that they still open, still name a
format that is taken, still bear no virus by the definitions of today. Each record is a step of its
own: its package is read, inspected outside of any transaction, and the outcome is written down. A
kill only means that one record is inspected once more. A sample 抽样 is everything over a longer
time: of `percent` in a hundred in each period, those that were not inspected for the longest.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from hub.catalogue import service as catalogue
from hub.federation import service as federation
from hub.repository.examining import Pace
from hub.repository.keeping import subject_of
from hub.repository.models import InspectionPause, KeptInspection, KeptObject, KeptPackage
from shared import audit
from shared.inspection.clamd import Clamd
from shared.inspection.decoder import decoder_at
from shared.inspection.finding import Finding
from shared.inspection.report import Outcome, Report
from shared.inspection.run import inspect_package
from shared.inspection.scheme import Occasion
from shared.inspection.subject import Context
from shared.kernel.actor import Actor, system_actor
from shared.kernel.clock import now
from shared.kernel.database import Database, locked
from shared.kernel.errors import DanglianError, NotFound, Unavailable
from shared.kernel.files import chunks
from shared.kernel.identifiers import new_id
from shared.kernel.keys import PublicKey, signer_of
from shared.packaging import PackageIdentity, open_package
from shared.records import archival_code
from shared.records.fonds import Fonds
from shared.seals.authorities import AuthoritiesFolder
from shared.storage import ObjectStore

_ACTOR = system_actor("inspection")
_AT_ONCE = 5
#: The moment of what is to be inspected, or read, before everything else.
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
#: So many findings of one record are kept with its history.
_MOST_FINDINGS = 20


class Standing(StrEnum):
    """What the last inspection in keeping came to.

    `incomplete`: a mandatory item could not be run, such as without a virus scanner. Items that
    are for persons do not count here.
    """

    PASSED = "passed"
    FAILED = "failed"
    INCOMPLETE = "incomplete"


STANDING_NAMES = {
    Standing.PASSED: "合格",
    Standing.FAILED: "不合格",
    Standing.INCOMPLETE: "有项没有检测",
}


@dataclass(frozen=True)
class _Work:
    """One record with all that its inspection must know, taken out of the transaction."""

    place: str
    inspected_at: datetime
    package: KeptPackage
    fonds: Fonds
    archive: str
    rules: Any
    seals: Sequence[PublicKey]


@dataclass(frozen=True)
class Reinspected:
    """One record that was inspected again: where it lies, what came of it, what was found.

    Attributes:
        failed: what does not pass.
        not_run: the mandatory items that no program could run, each with the reason.
        altered: whether its bytes are not those that were received.
    """

    place: str
    record_id: str
    standing: Standing
    failed: tuple[Finding, ...]
    size: int
    not_run: tuple[str, ...] = ()
    altered: bool = False

    @property
    def problems(self) -> list[str]:
        """What hinders it from passing, in words; each once, as places may be told alike."""
        failed = (f"{each.number} {each.problem}" for each in self.failed)
        return list(dict.fromkeys([*failed, *self.not_run]))[:_MOST_FINDINGS]


class Reinspecting:
    """Inspects what is kept in turn (`step` is for `Background`).

    Args:
        database: where the rows are.
        store: where the packages are.
        every: after this time a record is due again; zero for never.
        pace: bounds how much is read in a second.
        authorities: who counts for seals.
        clamd: the virus scanner, where there is one.
        decoder: path of what decodes sound and film, where there is one.
    """

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        *,
        every: timedelta = timedelta(0),
        pace: Pace | None = None,
        authorities: AuthoritiesFolder | None = None,
        clamd: Clamd | None = None,
        decoder: str = "",
        actor: Actor = _ACTOR,
    ) -> None:
        self._database = database
        self._store = store
        self._every = every
        self._pace = pace or Pace()
        self._authorities = authorities
        self._clamd = clamd
        self._decoder = decoder
        self._actor = actor

    def step(self) -> bool:
        """Inspect some that are due, but of archives that stopped it; True if there may be more."""
        if not self._every:
            return False
        with self._database.read() as session:
            places = _due(session, now() - self._every, None, _AT_ONCE, stopped=True)
        for place in places:
            self.look_at(place)
        return len(places) >= _AT_ONCE

    def run(
        self, before: datetime, *, archive_code: str | None = None, limit: int | None = None
    ) -> Iterator[Reinspected]:
        """Inspect everything that was not since `before`, least recently inspected first.

        May be stopped anywhere, and begun again with the same `before`.
        """
        with self._database.read() as session:
            left = count_due(session, before, archive_code)
        left = left if limit is None else min(left, limit)
        while left > 0:
            with self._database.read() as session:
                places = _due(session, before, archive_code, min(left, _AT_ONCE))
            if not places:
                return
            left -= len(places)
            for place in places:
                found = self.look_at(place)
                if found is not None:
                    yield found

    def look_at(self, place: str) -> Reinspected | None:
        """Inspect what is kept in a place, and write down what came of it.

        None for what has gone or was inspected meanwhile. Raises Unavailable without its scanner,
        and while the store is away.
        """
        work = self._work(place)
        if work is None:
            return None
        report, measured = self._inspect(work)
        found = _judged(work, report, measured)
        with self._database.write() as session:
            noted = _note(self._actor, work, report, found, session)
        return found if noted else None

    def _work(self, place: str) -> _Work | None:
        with self._database.read() as session:
            row = session.get(KeptObject, place)
            if row is None or row.record_id is None:
                return None
            package = session.scalar(
                select(KeptPackage)
                .where(KeptPackage.archive_code == row.archive_code)
                .where(KeptPackage.record_id == row.record_id)
                .order_by(KeptPackage.version.desc())
                .limit(1)
            )
            record = catalogue.records_of([row.record_id], session).get(row.record_id)
            if package is None or record is None:
                return None
            fonds = federation.fonds_of(record.fonds_id, session)
            return _Work(
                place,
                row.inspected_at,
                package,
                fonds.shape,
                row.archive_code,
                federation.rules_on(fonds, session),
                federation.node_seals(record.node_id, session),
            )

    def _inspect(self, work: _Work) -> tuple[Report, PackageIdentity]:
        scanner = self._clamd.scanner() if self._clamd else None
        with tempfile.TemporaryDirectory(prefix="danglian-keep-") as folder:
            path = Path(folder) / "package.zip"
            measured = self._fetch(work.package.name, path)
            identity = PackageIdentity(work.package.sha256, work.package.size)
            context = Context(
                occasion=Occasion.KEEPING,
                scheme=work.rules.scheme,
                accepted_formats=work.rules.formats,
                schedule=work.rules.schedule,
                fonds=work.fonds,
                code_used_by=lambda code: self._holder(work.fonds.id, code),
                seal=_seal_of(path, work.seals),
                identity=identity,
                measured=measured,
                authorities=self._authorities.current() if self._authorities else None,
                scan=self._clamd.scan if self._clamd else None,
                scanner=scanner,
                decoder=decoder_at(self._decoder),
            )
            return inspect_package(path, context), measured

    def _fetch(self, name: str, path: Path) -> PackageIdentity:
        """Copy a package out of the store; what is not there is a file without bytes."""
        digest, size = hashlib.sha256(), 0
        with path.open("wb") as copy:
            try:
                with self._store.open(name) as stream:
                    for piece in chunks(stream):
                        copy.write(piece)
                        digest.update(piece)
                        size += len(piece)
                        self._pace.took(len(piece))
            except NotFound:
                pass  # fixity names it; here it is a package that does not open
        return PackageIdentity(digest.hexdigest(), size)

    def _holder(self, fonds_id: str, code: str) -> str | None:
        with self._database.read() as session:
            held = catalogue.codes_in_use(fonds_id, [code], session)
        return held.get(archival_code.normalise(code))


def _seal_of(path: Path, seals: Sequence[PublicKey]) -> PublicKey | None:
    """The seal that a package names, among those of the unit's node; the last one for any other."""
    try:
        with open_package(path) as package:
            named = signer_of(seals, package.signature)
    except Unavailable:
        raise
    except DanglianError:
        named = None  # the inspection says that it does not open
    return named or (seals[-1] if seals else None)


def _judged(work: _Work, report: Report, measured: PackageIdentity) -> Reinspected:
    """What a report comes to: no person is asked, but what was not run is no success."""
    items = {each.number: each for each in work.rules.scheme.items(Occasion.KEEPING)}
    standing, not_run = Standing.PASSED, []
    for check in report.checks:
        item = items.get(check.number)
        if item is None or not (item.mandatory or item.veto) or item.without is not None:
            continue  # what no program can look at is left to persons, and their forms
        if check.outcome is Outcome.FAILED:
            standing = Standing.FAILED
            break
        if check.outcome is Outcome.NOT_RUN and not check.is_open:
            standing = Standing.INCOMPLETE
            not_run.append(f"{check.number} {check.name}没有检测：{check.reason}")
    failed = report.errors if standing is Standing.FAILED else ()
    return Reinspected(
        work.place,
        work.package.record_id,
        standing,
        tuple(failed),
        work.package.size,
        tuple(not_run) if standing is Standing.INCOMPLETE else (),
        altered=measured != PackageIdentity(work.package.sha256, work.package.size),
    )


def _note(actor: Actor, work: _Work, report: Report, found: Reinspected, session: Session) -> bool:
    row = locked(session, KeptObject, work.place)
    if row is None or row.inspected_at != work.inspected_at:
        return False  # moved, or another worker was faster
    before = row.inspection
    row.inspected_at, row.inspection = now(), str(found.standing)
    if found.altered and row.intact is not False:
        row.looked_at = LONG_AGO  # fixity reads it next, and mends it where it can
    session.add(
        KeptInspection(
            id=new_id(),
            place=work.place,
            archive_code=work.archive,
            record_id=found.record_id,
            outcome=str(found.standing),
            scheme=report.scheme,
            tool=report.tool,
            scanner=report.scanner,
            outcomes={each.number: str(each.outcome) for each in report.checks},
            problems=found.problems,
            made_by=actor.name,
            at=row.inspected_at,
        )
    )
    session.flush()
    if (before == Standing.FAILED) != (found.standing is Standing.FAILED):
        action = (
            "object.not_passing" if found.standing is Standing.FAILED else "object.passing_again"
        )
        audit.record(
            session, actor, action, subject_of(work.archive, found.record_id), archive=work.archive,
            place=work.place, count=len(found.failed), problems=found.problems,
        )  # fmt: skip
    return True


# ---- questions


def _narrowed(before: datetime, archive_code: str | None) -> Select[str]:
    query = select(KeptObject.place).where(
        KeptObject.record_id.is_not(None), KeptObject.inspected_at < before
    )
    return query if archive_code is None else query.where(KeptObject.archive_code == archive_code)


def _due(
    session: Session,
    before: datetime,
    archive_code: str | None,
    limit: int,
    *,
    stopped: bool = False,
) -> list[str]:
    """The places that were inspected before that, least recently inspected first.

    With `stopped` those of archives that stopped it are left out.
    """
    query = _narrowed(before, archive_code)
    if stopped:
        query = query.where(KeptObject.archive_code.not_in(select(InspectionPause.archive_code)))
    return list(session.scalars(query.order_by(KeptObject.inspected_at).limit(limit)))


def count_due(session: Session, before: datetime, archive_code: str | None = None) -> int:
    """How many records were inspected before that."""
    query = _narrowed(before, archive_code)
    return session.scalar(select(func.count()).select_from(query.subquery())) or 0


def inspections_of(place: str, *, session: Session) -> Sequence[KeptInspection]:
    """Every inspection in keeping of what is kept in a place, the newest first."""
    return session.scalars(
        select(KeptInspection)
        .where(KeptInspection.place == place)
        .order_by(KeptInspection.at.desc(), KeptInspection.id)
    ).all()


def period(days: int, percent: int) -> timedelta:
    """After which time a record is due: with a sample everything has its turn, only later."""
    return timedelta(days=days * 100 / percent) if days and percent else timedelta(0)
