"""Ways to sign in beside name and password, and the rules of the door."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import current_app

from shared.identity import Policy
from shared.identity.factor_key import FactorKey
from shared.identity.models import BearerToken

POLICY_NAME = "danglian.policy"
WAY_NAME = "danglian.way"
FACTOR_KEY = "danglian.factor_key"


@dataclass(frozen=True)
class Way:
    """Signing in elsewhere: what the link says, and the endpoint where it begins.

    `farewell` tells where a browser has to go on to when such a sign-in ends, so that it ends there
    too; None for nowhere. `end_there` ends it there without the browser, and says whether it could.
    `shown` says whether it can be used now.
    """

    label: str
    endpoint: str
    farewell: Callable[[BearerToken], str | None] = lambda kept: None
    end_there: Callable[[BearerToken], bool] = lambda kept: False
    shown: Callable[[], bool] = lambda: True


def current_policy() -> Policy:
    """The rules of the app that answers the current request."""
    policy: Policy = current_app.extensions[POLICY_NAME]
    return policy


def current_factor_key() -> FactorKey:
    """The key of this app's second factors."""
    key: FactorKey = current_app.extensions[FACTOR_KEY]
    return key


def current_way() -> Way | None:
    """The other way to sign in that this app has, if it can be used now."""
    way: Way | None = current_app.extensions[WAY_NAME]
    return way if way is not None and way.shown() else None
