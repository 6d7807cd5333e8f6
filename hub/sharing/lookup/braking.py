"""The brake on trying codes out: failures from one address, on the page and in the API together."""

from __future__ import annotations

from collections.abc import Callable

from flask import current_app, request

from hub.sharing.lookup.verification import Genuine
from shared.kernel.errors import DanglianError, Unavailable
from shared.web.throttle import Throttle

_NAME = "danglian.verification_throttle"
_SAYS = "没有查到的次数过多，已暂停核验。"


def braked(look: Callable[[], Genuine]) -> Genuine:
    """What a look at a paper finds; its failures are counted by address. Raises as it does."""
    throttle: Throttle = current_app.extensions.setdefault(_NAME, Throttle(says=_SAYS))
    place = request.remote_addr or ""
    throttle.check(place)
    try:
        return look()
    except Unavailable:
        raise
    except DanglianError:
        throttle.failed(place)
        raise
