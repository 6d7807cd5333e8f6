"""Packages too large for an entry: granted, sent in parts, resumed, completed by the hub alone."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from hub.federation import service as federation
from hub.receiving import service as receiving
from hub.receiving import uploads
from hub.receiving.models import Upload
from shared.kernel.canonical import sha256_hex
from shared.kernel.clock import now
from shared.kernel.errors import DanglianError, Invalid, WrongState
from shared.storage import MOST_PARTS, PART_SIZE, FolderStaging
from tests.hub.desk import make_desk
from tests.hub.receiving.handover import HandedOver, Hub, Offered, Unit
from tests.hub.receiving.killed import hub_works
from tests.killed import dies

LARGE = 2_500_000


@pytest.fixture
def batch(unit: Unit) -> HandedOver:
    return unit.hand_over(1, inline=False, extra=LARGE)


@pytest.fixture
def client(hub: Hub) -> FlaskClient:
    return make_desk(hub.city).test_client()


def ask(hub: Hub, unit: Unit, offered: Offered, **changes: Any) -> dict[str, Any]:
    with hub.city.database.write() as session:
        body = {"offer_id": offered.offer_id, "sha256": offered.sha256,
                "size": len(offered.package), **changes}  # fmt: skip
        return receiving.grant_upload(session, unit.node.id, {"what": "upload", **body})


def parts(package: bytes) -> list[bytes]:
    return [package[start : start + PART_SIZE] for start in range(0, len(package), PART_SIZE)]


def put(
    client: FlaskClient, grant: dict[str, Any], number: int, part: bytes, **headers: str
) -> TestResponse:
    return client.put(
        f"/api/v1/uploads/{grant['upload_id']}/parts/{number}",
        data=part,
        headers={
            "Danglian-Upload-Token": grant["token"],
            "Danglian-Part-Sha256": sha256_hex(part),
            **headers,
        },
    )


def test_a_package_goes_up_in_parts_and_is_checked(
    hub: Hub, unit: Unit, batch: HandedOver, client: FlaskClient
) -> None:
    hub.work()
    assert hub.batch(batch.id).state == "arriving"
    offered = batch.offers[0]
    grant = ask(hub, unit, offered)
    assert (grant["present_parts"], grant["part_count"], grant["complete"]) == ([], 3, False)
    pieces = parts(offered.package)
    for number in (2, 1):
        answer = put(client, grant, number, pieces[number - 1])
        assert (answer.status_code, answer.get_json()) == (200, {"complete": False})
    # The line breaks; the node asks anew, and sends what is missing.
    again = ask(hub, unit, offered)
    assert again["present_parts"] == [1, 2]
    assert put(client, grant, 3, pieces[2]).status_code == 403
    answer = put(client, again, 3, pieces[2])
    assert answer.get_json() == {"complete": True}
    assert hub.batch(batch.id).state == "checking"
    assert ask(hub, unit, offered)["complete"] is True
    hub.work()
    assert (hub.batch(batch.id).state, hub.batch(batch.id).errors) == ("under_review", 0)


def test_a_large_package_is_received_unchanged(
    hub: Hub, unit: Unit, batch: HandedOver, client: FlaskClient, request: pytest.FixtureRequest
) -> None:
    offered = batch.offers[0]
    grant = ask(hub, unit, offered)
    for number, piece in enumerate(parts(offered.package), 1):
        put(client, grant, number, piece)
    hub.work()
    hub.conclude(request.getfixturevalue("reviewer"), batch.id, "accepted")
    unit.sign(batch.id)
    hub.receive(request.getfixturevalue("archivist"), batch.id)
    hub.work()
    names = [n for n in hub.city.folder.store.names("archives/") if n.endswith(".zip")]
    assert [name.rpartition("/")[2] for name in names] == [f"{offered.sha256}.zip"]
    with hub.city.folder.store.open(names[0]) as stream:
        assert stream.read() == offered.package
    with hub.city.database.read() as session:
        assert session.get(Upload, offered.offer_id) is None


def test_parts_that_are_not_what_they_say_are_refused(
    hub: Hub, unit: Unit, batch: HandedOver, client: FlaskClient
) -> None:
    offered = batch.offers[0]
    grant = ask(hub, unit, offered)
    piece = parts(offered.package)[0]
    torn = put(client, grant, 1, piece[:-1], **{"Danglian-Part-Sha256": sha256_hex(piece)})
    assert torn.status_code == 422
    wrong = put(client, grant, 1, bytes(len(piece)), **{"Danglian-Part-Sha256": sha256_hex(piece)})
    assert wrong.status_code == 422
    assert put(client, grant, 4, piece).status_code == 422
    assert put(client, grant, 1, piece + b"x").status_code in (413, 422)
    assert put(client, grant, 1, piece, **{"Danglian-Part-Sha256": ""}).status_code == 422
    assert put(client, {**grant, "token": "0" * 48}, 1, piece).get_json()["code"] == "grant_expired"
    assert ask(hub, unit, offered)["present_parts"] == []


def test_several_parts_come_in_one_request(
    hub: Hub, unit: Unit, batch: HandedOver, client: FlaskClient
) -> None:
    offered = batch.offers[0]
    grant = ask(hub, unit, offered)
    assert grant["parts_at_once"] == MOST_PARTS
    pieces = parts(offered.package)
    assert put(client, grant, 2, b"".join(pieces[1:])).get_json() == {"complete": False}
    assert ask(hub, unit, offered)["present_parts"] == [2, 3]
    grant = ask(hub, unit, offered)
    # What is here is not taken once more in another way, so that no quota is got around.
    lying = hub.city.folder.path / "staging" / offered.offer_id
    before = sorted(lying.iterdir())
    assert put(client, grant, 3, pieces[2]).get_json() == {"complete": False}
    answer = put(client, grant, 1, b"".join(pieces[:2]))
    assert (answer.status_code, answer.get_json()["code"]) == (409, "parts_here")
    assert sorted(lying.iterdir()) == before
    assert put(client, grant, 1, pieces[0]).get_json() == {"complete": True}
    hub.work()
    assert (hub.batch(batch.id).state, hub.batch(batch.id).errors) == ("under_review", 0)


def test_no_more_parts_than_were_granted_come_in_one_request(
    hub: Hub, unit: Unit, client: FlaskClient
) -> None:
    offered = unit.hand_over(1, inline=False, extra=MOST_PARTS * PART_SIZE).offers[0]
    grant = ask(hub, unit, offered)
    many = offered.package[: MOST_PARTS * PART_SIZE]
    assert put(client, grant, 1, many + b"xx").status_code == 413
    assert put(client, grant, 2, many).get_json()["code"] == "invalid", "it is not that long"
    assert put(client, grant, 1, many).status_code == 200
    assert ask(hub, unit, offered)["present_parts"] == list(range(1, MOST_PARTS + 1))


@pytest.mark.parametrize("cut", [0, 1, PART_SIZE, PART_SIZE + 1, 2 * PART_SIZE - 1])
def test_a_line_that_is_cut_at_any_byte_leaves_no_part(
    hub: Hub, unit: Unit, batch: HandedOver, cut: int
) -> None:
    """As a server shows it that hands on what comes while it comes."""
    offered = batch.offers[0]
    grant = ask(hub, unit, offered)
    piece = offered.package[: 2 * PART_SIZE]

    def send(stream: io.BytesIO) -> bool:
        return receiving.put_part(
            hub.city.database, hub.city.folder.staging, grant["upload_id"], token=grant["token"],
            number=1, stream=stream, size=len(piece), sha256=sha256_hex(piece),
        )  # fmt: skip

    with pytest.raises(Invalid):
        send(io.BytesIO(piece[:cut]))
    assert ask(hub, unit, offered)["present_parts"] == []
    grant = ask(hub, unit, offered)
    assert send(io.BytesIO(piece)) is False
    assert ask(hub, unit, offered)["present_parts"] == [1, 2]


def test_a_grant_is_for_one_offer_of_one_node(
    hub: Hub, unit: Unit, other_unit: Unit, batch: HandedOver
) -> None:
    offered = batch.offers[0]
    for who, changes, code in (
        (unit, {"sha256": "0" * 64}, "other_package"),
        (unit, {"size": 5}, "other_package"),
        (unit, {"offer_id": "0" * 8 + "-0000-0000-0000-" + "0" * 12}, "offer_unknown"),
        (other_unit, {}, "foreign_offer"),
    ):
        with pytest.raises(DanglianError) as told:
            ask(hub, who, offered, **changes)
        assert told.value.code == code
    unit.send("withdraw", {"batch_id": batch.id, "by": None, "reason": None})
    with pytest.raises(DanglianError) as told:
        ask(hub, unit, offered)
    assert told.value.code == "offer_closed"


def test_a_grant_ends_and_a_quota_holds(
    hub: Hub, unit: Unit, batch: HandedOver, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered = batch.offers[0]
    monkeypatch.setattr(uploads, "GRANT_LASTS", timedelta(seconds=-1))
    grant = ask(hub, unit, offered)
    assert put(client, grant, 1, parts(offered.package)[0]).status_code == 403
    from hub.federation.models import Node

    with hub.city.database.write() as session:
        session.get_one(Node, unit.node.id).quota_bytes = LARGE + 10_000
    second = unit.hand_over(1, inline=False, extra=LARGE).offers[0]
    with pytest.raises(DanglianError) as told:
        ask(hub, unit, second)
    assert told.value.code == "quota_full"


def test_a_suspended_unit_went_on_with_its_upload(
    hub: Hub, unit: Unit, batch: HandedOver, client: FlaskClient
) -> None:
    offered = batch.offers[0]
    grant = ask(hub, unit, offered)
    first, second, *_ = parts(offered.package)
    assert put(client, grant, 1, first).status_code == 200
    with hub.city.database.write() as session:
        federation.suspend_node(hub.city.admin, unit.node.id, "核查中", session=session)
    assert put(client, grant, 2, second).get_json()["code"] == "grant_expired"
    with hub.city.database.write() as session:
        federation.resume_node(hub.city.admin, unit.node.id, session=session)
    assert put(client, grant, 2, second).status_code == 200


def test_what_nobody_went_on_with_is_swept_and_can_be_sent_again(
    hub: Hub, unit: Unit, batch: HandedOver, client: FlaskClient
) -> None:
    offered = batch.offers[0]
    grant = ask(hub, unit, offered)
    put(client, grant, 1, parts(offered.package)[0])
    with hub.city.database.write() as session:
        session.get_one(Upload, offered.offer_id).expires_at = now() - timedelta(days=15)
    hub.work("receiving.sweep")
    with pytest.raises(DanglianError):
        hub.city.folder.staging.parts(offered.offer_id)
    grant = ask(hub, unit, offered)
    assert grant["present_parts"] == []
    for number, piece in enumerate(parts(offered.package), 1):
        assert put(client, grant, number, piece).status_code == 200
    hub.work()
    assert hub.batch(batch.id).state == "under_review"


def test_a_stale_package_that_is_asked_for_while_it_is_swept_arrives_whole(
    hub: Hub, unit: Unit, batch: HandedOver, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered = batch.offers[0]
    pieces = parts(offered.package)
    put(client, ask(hub, unit, offered), 1, pieces[0])
    with hub.city.database.write() as session:
        session.get_one(Upload, offered.offer_id).expires_at = now() - timedelta(days=15)
    clear, told = FolderStaging.abort, []

    def asked_meanwhile(staging: FolderStaging, upload_id: str) -> None:
        """The node comes back between what the sweeper wrote down and what it does."""
        try:
            put(client, ask(hub, unit, offered), 2, pieces[1])
        except WrongState as error:
            told.append(error.code)
        clear(staging, upload_id)

    monkeypatch.setattr(FolderStaging, "abort", asked_meanwhile)
    hub.work("receiving.sweep")
    monkeypatch.undo()
    assert told == ["upload_clearing"]
    grant = ask(hub, unit, offered)
    for number, piece in enumerate(pieces, 1):
        if number not in grant["present_parts"]:
            assert put(client, grant, number, piece).status_code == 200
    hub.work()
    assert hub.batch(batch.id).state == "under_review"


@pytest.mark.faults
@pytest.mark.parametrize("point", ["abort-before", "abort-after"])
def test_a_sweeper_that_is_killed_goes_on_at_its_next_start(
    hub: Hub, unit: Unit, batch: HandedOver, client: FlaskClient, point: str
) -> None:
    offered = batch.offers[0]
    put(client, ask(hub, unit, offered), 1, parts(offered.package)[0])
    with hub.city.database.write() as session:
        session.get_one(Upload, offered.offer_id).expires_at = now() - timedelta(days=15)
    assert dies(hub_works, hub.city.folder.path, point, 1)
    with pytest.raises(WrongState):
        ask(hub, unit, offered)
    hub.work("receiving.sweep")
    assert ask(hub, unit, offered)["present_parts"] == []


def test_the_parts_can_be_asked_for(
    hub: Hub, unit: Unit, batch: HandedOver, client: FlaskClient
) -> None:
    offered = batch.offers[0]
    grant = ask(hub, unit, offered)
    put(client, grant, 2, parts(offered.package)[1])
    path = f"/api/v1/uploads/{offered.offer_id}/parts"
    answer = client.get(path, headers={"Danglian-Upload-Token": grant["token"]})
    assert answer.get_json() == {"present_parts": [2]}
    assert client.get(path).status_code == 403
