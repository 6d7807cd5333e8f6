"""The beginning of a hub: its row, the divisions and archives of its city, their seals."""

from __future__ import annotations

from sqlalchemy.orm import Session

from hub.federation.models import Hub
from hub.federation.own_keys import register_first
from hub.federation.places import HubFolder
from hub.federation.territory import archives, load_archives, load_divisions
from shared.audit import record as audit
from shared.kernel.actor import Actor, Role, require
from shared.kernel.errors import Conflict
from shared.kernel.keys import PublicKey
from shared.kernel.succession import hub_holder, seal_holder


def found_hub(actor: Actor, folder: HubFolder, *, session: Session) -> Hub:
    """Write down the hub of a new data folder, with its city's divisions and archives."""
    require(actor, Role.SYSTEM_ADMINISTRATOR)
    if session.get(Hub, 1) is not None:
        raise Conflict("平台已经初始化。", "可以直接运行 danglian hub run。")
    settings = folder.settings
    hub = Hub(hub_id=settings.hub_id, name=settings.name, city=settings.city)
    session.add(hub)
    session.flush()
    audit(session, actor, "hub.founded", f"hub:{hub.hub_id}", city=hub.city)
    load_divisions(actor, settings.city, session=session)
    load_archives(actor, folder.keys.make_seal, session=session)
    register_first(session, hub_holder(hub.hub_id), folder.keys.hub().public)
    for archive in archives(session):
        register_first(session, seal_holder(archive.code), PublicKey.from_hex(archive.seal_public))
    return hub
