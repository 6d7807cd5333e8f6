"""After a restore of the database: the later versions that objects have and it has forgotten."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from hub.catalogue import service as catalogue
from hub.federation import service as federation
from hub.federation.places import HubFolder
from hub.repository import objects
from hub.repository.expected import read_small
from hub.repository.models import KeptEvent
from hub.repository.papers import read_document
from hub.repository.service import folders, record_of_folder
from hub.repository.versions import SEAL, finish_event, row_of
from shared.kernel.ailment import Ailment
from shared.kernel.errors import Conflict, DanglianError, NotFound, Unavailable
from shared.kernel.keys import PublicKey, document_is_signed_by, signer_of
from shared.storage import ObjectStore

_PAPER = re.compile(r"/v([1-9]\d*)/content/event-([0-9a-f-]{36})\.json$")


def restore_versions(folder: HubFolder, tell: Callable[[str], None]) -> tuple[int, list[Ailment]]:
    """Write down the events that archives have sealed and this database lacks; may be repeated.

    Returns how many there were, and what does not count and why. To be called when the batches
    have been received again. `tell` hears the progress.
    """
    database, store = folder.database(), folder.store
    count, findings = 0, []
    with database.read() as session:
        archives = [(each.code, each.name) for each in federation.archives(session)]
    for code, name in archives:
        found = 0
        with database.read() as session:
            seals = federation.seals_of(code, session)
        for record_id, event_id in _stored_events(store, code):
            with database.read() as session:
                known = session.get(KeptEvent, event_id)
            if known is not None and known.version is not None:
                continue
            try:
                version, document = _sealed_paper(store, code, record_id, event_id, seals)
                with database.write() as session:
                    if not catalogue.record_of(record_id, session).received:
                        continue
                    if known is None:
                        session.add(row_of(document))
                        session.flush()
                    found += finish_event(event_id, version, session=session)
            except (NotFound, Unavailable) as error:
                if isinstance(error, Unavailable):
                    raise
                continue  # its package has no valid receipt, and was named for it
            except DanglianError as error:
                findings.append(
                    Ailment(
                        "version_not_restored",
                        f"馆藏里档案 {record_id} 的后续版本 {event_id} 没有补回：{error.message}",
                        "留着它，请该馆的档案接收员核对来历。",
                    )
                )
        if found:
            tell(f"{name}：找回后续版本 {found} 个")
        count += found
    return count, findings


def _stored_events(store: ObjectStore, archive_code: str) -> Iterator[tuple[str, str]]:
    """Every record with an event of which its object has the paper, in the order of versions."""
    for folder, names in folders(store, archive_code):
        matches = [match for name in names if (match := _PAPER.search(name))]
        try:
            record_id = record_of_folder(store, folder) if matches else None
        except Conflict:
            continue  # its inventory is damaged, and was named for it
        if record_id is not None:
            yield from ((record_id, match[2]) for match in matches)


def _sealed_paper(
    store: ObjectStore,
    archive_code: str,
    record_id: str,
    event_id: str,
    seals: Sequence[PublicKey],
) -> tuple[int, dict[str, Any]]:
    """The version that has an event, and its paper. Raises Conflict for one that does not count."""
    inventory = objects.inventory_of(store, archive_code, record_id)
    path = objects.files_of(inventory).get(f"event-{event_id}.json") if inventory else None
    if path is None:
        raise Conflict("写到一半，没有完成。", "请重新办理。")
    content = read_small(store, f"{objects.folder_of(archive_code, record_id)}/{path}")
    document = read_document(content or b"") or {}
    signature = document.get(SEAL)
    seal = signer_of(seals, signature) if isinstance(signature, Mapping) else None
    body = {name: value for name, value in document.items() if name != SEAL}
    about = tuple(document.get(each) for each in ("archive", "record_id", "event_id"))
    if (
        about != (archive_code, record_id, event_id)
        or seal is None
        or not document_is_signed_by(seal, body, document[SEAL])
    ):
        raise Conflict("没有本馆的有效签章，或说的是另一件。", "请核对来历。")
    return int(path.split("/")[0][1:]), document
