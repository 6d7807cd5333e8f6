"""A client of a hub's shared records: read on from a cursor, and prove that the copy is whole.

`shared.client.queue` reads the same out of a queue on the hub's broker.

For programs of those who consume the feed; `docs/integrators.md` shows one that keeps a full copy.
"""

from shared.client.feed import Change, CopyDiffers, Feed, Page, Proof, StartAnew, sum_of

__all__ = ["Change", "CopyDiffers", "Feed", "Page", "Proof", "StartAnew", "sum_of"]
