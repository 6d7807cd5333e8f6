"""The API answers as its description says: schemathesis asks whatever the description allows.

Each operation is asked with what its schema allows and with what it does not, by somebody who may
everything and by nobody, about things that are there and about others.
"""

from __future__ import annotations

import os

import pytest

from shared.kernel.actor import ADMINISTRATORS, Grant, Role
from tests.described import Asked, ask_everything, without_limits
from tests.hub.correcting.conftest import Kept, kept
from tests.hub.desk import PASSWORD, Api, make_desk
from tests.people import employ

__all__ = ["kept"]


@pytest.fixture
def asked(kept: Kept) -> Asked:
    """The app, who may everything, and what there is, by the name of the parameter."""
    city = kept.hub.city
    app = without_limits(make_desk(city))
    with city.database.write() as session:
        grants = [Grant(role) for role in Role if role not in ADMINISTRATORS]
        employ("all", "都行", PASSWORD, grants, session=session)
    waiting = kept.unit.hand_over(1)
    kept.hub.work("receiving.check")
    there = {
        "batch_id": [waiting.id],
        "record_id": [each.id for each in kept.records],
        "correction_id": [kept.ask(title="更正过的题名")],
        "fonds_id": [kept.unit.fonds.id],
    }
    return app, Api(app, "all").headers, there


def test_nothing_is_answered_that_the_description_does_not_name(
    asked: Asked,
) -> None:
    answered = ask_everything(asked, examples=3)
    assert len(answered) > 20
    assert {200, 401, 404, 422} <= set().union(*answered.values()), "it was asked in earnest"


@pytest.mark.at_length
def test_nor_however_often_one_asks(
    asked: Asked,
) -> None:
    answered = ask_everything(asked, examples=int(os.environ.get("EXAMPLES", "300")))
    for operation, statuses in answered.items():
        print(operation, sorted(statuses))  # noqa: T201 - `-s` shows what was reached
