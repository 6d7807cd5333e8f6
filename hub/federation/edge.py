"""What the edges of the hub share: its data folder, and what only the assembled hub knows."""

from __future__ import annotations

from flask import current_app

from hub.federation.epochs import Holdings
from hub.federation.places import HubFolder

#: Under these names `hub.app` puts them into the extensions of the app.
FOLDER = "danglian.hub_folder"
HOLDINGS = "danglian.hub_holdings"


def current_folder() -> HubFolder:
    """The data folder of the hub that answers the current request."""
    folder: HubFolder = current_app.extensions[FOLDER]
    return folder


def current_holdings() -> Holdings:
    """What the hub holds of a node, for a new epoch (`hub.wiring.holdings`)."""
    holdings: Holdings = current_app.extensions[HOLDINGS]
    return holdings
