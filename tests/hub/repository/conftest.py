"""The units and people of the story of receiving."""

from tests.hub.receiving.conftest import archivist, hub, reviewer, unit

__all__ = ["archivist", "hub", "reviewer", "unit"]
