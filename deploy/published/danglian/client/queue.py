"""The reader of a consumer's queue on the hub's broker; the code is in `shared.client.queue`."""

from shared.client.queue import MessagesMissed, Queue, Told

__all__ = ["MessagesMissed", "Queue", "Told"]
