"""The API answers as its description says: schemathesis asks whatever the description allows.

Each operation is asked with what its schema allows and with what it does not, by somebody who may
everything and by nobody, about things that are there and about others.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks

from shared.kernel.actor import ADMINISTRATORS, Grant, Role
from tests.hub.correcting.conftest import Kept, kept
from tests.hub.desk import PASSWORD, Api, make_desk
from tests.people import employ

__all__ = ["kept"]

#: No timed bound: a machine may be slow. Nothing is kept between runs, so that each tries anew.
_ORDINARY = settings(
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
_CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


@pytest.fixture
def asked(kept: Kept) -> tuple[Flask, dict[str, str], dict[str, list[str]]]:
    """The app, who may everything, and what there is, by the name of the parameter."""
    city = kept.hub.city
    app = make_desk(city)
    # Whoever looks for holes is no person at a desk: the limits have tests of their own.
    app.extensions["danglian.allowance"].take = lambda place, most: None
    app.extensions["danglian.throttle"].failed = lambda place: None
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


def ask_everything(
    asked: tuple[Flask, dict[str, str], dict[str, list[str]]], examples: int
) -> dict[str, set[int]]:
    """Ask every operation so often; the statuses that came, by operation. Fails with all wrongs."""
    app, headers, there = asked
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)
    answered: dict[str, set[int]] = {}
    wrong: set[str] = set()
    for found in schema.get_all_operations():
        operation = found.ok()
        # Signing out would end what all the others are asked with.
        own = {} if operation.path.endswith("/sign_out") else headers
        statuses = answered[operation.label] = set()
        wrong |= _ask(operation, own, there, statuses, examples)
    assert not wrong, "\n\n".join(sorted(wrong))
    return answered


def _ask(
    operation: Any,
    headers: dict[str, str],
    there: dict[str, list[str]],
    statuses: set[int],
    examples: int,
) -> set[str]:
    wrong = set()
    # Where nothing goes in, nothing can be wrong about it.
    takes = operation.definition.raw.get("requestBody") or operation.definition.raw.get(
        "parameters"
    )
    modes = [GenerationMode.POSITIVE, *([GenerationMode.NEGATIVE] if takes else [])]

    @settings(_ORDINARY, max_examples=examples)
    @given(data=st.data())
    def ask(data: st.DataObject) -> None:
        wanted = data.draw(st.sampled_from(modes))
        case = data.draw(operation.as_strategy(generation_mode=wanted))
        for name in list(case.path_parameters or ()):
            if name in there and data.draw(st.integers(0, 3)):
                case.path_parameters[name] = data.draw(st.sampled_from(there[name]))
        response = case.call(headers=headers if data.draw(st.integers(0, 4)) else None)
        statuses.add(response.status_code)
        try:
            case.validate_response(response, checks=_CHECKS)
        except FailureGroup as failures:
            wrong.update(
                f"{operation.label} {each.title}: {each.message} {response.text[:300]}"
                for each in failures.exceptions
            )

    ask()
    return wrong


def test_nothing_is_answered_that_the_description_does_not_name(
    asked: tuple[Flask, dict[str, str], dict[str, list[str]]],
) -> None:
    answered = ask_everything(asked, examples=3)
    assert len(answered) > 20
    assert {200, 401, 404, 422} <= set().union(*answered.values()), "it was asked in earnest"


@pytest.mark.at_length
def test_nor_however_often_one_asks(
    asked: tuple[Flask, dict[str, str], dict[str, list[str]]],
) -> None:
    answered = ask_everything(asked, examples=int(os.environ.get("EXAMPLES", "300")))
    for operation, statuses in answered.items():
        print(operation, sorted(statuses))  # noqa: T201 - `-s` shows what was reached
