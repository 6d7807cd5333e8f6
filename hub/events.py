"""Who listens to which event inside the hub: the one place where rooms are wired upward."""

from __future__ import annotations

from hub.catalogue.service import follow_fonds, follow_node
from hub.federation.events import FondsChanged, FondsMoved, listen

listen(FondsChanged, follow_fonds)
listen(FondsMoved, follow_node)
