"""How what is kept stands, for archivists and administrators of its archive; what they ask for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from hub.catalogue.models import CatalogueRecord
from hub.federation import service as federation
from hub.repository.examining import FaultKind
from hub.repository.faults import AGAIN, ASIDE
from hub.repository.keeping import OF_HUB, is_something, subject_of
from hub.repository.models import FileFault, InspectionPause, KeptObject
from hub.repository.reinspecting import LONG_AGO
from hub.repository.reinspecting import Standing as Reinspection
from shared import audit
from shared.kernel.actor import Actor, Role, require
from shared.kernel.clock import local_text
from shared.kernel.database import locked
from shared.kernel.errors import NotFound, WrongState
from shared.kernel.reach import within_reach

#: Who looks after what is kept.
KEEPERS = (Role.ARCHIVIST, Role.SYSTEM_ADMINISTRATOR)


@dataclass(frozen=True)
class Standing:
    """How everything within reach stands: the oldest reading, faulty files, what has no second.

    `own` counts the papers of the hub itself (registers, audit, keys) among it. Of records,
    `not_passing` did not pass their last inspection in keeping, `inspected` were inspected in this
    period, of `inspectable`; the archives in `stopped` have stopped it.
    """

    oldest: datetime | None
    faulty: int
    waiting: int
    waiting_since: datetime | None
    own: int
    not_passing: int
    inspected: int
    inspectable: int
    stopped: tuple[str, ...]


def objects_seen_by(actor: Actor) -> Select[KeptObject, CatalogueRecord]:
    """What is kept in the actor's archives, each with its record (None for a paper)."""
    return (
        select(KeptObject, CatalogueRecord)
        .outerjoin(CatalogueRecord, CatalogueRecord.id == KeptObject.record_id)
        .where(
            within_reach(
                actor,
                KEEPERS,
                CatalogueRecord.fonds_id,
                KeptObject.archive_code,
                class_code=CatalogueRecord.class_code,
                opening=CatalogueRecord.opening,
            )
        )
    )


def is_faulty() -> Any:
    """The condition that a file of something kept is faulty, in one copy or the other."""
    return KeptObject.place.in_(select(FileFault.place))


def is_not_passing() -> Any:
    """The condition that a record did not pass its last inspection in keeping."""
    return KeptObject.inspection == Reinspection.FAILED


def stop_inspection(actor: Actor, archive_code: str, *, session: Session) -> None:
    """Stop the inspection of what an archive keeps; what has begun is written down."""
    require(actor, *KEEPERS, archive=archive_code, missing=_not_kept())
    federation.held_archive(archive_code, session)
    if session.get(InspectionPause, archive_code) is None:
        session.add(InspectionPause(archive_code=archive_code, stopped_by=actor.name))
        audit.record(session, actor, "object.inspection_stopped", f"archive:{archive_code}")


def resume_inspection(actor: Actor, archive_code: str, *, session: Session) -> None:
    """Go on with it, where it was stopped."""
    require(actor, *KEEPERS, archive=archive_code, missing=_not_kept())
    federation.held_archive(archive_code, session)
    pause = session.get(InspectionPause, archive_code)
    if pause is not None:
        session.delete(pause)
        audit.record(session, actor, "object.inspection_resumed", f"archive:{archive_code}")


def ask_for_inspection(actor: Actor, place: str, *, session: Session) -> KeptObject:
    """Have one record inspected at the next turn, whenever it was inspected last."""
    row, _record = object_seen_by(actor, place, session=session)
    if row.record_id is None:
        raise WrongState("文书没有保存环节的检测，只核验摘要。", "请选择一件档案。")
    locked(session, KeptObject, place)
    row.inspected_at = LONG_AGO
    audit.record(
        session, actor, "object.inspection_asked", subject_of(row.archive_code, row.record_id),
        place=place,
    )  # fmt: skip
    return row


def object_seen_by(
    actor: Actor, place: str, *, session: Session
) -> tuple[KeptObject, CatalogueRecord | None]:
    """What is kept in a place, with its record. Raises NotFound, also for another archive's."""
    row = session.execute(objects_seen_by(actor).where(KeptObject.place == place)).first()
    if row is None:
        raise _not_kept()
    return row[0], row[1]


def _not_kept() -> NotFound:
    return NotFound("馆藏中没有这一件，或不归您管。", "请回到“馆藏核验”重新查找。")


def faults_in(places: Iterable[str], *, session: Session) -> list[FileFault]:
    """The faulty files in some places, by name."""
    query = select(FileFault).where(FileFault.place.in_(list(places)))
    return list(session.scalars(query.order_by(FileFault.name, FileFault.copy)))


def standing(actor: Actor, *, since: datetime | None, session: Session) -> Standing:
    """How everything that the actor looks after stands; `since` is when the period began."""
    seen = objects_seen_by(actor)
    looked = seen.with_only_columns(KeptObject.looked_at).order_by(KeptObject.looked_at)
    oldest = session.scalar(looked.where(KeptObject.looked_at > LONG_AGO).limit(1))
    within = seen.where(KeptObject.place == FileFault.place).exists()
    faulty = session.scalar(select(func.count()).select_from(FileFault).where(within))
    waiting, waiting_since = session.execute(
        seen.where(KeptObject.waiting_since.is_not(None)).with_only_columns(
            func.count(), func.min(KeptObject.waiting_since)
        )
    ).one()
    of_hub = seen.where(KeptObject.archive_code == OF_HUB, is_something()).with_only_columns(
        func.count()
    )
    records = seen.where(KeptObject.record_id.is_not(None)).with_only_columns(func.count())
    inspected = records.where(KeptObject.inspected_at >= since) if since else records
    pauses = session.scalars(
        select(InspectionPause.archive_code).order_by(InspectionPause.archive_code)
    )
    return Standing(
        oldest,
        faulty or 0,
        waiting,
        waiting_since,
        session.scalar(of_hub) or 0,
        session.scalar(records.where(is_not_passing())) or 0,
        session.scalar(inspected) or 0,
        session.scalar(records) or 0,
        tuple(each for each in pauses if actor.may(*KEEPERS, archive=each)),
    )


def second_copy_state(kept: KeptObject | None) -> str:
    """How the second copy of something kept stands, in words."""
    if kept is None or kept.second_looked_at is None:
        return "还没有存入，等待复制"
    if kept.second_intact is False:
        return "有问题，见馆藏核验"
    looked = f"{local_text(kept.second_looked_at)} 核对完好"
    if kept.waiting_since is not None:
        return f"已存入，新的版本等待复制（{looked}）"
    return f"已存入，{looked}"


def ask_for_look(actor: Actor, place: str, *, session: Session) -> KeptObject:
    """Have what is faulty read again at once, not within the hour.

    Raises WrongState when it is intact.
    """
    return _ask(actor, place, AGAIN, session)


def ask_for_aside(actor: Actor, place: str, *, session: Session) -> KeptObject:
    """Have the surplus files of a place put aside. Raises WrongState when there are none."""
    return _ask(actor, place, ASIDE, session)


def _ask(actor: Actor, place: str, wish: str, session: Session) -> KeptObject:
    row, _record = object_seen_by(actor, place, session=session)
    locked(session, KeptObject, place)
    faults = faults_in([place], session=session)
    if wish == ASIDE:
        faults = [each for each in faults if each.kind == FaultKind.SURPLUS]
    if not faults:
        raise WrongState("这一件现在没有这样的问题。", "请刷新后再看。")
    act = audit.Act(
        was={each.name: each.wish for each in faults}, became={each.name: wish for each in faults}
    )
    for each in faults:
        each.wish = wish
    action = "object.aside_asked" if wish == ASIDE else "object.look_asked"
    audit.record(
        session,
        actor,
        action,
        subject_of(row.archive_code, row.record_id),
        act,
        place=place,
        count=len(faults),
        problems=[each.name for each in faults[:50]],
    )
    return row
