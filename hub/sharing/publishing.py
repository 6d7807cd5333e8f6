"""Publication bundles of the public feed, for the portal on the internet: numbered and chained.

A bundle is written into the hub's own folder `publications/` first, then counts in the database,
and only then is copied to where it is carried from: what was handed out is never made anew in
another form. A kill between these steps leaves a file that the next run writes over, or copies.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.federation import service as federation
from hub.federation.own_keys import statements
from hub.federation.places import HubFolder
from hub.sharing import feed
from hub.sharing.models import Publication
from hub.sharing.policies import Audience
from shared import audit
from shared.kernel.actor import Actor, Role, require
from shared.kernel.errors import NotFound, WrongState
from shared.kernel.files import folder_lock
from shared.packaging.publication import MOST_ENTRIES, Contents, name_of, write_bundle
from shared.storage.temporary import sweep_leftovers, telling_of_trouble, temporary_file

FOLDER = "publications"
#: A series is of one generation of the hub, of which it may have so many.
_SERIES = 10_000


@dataclass(frozen=True)
class Published:
    """What a run of publishing did: how many bundles it made and copied, and the last number."""

    made: int
    copied: int
    series: int
    number: int


def publish(
    actor: Actor,
    folder: HubFolder,
    target: Path,
    *,
    after: int = 0,
    anew: bool = False,
    tell: Callable[[str], object] = lambda _text: None,
) -> Published:
    """Make bundles of all that is new, and copy to a folder those that it lacks.

    Of the series those `after` a number are copied; `anew` begins another series, for a portal that
    begins anew. Raises Unavailable when the folder cannot be written.
    """
    require(actor, Role.ARCHIVIST)
    if folder.settings.zone == "lan":
        raise WrongState(
            "这个平台设在局域网（zone = lan），不能向因特网发布。", "请在政务网的平台上发布。",
            code="not_in_this_zone",
        )  # fmt: skip
    kept = folder.path / FOLDER
    made = 0
    with folder_lock(kept, "hub publish"), telling_of_trouble():
        sweep_leftovers(kept)
        while (row := _make_next(actor, folder, kept, anew=anew)) is not None:
            tell(f"已生成第 {row.number} 个发布包（{row.entries} 条）")
            made, anew = made + 1, False
        with folder.database().read() as session:
            rows = _series(session)
        if not rows:
            raise NotFound("还没有可以发布的档案。", "请先由档案馆批准向社会共享。")
        copied = [_copy(each, kept, target) for each in rows if each.number > after]
    return Published(made, sum(copied), rows[-1].series, rows[-1].number)


def _make_next(actor: Actor, folder: HubFolder, kept: Path, *, anew: bool) -> Publication | None:
    """Make the next bundle; None when nothing is new."""
    with folder.database().read() as session:
        hub = federation.hub_of(session)
        end = feed.mark_of(Audience.PUBLIC, session)
        last = _last(session)
        if last is None and not end.position:
            return None
        before = last if last and last.series // _SERIES == hub.generation and not anew else None
        if before is not None and before.position == end.position:
            return None
        series = before.series if before else hub.generation * _SERIES
        if last is not None and before is None:
            series = max(series, last.series + 1)
        at = feed.Cursor(hub.generation, before.position if before else 0)
        page = feed.read_page(Audience.PUBLIC, at, end, MOST_ENTRIES, session)
        proof = feed.proof(Audience.PUBLIC, session)
        contents = Contents(
            hub_id=hub.hub_id,
            series=series,
            number=before.number + 1 if before else 1,
            previous=before.digest if before else "",
            position=page.cursor.position,
            is_last=not page.more,
            records=proof["records"],
            digest=proof["digest"],
            archives={each.code: each.name for each in federation.archives(session)},
        )
        successions = statements(session)
    about = write_bundle(
        kept, page.entries, contents, key=folder.keys.hub(), successions=successions
    )
    with folder.database().write() as session:
        row = Publication(
            series=about.series,
            number=about.number,
            digest=about.id,
            position=about.position,
            entries=about.entries,
        )
        session.add(row)
        session.flush()
        audit.record(
            session, actor, "sharing.published", "hub", audit.Act(each=page.entries),
            series=row.series, number=row.number, count=row.entries, sha256=row.digest,
        )  # fmt: skip
    return row


def _last(session: Session) -> Publication | None:
    return session.scalar(
        select(Publication).order_by(Publication.series.desc(), Publication.number.desc()).limit(1)
    )


def _series(session: Session) -> list[Publication]:
    """The bundles of the newest series, in order."""
    last = _last(session)
    if last is None:
        return []
    rows = select(Publication).where(Publication.series == last.series)
    return list(session.scalars(rows.order_by(Publication.number)))


def _copy(row: Publication, kept: Path, target: Path) -> bool:
    """Copy a bundle to where it is carried from; False when it is there."""
    name = name_of(row.series, row.number)
    source, there = kept / name, target / name
    if there.exists() and (not source.exists() or _is_as_long(there, source)):
        return False
    if not source.exists():
        raise NotFound(
            f"发布包 {name} 不在平台的数据目录里了。",
            "请用 --anew 另起一个系列重新发布，或用 --after 略过门户已经导入的。",
            code="publication_lost",
        )
    with temporary_file(target) as temporary, source.open("rb") as stream:
        shutil.copyfileobj(stream, temporary.stream)
        temporary.replace(there)
    return True


def _is_as_long(one: Path, other: Path) -> bool:
    return one.stat().st_size == other.stat().st_size
