"""Packages too large for a message go up in parts, over HTTPS, and resume after any cut.

A grant covers the parts of one upload, bound to offer, size and digest (protocol §6). It is asked
for with the device key each time, so that nothing about an upload has to be remembered here.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from typing import Any

import requests

from node.office.places import NodeFolder
from node.office.service import office_of
from node.sync.errors import hub_answer
from node.sync.questions import ask_hub, hub_url
from node.transfer import service as transfer
from shared.kernel.errors import DanglianError, Unavailable

log = logging.getLogger(__name__)

_TIMEOUT = (5, 60)
#: The hub may not know of an offer yet: asked again after 1 s, 2 s, 4 s … 30 s.
_TRY_AGAIN_SECONDS, _MOST_SECONDS = 1.0, 30.0


class Uploader:
    """Sends the packages that the hub waits for. `step` is a loop of the node process."""

    def __init__(self, folder: NodeFolder, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._database = folder.database()
        self._http = requests.Session()
        self._clock = clock
        self._not_before: dict[str, float] = {}
        self._tries: dict[str, int] = {}

    def step(self) -> bool:
        """Send one package; False when none waits.

        One that the hub does not take now (it may not know of the offer yet) is tried again after
        a while, and does not hold up the others.
        """
        with self._database.read() as session:
            office = office_of(session)
            if not office.has_grant or not hub_url(self._folder, office):
                return False
            wanted = transfer.uploads_wanted(session)
        moment = self._clock()
        ready = [each for each in wanted if self._not_before.get(each[0], 0) <= moment]
        if not ready:
            return False
        offer_id, sha256, size = ready[0]
        try:
            self._send(offer_id, sha256, size)
        except Unavailable:
            raise
        except DanglianError as error:
            log.warning("upload of offer %s put off: %s", offer_id, error.code)
            tries = self._tries[offer_id] = self._tries.get(offer_id, 0) + 1
            pause = min(_MOST_SECONDS, _TRY_AGAIN_SECONDS * 2.0 ** min(tries - 1, 10))
            self._not_before[offer_id] = moment + pause
            return True
        with self._database.write() as session:
            transfer.upload_done(session, offer_id)
        return True

    def _send(self, offer_id: str, sha256: str, size: int) -> None:
        question = {"what": "upload", "offer_id": offer_id, "sha256": sha256, "size": size}
        grant = ask_hub(self._folder, question, http=self._http)
        if grant["complete"]:
            return
        part_size: int = grant["part_size"]
        present = set(grant["present_parts"])
        with self._folder.packages.open(transfer.package_name(sha256)) as stream:
            for number in range(1, int(grant["part_count"]) + 1):
                part = stream.read(part_size)
                if number not in present:
                    self._put(grant, number, part)

    def _put(self, grant: dict[str, Any], number: int, part: bytes) -> None:
        with self._database.read() as session:
            base = hub_url(self._folder, office_of(session))
        url = f"{base}/api/v1/uploads/{grant['upload_id']}/parts/{number}"
        headers = {
            "Danglian-Upload-Token": grant["token"],
            "Danglian-Part-Sha256": hashlib.sha256(part).hexdigest(),
            "Content-Type": "application/octet-stream",
        }
        hub_answer(lambda: self._http.put(url, data=part, headers=headers, timeout=_TIMEOUT))
