"""The verbs of signing in through the hub, at a node."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from authlib.common.security import generate_token
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from sqlalchemy import select
from sqlalchemy.orm import Session

from node.office.places import NodeFolder
from node.office.service import fonds_here, office_of
from node.sync.asking import HubDoor
from node.sync.questions import hub_url
from shared.identity import Account, BearerToken
from shared.identity.elsewhere import (
    account_elsewhere,
    confirm,
    register_elsewhere,
    revoke_elsewhere,
)
from shared.kernel.actor import ADMINISTRATORS, Grant, Openness, Role, system_actor
from shared.kernel.clock import parse_utc
from shared.kernel.errors import DanglianError, Invalid, Unavailable, WrongState
from shared.records.grants import read_grant

log = logging.getLogger(__name__)

_HUB = system_actor("hub")
#: What the hub gives at a node, for its fonds, or for the whole of it; anything else is left out.
_ROLES = {Role.CLERK, Role.LEADER}
#: Tells the hub that class and openness of a grant are honoured here.
_KNOWS = {"limits": True}
_MOST_ASKED = 500
_FIRST_AFTER_SECONDS = 5.0


class Begun:
    """A sign-in that has begun: where the browser goes, and what to remember until it is back."""

    def __init__(self, door: HubDoor, hub: str, node_id: str, redirect_uri: str) -> None:
        """Push the request to the hub (RFC 9126). Raises Unavailable, and the hub's refusal."""
        self.state, self.verifier = generate_token(32), generate_token(64)
        pushed = door.ask(
            {
                "what": "sign_in_begin",
                "redirect_uri": redirect_uri,
                "state": self.state,
                "code_challenge": create_s256_code_challenge(self.verifier),
            }
        )
        self.url = f"{hub}/sign-on/authorize?client_id={node_id}&request_uri={_plain(pushed)}"


def through_hub(folder: NodeFolder) -> bool:
    """Whether people may sign in through the hub here."""
    return folder.settings.sign_in_through_hub and HubDoor(folder).is_open()


def begin(folder: NodeFolder, redirect_uri: str) -> Begun:
    """Begin a sign-in through the hub. Raises WrongState without one, Unavailable."""
    door = HubDoor(folder)
    if not through_hub(folder):
        raise WrongState("本机还没有与市级平台联网。", "请用本机的登录名和密码登录。")
    with folder.database().read() as session:
        office = office_of(session)
        return Begun(door, hub_url(folder, office), str(office.node_id), redirect_uri)


def finish(
    folder: NodeFolder, code: str, verifier: str, redirect_uri: str
) -> tuple[Account, str | None]:
    """The account here of whoever the code stands for, made at the first time.

    With it what the hub calls their sign-in there; None from an older hub.

    Raises Unavailable, and the hub's refusal.
    """
    told = HubDoor(folder).ask(
        {
            "what": "sign_in_redeem",
            "code": code,
            "code_verifier": verifier,
            "redirect_uri": redirect_uri,
            **_KNOWS,
        }
    )
    with folder.database().write() as session:
        issuer = str(office_of(session).hub_id)
        subject = str(told["account_id"])
        account = account_elsewhere(issuer, subject, session)
        if account is None:
            account = register_elsewhere(
                _HUB,
                issuer,
                subject,
                login=str(told["login"]),
                name=str(told["name"]),
                waiting=False,
                session=session,
            )
        _take(account, told, session)
        at_hub = told.get("session")
        return account, str(at_hub) if at_hub else None


def end_at_hub(folder: NodeFolder, kept: BearerToken) -> bool:
    """End the sign-in at the hub that led to one here; whether that was done.

    False while the hub is away, or where it does not know that it should: the sign-in there lasts
    until it is too old, and the page says so.
    """
    door = HubDoor(folder)
    if kept.way != "hub" or kept.provider_session is None or not door.is_open():
        return False
    with folder.database().read() as session:
        account = session.get(Account, kept.account_id)
    if account is None:
        return False
    question = {
        "what": "sign_out",
        "account_id": account.subject,
        "session": kept.provider_session,
    }
    try:
        return bool(door.ask(question).get("ended"))
    except DanglianError as error:  # signing out here never waits for the hub to be well
        log.warning("the sign-in at the hub could not be ended: %s", error.code)
        return False


class AccountsWork:
    """Asks the hub what has become of its accounts here, also when nobody signs in."""

    def __init__(self, folder: NodeFolder, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._door = HubDoor(folder)
        self._clock = clock
        self._due = clock() + _FIRST_AFTER_SECONDS

    def step(self) -> bool:
        """Ask when it is due; False always: there is never more to do at once."""
        if self._clock() < self._due or not self._door.is_open():
            return False
        try:
            ask_about_accounts(self._folder, self._door)
        except Unavailable:
            raise  # asked again soon
        except DanglianError as error:  # an older hub does not know this question
            log.warning("asking about accounts put off: %s", error.code)
        self._due = self._clock() + 60.0 * max(1, self._folder.settings.accounts_minutes)
        return False


def ask_about_accounts(folder: NodeFolder, door: HubDoor) -> int:
    """Ask about every account of the hub's that is known here; returns how many.

    Raises Unavailable, and the hub's refusal.
    """
    database = folder.database()
    with database.read() as session:
        issuer = str(office_of(session).hub_id)
        known = [
            str(each)
            for each in session.scalars(select(Account.subject).where(Account.issuer == issuer))
        ]
    for start in range(0, len(known), _MOST_ASKED):
        some = known[start : start + _MOST_ASKED]
        told = door.ask({"what": "accounts", "known": some, **_KNOWS})["accounts"]
        with database.write() as session:
            for subject in some:
                account = account_elsewhere(issuer, subject, session)
                if account is None or subject not in told:
                    continue
                if told[subject] is None:
                    revoke_elsewhere(_HUB, account, session=session)
                else:
                    _take(account, told[subject], session)
    return len(known)


def _take(account: Account, told: dict[str, Any], session: Session) -> None:
    """Take over what the hub says, as far as it is about fonds that are here."""
    here = {each.id for each in fonds_here(session)}
    grants = [
        read_grant(
            each["role"],
            fonds_id=each["fonds"],
            class_code=each.get("class_code"),
            openness=each.get("openness") or Openness.ALL,
            until=each.get("until"),
        )
        for each in told["grants"]
        if each["role"] in _ROLES and each["fonds"] in here
    ]
    administers = [Grant(Role(each["role"])) for each in told["grants"] if _administers(each)]
    moment = told.get("signed_out_at")
    confirm(
        _HUB,
        account,
        name=str(told["name"]),
        grants=administers[:1] or grants,
        signed_out_at=parse_utc(moment) if moment else None,
        session=session,
    )


def _administers(told: dict[str, Any]) -> bool:
    return told["role"] in set(ADMINISTRATORS) and told["fonds"] is None


def _plain(pushed: dict[str, Any]) -> str:
    request_uri = str(pushed.get("request_uri"))
    if not request_uri.replace(":", "").replace("-", "").replace("_", "").isalnum():
        raise Invalid("request_uri", "市级平台的回答不对。", "请升级软件后再试。")
    return request_uri
