"""The door of correcting: what the wiring and the edges call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from hub.catalogue import service as catalogue
from hub.correcting.answers import (
    draft_correction,
    draft_decline,
    draft_version,
    receipt_event,
    settle_correction,
    settle_decline,
)
from hub.correcting.asking import apply_requests
from hub.correcting.declassifying import Declassifying, propose_declassification
from hub.correcting.evidence import KINDS, adopt, apply_evidence, correction_in_store
from hub.correcting.making import Making
from hub.correcting.models import Correction
from hub.federation import service as federation
from hub.federation.places import HubFolder
from shared.kernel.actor import Actor, Role
from shared.kernel.errors import Conflict, NotFound
from shared.kernel.keys import sign_document
from shared.kernel.reach import within_reach

__all__ = [
    "KINDS",
    "Correction",
    "apply_evidence",
    "apply_requests",
    "correction_seen_by",
    "corrections_of",
    "corrections_seen_by",
    "decline",
    "draft_correction",
    "draft_decline",
    "draft_version",
    "holdings",
    "make",
    "open_among",
    "open_corrections",
    "propose_declassification",
    "receipt_event",
    "settle_correction",
    "settle_decline",
    "steps",
]


# ---- for the wiring


def steps(folder: HubFolder) -> dict[str, Callable[[], bool]]:
    """The background steps of this room, by name."""
    return {
        "correcting.declassify": Declassifying(folder).step,
        "correcting.make": Making(folder.database(), folder.store).step,
    }


def holdings(node_id: str, session: Session) -> Iterable[tuple[str, str, dict[str, Any]]]:
    """What a node must know of corrections at the start of an epoch: requests, answers."""
    fonds_ids = [fonds.id for fonds in federation.kept_by(node_id, session)]
    rows = session.scalars(
        select(Correction)
        .where(Correction.fonds_id.in_(fonds_ids))
        .order_by(Correction.version, Correction.began_at, Correction.id)
    )
    for each in rows.all():
        if each.state == "made" and each.document is not None:
            yield "changed", each.record_id, each.document
        elif each.state == "declined" and each.document is not None:
            yield "declined", each.id, each.document
        elif each.request is not None:
            yield "correction_held", each.id, each.request


# ---- what seals: between two transactions, never inside one


def make(
    folder: HubFolder,
    actor: Actor,
    record_id: str,
    values: Mapping[str, object],
    reason: str,
    *,
    correction_id: str | None = None,
) -> Correction:
    """Correct a received record 更正著录, asked for by its unit or by the archive itself.

    Raises as `draft_correction` does, and Conflict when the repository knows a correction that this
    database has forgotten: that one stands and comes back.
    """
    database = folder.database()
    with database.read() as session:
        document = draft_correction(
            actor, record_id, values, reason, correction_id=correction_id, session=session
        )
        seals = federation.seals_of(document["archive"], session)
    seal = folder.keys.seal(document["archive"])
    version = document["record"]["version"]
    earlier = correction_in_store(folder.store, document["archive"], record_id, version, seals)
    if earlier is not None:
        with database.write() as session:
            adopt(session, earlier, catalogue.record_of(record_id, session))
        raise Conflict(
            f"馆藏库中已有这件档案的第 {version} 版更正，平台恢复后又找回了它。",
            "请刷新后核对，如仍需更正再办理。",
            code="corrected_before",
        )
    document["archive_signature"] = sign_document(seal, document)
    with database.write() as session:
        return settle_correction(actor, document, session=session)


def decline(folder: HubFolder, actor: Actor, correction_id: str, reason: str) -> Correction:
    """Answer a request with the reason why the record stays as it is 不予更正."""
    database = folder.database()
    with database.read() as session:
        document = draft_decline(actor, correction_id, reason, session=session)
    document["archive_signature"] = sign_document(folder.keys.seal(document["archive"]), document)
    with database.write() as session:
        return settle_decline(actor, document, session=session)


# ---- questions


def corrections_seen_by(actor: Actor) -> Select[Correction]:
    """The corrections of the archives and fonds that the actor receives for."""
    return select(Correction).where(
        within_reach(actor, (Role.ARCHIVIST,), Correction.fonds_id, Correction.archive_code)
    )


def correction_seen_by(actor: Actor, correction_id: str, *, session: Session) -> Correction:
    """A correction that the actor may look at. Raises NotFound, also for another archive's."""
    found = session.scalar(corrections_seen_by(actor).where(Correction.id == correction_id))
    if found is None:
        raise NotFound("没有这份更正。", "请回到更正列表重新查看。")
    return found


def open_corrections(fonds_id: str, *, session: Session) -> int:
    """How many corrections of a fonds wait for their answer, or are being made."""
    query = select(func.count()).where(
        Correction.fonds_id == fonds_id, Correction.state.in_(("asked", "making"))
    )
    return session.scalar(query) or 0


def open_among(record_ids: Iterable[str], *, session: Session) -> set[str]:
    """The records of which a correction waits for its answer, or is being made."""
    query = select(Correction.record_id).where(
        Correction.record_id.in_(list(record_ids)), Correction.state.in_(("asked", "making"))
    )
    return set(session.scalars(query))


def corrections_of(actor: Actor, record_id: str, *, session: Session) -> list[Correction]:
    """The corrections of a record that the actor may look at, newest first."""
    return list(
        session.scalars(
            corrections_seen_by(actor)
            .where(Correction.record_id == record_id)
            .order_by(Correction.began_at.desc(), Correction.id.desc())
        )
    )
