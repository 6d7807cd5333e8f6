"""Who has to do with a fonds, and who may decide about it."""

from __future__ import annotations

from hub.federation.finding import no_fonds
from hub.federation.models import Fonds
from shared.kernel.actor import Actor, Role, require


def require_over(actor: Actor, reviewing: str | None, receiving: str | None) -> None:
    """An administrator of either archive may act; of all archives where there is none."""
    if reviewing is not None and actor.may(Role.SYSTEM_ADMINISTRATOR, archive=reviewing):
        return
    require(actor, Role.SYSTEM_ADMINISTRATOR, archive=receiving)


def require_over_fonds(actor: Actor, fonds: Fonds) -> None:
    """The same of a fonds that is there. Raises NotFound for who has nothing to do with it."""
    if not may_over(actor, fonds):
        require_reach(actor, fonds)
        require_over(actor, fonds.reviewing_archive, fonds.receiving_archive)


def require_reach(actor: Actor, fonds: Fonds) -> None:
    """Raise NotFound for who has nothing to do with a fonds."""
    if not reaches(actor, fonds):
        raise no_fonds()


def reaches(actor: Actor, fonds: Fonds) -> bool:
    """Whether the actor has to do with a fonds, by whatever role."""
    return any(
        actor.may(*Role, archive=code, fonds=fonds.id)
        for code in (fonds.reviewing_archive, fonds.receiving_archive)
    )


def may_over(actor: Actor, fonds: Fonds) -> bool:
    """Whether `require_over` lets the actor decide about a fonds."""
    return any(
        actor.may(Role.SYSTEM_ADMINISTRATOR, archive=code)
        for code in (fonds.reviewing_archive, fonds.receiving_archive)
    )
