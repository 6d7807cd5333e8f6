"""A grant for one class, or for what is open: at a node it is honoured as the hub honours it."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from sqlalchemy import select

from node.filing import service as filing
from node.filing.catalogue import catalogue
from node.filing.models import ClosedClass, Record
from node.office.service import may_write
from shared.kernel.actor import Actor, Grant, Openness, Role
from shared.kernel.errors import NotAllowed, NotFound
from tests.node.conftest import TOWN, VILLAGE, Node

_KEEPER = Actor("account:keeper", "科技档案员", (Grant(Role.CLERK, None, TOWN, "KJ"),))
_READER = Actor("account:reader", "查阅", (Grant(Role.LEADER, None, TOWN, openness=Openness.OPEN),))


def test_the_condition_of_lists_says_what_the_policy_says(node: Node, clerk: Actor) -> None:
    for class_code, opinion in itertools.product(("WS", "KJ"), ("open", "controlled", None)):
        (record_id,) = node.collect(clerk, 1, class_code=class_code)
        if opinion is not None:
            with node.database.write() as session:
                filing.set_opinions(
                    clerk, [record_id], {"opening_opinion": opinion}, session=session
                )
    grants = [
        Grant(role, None, fonds_id, class_code, openness)
        for role in (Role.CLERK, Role.LEADER, Role.AUDITOR)
        for fonds_id in (None, TOWN, VILLAGE)
        for class_code in (None, "WS", "KJ")
        for openness in Openness
    ]
    pairs = [(each,) for each in grants] + list(itertools.pairwise(grants))
    with node.database.read() as session:
        records = session.scalars(select(Record)).all()
        assert len(records) == 6
        for held in pairs:
            actor = Actor("x", "某人", held)
            seen = session.scalars(
                select(Record.id).where(filing.records_seen(actor, session=session))
            )
            assert set(seen) == {each.id for each in records if filing.sees(actor, each)}, held
            for role in (Role.CLERK, Role.LEADER):
                written = session.scalars(
                    select(Record.id).where(
                        filing.records_seen(actor, role, written=True, session=session)
                    )
                )
                assert set(written) == {
                    each.id
                    for each in records
                    if may_write(
                        actor,
                        each.fonds_id,
                        role,
                        class_code=each.class_code,
                        opening=each.opening_opinion,
                        session=session,
                    )
                }, held


def test_a_keeper_of_one_class_does_all_of_it_and_nothing_of_another(
    node: Node, clerk: Actor
) -> None:
    (theirs,) = node.collect(clerk, 1)
    with node.database.write() as session:
        mine = filing.collect(_KEEPER, TOWN, node.rows(1, class_code="KJ")[0], session=session).id
        for act in (
            lambda: filing.collect(_KEEPER, TOWN, node.rows(1)[0], session=session),
            lambda: filing.arrange(_KEEPER, [mine], {"class_code": "WS"}, session=session),
            lambda: filing.draft_numbers(_KEEPER, TOWN, "WS", 2023, session=session),
            lambda: filing.clear_drafts(_KEEPER, TOWN, "WS", 2023, session=session),
            lambda: filing.preview_closing(_KEEPER, TOWN, "WS", 2023, session=session),
            lambda: filing.close_class(_KEEPER, TOWN, "WS", 2023, session=session),
            lambda: catalogue(_KEEPER, TOWN, "WS", 2023, session=session),
        ):
            _refused(act, NotAllowed, session)
        for act in (
            lambda: filing.record_of(_KEEPER, theirs, session=session),
            lambda: filing.arrange(_KEEPER, [mine, theirs], {"year": "2022"}, session=session),
            lambda: filing.put_back(_KEEPER, [theirs], session=session),
        ):
            _refused(act, NotFound, session)
    node.close(_KEEPER, class_code="KJ")
    assert node.state(mine)["state"] == "filed"
    assert node.state(theirs)["state"] == "arranging"
    with node.database.write() as session:
        record = filing.record_of(_KEEPER, mine, session=session)
        _refused(
            lambda: filing.move_filed(
                _KEEPER, record, {"class_code": "WS"}, "归错类", session=session
            ),
            NotAllowed,
            session,
        )
    node.close(clerk)
    with node.database.read() as session:
        seen = filing.classes_seen(_KEEPER, ClosedClass, session=session)
        (closed,) = filing.closed_classes(seen, session=session)
        assert closed.class_code == "KJ"
        assert len(catalogue(_KEEPER, TOWN, "KJ", 2023, session=session).rows) == 1


def _refused(act: Any, error: type[Exception], session: Any) -> None:
    savepoint = session.begin_nested()
    with pytest.raises(error):
        act()
    savepoint.rollback()


def test_who_may_see_what_is_open_makes_nothing_of_it_controlled(node: Node, clerk: Actor) -> None:
    opened, other = node.collect(clerk, 2)
    with node.database.write() as session:
        filing.set_opinions(clerk, [opened], {"opening_opinion": "open"}, session=session)
    writer = Actor("w", "某人", (Grant(Role.CLERK, None, TOWN, openness=Openness.OPEN),))
    with node.database.write() as session:
        assert filing.record_of(_READER, opened, session=session).id == opened
        _refused(lambda: filing.record_of(_READER, other, session=session), NotFound, session)
        record = filing.record_of(writer, opened, session=session)
        filing.edit(writer, record, {"remark": "复印件"}, session=session)
        _refused(
            lambda: filing.edit(writer, record, {"opening_opinion": "controlled"}, session=session),
            NotAllowed,
            session,
        )


def test_a_step_that_names_other_records_is_not_shown_nor_undone(node: Node, clerk: Actor) -> None:
    node.collect(clerk, 2, class_code="KJ")
    theirs = node.collect(clerk, 2)
    with node.database.write() as session:
        filing.move(clerk, session.get_one(Record, theirs[0]), 2, session=session)
    with node.database.write() as session:
        step = filing.last_step(TOWN, session=session)
        assert step is not None
        assert filing.step_to_undo(clerk, TOWN, session=session) is step
        assert filing.step_to_undo(_KEEPER, TOWN, session=session) is None
        _refused(lambda: filing.undo(_KEEPER, step.id, session=session), NotFound, session)
