"""Signing in at a node through the hub: what the hub answers to signed questions."""

from __future__ import annotations

import pytest
from authlib.common.security import generate_token
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from sqlalchemy.orm import Session

from hub.federation.models import Fonds
from hub.signon import for_nodes
from node.app import make_node_app
from node.signon import service
from node.signon.service import ask_about_accounts
from node.sync.asking import HubDoor
from shared import identity
from shared.identity import (
    Account,
    BearerToken,
    NotSignedIn,
    actor_of,
    actor_of_token,
    issue_token,
)
from shared.identity.elsewhere import account_elsewhere, register_elsewhere
from shared.kernel.actor import ADMINISTRATORS, Actor, Grant, Openness, Role
from shared.kernel.errors import Invalid, NotAllowed, NotFound
from tests.hub.signon.conftest import SignOnCity
from tests.people import MACHINE

BACK = "http://127.0.0.1:8070/sign-on/back"
ISSUER = "http://localhost:8060"


@pytest.fixture
def clerk(city: SignOnCity) -> Account:
    return city.add(
        "zhangsan",
        Grant(Role.CLERK, None, city.unit.fonds_id),
        Grant(Role.LEADER, None, "another"),
    )


def begun(city: SignOnCity, session: Session, verifier: str, address: str = BACK) -> str:
    question = {
        "redirect_uri": address,
        "state": "s" * 32,
        "code_challenge": create_s256_code_challenge(verifier),
    }
    return str(for_nodes.begin_at_node(session, city.unit.node_id, question)["request_uri"])


def code_for(actor: Actor, city: SignOnCity, session: Session, verifier: str) -> str:
    uri = begun(city, session, verifier)
    address = for_nodes.give_code(actor, city.unit.node_id, uri, ISSUER, session=session)
    assert address.startswith(f"{BACK}?code=")
    with pytest.raises(NotFound):  # one request, one code
        for_nodes.give_code(actor, city.unit.node_id, uri, ISSUER, session=session)
    return address.partition("code=")[2].partition("&")[0]


def test_a_code_is_good_once_for_its_node_and_its_browser(city: SignOnCity, clerk: Account) -> None:
    verifier = generate_token(64)
    with city.hub.database().write() as session:
        code = code_for(actor_of(clerk), city, session, verifier)
        right = {"code": code, "code_verifier": verifier, "redirect_uri": BACK}
        for node, wrong in (
            ("another node", right),
            (city.unit.node_id, right | {"code_verifier": generate_token(64)}),
            (city.unit.node_id, right | {"redirect_uri": BACK + "x"}),
            (city.unit.node_id, right | {"code": "made-up"}),
            (city.unit.node_id, {}),
        ):
            with pytest.raises(NotAllowed):
                for_nodes.redeem(session, node, wrong)
        told = for_nodes.redeem(session, city.unit.node_id, right)
        # For its own fonds alone.
        assert told["grants"] == [{"role": "clerk", "fonds": city.unit.fonds_id, "until": None}]
        with pytest.raises(NotAllowed):
            for_nodes.redeem(session, city.unit.node_id, right)


def test_who_has_nothing_to_do_at_a_node_gets_no_code(city: SignOnCity) -> None:
    other = city.add("lisi", Grant(Role.CLERK, None, "another"))
    with city.hub.database().write() as session:
        uri = begun(city, session, generate_token(64))
        with pytest.raises(NotAllowed):
            for_nodes.give_code(actor_of(other), city.unit.node_id, uri, ISSUER, session=session)


def test_a_countys_three_are_the_administrators_of_its_nodes(city: SignOnCity) -> None:
    with city.hub.database().read() as session:
        fonds = session.get_one(Fonds, city.unit.fonds_id)
        ours = str(fonds.receiving_archive)
    for role in ADMINISTRATORS:
        county = city.add(f"c-{role}", Grant(role, ours))
        elsewhere = city.add(f"e-{role}", Grant(role, "420583" if ours != "420583" else "420506"))
        known = {"known": [county.id, elsewhere.id]}
        with city.hub.database().read() as session:
            told = for_nodes.accounts_at_node(session, city.unit.node_id, known)["accounts"]
        assert told[county.id]["grants"] == [{"role": role, "fonds": None, "until": None}]
        assert told[elsewhere.id] is None
    with city.unit.folder.database().write() as session:
        account = register_elsewhere(
            MACHINE, "hub", county.id, login="c", name="县", waiting=False, session=session
        )
        service._take(account, told[county.id], session)
        assert actor_of(account).grants == (Grant(Role.AUDITOR),), "for the whole of the node"


def test_a_limit_is_passed_on_to_a_node_that_honours_it(city: SignOnCity) -> None:
    fonds = city.unit.fonds_id
    limited = city.add(
        "keji",
        Grant(Role.CLERK, None, fonds, "KJ"),
        Grant(Role.CLERK, None, fonds, "KJ", until="2030-12-31"),
        Grant(Role.LEADER, None, fonds, openness=Openness.OPEN),
    )
    known = {"known": [limited.id]}
    with city.hub.database().read() as session:
        old = for_nodes.accounts_at_node(session, city.unit.node_id, known)["accounts"]
        told = for_nodes.accounts_at_node(session, city.unit.node_id, {**known, "limits": True})
    assert old[limited.id] is None, "an older node would take it for the whole fonds"
    grants = told["accounts"][limited.id]["grants"]
    assert grants == [
        {"role": "clerk", "fonds": fonds, "until": None, "class_code": "KJ"},
        {"role": "leader", "fonds": fonds, "until": None, "openness": "open"},
    ]
    with city.unit.folder.database().write() as session:
        account = register_elsewhere(
            MACHINE, "hub", limited.id, login="h", name="科技", waiting=False, session=session
        )
        service._take(account, told["accounts"][limited.id], session)
        assert set(actor_of(account).grants) == {
            Grant(Role.CLERK, None, fonds, "KJ"),
            Grant(Role.LEADER, None, fonds, openness=Openness.OPEN),
        }


def test_signing_out_at_a_node_ends_what_led_there(city: SignOnCity, clerk: Account) -> None:
    verifier, database = generate_token(64), city.hub.database()
    with database.write() as session:
        token, other = (issue_token(clerk, session=session) for _ in range(2))
        uri = begun(city, session, verifier)
        address = for_nodes.give_code(
            actor_of(clerk), city.unit.node_id, uri, ISSUER, session=session, token=token
        )
        code = address.partition("code=")[2].partition("&")[0]
        right = {"code": code, "code_verifier": verifier, "redirect_uri": BACK}
        told = for_nodes.redeem(session, city.unit.node_id, right)
    city.federation.serve()
    try:
        with city.unit.folder.database().write() as session:
            here = register_elsewhere(
                MACHINE, "hub", clerk.id, login="zhang", name="张三", waiting=False, session=session
            )
        kept = BearerToken(account_id=here.id, way="hub", provider_session=told["session"])
        assert service.end_at_hub(city.unit.folder, kept)
        assert not service.end_at_hub(city.unit.folder, kept), "it has ended"
        local = BearerToken(account_id=here.id, way="password", provider_session=None)
        assert not service.end_at_hub(city.unit.folder, local)
    finally:
        city.federation.stop_serving()
    assert not service.end_at_hub(city.unit.folder, kept), "the hub is away, and nothing hangs"
    with database.read() as session:
        with pytest.raises(NotSignedIn):
            actor_of_token(token, session=session)
        assert actor_of_token(other, session=session).id == clerk.id, "another PC's stays"


@pytest.mark.parametrize(
    ("address", "fine"),
    [
        ("http://127.0.0.1:8070/sign-on/back", True),
        ("http://{192.168.1.20}:8070/town/sign-on/back", True),
        ("http://localhost:8070/sign-on/back", True),
        ("http://[::1]:8070/sign-on/back", True),
        ("https://{oa-pc.local}/sign-on/back", True),
        ("http://{record-room}:8070/sign-on/back", True),
        ("https://evil.example/sign-on/back", False),
        ("http://{8.8.8.8}/sign-on/back", False),
        ("http://{134744072}/sign-on/back", False),
        ("http://{0.0.0.0}/sign-on/back", False),
        ("http://{localhost@evil.example}/sign-on/back", False),
        ("javascript://localhost/sign-on/back", False),
        ("http://localhost:8070/sign-on/back?next=https://evil.example", False),
        ("http://localhost/elsewhere", False),
        ("http://localhost:x/sign-on/back", False),
    ],
)
def test_codes_go_to_this_pc_and_its_network_only(
    city: SignOnCity, address: str, fine: bool
) -> None:
    address = address.translate({ord("{"): None, ord("}"): None})
    with city.hub.database().write() as session:
        if fine:
            assert begun(city, session, generate_token(64), address)
        else:
            with pytest.raises(Invalid):
                begun(city, session, generate_token(64), address)


def test_while_the_hub_is_away_a_node_says_so_and_offers_the_local_way(city: SignOnCity) -> None:
    node = make_node_app(city.unit.folder).test_client()
    answer = node.get("/sign-on/start")
    assert answer.status_code == 503
    assert "连接不上市级平台" in answer.text
    assert "用登录名和密码登录" in answer.text
    assert "通过市级平台登录" in node.get("/sign-in").text


def test_a_node_hears_of_what_the_hub_takes_away_though_nobody_signs_in(
    city: SignOnCity, clerk: Account
) -> None:
    city.federation.serve()
    folder, issuer = city.unit.folder, city.hub.settings.hub_id
    try:
        verifier = generate_token(64)
        with city.hub.database().write() as session:
            code = code_for(actor_of(clerk), city, session, verifier)
        here, at_hub = service.finish(folder, code, verifier, BACK)
        assert (here.login, at_hub) == ("zhangsan", None)
        door = HubDoor(folder)

        def now_here() -> Account:
            assert ask_about_accounts(folder, door) == 1
            with folder.database().read() as session:
                found = account_elsewhere(issuer, clerk.id, session)
                assert found is not None
                return found

        assert [each.role for each in now_here().grants] == ["clerk"]
        for role in (Role.LEADER, None):
            with city.hub.database().write() as session:
                held = identity.account_of(clerk.id, session)
                fonds = city.unit.fonds_id if role else "another"
                identity.set_grants(
                    MACHINE, held, [Grant(role or Role.CLERK, None, fonds)], session=session
                )
            account = now_here()
            assert account.disabled is (role is None)
        assert [each.role for each in account.grants] == ["leader"]
    finally:
        city.federation.stop_serving()
