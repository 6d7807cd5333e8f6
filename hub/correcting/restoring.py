"""After a restore of the database: corrections that the store holds beyond it are made again."""

from __future__ import annotations

from collections.abc import Callable

from hub.catalogue import service as catalogue
from hub.correcting.evidence import adopt, correction_in_store
from hub.correcting.making import Making
from hub.federation import service as federation
from hub.federation.places import HubFolder
from hub.repository import service as repository
from shared.kernel.ailment import Ailment
from shared.kernel.errors import DanglianError, NotFound, Unavailable


def restore_corrections(
    folder: HubFolder, tell: Callable[[str], None]
) -> tuple[int, list[Ailment]]:
    """Make again what archives have sealed and this database has forgotten; may be repeated.

    Returns how many there were, and what does not count and why. `tell` hears the progress. To be
    called when the batches have been received again.
    """
    database, store = folder.database(), folder.store
    count = 0
    findings = []
    with database.read() as session:
        archives = [(each.code, each.name) for each in federation.archives(session)]
    for code, name in archives:
        with database.read() as session:
            seals = federation.seals_of(code, session)
        found = 0
        for record_id, version in repository.descriptions(store, code):
            try:
                with database.read() as session:
                    if catalogue.record_of(record_id, session).version >= version:
                        continue
                document = correction_in_store(store, code, record_id, version, seals)
                with database.write() as session:
                    adopt(session, document or {}, catalogue.record_of(record_id, session))
            except Unavailable:
                raise
            except NotFound:
                continue  # its package has no valid receipt, and was named for it
            except DanglianError as error:
                findings.append(
                    Ailment(
                        "correction_not_restored",
                        f"馆藏里档案 {record_id} 的第 {version} 版更正没有补回：{error.message}",
                        "留着它，请该馆的档案接收员核对后重新更正。",
                    )
                )
                continue
            found += 1
        if found:
            tell(f"{name}：找回更正 {found} 份")
        count += found
    making = Making(database, store)
    while making.step():
        pass
    return count, findings
