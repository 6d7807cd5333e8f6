"""A change of clerk 经办人交接: three sign one inventory, then all of it is done at once."""

from __future__ import annotations

import re
from typing import Any

import pypdfium2
import pytest
from sqlalchemy import select

from node.clerks import service as clerks
from node.clerks.inventory import inventory_pdf
from node.clerks.models import ClerkChange
from node.registry import service as registry
from node.registry.models import Registered
from shared.audit import AuditEvent
from shared.identity import Account, actor_of
from shared.identity.service import close_account
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.errors import Conflict, NotAllowed, NotFound, WrongState
from tests.node.browser import PASSWORD, Browser
from tests.node.conftest import Node
from tests.node.test_command import run
from tests.people import employ

_ROLES = {
    "zhang": Role.CLERK,
    "li": Role.CLERK,
    "he": Role.LEADER,
    "wang": Role.CLERK,
    "qian": Role.CLERK,
}


@pytest.fixture
def people(node: Node) -> dict[str, Account]:
    """张 leaves, 李 takes over, 何 leads, 王 looks after the village alone."""
    with node.database.write() as session:
        return {
            login: employ(
                login, login, PASSWORD,
                [Grant(role, fonds_id=node.village if login == "wang" else None)], session=session,
            )
            for login, role in _ROLES.items()
        }  # fmt: skip


def prepared(node: Node, people: dict[str, Account], **more: Any) -> ClerkChange:
    by = people["he" if more.get("has_left") else "zhang"]
    with node.database.write() as session:
        return clerks.prepare_change(
            actor_of(by), people["zhang"], people["li"], "调离", session=session, **more
        )


def sign(node: Node, who: Account, change: ClerkChange, role: str) -> ClerkChange:
    with node.database.write() as session:
        return clerks.sign_change(actor_of(who), change.id, role, change.digest, session=session)


def work_of(node: Node, clerk: Actor) -> str:
    """Something in hand: two drafts, and a document that 张 handles."""
    node.collect(clerk, 2)
    with node.database.write() as session:
        document = registry.register(
            clerk, node.fonds, "incoming", {"title": "关于防汛的通知",
                                "date": "2024-05-01", "handler": "zhang"},
            session=session,
        )  # fmt: skip
        return document.id


def test_when_all_three_have_signed_everything_is_handed_over_at_once(
    node: Node, people: dict[str, Account], clerk: Actor
) -> None:
    document_id = work_of(node, clerk)
    change = prepared(node, people)
    assert change.inventory["counts"] == {
        "documents": 1, "drafts": 2, "returns": 0, "batches": 0, "claims": 0,
    }  # fmt: skip
    for who, role in (("li", "giver"), ("zhang", "taker"), ("li", "witness"), ("zhang", "witness")):
        with pytest.raises(NotAllowed):
            sign(node, people[who], change, role)
    sign(node, people["zhang"], change, "giver")
    sign(node, people["li"], change, "taker")
    with node.database.read() as session:
        assert not session.get_one(Account, people["zhang"].id).disabled, "not before the third"
    done = sign(node, people["he"], change, "witness")
    with node.database.read() as session:
        assert session.get_one(Account, people["zhang"].id).disabled
        assert session.get_one(Registered, document_id).handler == "li"
        told = [each.action for each in session.scalars(select(AuditEvent))]
        assert told.count("clerk.changed") == 1
        assert "account.disabled" not in told, "one event tells of all of it"
    with pytest.raises(WrongState):
        sign(node, people["he"], change, "witness")
    shown = pypdfium2.PdfDocument(inventory_pdf(done, office="樟村坪镇人民政府"))
    text = shown[0].get_textpage().get_text_range()
    for each in ("交接清册", "关于防汛的通知", "监交人：he", done.digest):
        assert each in text


def test_an_inventory_that_is_no_longer_true_is_not_signed(
    node: Node, people: dict[str, Account], clerk: Actor
) -> None:
    change = prepared(node, people)
    sign(node, people["zhang"], change, "giver")
    node.collect(clerk, 1)
    with pytest.raises(Conflict) as refused:
        sign(node, people["li"], change, "taker")
    assert refused.value.code == "inventory_changed"
    with node.database.write() as session:
        clerks.withdraw_change(actor_of(people["li"]), change.id, session=session)
    assert prepared(node, people).inventory["counts"]["drafts"] == 1


def test_of_one_who_has_left_the_leader_hands_over_and_another_witnesses(
    node: Node, people: dict[str, Account]
) -> None:
    with pytest.raises(NotAllowed), node.database.write() as session:
        clerks.prepare_change(
            actor_of(people["li"]), people["zhang"], people["li"], "失联", has_left=True,
            session=session,
        )  # fmt: skip
    with node.database.write() as session:
        people["zhang"] = session.get_one(Account, people["zhang"].id)
        close_account(people["zhang"], session)
    with pytest.raises(WrongState):
        prepared(node, people)
    # An account that was closed when its clerk left kept what was in hand from being handed over.
    change = prepared(node, people, has_left=True)
    sign(node, people["he"], change, "giver")
    with pytest.raises(WrongState) as refused:
        sign(node, people["he"], change, "witness")
    assert refused.value.code == "two_people"
    sign(node, people["li"], change, "taker")
    with pytest.raises(NotFound):  # it names what is none of the village's
        sign(node, people["wang"], change, "witness")
    assert sign(node, people["qian"], change, "witness").state == "done"


def test_who_takes_over_has_the_rights_already(node: Node, people: dict[str, Account]) -> None:
    with pytest.raises(WrongState) as refused, node.database.write() as session:
        clerks.prepare_change(
            actor_of(people["zhang"]), people["zhang"], people["wang"], "调离", session=session
        )
    assert refused.value.code == "successor_not_granted"


def test_on_the_pages_and_on_the_command_line(node: Node, people: dict[str, Account]) -> None:
    browser = Browser(node, "sun", "孙", Grant(Role.CLERK))
    page = browser.post(
        "/clerks/new",
        {"leaving": people["wang"].id, "successor": people["li"].id, "reason": "退休"},
    ).text
    assert "手头没有没办完的事" in page
    assert "签字（监交人）" in page
    assert "签字（接收人）" not in page, "that is for 李 to sign"
    digest = re.findall(r'name="digest" value="([0-9a-f]{64})"', page)[0]
    path = re.findall(r'action="(/clerks/[^"/]+)/sign"', page)[0]
    assert "已签字" in browser.post(f"{path}/sign", {"role": "witness", "digest": digest}).text
    assert browser.get(f"{path}/pdf").content_type == "application/pdf"
    assert "已撤销" in browser.post(f"{path}/withdraw").text
    told = run(
        "change-clerk", "--dir", node.folder.path, "--reason", "调离",
        *(word for role, login in (("giver", "zhang"), ("taker", "li"), ("witness", "he"))
          for word in (f"--{role}", login, f"--{role}-password", PASSWORD)),
    )  # fmt: skip
    assert (told["leaving"], told["successor"]) == ("zhang", "li")
