"""The link of a node that waits for the hub's grant: greetings and answers go over HTTPS.

It has no part in the node's queue: what waits there is for the instance that has the grant, and a
broker gives each message to one of those who listen. So a copy takes nothing away from the other.
"""

from __future__ import annotations

import io
import queue
from collections.abc import Sequence

import requests

from node.office.places import NodeFolder
from node.office.service import office_of
from node.sync.errors import hub_answer
from node.sync.questions import TIMEOUT, hub_url
from shared.kernel.errors import DanglianError, Unavailable
from shared.messaging.envelope import BadEnvelope, next_message
from shared.messaging.link import Delivery


class _Answer:
    """An answer of the hub; one that is lost comes with the next greeting."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def acknowledge(self) -> None:
        """Nothing is kept anywhere."""

    def release(self) -> None:
        """Nothing is kept anywhere."""


class Doorway:
    """Stands where a link would, until the grant has come."""

    def __init__(self, folder: NodeFolder) -> None:
        self._folder = folder
        self._http = requests.Session()
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def send(self, name: str, messages: Sequence[bytes]) -> None:
        """Ask the hub with each message. Raises Unavailable when it does not answer."""
        with self._folder.database().read() as session:
            url = f"{hub_url(self._folder, office_of(session))}/api/v1/nodes/greetings"
        for message in messages:
            self._ask(url, message)

    def _ask(self, url: str, message: bytes) -> None:
        try:
            answer = hub_answer(lambda: self._http.post(url, data=message, timeout=TIMEOUT))
            stream = io.BytesIO(answer.content)
            while each := next_message(stream):
                self._answers.put(each)
        except (Unavailable, BadEnvelope) as error:
            raise Unavailable("市级平台暂时不可用。", "系统会自动重试。") from error
        except DanglianError as error:
            raise Unavailable(f"市级平台没有受理本机的恢复申请：{error}", error.remedy) from error

    def flush(self) -> None:
        """Nothing waits."""

    def receive(self, name: str, *, wait_seconds: float, most: int = 1) -> list[Delivery]:
        """What the hub answered."""
        found: list[Delivery] = []
        try:
            while len(found) < most:
                found.append(_Answer(self._answers.get(timeout=0 if found else wait_seconds)))
        except queue.Empty:
            pass
        return found

    def size(self, name: str) -> int:
        """How many answers wait."""
        return self._answers.qsize()

    def purge(self, name: str) -> int:
        """Nothing is thrown away: an answer that is late harms nothing."""
        return 0

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()
