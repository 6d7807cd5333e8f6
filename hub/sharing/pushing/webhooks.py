"""The way to an address of the receiver's: a signed POST, acknowledged by 2xx."""

from __future__ import annotations

import time
from datetime import timedelta
from urllib.parse import urlsplit

from hub.sharing.consumers import quotas
from hub.sharing.pushing.models import WEBHOOK, Push
from hub.sharing.pushing.reaching import Reach
from hub.sharing.pushing.signing import SecretKeeper, signed_headers
from hub.sharing.pushing.ways import Message, Outcome, Rest
from shared.kernel.clock import now

#: For so long what fails is tried again; then a person has to look.
PATIENCE = timedelta(days=5)
_LONGEST_PAUSE = timedelta(hours=1)
_GONE = 410


class Webhooks:
    """Standard Webhooks 1.0, to public addresses and those that are set."""

    name = WEBHOOK
    longest_pause = _LONGEST_PAUSE
    patience: timedelta | None = PATIENCE

    def __init__(self, reach: Reach, keeper: SecretKeeper) -> None:
        self._reach = reach
        self._keeper = keeper

    def asked(self, push: Push) -> quotas.Asked:
        """How a message stands in the log of requests."""
        place = urlsplit(push.url)
        return quotas.Asked(place.hostname or "", "POST", f"推送 {place.path}")

    def rest(self, push: Push) -> Rest | None:
        """Nothing is waited for: the receiver says so itself."""
        return None

    def bring(self, message: Message, body: bytes) -> Outcome:
        """Send it, signed. Raises DanglianError.

        After a rotation the former secret signs beside the new one, for as long as that was said.
        """
        push = message.push
        kept = [push.secret]
        if push.former_secret and push.former_until and push.former_until > now():
            kept.append(push.former_secret)
        secrets = [self._keeper.open(each, push.consumer_id) for each in kept]
        headers = signed_headers(secrets, message.id, int(time.time()), body)
        reply = self._reach.post(
            push.url,
            body,
            {**headers, "Content-Type": "application/json"},
            allowed=message.terms.admits,
        )
        return Outcome(reply.status, timedelta(seconds=reply.retry_after), reply.status == _GONE)
