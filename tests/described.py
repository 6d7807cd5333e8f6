"""Asking whatever the description of an API allows, and what it does not (schemathesis)."""

from __future__ import annotations

from typing import Any

import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks

#: The app, what signs in whoever may everything, and what there is, by the name of the parameter.
Asked = tuple[Flask, dict[str, str], dict[str, list[str]]]

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


def without_limits(app: Flask) -> Flask:
    """The app for who looks for holes, no person at a desk: the limits have tests of their own."""
    app.extensions["danglian.allowance"].take = lambda place, most: None
    app.extensions["danglian.throttle"].failed = lambda place: None
    return app


def ask_everything(asked: Asked, examples: int) -> dict[str, set[int]]:
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
