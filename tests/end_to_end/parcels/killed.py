"""Writing and taking in a parcel, by a process that dies by kill -9 at a named point."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import event

from hub.federation import service as federation
from hub.federation.places import HubFolder
from hub.parcels import service as at_hub
from hub.wiring import post_by_hand
from node.office.places import NodeFolder
from node.sync import parcels as at_node
from node.wiring import HANDLERS
from shared.messaging.exchange import Exchange
from shared.messaging.parcel import parcel_files
from shared.storage.temporary import Temporary
from tests.federation import ADMIN, CLERK
from tests.killed import Bomb, mined

#: So that a small batch fills several files.
FILE_BYTES = 1_500_000


def carry(side: str, verb: str, folder: Path, where: Path, point: tuple[str, int]) -> None:
    """Write for the other side (at the hub for its only node) into a folder, or take from there.

    The point is what is counted, and which of them is deadly: `commit` (death before it), `part`,
    `replace` (a file gets its name) or `add` (a message is made), each `-before` or `-after`.
    """
    what, at = point
    place: Any = HubFolder(folder) if side == "hub" else NodeFolder(folder)
    bomb = Bomb(at)
    port, _, moment = what.partition("-")
    if port == "commit":
        event.listen(place.database().engine, "commit", lambda connection: bomb.tick())
    else:
        owner, name = {
            "part": (getattr(place, "staging", None), "put_part"),
            "replace": (Temporary, "replace"),
            "add": (Exchange, "message"),
        }[port]
        setattr(owner, name, mined(getattr(owner, name), bomb, after=moment == "after"))
    if side == "hub":
        post = post_by_hand(place)
    if (side, verb) == ("hub", "write"):
        with place.database().read() as session:
            node_id = federation.nodes(session)[0].id
        at_hub.write_for_node(ADMIN, place, post, node_id, where, file_bytes=FILE_BYTES)
    elif verb == "write":
        at_node.write_for_hub(CLERK, place, HANDLERS, where, file_bytes=FILE_BYTES)
    for path in parcel_files([where]) if verb == "take" else ():
        with path.open("rb") as stream:
            if side == "hub":
                at_hub.take_file(ADMIN, place, post, stream, path.name)
            else:
                at_node.take_file(CLERK, place, HANDLERS, stream, path.name)
