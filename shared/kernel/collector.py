"""Python's garbage collector in a process that serves for months and takes in runs of records."""

from __future__ import annotations

import gc

#: Objects before the youngest are looked at: a run of 1,000 records makes some 100,000.
_YOUNG = 50_000


def let_load() -> None:
    """Look less often while the program loads: what it makes then stays, and is no garbage.

    Looking at it all the same is a tenth of the time in which a process starts.
    """
    gc.set_threshold(_YOUNG)


def calm_collector() -> None:
    """Look at what the program has loaded never again, and at what is new less often.

    Once, when everything is loaded. Records have no cycles, so they go by counting references;
    looking for cycles among them again and again took a fifth of the time in which the hub applies
    them (`docs/performance.md`).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG)
