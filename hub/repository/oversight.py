"""How what is kept stands, for archivists and administrators of its archive; what they ask for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from hub.catalogue.models import CatalogueRecord
from hub.federation.visibility import within_reach
from hub.repository.examining import FaultKind
from hub.repository.faults import AGAIN, ASIDE
from hub.repository.keeping import OF_HUB, subject_of
from hub.repository.models import FileFault, KeptObject
from shared import audit
from shared.kernel.actor import Actor, Role
from shared.kernel.clock import local_text
from shared.kernel.database import locked
from shared.kernel.errors import NotFound, WrongState

#: Who looks after what is kept.
KEEPERS = (Role.ARCHIVIST, Role.ADMINISTRATOR)


@dataclass(frozen=True)
class Standing:
    """How everything within reach stands: the oldest reading, faulty files, what has no second.

    `own` counts the papers of the hub itself (registers, audit, keys) among it.
    """

    oldest: datetime | None
    faulty: int
    waiting: int
    waiting_since: datetime | None
    own: int


def objects_seen_by(actor: Actor) -> Select[KeptObject, CatalogueRecord]:
    """What is kept in the actor's archives, each with its record (None for a paper)."""
    return (
        select(KeptObject, CatalogueRecord)
        .outerjoin(CatalogueRecord, CatalogueRecord.id == KeptObject.record_id)
        .where(within_reach(actor, KEEPERS, CatalogueRecord.fonds_id, KeptObject.archive_code))
    )


def is_faulty() -> Any:
    """The condition that a file of something kept is faulty, in one copy or the other."""
    return KeptObject.place.in_(select(FileFault.place))


def object_seen_by(
    actor: Actor, place: str, *, session: Session
) -> tuple[KeptObject, CatalogueRecord | None]:
    """What is kept in a place, with its record. Raises NotFound, also for another archive's."""
    row = session.execute(objects_seen_by(actor).where(KeptObject.place == place)).first()
    if row is None:
        raise NotFound("馆藏中没有这一件，或不归您管。", "请回到“馆藏核验”重新查找。")
    return row[0], row[1]


def faults_in(places: Iterable[str], *, session: Session) -> list[FileFault]:
    """The faulty files in some places, by name."""
    query = select(FileFault).where(FileFault.place.in_(list(places)))
    return list(session.scalars(query.order_by(FileFault.name, FileFault.copy)))


def standing(actor: Actor, *, session: Session) -> Standing:
    """How everything that the actor looks after stands."""
    seen = objects_seen_by(actor)
    looked = seen.with_only_columns(KeptObject.looked_at).order_by(KeptObject.looked_at)
    oldest = session.scalar(looked.limit(1))
    within = seen.where(KeptObject.place == FileFault.place).exists()
    faulty = session.scalar(select(func.count()).select_from(FileFault).where(within))
    waiting, since = session.execute(
        seen.where(KeptObject.waiting_since.is_not(None)).with_only_columns(
            func.count(), func.min(KeptObject.waiting_since)
        )
    ).one()
    of_hub = seen.where(KeptObject.archive_code == OF_HUB).with_only_columns(func.count())
    return Standing(oldest, faulty or 0, waiting, since, session.scalar(of_hub) or 0)


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
    for each in faults:
        each.wish = wish
    action = "object.aside_asked" if wish == ASIDE else "object.look_asked"
    audit.record(
        session,
        actor,
        action,
        subject_of(row.archive_code, row.record_id),
        place=place,
        count=len(faults),
        problems=[each.name for each in faults[:50]],
    )
    return row
