"""A client of a hub's shared records; the code is in `shared.client`."""

from shared.client import Change, CopyDiffers, Feed, Page, Proof, StartAnew, sum_of

__all__ = ["Change", "CopyDiffers", "Feed", "Page", "Proof", "StartAnew", "sum_of"]
