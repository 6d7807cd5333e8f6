"""Nobody crosses into another county: every route as every role, every message of every node."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.wiring import handlers, requests
from shared.kernel.actor import Role
from shared.kernel.canonical import sha256_hex
from shared.kernel.clock import utc_text
from shared.kernel.errors import DanglianError
from shared.kernel.identifiers import new_id
from shared.records.hand_over import STATEMENT_FORMAT
from shared.records.record import record_to_wire
from tests.crossings import Matrix
from tests.hub.conftest import YILING, ZHIJIANG
from tests.hub.crossings.world import SECRETS, World, furnished
from tests.hub.disposal.conftest import furnished as with_records
from tests.hub.exporting.conftest import city_in
from tests.hub.receiving.handover import YILING_ARCHIVE, Hub, Unit


@pytest.fixture(scope="module")
def world(city_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    path = tmp_path_factory.mktemp("two-counties") / "hub"
    shutil.copytree(city_template, path)
    city = city_in(path)
    unit = Unit(city, "夷陵区发展和改革局", YILING, "J001")
    people = city.reviewer(YILING_ARCHIVE), city.archivist(YILING_ARCHIVE)
    room = with_records(Hub(city), unit, *people)
    yield furnished(room, Unit(city, "枝江市水利局", ZHIJIANG, "S001"))
    city.database.close()


@pytest.fixture(scope="module")
def matrix(world: World) -> Matrix:
    return world.matrix()


def test_every_route_has_its_place_in_the_matrix(matrix: Matrix) -> None:
    assert matrix.out_of_place() == set(), "enter it in tests/hub/crossings/routes.py"


@pytest.mark.parametrize("role", [None, *Role])
def test_no_role_of_another_county_crosses_on_any_route(
    world: World, matrix: Matrix, role: Role | None
) -> None:
    before = world.snapshot()
    found = matrix.crossings(None if role is None else world.person(role))
    assert not found, "\n".join(found)
    assert world.changed_since(before) <= {"audit_event", "audit_head"}


def test_no_node_of_another_county_crosses_with_any_message(world: World) -> None:
    """Each is refused for what it is about, or is nothing; what it says is well-formed."""
    folder, before = world.room.hub.city.folder, world.snapshot()
    assert handlers(folder).keys() == MESSAGES.keys() | ABOUT_ITSELF
    assert requests(folder).keys() == QUESTIONS.keys() | ASKED_FOR_ITSELF
    said = {kind: _sent(world, kind) for kind in MESSAGES}
    said |= {what: _asked(world, what) for what in QUESTIONS}
    assert {kind for kind, code in said.items() if code is None} <= {"evidence"}, said
    assert not _MALFORMED & set(said.values()), said
    assert not any(str(code).startswith("tells") for code in said.values()), said
    assert world.changed_since(before) == set()


def _sent(world: World, kind: str) -> str | None:
    """The code under which an entry of the stranger's node is refused; None for nothing."""
    body = MESSAGES[kind](world)
    try:
        world.room.unit.send(kind, body, as_node=world.stranger.node.id)
    except DanglianError as refused:
        return refused.code
    return None


def _asked(world: World, what: str) -> str | None:
    """The same of a question."""
    folder, body = world.room.hub.city.folder, QUESTIONS[what](world)
    try:
        with folder.database().write() as session:
            requests(folder)[what](session, world.stranger.node.id, body)
    except DanglianError as refused:
        said = str(refused)
        return next((f"tells {each}" for each in SECRETS if each in said), refused.code)
    return None


_MALFORMED = {"bad_shape", "invalid", "missing"}
_SIGNED = {"key": "0" * 16, "public_key": "0" * 64, "signature": "0" * 128}

#: Kinds of entries that name no record or fonds but the node's own.
ABOUT_ITSELF = {"reconcile", "refused"}
#: Questions of the same kind; `accounts` answers null for whoever has nothing to do at the node.
ASKED_FOR_ITSELF = {"sign_in_begin", "sign_out", "accounts", "link"}

Body = Callable[[World], dict[str, Any]]


def _hand_over(**more: Any) -> Body:
    return lambda world: {"hand_over_id": world.things["hand_over"], "by": "外县人", **more}


def _statement(world: World) -> dict[str, Any]:
    statement = {
        "format": STATEMENT_FORMAT, "hub_id": new_id(), "counts": {}, "by": "外", "at": utc_text(),
        "hand_over_id": world.things["hand_over"], "fonds_id": world.things["fonds"],
        "from_node": world.stranger.node.id, "to_node": world.stranger.node.id,
        "inventory": "0" * 64, "sums": {},
        "bundles": [{"id": world.things["bundle"], "sha256": "0" * 64, "size": 1}],
    }  # fmt: skip
    return _hand_over(statement=statement, signed=_SIGNED)(world)


def _offer(world: World) -> dict[str, Any]:
    return {
        "offer_id": new_id(), "batch_id": new_id(), "record_id": world.things["record"],
        "record_version": 1, "record_digest": "0" * 64,
        "package": {"sha256": "0" * 64, "size": 1, "inline": None},
    }  # fmt: skip


def _correction(world: World) -> dict[str, Any]:
    return {
        "correction_id": new_id(), "record_id": world.things["record"], "record_version": 1,
        "changes": [{"field": "title", "was": "旧", "value": "新"}], "reason": "外县想改",
        "by": "外县人", "at": utc_text(),
    }  # fmt: skip


def _disposal_list(world: World) -> dict[str, Any]:
    person = {"name": "外县人", "at": utc_text()}
    return {
        "list_id": new_id(), "fonds_id": world.things["fonds"], "title": "外县的清册",
        "lines": [
            {
                "record_id": world.things["record"], "record_version": 1, "code": None,
                "title": "外县说的", "date": None, "year": 2010, "retention": "D10",
                "level": "record", "opinion": "destroy", "longer": None, "reason": "外",
                "is_destroyed": True, "problem": None,
            }
        ],
        "drawn": person, "approved": person, "witnesses": [person, person], "state": "done",
        "at": utc_text(), "unit_signature": _SIGNED,
    }  # fmt: skip


MESSAGES: dict[str, Body] = {
    "disposal_list": _disposal_list,
    "record": lambda world: record_to_wire(world.room.records[2]),
    "offer": _offer,
    "batch": lambda world: world.closing,
    "withdraw": lambda world: {"batch_id": world.closing["batch_id"], "by": "外", "reason": "外"},
    "confirmation": lambda world: world.room.unit.confirmation(world.closing["batch_id"]),
    "evidence": lambda world: {
        "kind": "receipt",
        "document": world.room.unit.heard("receipt")[-1],
    },
    "correction": _correction,
    "hand_over_asked": lambda world: {
        "hand_over_id": new_id(),
        "fonds_id": world.things["fonds"],
        "wish": "外县",
        "reason": "外",
        "by": "外县人",
    },
    "hand_over_frozen": _hand_over(),
    "hand_over_given": _statement,
    "hand_over_taken": _statement,
    "hand_over_settled": _hand_over(),
    "hand_over_called_off": _hand_over(reason="外县想取消"),
    "hand_over_evidence": lambda world: {"document": world.told},
}

QUESTIONS: dict[str, Body] = {
    "upload": lambda world: world.asking_upload,
    "upload_bundle": lambda world: {"what": "upload_bundle", "bundle_id": world.things["bundle"]},
    "fetch_bundle": lambda world: {"what": "fetch_bundle", "bundle_id": world.things["bundle"]},
    "sign_in_redeem": lambda world: {
        "what": "sign_in_redeem",
        "code": sha256_hex(b"x"),
        "code_verifier": "x" * 43,
        "redirect_uri": "http://localhost/sign-on/back",
    },
}
