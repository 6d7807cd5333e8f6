"""Agreements on central keeping 集中保管: a county's archive reviews, the city's receives."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.federation.assignments import move_archives
from hub.federation.finding import all_fonds, locked_fonds
from hub.federation.models import Agreement, Archive, Fonds
from hub.federation.territory import archive_of, city_archive, divisions_below, held_archive
from shared.audit import record as audit
from shared.kernel.actor import Actor, Role, require
from shared.kernel.clock import today
from shared.kernel.errors import Conflict, Invalid
from shared.kernel.keys import SigningKey
from shared.records.values import REASON_LENGTH, required_text


def make_agreement(
    actor: Actor,
    county_archive: str,
    basis: str,
    *,
    key: SigningKey,
    session: Session,
    fonds_ids: Sequence[str] | None = None,
    since: date | None = None,
) -> Agreement:
    """Let the city's archive receive what a county's archive reviews.

    `fonds_ids` None means every fonds of the county's and townships' units, later ones included.
    What a village keeps itself is untouched unless it is named.
    """
    require(actor, Role.SYSTEM_ADMINISTRATOR)
    county = archive_of(county_archive, session)
    city = city_archive(session)
    if county.level != "county":
        raise Invalid("archive", "集中保管协议由县级档案馆订立。", "请选择一个县级档案馆。")
    if fonds_ids is None:
        locked_fonds([fonds.id for fonds in _of_county(county, session)], session)
        held_archive(county.code, session)
        if _general(county.code, session) is not None:
            raise Conflict(f"{county.name}已有集中保管协议。", "请在协议列表中查看。")
        many = _of_county(county, session)
    else:
        many = locked_fonds(fonds_ids, session)
        for fonds in many:
            if county.code not in (fonds.reviewing_archive, fonds.receiving_archive):
                raise Invalid(
                    "fonds", f"“{fonds.name}”不属于{county.name}。", "请只选择该馆的全宗。"
                )
    agreement = Agreement(
        reviewing_archive=county.code,
        receiving_archive=city.code,
        fonds_ids=None if fonds_ids is None else list(fonds_ids),
        basis=required_text(basis, "basis", max_length=REASON_LENGTH),
        since=since.isoformat() if since else today(),
        made_by=actor.name,
    )
    session.add(agreement)
    session.flush()
    audit(
        session,
        actor,
        "agreement.made",
        f"agreement:{agreement.id}",
        reviewing=county.code,
        receiving=city.code,
    )
    move_archives(many, county.code, city.code, key=key, session=session)
    return agreement


def _of_county(county: Archive, session: Session) -> list[Fonds]:
    """The fonds of a county's own units that its archive receives."""
    below = set(divisions_below(county.division_code, session))
    return [
        fonds
        for fonds in all_fonds(session, archive=county.code)
        if fonds.receiving_archive == county.code and fonds.division_code in below
    ]


def agreements(session: Session) -> list[Agreement]:
    """All agreements, the newest first."""
    return list(session.scalars(select(Agreement).order_by(Agreement.made_at.desc())))


def agreed_archives(own_archive: str, session: Session) -> tuple[str, str]:
    """The reviewing and the receiving archive of a unit whose own archive this is."""
    agreement = _general(own_archive, session)
    if agreement is None:
        return own_archive, own_archive
    return agreement.reviewing_archive, agreement.receiving_archive


def _general(archive_code: str, session: Session) -> Agreement | None:
    return next(
        (
            each
            for each in session.scalars(
                select(Agreement).where(Agreement.reviewing_archive == archive_code)
            )
            if each.fonds_ids is None
        ),
        None,
    )
