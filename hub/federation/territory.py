"""Divisions and archives: which there are, and which archive a unit belongs to by itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from hub.federation.models import Archive, Division
from shared.audit import Act
from shared.audit import record as audit
from shared.kernel.actor import Actor, Role, require
from shared.kernel.database import locked
from shared.kernel.errors import Invalid, NotFound
from shared.kernel.keys import Seal
from shared.records import archives as records_archives
from shared.records import divisions as records_divisions


def load_divisions(
    actor: Actor,
    city: str,
    *,
    session: Session,
    divisions: Mapping[str, records_divisions.Division] | None = None,
) -> int:
    """Write down the city's divisions and those above it; returns how many are new.

    Names follow the data; a division that is no longer in it stays, because records point at it.
    """
    require(actor, Role.SYSTEM_ADMINISTRATOR)
    known = records_divisions.load_divisions() if divisions is None else divisions
    if city not in known or known[city].level is not records_divisions.Level.CITY:
        raise Invalid(
            "city",
            f"区划表中没有代码为 {city} 的市。",
            "请填写12位的市级区划代码，如 420500000000。",
        )
    above = {each.code for each in records_divisions.lineage(city, known)}
    held = {each.code: each for each in session.scalars(select(Division))}
    new, changed = 0, []
    for each in known.values():
        line = [place.code for place in records_divisions.lineage(each.code, known)]
        if city not in line and each.code not in above:
            continue
        row = held.get(each.code)
        if row is None:
            row = Division(code=each.code)
            session.add(row)
            new += 1
        row.name = each.name
        row.level = str(each.level)
        row.parent_code = each.parent_code
        row.path = "/".join(reversed(line))
        if session.is_modified(row):
            changed.append(row.code)
    session.flush()
    audit(session, actor, "divisions.loaded", f"division:{city}", Act(each=changed), new=new)
    return new


def load_archives(actor: Actor, seal: Callable[[str], Seal], *, session: Session) -> int:
    """Write down one archive for the city and each county; returns how many are new.

    `seal` gives the seal of an archive by its code (`HubKeys.make_seal`); its public half is kept.
    """
    require(actor, Role.SYSTEM_ADMINISTRATOR)
    places = {
        row.code: records_divisions.Division(
            row.code, row.name, records_divisions.Level(row.level), row.parent_code
        )
        for row in session.scalars(select(Division))
    }
    held = {row.code for row in session.scalars(select(Archive))}
    new = []
    for position, archive in enumerate(records_archives.archives_of(places)):
        if archive.code in held:
            continue
        session.add(
            Archive(
                code=archive.code,
                name=archive.name,
                division_code=archive.division_code,
                level=str(places[archive.division_code].level),
                position=position,
                seal_public=seal(archive.code).public.hex,
            )
        )
        new.append(archive.code)
    session.flush()
    audit(session, actor, "archives.loaded", "hub", Act(each=new), new=len(new))
    return len(new)


def division_of(code: str, session: Session) -> Division:
    """The division of a code. Raises NotFound."""
    found = session.get(Division, code)
    if found is None:
        raise NotFound(f"没有代码为 {code} 的行政区划。", "请从区划列表中选择。")
    return found


def divisions_below(code: str, session: Session) -> list[str]:
    """The codes of a division and of everything below it, by parent links."""
    root = division_of(code, session)
    return list(
        session.scalars(
            select(Division.code)
            .where((Division.path == root.path) | Division.path.startswith(f"{root.path}/"))
            .order_by(Division.path)
        )
    )


def divisions_at(level: str, session: Session, *, parent: str | None = None) -> list[Division]:
    """The divisions of one level, by code; those right below `parent` when it is given."""
    query = select(Division).where(Division.level == level).order_by(Division.code)
    if parent is not None:
        query = query.where(Division.parent_code == parent)
    return list(session.scalars(query))


def lineage_of(code: str, session: Session) -> list[Division]:
    """The division and everything above it, the province first."""
    codes = division_of(code, session).path.split("/")
    rows = {
        row.code: row for row in session.scalars(select(Division).where(Division.code.in_(codes)))
    }
    return [rows[each] for each in codes]


def division_paths(codes: Iterable[str], session: Session) -> dict[str, tuple[str, ...]]:
    """Of several divisions the codes from the province down to itself, in one query."""
    rows = session.execute(
        select(Division.code, Division.path).where(Division.code.in_(list(codes)))
    )
    return {row.code: tuple(row.path.split("/")) for row in rows}


def full_name(code: str, session: Session) -> str:
    """`宜昌市夷陵区龙泉镇`: the names from the city down."""
    return "".join(each.name for each in lineage_of(code, session) if each.level != "province")


def division_names(codes: Iterable[str], session: Session) -> dict[str, str]:
    """The names of several divisions, each with its parent's, in one query."""
    rows = session.scalars(select(Division).where(Division.code.in_(list(codes)))).all()
    above = {row.parent_code for row in rows if row.level in {"township", "village"}}
    parents = {
        row.code: row.name
        for row in session.scalars(select(Division).where(Division.code.in_(above)))
    }
    return {row.code: parents.get(row.parent_code or "", "") + row.name for row in rows}


def places_to_choose(
    session: Session, archives: Collection[str] | None = None
) -> list[tuple[str, str]]:
    """Code and name of the city, its counties and their townships, for a select box.

    With `archives` only the places whose own archive is one of these.
    """
    rows: Sequence[Division] = session.scalars(
        select(Division)
        .where(Division.level.in_(["city", "county", "township"]))
        .order_by(Division.path)
    ).all()
    names = {row.code: row.name for row in rows}
    if archives is not None:
        own = {each.division_code: each.code for each in session.scalars(select(Archive))}
        nearest = {
            row.code: next((own[each] for each in reversed(row.path.split("/")) if each in own), "")
            for row in rows
        }
        rows = [row for row in rows if nearest[row.code] in archives]
    return [
        (row.code, f"{names[row.parent_code]} {row.name}" if row.level == "township" else row.name)
        if row.parent_code in names
        else (row.code, row.name)
        for row in rows
    ]


def archives(session: Session) -> list[Archive]:
    """All archives, the city's first."""
    return list(session.scalars(select(Archive).order_by(Archive.position, Archive.code)))


def archives_listed() -> Select[Any]:
    """All archives, as a statement for a list."""
    return select(Archive)


def archive_of(code: str, session: Session) -> Archive:
    """The archive of a code. Raises NotFound."""
    found = session.get(Archive, code)
    if found is None:
        raise NotFound(f"没有代码为“{code}”的档案馆。", "请从档案馆列表中选择。")
    return found


def held_archive(code: str, session: Session) -> Archive:
    """The archive of a code, held while something is counted or agreed for it. Raises NotFound."""
    return locked(session, Archive, code) or archive_of(code, session)


def own_archive(division_code: str, session: Session) -> Archive | None:
    """The archive of a unit's own level: the city's, or that of the county it lies in."""
    places = [each.code for each in lineage_of(division_code, session)]
    found = {
        row.division_code: row
        for row in session.scalars(select(Archive).where(Archive.division_code.in_(places)))
    }
    for place in reversed(places):
        if place in found:
            return found[place]
    return None


def city_archive(session: Session) -> Archive:
    """The archive of the city. Raises NotFound before `load_archives`."""
    found = session.scalar(select(Archive).where(Archive.level == "city"))
    if found is None:
        raise NotFound("还没有载入档案馆。", "请先运行 danglian hub init。")
    return found


def division_count(session: Session) -> int:
    """How many divisions are known."""
    return session.scalar(select(func.count()).select_from(Division)) or 0
