"""The present program in the place of the one that took the recorded messages in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hub.app import make_app
from hub.federation.key_roll import settle_keys
from hub.federation.places import HubFolder
from hub.federation.sync import PostOffice
from hub.wiring import handlers, holdings, news_of, steps
from node.office.places import NodeFolder
from node.sync.agent import Agent
from node.transfer.work import TransferWork
from node.wiring import HANDLERS
from shared.kernel.keys import PublicKey
from shared.kernel.migration import Standing
from shared.messaging.envelope import Message, read_envelope
from shared.messaging.link import hub_queue, node_queue
from tests.federation import Clock
from tests.released.recorder import hub_facts, node_facts
from tests.released.recording import Leg, Recording
from tests.stormy_link import StormyLink


@dataclass(frozen=True)
class Outcome:
    """What became of a leg: what the receiver then holds, answers, and has to tell after that."""

    holds: dict[str, Any]
    answers: list[Message]
    told: list[Message]


class Replay:
    """Takes the legs of a recording, each into the folder that was kept of it."""

    def __init__(self, recording: Recording) -> None:
        self._node_id = recording.node_id
        self._hub_queue = hub_queue(recording.hub_id)
        self._node_queue = node_queue(recording.node_id)

    def take(self, leg: Leg) -> Outcome:
        """Let the receiver of a leg take its messages in."""
        match leg.receiver:
            case "hub":
                return self._hub(leg)
            case "node":
                return self._node(leg)
        return self._door(leg)

    def _hub(self, leg: Leg) -> Outcome:
        folder = _hub_in(leg)
        link = StormyLink()
        post = PostOffice(*(folder, link, handlers(folder), holdings), news=news_of, clock=Clock())
        link.send(self._hub_queue, leg.messages)
        while post.step_in():
            pass
        while any(step() for step in steps(folder).values()):
            pass
        holds = hub_facts(folder, self._node_id)
        answers = _drain(link, self._node_queue)
        post.step_out()
        folder.database().close()
        key = folder.keys.hub().public
        return Outcome(holds, _opened(answers, key), _opened(_drain(link, self._node_queue), key))

    def _node(self, leg: Leg) -> Outcome:
        folder = NodeFolder(leg.folder)
        link = StormyLink()
        agent = Agent(folder, link, HANDLERS, version="0", clock=Clock())
        link.send(self._node_queue, leg.messages)
        while agent.step_in():
            pass
        holds = node_facts(folder)
        answers = _drain(link, self._hub_queue)
        work = TransferWork(folder)
        while work.step():
            pass
        agent.step_out()
        folder.database().close()
        key = folder.keys.device().public
        return Outcome(holds, _opened(answers, key), _opened(_drain(link, self._hub_queue), key))

    def _door(self, leg: Leg) -> Outcome:
        folder = _hub_in(leg)
        with make_app(folder).test_client() as client:
            answers = [
                client.post("/api/v1/nodes/requests", data=raw).get_data() for raw in leg.messages
            ]
        folder.database().close()
        # The recorded node went on and uploaded what it had asked for: that is not replayed.
        return Outcome(leg.after, _opened(answers, folder.keys.hub().public), [])


def _hub_in(leg: Leg) -> HubFolder:
    """The hub that took the leg, as `hub migrate` and `hub run` make it ready."""
    folder = HubFolder(leg.folder)
    if folder.schema.standing() is Standing.BEHIND:
        folder.schema.upgrade()
    settle_keys(folder)
    return folder


def _drain(link: StormyLink, queue: str) -> list[bytes]:
    return [delivery.body for delivery in link.receive(queue, wait_seconds=0, most=10_000)]


def _opened(messages: Sequence[bytes], key: PublicKey) -> list[Message]:
    return [read_envelope(raw).open(key) for raw in messages]
