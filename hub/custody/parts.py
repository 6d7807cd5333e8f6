"""The parts of a bundle for the taking node; what staging lost is asked of the giving one again.

A hub that was restored without its staging believes that bundles are here. Only one that is fetched
is missed, so that nothing is sent twice over a thin line which the taking node has already.
"""

from __future__ import annotations

import hmac
from typing import BinaryIO

from sqlalchemy.orm import Session

from hub.custody import service
from hub.custody.bundles import bundles_of
from hub.custody.models import FETCHING, Bundle, HandOver
from hub.custody.telling import tell_both
from hub.federation import service as federation
from hub.federation.places import HubFolder
from hub.receiving import service as receiving
from shared.audit import Act
from shared.audit import record as audit
from shared.kernel.actor import system_actor
from shared.kernel.canonical import sha256_hex
from shared.kernel.clock import now
from shared.kernel.errors import NotAllowed, NotFound
from shared.storage import Staging, part_count


def open_part(folder: HubFolder, bundle_id: str, *, token: str, number: int) -> BinaryIO:
    """One part of a bundle, for the bearer of a grant.

    Raises NotAllowed, and NotFound for a part that is not here: while it is wanted, the giving node
    has then been asked for the whole bundle, and the taking one tries again later.
    """
    with folder.database().read() as session:
        bundle = session.get(Bundle, bundle_id)
        given = sha256_hex(token.encode())
        if (
            bundle is None
            or not hmac.compare_digest(bundle.token_digest, given)
            or bundle.expires_at is None
            or bundle.expires_at < now()
            or not _may_fetch(bundle, session)
        ):
            raise NotAllowed("领取许可无效或已过期。", "请重新申请领取。", code="grant_expired")
        believed = [each for each in bundles_of(bundle.hand_over_id, session) if each.arrived]
    try:
        return folder.staging.open_part(bundle_id, number)
    except NotFound:
        lost = [each.id for each in believed if not _is_whole(folder.staging, each)]
        if lost:
            key = folder.keys.hub()
            with folder.database().write() as session:
                hand_over = service.held_hand_over(bundle.hand_over_id, session)
                if hand_over.state in FETCHING and _forget(lost, session):
                    tell_both(hand_over, key=key, session=session)
                    audit(
                        session, system_actor("custody"), "hand_over.bundles_lost",
                        f"fonds:{hand_over.fonds_id}", Act(each=lost),
                        hand_over=hand_over.id, count=len(lost),
                    )  # fmt: skip
        raise


def _may_fetch(bundle: Bundle, session: Session) -> bool:
    """Whether the taking node is heard at all: it may have been suspended since the grant."""
    taking = session.get_one(HandOver, bundle.hand_over_id).to_node
    return taking is not None and federation.node_of(taking, session).may_talk


def _forget(lost: list[str], session: Session) -> bool:
    """Note that these are not here; False when that is known of all of them."""
    arrived = [each for each in (session.get(Bundle, id_) for id_ in lost) if each and each.arrived]
    for bundle in arrived:
        bundle.arrived = False
        receiving.forget_upload(session, bundle.id)
    session.flush()
    return bool(arrived)


def _is_whole(staging: Staging, bundle: Bundle) -> bool:
    try:
        return len(staging.parts(bundle.id)) == part_count(bundle.size)
    except NotFound:
        return False
