"""The background steps of the repository, by name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from hub.federation.places import HubFolder
from hub.repository.examining import Pace, Stores
from hub.repository.fixity import Fixity
from hub.repository.mending import mend
from hub.repository.moving import Moving
from hub.repository.papers import PaperFinder, PaperWriter
from hub.repository.reinspecting import Reinspecting, period
from hub.repository.second_copy import Copying
from hub.repository.tombstones import Erasing
from hub.repository.versions import Adding

MEGABYTE = 1024 * 1024


def steps(folder: HubFolder) -> dict[str, Callable[[], bool]]:
    """Moving what 0.1 kept, writing versions and papers, erasing, reading, copying, inspecting."""
    database, settings = folder.database(), folder.settings
    stores = Stores(folder.store, folder.second_store)
    every, rate = timedelta(days=settings.fixity_days), settings.fixity_mb_per_second * MEGABYTE
    found: dict[str, Callable[[], bool]] = {
        "repository.move": Moving(database, folder.store).step,
        "repository.versions": Adding(folder).step,
        "repository.erase": Erasing(database, stores).step,
        "repository.papers": PaperWriter(database, folder.store).step,
        "repository.own_papers": PaperFinder(database, folder.store).step,
    }
    if stores.second is not None:
        copying = Copying(database, stores, settings.hub_id, pace=Pace(rate))
        found["repository.second_copy"] = copying.step
    for copy in stores.copies:
        fixity = Fixity(
            database, stores, copy, every=every, pace=Pace(rate), mend=mend, with_outside=True
        )
        found[f"repository.fixity.{copy}"] = fixity.step
    found["repository.inspection"] = Reinspecting(
        *(database, folder.store),
        every=period(settings.inspection_days, settings.inspection_percent),
        pace=Pace(settings.inspection_mb_per_second * MEGABYTE),
        authorities=folder.seal_authorities,
        clamd=folder.clamd,
        decoder=settings.media_decoder,
    ).step
    return found
