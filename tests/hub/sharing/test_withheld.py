"""No withheld field ever leaves, whatever policies, records and scopes: by no way out of the hub.

Each text is in one field of one record. What may be seen of it is said here once more, in the words
of the decisions (0059), not by the function that the hub uses.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from hub.federation.places import HubFolder
from hub.sharing.consumers.models import Consumer
from hub.sharing.models import FeedEntry
from hub.sharing.policies import FIELDS, Audience
from shared.kernel.actor import Grant, Role
from shared.records.record import Opening, Publicity, Record, RecordLevel
from tests.hub.conftest import YILING, ZHIJIANG, City
from tests.hub.sharing.conftest import Sharing
from tests.hub.sharing.consumers.conftest import Desk
from tests.hub.sharing.ways_out import WaysOut, told

TEXTS = ("title", "doc_no", "author", "organ_name")
#: What two worlds may differ in: the archive corrects it, and it has a text of its own.
CHANGED = (*TEXTS, "date", "pages")
PERSONAL = ("title", "doc_no", "author")
PLACES = (("420506", YILING), ("420583", ZHIJIANG))
_PHONE = "13912345678"
_LONG_AGO, _LATELY = 1990, 2024
#: Each example is a hub of its own: a smaller one that fails too is not worth its time.
_PHASES = (Phase.explicit, Phase.reuse, Phase.generate)


@dataclass(frozen=True)
class Case:
    """One record, as far as it matters to what is seen of it."""

    place: int
    year: int
    opening: str | None
    publicity: str | None
    security: str
    about_persons: bool
    phone_in: str | None
    withdrawn: bool
    whole: bool


@dataclass(frozen=True)
class Shown:
    """What an archive shows an audience."""

    fields: frozenset[str]
    closed_fields: frozenset[str]
    closed_years: int


Policies = dict[tuple[int, Audience], Shown | None]

_fields = st.sets(st.sampled_from(sorted(FIELDS))).map(frozenset)
_shown = st.one_of(
    st.none(),
    st.builds(
        lambda seen, closed, years: Shown(seen, closed & seen, years),
        _fields, _fields, st.sampled_from([0, 25, 60]),
    ),
)  # fmt: skip
_policies = st.fixed_dictionaries(
    {(place, audience): _shown for place in (0, 1) for audience in Audience}
)
_cases = st.builds(
    Case,
    place=st.sampled_from([0, 0, 1]),
    year=st.sampled_from([_LONG_AGO, _LATELY]),
    opening=st.sampled_from(["open", "open", "controlled", None]),
    publicity=st.sampled_from([None, "active", "on_request", "none"]),
    security=st.sampled_from(["none", "none", "internal"]),
    about_persons=st.booleans(),
    phone_in=st.sampled_from([None, None, *PERSONAL]),
    withdrawn=st.sampled_from([False, False, True]),
    whole=st.booleans(),
)
_story = given(
    policies=_policies,
    cases=st.lists(_cases, min_size=3, max_size=6),
    scopes=st.tuples(st.sampled_from([(), (0,), (1,)]), st.booleans()),
)
_plain = Case(0, _LONG_AGO, "open", None, "none", False, None, False, False)
_to_public = Shown(frozenset({"code", "author"}), frozenset(), 25)
_to_government = Shown(frozenset({"code", "title", "author"}), frozenset({"code"}), 25)
#: One of each that there is: opened, with a number of a person, within its closed period, about
#: persons, controlled, 内部, taken back; another archive's, that shares nothing with the public.
_each_kind = example(
    policies={
        (0, Audience.PUBLIC): _to_public, (0, Audience.GOVERNMENT): _to_government,
        (1, Audience.PUBLIC): None, (1, Audience.GOVERNMENT): _to_government,
    },
    cases=[
        _plain, replace(_plain, phone_in="title"), replace(_plain, year=_LATELY, whole=True),
        replace(_plain, about_persons=True), replace(_plain, opening="controlled"),
        replace(_plain, security="internal"), replace(_plain, withdrawn=True),
        replace(_plain, place=1),
    ],
    scopes=((1,), False),
)  # fmt: skip


def may_see(case: Case, field: str, audience: Audience, policies: Policies) -> bool:
    """Whether an audience may see a field of a record: the rule as people read it."""
    shown = policies[case.place, audience]
    if shown is None or case.withdrawn or case.security != "none":
        return False
    if field not in shown.fields:
        return False
    if field in PERSONAL and (case.about_persons or case.phone_in == field):
        return False
    over = (
        case.publicity == "active"
        or not shown.closed_years
        or case.year + shown.closed_years < date.today().year  # noqa: DTZ011 - far from New Year
    )
    if case.opening == "open" and case.publicity != "none" and over:
        return True
    return audience is Audience.GOVERNMENT and field in shown.closed_fields


class World:
    """A hub of two archives with such policies and records."""

    def __init__(self, city: City, policies: Policies, cases: list[Case], folder: Path) -> None:
        self.city, self.policies, self.cases = city, policies, cases
        self.archives = [_archive(city, code, division) for code, division in PLACES]
        self.desk = Desk(
            city, city.person(Grant(Role.ARCHIVIST)), city.person(Grant(Role.ARCHIVIST))
        )
        self.turn = 0
        for (place, audience), shown in policies.items():
            if shown is not None and (audience is Audience.GOVERNMENT or not shown.closed_fields):
                self.archives[place].share(audience, **vars(shown))
            elif shown is not None:  # of what is not opened the public sees nothing
                policies[place, audience] = seen = Shown(
                    shown.fields, frozenset(), shown.closed_years
                )
                self.archives[place].share(audience, **vars(seen))
        self.records = [self._record(number, case) for number, case in enumerate(cases)]
        for archive, of in ((each, place) for place, each in enumerate(self.archives)):
            archive.receive(*(
                record for record, case in zip(self.records, cases, strict=True) if case.place == of
            ))  # fmt: skip
        for record, case in zip(self.records, cases, strict=True):
            if case.withdrawn:
                self.archives[case.place].withdraw(record.id)
        self.settle()
        self.ways = WaysOut(city, self.desk, folder)

    def values(self, number: int, case: Case) -> dict[str, Any]:
        """What stands in the fields of a record now, each of it nowhere else."""
        mark = f"{self.turn}{number}"
        found: dict[str, Any] = {each: f"某件{mark}〔{each}〕" for each in TEXTS}
        if case.phone_in is not None:
            found[case.phone_in] += _PHONE
        return {
            **found,
            "date": date(case.year, 1 + self.turn, 1 + number).isoformat(),
            "pages": 73_000 + 100 * self.turn + number,
        }

    def _record(self, number: int, case: Case) -> Record:
        values = self.values(number, case)
        lying_in = {}
        if case.whole:
            lying_in = {"level": RecordLevel.VOLUME, "volume_number": number + 1}
        made = self.archives[case.place].record(
            step=number + 1,
            **{**values, "date": date.fromisoformat(values["date"])},
            year=case.year,
            class_code="RS" if case.about_persons else "KJ" if case.whole else "WS",
            opening=Opening(case.opening) if case.opening else None,
            publicity=Publicity(case.publicity) if case.publicity else None,
            security=case.security,
            **lying_in,
        )
        return made

    def settle(self) -> None:
        """Decided on, and of long ago: harvesters get nothing of the current second."""
        self.archives[0].settle()
        with self.city.database.write() as session:
            session.execute(update(FeedEntry).values(stamped=1_000_000_000))

    def marks(self, audience: Audience, place: tuple[int, ...] = ()) -> tuple[set[str], set[str]]:
        """The texts that a reader may see, and those that it may not."""
        may: set[str] = set()
        not_: set[str] = set()
        for number, case in enumerate(self.cases):
            values = {**self.values(number, case), "code": self.records[number].code}
            for field, value in values.items():
                in_scope = not place or case.place in place
                seen = in_scope and may_see(case, field, audience, self.policies)
                (may if seen else not_).add(str(value))
        return may, not_

    def change_withheld(self, audience: Audience) -> None:
        """Put other texts into all that an audience may not see; nothing else changes."""
        self.turn += 1
        for number, case in enumerate(self.cases):
            changed = {
                field: value
                for field, value in self.values(number, case).items()
                if not may_see(case, field, audience, self.policies)
            }
            if changed:
                self.archives[case.place].correct(self.records[number].id, **changed)
        self.settle()

    @property
    def questions(self) -> list[tuple[str, str]]:
        return [
            (str(record.code), self.values(number, case)["title"])
            for number, (record, case) in enumerate(zip(self.records, self.cases, strict=True))
        ]

    @property
    def ids(self) -> list[str]:
        return [each.id for each in self.records]


def _archive(city: City, code: str, division: str) -> Sharing:
    with city.database.write() as session:
        fonds = city.fonds(f"街道办事处{code}", division, session, number="J001")
        node = city.node(f"街道办事处{code}", fonds, session=session)
    return Sharing(city, fonds, node, code=code)


@contextmanager
def _world(template: Path, policies: Policies, cases: list[Case]) -> Iterator[World]:
    with tempfile.TemporaryDirectory(prefix="danglian-ways-") as made:
        shutil.copytree(template, Path(made) / "hub")
        folder = HubFolder(Path(made) / "hub")
        database = folder.database()
        world = World(City(folder, database, folder.keys.hub()), policies, cases, Path(made))
        try:
            yield world
        finally:
            world.ways.close()
            database.close()


def _holds(
    template: Path, policies: Policies, cases: list[Case], scopes: tuple[tuple[int, ...], bool]
) -> None:
    place, of_public = scopes
    with _world(template, dict(policies), cases) as world:
        ways, desk = world.ways, world.desk
        rations = {"services": ("records", "lookup"), "requests": 10_000}
        whole = {each: desk.consumer(audience=str(each), **rations) for each in Audience}
        partly = Audience.PUBLIC if of_public else Audience.GOVERNMENT
        part: Consumer = desk.consumer(
            audience=str(partly), archives=tuple(PLACES[each][0] for each in place), **rations
        )
        for each in (*whole.values(), part):
            ways.begin_push(each)

        asked = world.questions  # the same before and after: who asks knows nothing of the change

        def read(audience: Audience) -> dict[str, bytes]:
            answers = ways.consumer(whole[audience], [])
            if audience is Audience.PUBLIC:
                answers |= ways.everybody(world.ids, asked)
            return {way: said for way, said in answers.items() if way != "me"}

        for audience in Audience:
            may, withheld = world.marks(audience)
            answers = read(audience)
            assert told(withheld, answers) == {}
            for way in ways.whole(answers):
                assert set(told(may, {way: answers[way]})) == may, f"what may be seen is: {way}"
        for consumer, audience, within in (
            (whole[Audience.PUBLIC], Audience.PUBLIC, ()),
            (whole[Audience.GOVERNMENT], Audience.GOVERNMENT, ()),
            (part, partly, place),
        ):
            may, withheld = world.marks(audience, within)
            # Who asks says the texts itself: they must not come back.
            assert told(withheld, ways.consumer(consumer, world.questions)) == {}
            pushed = {"pushed": ways.pushed(consumer)}
            assert told(withheld, pushed) == {}
            assert set(told(may, pushed)) == may

        # Not by counts, order, digests, positions either: whatever is withheld may be anything.
        for audience in Audience:
            before = read(audience)
            world.change_withheld(audience)
            after = read(audience)
            assert after == before
            assert told(world.marks(audience)[1], {"": ways.pushed(whole[audience])}) == {}


@pytest.mark.timeout(600)  # a hub for each example, on a machine on which everything else runs
@settings(max_examples=2, phases=_PHASES, suppress_health_check=[HealthCheck.too_slow])
@_each_kind
@_story
def test_what_is_withheld_leaves_by_no_way_whatever_the_policies(
    city_template: Path, policies: Policies, cases: list[Case], scopes: Any
) -> None:
    _holds(city_template, policies, cases, scopes)


@pytest.mark.at_length
@pytest.mark.timeout(3600)
@settings(max_examples=150, phases=_PHASES, suppress_health_check=[HealthCheck.too_slow])
@_each_kind
@_story
def test_what_is_withheld_leaves_by_no_way_whatever_the_policies_at_length(
    city_template: Path, policies: Policies, cases: list[Case], scopes: Any
) -> None:
    _holds(city_template, policies, cases, scopes)
