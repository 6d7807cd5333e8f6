"""Whether a batch comes when its fonds transfers: earlier or later needs the authority's consent.

The node may offer at any time, because only the hub knows of rule and consent for certain; the
archive cannot accept without it, before either side signs.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.catalogue.models import CatalogueRecord
from hub.federation import service as federation
from hub.federation.models import TRANSFER_TIMINGS
from hub.receiving.models import Batch, Offer
from shared.kernel.errors import WrongState

_REMEDY = (
    "请档案主管部门在这个全宗的页面点“提前或延期移交”，登记同意；"
    "没有同意的，请整批退回，或退回这些年度的。"
)
_CHUNK = 500


def untimely(batch: Batch, offers: Sequence[Offer], *, session: Session) -> str:
    """What of these offers comes early or late without consent, in words; empty for none."""
    ids = [offer.record_id for offer in offers]
    years: set[int] = set()
    for start in range(0, len(ids), _CHUNK):
        some = CatalogueRecord.id.in_(ids[start : start + _CHUNK])
        years.update(session.scalars(select(CatalogueRecord.year).where(some).distinct()))
    found = federation.without_consent(batch.fonds_id, years, session)
    return "；".join(
        f"{'、'.join(str(year) for year in of)} 年度的属于{TRANSFER_TIMINGS[timing]}"
        for timing, of in sorted(found.items())
    )


def require_timely(batch: Batch, offers: Sequence[Offer], *, session: Session) -> None:
    """Raise WrongState when some of them need a consent 同意 that is not on record."""
    problem = untimely(batch, offers, session=session)
    if problem:
        raise WrongState(
            f"{problem}，还没有档案主管部门的同意，不能接收。",
            _REMEDY,
            code="transfer_not_consented",
        )
