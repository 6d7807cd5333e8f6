"""What listens to what in the hub process: entry handlers and background loops, in one file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy.orm import Session

import hub.events  # noqa: F401 - wires the rooms' events upward
from hub.catalogue import service as catalogue
from hub.custody import hearing as custody
from hub.custody.bundles import grant_bundle_down, grant_bundle_up
from hub.custody.telling import holdings as hand_overs
from hub.federation import epochs
from hub.federation.places import HubFolder
from hub.federation.requests import Request
from hub.federation.sync import PostOffice
from hub.receiving import service as receiving
from shared.kernel.background import Background, Step
from shared.messaging.entry import Handler
from shared.messaging.links import open_link

#: What a node may ask over HTTPS, by name.
REQUESTS: Mapping[str, Request] = {
    "upload": receiving.grant_upload,
    "upload_bundle": grant_bundle_up,
    "fetch_bundle": grant_bundle_down,
}


def handlers(folder: HubFolder) -> dict[str, Handler]:
    """Who applies which kind of entry."""
    return {
        "record": catalogue.apply_records,
        "reconcile": catalogue.apply_reconcile,
        **receiving.handlers(folder),
        **custody.handlers(folder),
    }


def holdings(node_id: str, session: Session) -> Iterable[epochs.Fact]:
    """What the hub holds of a node, as a new epoch tells it: records, batches, hand-overs."""
    for held in catalogue.held_by(node_id, session):
        yield ("held", held["record"]["id"], held)
    yield from receiving.holdings(node_id, session)
    yield from hand_overs(node_id, session)


def steps(folder: HubFolder) -> dict[str, Step]:
    """The background steps of all rooms, by name."""
    return {**receiving.steps(folder), **custody.steps(folder, holdings)}


def start(folder: HubFolder) -> Background:
    """Start every loop of the hub; stop them with `.stop()`."""
    background = Background()
    post = PostOffice(folder, open_link(folder.settings.link), handlers(folder), holdings)
    background.repeat("post.in", post.step_in, idle_seconds=0.1)
    background.repeat("post.out", post.step_out, idle_seconds=0.2)
    for name, step in steps(folder).items():
        background.repeat(name, step, idle_seconds=0.5)
    background.start()
    return background
