"""Who acts in the current request, and which views ask for what.

Every view asks for a sign-in unless it is marked `@public`; `shared.web` reads these marks before
anything of a request's body is read. How a request tells who it is, is the app's business: it puts
a function under `LOADER` into its extensions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from flask import current_app, g

from shared.identity.errors import NotSignedIn
from shared.kernel.actor import ROLE_NAMES, Actor, Role
from shared.kernel.errors import NotAllowed

LOADER = "danglian.load_actor"
_MARK = "danglian_access"

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")
View = Callable[Parameters, Answer]


@dataclass(frozen=True)
class Access:
    """What a view asks of who calls it."""

    public: bool = False
    roles: tuple[Role, ...] = ()
    #: Whether a role has to be held for everything: a grant within one archive does not do.
    everywhere: bool = False

    def check(self) -> None:
        """Raise NotSignedIn or NotAllowed."""
        if self.public:
            return
        actor = current_actor()
        holds = actor.may if self.everywhere else actor.has
        if self.roles and not holds(*self.roles):
            wanted = "、".join(ROLE_NAMES[role] for role in self.roles)
            scope = "不限范围的" if self.everywhere else ""
            raise NotAllowed(
                f"此页面或操作需要{scope}“{wanted}”权限。",
                "如确需办理，请联系安全保密管理员。",
            )


def current_actor_or_none() -> Actor | None:
    """Who acts in this request; None when nobody is signed in."""
    if "danglian_actor" not in g:
        g.danglian_actor = current_app.extensions[LOADER]()
    actor: Actor | None = g.danglian_actor
    return actor


def current_actor() -> Actor:
    """Who acts in this request. Raises NotSignedIn."""
    actor = current_actor_or_none()
    if actor is None:
        raise NotSignedIn
    return actor


def public(view: View[Parameters, Answer]) -> View[Parameters, Answer]:
    """Mark a view that everybody may call."""
    setattr(view, _MARK, Access(public=True))
    return view


def signed_in(view: View[Parameters, Answer]) -> View[Parameters, Answer]:
    """Mark a view that asks for a sign-in (as every view does)."""
    return guarded_by(view, Access())


def with_roles(*roles: Role) -> Callable[[View[Parameters, Answer]], View[Parameters, Answer]]:
    """Mark a view that asks for one of these roles, for whatever scope."""
    return lambda view: guarded_by(view, Access(roles=roles))


def with_roles_everywhere(
    *roles: Role,
) -> Callable[[View[Parameters, Answer]], View[Parameters, Answer]]:
    """Mark a view of what is everybody's: a role within one archive or fonds does not do."""
    return lambda view: guarded_by(view, Access(roles=roles, everywhere=True))


def access_of(view: Any) -> Access:
    """What a view asks for; a sign-in unless it says otherwise."""
    access = getattr(view, _MARK, None)
    return access if isinstance(access, Access) else Access()


def guarded_by(view: View[Parameters, Answer], access: Access) -> View[Parameters, Answer]:
    """Mark a view with what it asks for; it is checked before the body is read, and by the view."""

    @wraps(view)
    def guarded(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Answer:
        access.check()
        return view(*args, **kwargs)

    setattr(guarded, _MARK, access)
    return guarded
