"""What a node may not say of a hand-over, and bundles that are not what was signed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hub.custody import service as hub_custody
from hub.custody.bundles import grant_bundle_down
from hub.custody.parts import open_part
from hub.federation import service as federation
from hub.wiring import handlers
from node.custody import contents, inventory
from node.custody import service as custody
from node.custody.models import HandOver
from shared.kernel.errors import DanglianError, Invalid, NotAllowed, NotFound, WrongState
from shared.kernel.keys import SigningKey, sign_document
from shared.messaging.entry import Entry
from shared.packaging import build_bundle
from tests.end_to_end.custody.two_units import TwoUnits
from tests.federation import ADMIN, LEADER


@pytest.fixture
def two(start: Callable[..., TwoUnits]) -> TwoUnits:
    made = start()
    made.giving.file(2)
    made.city.settle()
    return made


def say(two: TwoUnits, node_id: str, kind: str, body: dict[str, Any]) -> None:
    """An entry of a node, applied at the hub."""
    with two.city.hub.database().write() as session:
        handlers(two.city.hub)[kind](session, node_id, [Entry(1, kind, "x", body)])


def arrived(two: TwoUnits) -> str:
    hand_over_id = two.propose()
    two.give(hand_over_id)
    return hand_over_id


def granted(two: TwoUnits, hand_over_id: str) -> tuple[str, str]:
    """The only bundle of a hand-over, and the token with which the taking unit may fetch it."""
    with two.city.hub.database().write() as session:
        [bundle] = hub_custody.bundles_of(hand_over_id, session)
        question = {"what": "fetch_bundle", "bundle_id": bundle.id}
        return bundle.id, grant_bundle_down(session, two.taking.node_id, question)["token"]


def test_a_bundle_of_a_hand_over_that_ended_is_asked_of_nobody(two: TwoUnits) -> None:
    hand_over_id = arrived(two)
    bundle_id, token = granted(two, hand_over_id)
    two.call_off(two.taking, hand_over_id, "不办了")
    two.city.settle()
    with pytest.raises(NotFound):
        open_part(two.city.hub, bundle_id, token=token, number=1)
    with two.city.hub.database().read() as session:
        assert hub_custody.bundles_of(hand_over_id, session)[0].arrived


def test_a_suspended_unit_went_on_fetching_a_fonds(two: TwoUnits) -> None:
    hand_over_id = arrived(two)
    bundle_id, token = granted(two, hand_over_id)
    with two.city.hub.database().write() as session:
        federation.suspend_node(ADMIN, two.taking.node_id, "核查中", session=session)
    with pytest.raises(NotAllowed):
        open_part(two.city.hub, bundle_id, token=token, number=1)


def test_only_the_two_nodes_speak_of_a_hand_over_each_for_its_own_side(two: TwoUnits) -> None:
    third = two.city.enrol("宜昌市体育局", number="A103")
    hand_over_id = two.propose()
    frozen = {"hand_over_id": hand_over_id, "by": "某人"}
    off = {**frozen, "reason": "捣乱"}
    for node_id, kind, body in (
        (two.taking.node_id, "hand_over_frozen", frozen),
        (third.node_id, "hand_over_frozen", frozen),
        (third.node_id, "hand_over_called_off", off),
        (two.giving.node_id, "hand_over_settled", frozen),
    ):
        with pytest.raises(NotAllowed):
            say(two, node_id, kind, body)
    asked = {"hand_over_id": "x", "fonds_id": two.fonds_id, "wish": "我", "reason": "y", "by": "z"}
    asked["hand_over_id"] = third.fonds_id
    with pytest.raises(NotAllowed):
        say(two, third.node_id, "hand_over_asked", asked)
    assert two.states(hand_over_id) == ("proposed",) * 3


def test_no_signature_but_the_seal_s_own_over_the_very_statement_assigns_a_fonds(
    two: TwoUnits,
) -> None:
    hand_over_id = arrived(two)
    with two.taking.folder.database().read() as session:
        statement = custody.draft_statement(LEADER, hand_over_id, session=session)
    good = custody.seal_statement(statement, two.taking.folder.keys.seal())
    other = {**good["statement"], "by": "另一人"}
    seal = two.taking.folder.keys.seal()
    for body in (
        {**good, "signed": sign_document(SigningKey.generate(), good["statement"])},
        {**good, "signed": sign_document(two.taking.folder.keys.device(), good["statement"])},
        {"statement": other, "signed": sign_document(seal, other)},
        {"statement": other, "signed": good["signed"]},
    ):
        with pytest.raises(NotAllowed):
            say(
                two,
                two.taking.node_id,
                "hand_over_taken",
                {"hand_over_id": hand_over_id, "by": "李局长", **body},
            )
    assert two.keeper() == two.giving.node_id


def test_evidence_that_the_hub_did_not_sign_moves_nothing(two: TwoUnits) -> None:
    hand_over_id = arrived(two)
    with two.taking.folder.database().read() as session:
        said = dict(session.get_one(HandOver, hand_over_id).document or {})
    forged = {**said, "state": "assigned"}
    rest = {name: value for name, value in forged.items() if name != "signed"}
    own = sign_document(two.taking.folder.keys.device(), rest)
    for document in (forged, {**rest, "signed": own}, rest, {}, "x", None, {"a": 1.5}):
        with pytest.raises(DanglianError):
            say(two, two.taking.node_id, "hand_over_evidence", {"document": document})
    assert two.keeper() == two.giving.node_id


def test_an_inventory_that_is_not_the_catalogue_s_ends_the_hand_over(two: TwoUnits) -> None:
    from hub.catalogue.models import CatalogueTally

    hand_over_id = two.propose()
    two.freeze(hand_over_id)
    two.city.settle()
    with two.city.hub.database().write() as session:
        session.query(CatalogueTally).update({"sum": "0" * 64})
    two.sign(two.giving, hand_over_id)
    two.city.settle()
    assert two.states(hand_over_id) == ("called_off",) * 3
    assert two.writers() == ["giving"]
    with two.giving.folder.database().read() as session:
        ended = session.get_one(HandOver, hand_over_id).called_off
    assert "与平台目录不一致" in str(ended)


def test_a_row_that_is_missing_in_the_bundles_is_found_before_anybody_signs(
    two: TwoUnits, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_over_id = two.propose()
    two.freeze(hand_over_id)
    real = inventory.lines

    def all_but_one(fonds_id: str, session: Any) -> Any:
        rows = list(real(fonds_id, session))
        return iter(rows[:-1])

    monkeypatch.setattr(inventory, "lines", all_but_one)
    for _ in range(4):
        two.city.turn()
        two.city.clock.seconds += 25
    monkeypatch.undo()
    two.city.settle()
    with two.giving.folder.database().read() as session:
        assert session.get_one(HandOver, hand_over_id).inventory
    two.sign(two.giving, hand_over_id)
    two.city.settle()
    assert any("与清单不一致" in each for each in two.problems(two.taking))
    with pytest.raises(WrongState):
        two.sign(two.taking, hand_over_id)
    two.call_off(two.taking, hand_over_id, "清单不符")
    two.city.settle()
    assert two.writers() == ["giving"]


@pytest.mark.parametrize(
    "line",
    [
        b'["office",{"id":1}]',
        b'["filing_record",{"id":"x"}]',
        b'["filing_record"]',
        b"not json",
        b"[" * 3000,
        b'["filing_closed_class",{"fonds_id":1.5}]',
        b'["registry_serial",{"direction":"incoming","fonds_id":"f","last":null,"year":2023}]',
    ],
)
def test_rows_that_this_node_does_not_know_are_refused(
    two: TwoUnits, tmp_path: Path, line: bytes
) -> None:
    rows = tmp_path / "rows"
    rows.write_bytes(line)
    target = tmp_path / "bundle.zip"
    build_bundle([("rows/000001.jsonl", rows)], about={"hand_over_id": "h"}, target=target)
    [step] = contents.steps_of([target], "h")
    with pytest.raises(Invalid), two.taking.folder.database().write() as session:
        inventory.write_lines(two.fonds_id, contents.rows_in(step), session)
