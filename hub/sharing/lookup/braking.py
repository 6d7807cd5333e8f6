"""The brake on trying codes out: failures from one address, on the page and in the API together."""

from __future__ import annotations

from collections.abc import Callable

from flask import current_app, request

from hub.sharing.lookup.verification import Genuine
from shared.kernel.errors import DanglianError, Unavailable
from shared.web.throttle import COUNTS, Counts, Throttle

_SAYS = "没有查到的次数过多，已暂停核验。"


def braked(look: Callable[[], Genuine]) -> Genuine:
    """What a look at a paper finds; its failures are counted by address. Raises as it does."""
    counts: Counts = current_app.extensions[COUNTS]
    throttle = Throttle(counts, says=_SAYS)
    place = f"verify {request.remote_addr or ''}"
    throttle.check(place)
    try:
        return look()
    except Unavailable:
        raise
    except DanglianError:
        throttle.failed(place)
        raise
