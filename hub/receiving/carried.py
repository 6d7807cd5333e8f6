"""Packages that are carried by hand, part by part, with the offers that they belong to.

The same rules as for an upload hold: only a package that is wanted, with the offered size and
digest, within the quota; the parts lie in the same staging, so one way may finish what the other
began. In the place of the grant's token stands the node's signature over each part.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.receiving.models import HOLDING_STATES, Offer, OfferState, Upload
from hub.receiving.uploads import (
    GrantedUpload,
    grant_upload,
    note_parts,
    present_numbers,
    upload_of,
    wanted_offer,
)
from shared.kernel.canonical import sha256_hex
from shared.kernel.clock import now
from shared.kernel.database import Database
from shared.kernel.errors import DanglianError, Unavailable, WrongState
from shared.messaging.log import lock_streams
from shared.messaging.parcel import Part
from shared.storage import Staging, Stretch


@dataclass
class CarriedPackages:
    """Takes the parts of one node's packages into staging; what was here already is passed over."""

    database: Database
    staging: Staging
    node_id: str
    parts: int = 0
    size: int = 0
    #: Offers whose package is whole here by these parts, or was before.
    whole: set[str] = field(default_factory=set)
    #: Why the package of an offer was not taken.
    refused: dict[str, DanglianError] = field(default_factory=dict)
    _present: dict[str, set[int]] = field(default_factory=dict)

    def take(self, part: Part) -> None:
        """Take one part. Raises Unavailable; every other reason not to is in `refused`."""
        if part.offer_id in self.refused or part.offer_id in self.whole:
            return
        try:
            self._take(part)
        except Unavailable:
            raise
        except DanglianError as error:
            self.refused[part.offer_id] = error

    def _take(self, part: Part) -> None:
        offer_id = part.offer_id
        if offer_id not in self._present:
            with self.database.write() as session:
                present = self._begin(session, part)
            if present is None:
                self.whole.add(offer_id)
                return
            self._present[offer_id] = present
        if part.number in self._present[offer_id]:
            return
        sha256, size = sha256_hex(part.content), len(part.content)
        self.staging.begin(offer_id, size=part.size, sha256=part.sha256)
        self.staging.put_part(
            offer_id, part.number, io.BytesIO(part.content), size=size, sha256=sha256
        )
        with self.database.write() as session:
            lock_streams(session, [self.node_id])
            if session.get(Upload, offer_id) is None:
                raise WrongState(
                    "这件移交在导入中途撤回或办结了。", "不需要再带来。", code="offer_closed"
                )
            note_parts(
                session,
                GrantedUpload(offer_id, part.size, part.sha256),
                Stretch(part.number),
                sha256=sha256,
            )
            if session.get_one(Offer, offer_id).arrived:
                self.whole.add(offer_id)
        self._present[offer_id].add(part.number)
        self.parts += 1
        self.size += size

    def _begin(self, session: Session, part: Part) -> set[int] | None:
        """The parts of this package that are here; None when it is here whole."""
        asked = {"offer_id": part.offer_id, "sha256": part.sha256, "size": part.size}
        offer = wanted_offer(session, self.node_id, asked)
        if offer.arrived:
            return None
        upload = upload_of(session, offer.id)
        if upload is None:
            # Its token is told to nobody. One that the node has for a link stays good.
            grant_upload(session, self.node_id, asked)
        else:
            upload.expires_at = max(upload.expires_at, now())
        return set(present_numbers(session, offer.id))


def packages_here(session: Session, node_id: str) -> list[str]:
    """The open offers of a node whose packages are here, for a node that cannot ask."""
    return list(
        session.scalars(
            select(Offer.id)
            .where(Offer.node_id == node_id, Offer.arrived.is_(True))
            .where(Offer.state.in_(HOLDING_STATES))
            .order_by(Offer.id)
        )
    )


def packages_missing(session: Session, node_id: str) -> tuple[int, int]:
    """How many packages of a node's open offers have not come whole, and their bytes."""
    count, size = session.execute(
        select(func.count(), func.coalesce(func.sum(Offer.package_size), 0))
        .where(Offer.node_id == node_id, Offer.arrived.is_(False))
        .where(Offer.state == OfferState.OPEN)
    ).one()
    return count, int(size)
