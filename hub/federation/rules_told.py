"""Rulesets go down to the nodes: each once, in order, as entries of their streams.

A step looks which nodes lack which of them and writes the entries, some nodes in a transaction; a
kill only means that it goes on. An entry `schedule` is the table of a fonds that the node keeps, an
entry `ruleset` the signed document that names it, so the tables come first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import INCLUDE
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.federation.assignments import tell_node
from hub.federation.models import Fonds, Node, NodeState
from hub.federation.rule_models import FondsSchedule, Ruleset, RulesTold
from shared.audit import moment_of
from shared.audit import record as audit
from shared.inspection.ruleset import in_force
from shared.kernel.actor import system_actor
from shared.kernel.clock import today
from shared.kernel.database import Database
from shared.messaging.entry import Entry
from shared.messaging.log import lock_streams
from shared.records import wire
from shared.records.text import REASON_LENGTH, SHORT_LENGTH

_AT_ONCE = 20
_SUBJECT_LENGTH = 80
_KINDS = ("ruleset", "schedule")
#: Kind and subject of an entry.
_Fact = tuple[str, str]


class _RefusalSchema(wire.WireSchema):
    class Meta:
        unknown = INCLUDE  # where in the entry, and what its clerk may do about it

    seq = wire.Int(1, 1 << 62, required=True)
    subject = wire.Text(_SUBJECT_LENGTH, required=True)
    code = wire.Text(SHORT_LENGTH, required=True)
    problem = wire.Text(REASON_LENGTH, required=True)


_REFUSAL = _RefusalSchema()


class RulesTelling:
    """Tells nodes what they lack (a step for `Background`)."""

    def __init__(self, database: Database) -> None:
        self._database = database
        #: At which moment of the audit, and on which day, all was told.
        self._seen: tuple[tuple[int, int], str] | None = None
        #: The tables that a version names; a version never changes.
        self._named: dict[str, Mapping[str, str]] = {}

    def step(self) -> bool:
        """Tell some nodes what they lack; True when there may be more of them."""
        with self._database.read() as session:
            moment = (moment_of(session), today())
            if moment == self._seen:
                return False
            lacking = self._lacking(session)
        some = sorted(lacking)[:_AT_ONCE]
        if some:
            with self._database.write() as session:
                lock_streams(session, some)
                now_lacking = self._lacking(session)
                for node_id in some:
                    _tell(node_id, now_lacking.get(node_id, ()), session)
        if len(lacking) <= _AT_ONCE:
            self._seen = moment
            return False
        return True

    def _lacking(self, session: Session) -> dict[str, list[_Fact]]:
        """What nodes do not have in their epoch, in the order in which it has to come."""
        current = self._current(session)
        if not current:
            return {}
        told = {
            (node_id, subject)
            for node_id, subject in session.execute(
                select(RulesTold.node_id, RulesTold.subject)
                .join(Node, Node.id == RulesTold.node_id)
                .where(RulesTold.epoch == Node.epoch)
                .where(RulesTold.software_version == Node.software_version)
            )
        }
        lacking: dict[str, list[_Fact]] = {}
        for (node_id, archive), fonds_ids in _kept(current, session).items():
            for version in current[archive]:
                named = self._named[version]
                tables = [("schedule", named[each]) for each in fonds_ids if each in named]
                for fact in (*tables, ("ruleset", version)):
                    facts = lacking.get(node_id, [])
                    if (node_id, _key(fact)) not in told and fact not in facts:
                        lacking[node_id] = [*facts, fact]
        return lacking

    def _current(self, session: Session) -> dict[str, list[str]]:
        """The versions of each archive that are in force or will be, oldest first."""
        rows = session.execute(
            select(Ruleset.version, Ruleset.archive_code, Ruleset.number, Ruleset.active_from)
            .order_by(Ruleset.archive_code, Ruleset.number)
        ).all()  # fmt: skip
        found: dict[str, list[str]] = {}
        for archive in {row.archive_code for row in rows}:
            own = [row for row in rows if row.archive_code == archive]
            present = in_force(own, today())
            first = present.number if present is not None else 0
            found[archive] = [row.version for row in own if row.number >= first]
            for version in found[archive]:
                if version not in self._named:
                    document = session.get_one(Ruleset, version).document
                    self._named[version] = document["schedules"]
        return found


def apply_refusals(session: Session, node_id: str, entries: Sequence[Entry]) -> None:
    """Note what a node has not taken of our entries, and why (entry `refused`).

    Of rulesets and tables it is shown beside the version; of anything it is in the audit.
    """
    for entry in entries:
        body = wire.load(_REFUSAL, entry.body)
        audit(
            session, system_actor("sync"), "entry.refused_by_node", f"node:{node_id}",
            about=body["subject"], seq=body["seq"], code=body["code"],
        )  # fmt: skip
        for kind in _KINDS:
            row = session.get(RulesTold, (node_id, _key((kind, body["subject"]))))
            if row is not None:
                row.refused, row.problem = body["code"], body["problem"]


def refusals_of(version: str, session: Session) -> Sequence[tuple[str, str]]:
    """The nodes that have not taken a ruleset, or a table that it names, each with the reason."""
    row = session.get_one(Ruleset, version)
    subjects = [("ruleset", version), *(("schedule", each) for each in _digests(row))]
    found = session.execute(
        select(Node.name, RulesTold.problem)
        .join(Node, Node.id == RulesTold.node_id)
        .where(RulesTold.subject.in_([_key(each) for each in subjects]))
        .where(RulesTold.refused.is_not(None), RulesTold.epoch == Node.epoch)
        .order_by(Node.name, RulesTold.subject)
    )
    return [(name, problem) for name, problem in found]


def _digests(row: Ruleset) -> list[str]:
    return sorted(set(row.document["schedules"].values()))


def _kept(ruled: Mapping[str, Any], session: Session) -> dict[tuple[str, str], list[str]]:
    """The fonds that nodes keep for archives with a ruleset, by both."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for node_id, archive, fonds_id in session.execute(
        select(Fonds.keeping_node, Fonds.receiving_archive, Fonds.id)
        .join(Node, Node.id == Fonds.keeping_node)
        .where(Fonds.receiving_archive.in_(list(ruled)), Node.epoch > 0)
        .where(Node.state != NodeState.INVITED)
        .order_by(Fonds.position, Fonds.id)
    ):
        if node_id is not None and archive is not None:
            found[node_id, archive].append(fonds_id)
    return found


def _tell(node_id: str, facts: Sequence[_Fact], session: Session) -> None:
    node = session.get_one(Node, node_id)
    for kind, subject in facts:
        if kind == "ruleset":
            document = session.get_one(Ruleset, subject).document
        else:
            document = session.get_one(FondsSchedule, subject).document
        tell_node(session, node_id, kind, subject, dict(document))
        session.merge(
            RulesTold(
                node_id=node_id,
                subject=_key((kind, subject)),
                epoch=node.epoch,
                software_version=node.software_version,
                refused=None,  # what it did not take before is no answer to this
                problem="",
            )
        )
    session.flush()


def _key(fact: _Fact) -> str:
    return ":".join(fact)
