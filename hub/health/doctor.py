"""All stuck states of the hub: quickly for a page and `status`, thoroughly for `doctor`."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy.orm import Session

from hub.correcting import doctor as correcting
from hub.custody import doctor as custody
from hub.disposal import doctor as disposal
from hub.federation import doctor as federation
from hub.federation.places import HubFolder
from hub.receiving import doctor as receiving
from hub.repository import doctor as repository
from hub.sharing import doctor as sharing
from hub.sharing.pushing import doctor as pushing
from hub.sharing.registration import doctor as registration
from shared.kernel.ailment import Ailment


def alerts(folder: HubFolder, session: Session) -> list[Ailment]:
    """What the database and the disk tell of at once."""
    return [
        *federation.examine(session),
        *federation.examine_disk(folder),
        *federation.examine_sealing(folder, session),
        *receiving.examine(session),
        *receiving.examine_stamps(folder, session),
        *receiving.examine_seals(folder),
        *correcting.examine(session),
        *custody.examine(session),
        *disposal.examine(session),
        *sharing.examine(session),
        *registration.examine(session),
        *pushing.examine(session),
        *repository.examine(folder, session),
    ]


def examine(folder: HubFolder) -> Iterator[Ailment]:
    """Everything, asking store, broker, scanner, keys; with the database away, what is left."""
    away = federation.open_database(folder)
    if away is None:
        with folder.database().read() as session:
            yield from alerts(folder, session)
            yield from federation.examine_log(session)
        yield from federation.examine_keys(folder)
        yield from federation.examine_broker(folder)
    else:
        yield away
        yield from federation.examine_disk(folder)
    yield from receiving.examine_scanner(folder)
    yield from receiving.examine_decoder(folder)
    yield from federation.examine_store(folder.store)
    yield from repository.examine_second(folder)
