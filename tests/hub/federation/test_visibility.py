"""The rule of sight: one rule in two notations, and what it says."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Boolean, Column, MetaData, String, Table, create_engine, select
from sqlalchemy.pool import StaticPool

from hub.federation.visibility import Sight, seen_fully, seen_masked, sight
from shared.kernel.actor import Actor, Grant, Openness, Role
from shared.kernel.reach import within_reach

CITY, COUNTY, OTHER = "420500", "420506", "420583"
UNIT, BUREAU, ELSE = "fonds-unit", "fonds-bureau", "fonds-else"


@dataclass(frozen=True)
class Thing:
    fonds_id: str = UNIT
    class_code: str = "WS"
    opening: str | None = None
    receiving_archive: str | None = CITY
    reviewing_archive: str | None = COUNTY
    supervisor: str | None = BUREAU
    disclosure: str = "full"
    security: str = "none"
    state: str = "filed"
    received: bool = False


def who(role, archive=None, fonds=None, class_code=None, **more):
    return Actor("a", "某人", (Grant(role, archive, fonds, class_code, **more),))


UNIT_CLERK = who(Role.CLERK, fonds=UNIT)
OTHER_CLERK = who(Role.CLERK, fonds=ELSE)
SUPERVISOR = who(Role.LEADER, fonds=BUREAU)
CITY_ARCHIVIST = who(Role.ARCHIVIST, CITY)
COUNTY_REVIEWER = who(Role.REVIEWER, COUNTY)
OTHER_REVIEWER = who(Role.REVIEWER, OTHER)
ADMINISTRATOR = who(Role.SYSTEM_ADMINISTRATOR)
AUTHORITY = who(Role.AUTHORITY, COUNTY)
OPEN_READER = who(Role.READER, CITY, openness=Openness.OPEN)

FILED = Thing()
OFFERED = Thing(state="offered")
RECEIVED = Thing(state="received", received=True)


@pytest.mark.parametrize(
    ("actor", "thing", "seen"),
    [
        (UNIT_CLERK, FILED, Sight.FULL),
        (UNIT_CLERK, replace(FILED, disclosure="counts", security="work_secret"), Sight.FULL),
        (UNIT_CLERK, RECEIVED, Sight.FULL),
        (OTHER_CLERK, FILED, Sight.COUNTS),
        (OTHER_CLERK, RECEIVED, Sight.COUNTS),
        (CITY_ARCHIVIST, FILED, Sight.FULL),
        (CITY_ARCHIVIST, replace(FILED, disclosure="masked"), Sight.MASKED),
        (CITY_ARCHIVIST, replace(FILED, disclosure="counts"), Sight.COUNTS),
        (CITY_ARCHIVIST, replace(OFFERED, disclosure="counts"), Sight.FULL),
        (CITY_ARCHIVIST, replace(RECEIVED, disclosure="counts"), Sight.FULL),
        (CITY_ARCHIVIST, replace(FILED, security="internal"), Sight.FULL),
        (COUNTY_REVIEWER, FILED, Sight.COUNTS),
        (COUNTY_REVIEWER, OFFERED, Sight.FULL),
        (COUNTY_REVIEWER, RECEIVED, Sight.COUNTS),
        (OTHER_REVIEWER, OFFERED, Sight.COUNTS),
        (SUPERVISOR, FILED, Sight.FULL),
        (SUPERVISOR, replace(FILED, disclosure="masked"), Sight.MASKED),
        (SUPERVISOR, replace(FILED, security="internal"), Sight.COUNTS),
        (SUPERVISOR, replace(FILED, security="work_secret"), Sight.COUNTS),
        (ADMINISTRATOR, RECEIVED, Sight.COUNTS),
        (AUTHORITY, FILED, Sight.FULL),
        (AUTHORITY, replace(FILED, disclosure="masked"), Sight.MASKED),
        (AUTHORITY, RECEIVED, Sight.FULL),
        (AUTHORITY, replace(OFFERED, security="internal"), Sight.COUNTS),
        (AUTHORITY, replace(RECEIVED, security="work_secret"), Sight.COUNTS),
        (who(Role.AUTHORITY, OTHER), RECEIVED, Sight.COUNTS),
        (who(Role.READER, CITY), FILED, Sight.COUNTS),
        (who(Role.READER, CITY), OFFERED, Sight.COUNTS),
        (who(Role.READER, CITY), RECEIVED, Sight.FULL),
        (who(Role.READER, CITY), replace(RECEIVED, security="internal"), Sight.COUNTS),
        (who(Role.READER, COUNTY), RECEIVED, Sight.COUNTS),
        (who(Role.READER, CITY, None, "KJ"), RECEIVED, Sight.COUNTS),
        (who(Role.READER, CITY, None, "WS"), RECEIVED, Sight.FULL),
        (OPEN_READER, RECEIVED, Sight.COUNTS),
        (OPEN_READER, replace(RECEIVED, opening="controlled"), Sight.COUNTS),
        (OPEN_READER, replace(RECEIVED, opening="open"), Sight.FULL),
        (who(Role.INTEGRATOR, CITY), RECEIVED, Sight.FULL),
        (who(Role.APPRAISER, CITY), replace(RECEIVED, security="internal"), Sight.FULL),
        (who(Role.APPRAISER, CITY), OFFERED, Sight.COUNTS),
        (who(Role.LEADER, CITY), replace(FILED, disclosure="masked"), Sight.MASKED),
        (who(Role.ARCHIVIST, CITY, until="2020-12-31"), RECEIVED, Sight.COUNTS),
        (Actor("a", "某人"), FILED, Sight.COUNTS),
    ],
)
def test_who_sees_what(actor, thing, seen):
    assert sight(actor, thing) is seen


ENGINE = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
THINGS = Table(
    "thing",
    MetaData(),
    *(Column(name, String) for name in Thing.__dataclass_fields__ if name != "received"),
    Column("received", Boolean),
)
THINGS.create(ENGINE)

archives = st.sampled_from([CITY, COUNTY, OTHER])
fonds = st.sampled_from([UNIT, BUREAU, ELSE])
grants = st.builds(
    Grant,
    st.sampled_from(list(Role)),
    st.none() | archives,
    st.none() | fonds,
    st.sampled_from([None, None, "WS", "KJ"]),
    st.sampled_from([Openness.ALL, Openness.ALL, Openness.OPEN]),
)
actors = st.builds(Actor, st.just("a"), st.just("某人"), st.lists(grants, max_size=3).map(tuple))
things = st.builds(
    Thing,
    fonds,
    st.sampled_from(["WS", "KJ"]),
    st.sampled_from([None, "open", "controlled"]),
    st.none() | archives,
    st.none() | archives,
    st.none() | fonds,
    st.sampled_from(["full", "masked", "counts"]),
    st.sampled_from(["none", "internal", "work_secret"]),
    st.sampled_from(["filed", "offered", "received"]),
    st.booleans(),
)


@given(actors, things)
def test_the_query_shows_exactly_what_the_rule_says(actor, thing):
    with ENGINE.connect() as connection:
        connection.execute(THINGS.delete())
        connection.execute(THINGS.insert(), [vars(thing)])
        full = connection.execute(select(THINGS).where(seen_fully(actor, THINGS.c))).all()
        masked = connection.execute(select(THINGS).where(seen_masked(actor, THINGS.c))).all()
        connection.rollback()
    seen = sight(actor, thing)
    assert bool(full) == (seen is Sight.FULL)
    assert bool(masked) == (seen in (Sight.FULL, Sight.MASKED))


@given(actors, things)
def test_the_policy_reaches_the_same_rows_in_a_query(actor, thing):
    condition = within_reach(
        actor, tuple(Role), THINGS.c.fonds_id, THINGS.c.receiving_archive,
        THINGS.c.reviewing_archive, class_code=THINGS.c.class_code, opening=THINGS.c.opening,
    )  # fmt: skip
    with ENGINE.connect() as connection:
        connection.execute(THINGS.delete())
        connection.execute(THINGS.insert(), [vars(thing)])
        rows = connection.execute(select(THINGS).where(condition)).all()
        connection.rollback()
    assert bool(rows) == any(
        actor.may(
            *Role, archive=archive, fonds=thing.fonds_id, class_code=thing.class_code,
            opening=thing.opening,
        )
        for archive in (thing.receiving_archive, thing.reviewing_archive)
    )  # fmt: skip


@given(actors, things)
def test_nobody_sees_more_than_the_parties(actor, thing):
    """Without any grant on the unit, its archives or its supervisor, there are only counts."""
    party = any(
        grant.archive_code is None
        or grant.archive_code in (thing.receiving_archive, thing.reviewing_archive)
        for grant in actor.grants
        if grant.fonds_id in (None, thing.fonds_id, thing.supervisor)
    )
    if not party:
        assert sight(actor, thing) is Sight.COUNTS
