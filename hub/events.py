"""Who listens to which event inside the hub: the one place where rooms are wired upward."""

from __future__ import annotations

from hub.catalogue.service import RecordsChanged, follow_fonds, follow_node
from hub.custody.service import refuse_answer, take_bundle
from hub.federation.events import FondsChanged, FondsMoved, RecordAnswered, listen
from hub.receiving.service import UploadArrived, take_package
from hub.sharing.deciding import note_fonds, note_records

listen(FondsChanged, follow_fonds)
listen(FondsMoved, follow_node)
listen(UploadArrived, take_package)
listen(UploadArrived, take_bundle)
listen(RecordAnswered, refuse_answer)
listen(RecordsChanged, note_records)
listen(FondsChanged, note_fonds)
