"""A node, or a hub, that talks over RabbitMQ and dies by kill -9 at a named word to the broker."""

from __future__ import annotations

from importlib.metadata import version
from itertools import count
from pathlib import Path

from pika.channel import Channel

from hub.federation.places import HubFolder
from hub.federation.sync import PostOffice
from hub.wiring import handlers, holdings
from node.office.places import NodeFolder
from node.office.service import office_of
from node.sync.agent import Agent
from node.wiring import HANDLERS
from shared.messaging.link import hub_queue, node_queue
from shared.messaging.links import open_link
from shared.messaging.rabbitmq.publisher import Publisher
from tests.killed import Bomb, mined

#: Where the words to and from the broker are said.
_WORDS = {
    "publish": (Channel, "basic_publish"),
    "confirm": (Publisher, "_on_confirm"),
    "acknowledge": (Channel, "basic_ack"),
}


def _lay(what: str, at: int) -> None:
    """Let this process die before or after the `at`-th of its words: `publish-before` and so on."""
    word, _, moment = what.partition("-")
    place, name = _WORDS[word]
    setattr(place, name, mined(getattr(place, name), Bomb(at), after=moment == "after"))


def node_talks(path: Path, address: str, account: tuple[str, str], what: str, at: int) -> None:
    """Send what is due and take in what waits, until nothing does or until death."""
    _lay(what, at)
    folder = NodeFolder(path)
    with folder.database().read() as session:
        queue = node_queue(str(office_of(session).node_id))
    link = open_link(address, account=account)
    # The other side is not alive: by this clock its answer to the greeting is long overdue.
    late = count(0.0, 10.0).__next__
    agent = Agent(folder, link, HANDLERS, version=version("danglian"), clock=late)
    agent.step_out()
    while link.size(queue):
        agent.step_in()
    link.close()


def hub_talks(path: Path, address: str, account: tuple[str, str], what: str, at: int) -> None:
    """The same for the hub and its one shard."""
    _lay(what, at)
    folder = HubFolder(path)
    link = open_link(address, account=account)
    post = PostOffice(folder, link, handlers(folder), holdings)
    post.step_out()
    while link.size(hub_queue(folder.settings.hub_id)):
        post.step_in()
        post.step_out()
    link.close()
