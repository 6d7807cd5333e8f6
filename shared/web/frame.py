"""What stands around every page: whose it is, who is signed in, where one can go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from flask import Flask, current_app, request
from sqlalchemy.exc import SQLAlchemyError

from shared.identity import NotSignedIn, access_of, current_actor_or_none
from shared.kernel.actor import Actor, Role
from shared.kernel.errors import DanglianError, NotAllowed

PRODUCT = "档联"


class NavigationItem(NamedTuple):
    """One entry of the navigation; without roles, for everybody who is signed in.

    `everywhere`: only for who holds the role for every archive and fonds. `menu` names the menu
    that the entry stands in, together with the others of that name.
    """

    endpoint: str
    label: str
    icon: str = ""
    roles: Sequence[Role] = ()
    everywhere: bool = False
    menu: str = ""

    def visible_to(self, actor: Actor) -> bool:
        """Whether this actor is offered the entry."""
        holds = actor.may if self.everywhere else actor.has
        return not self.roles or holds(*self.roles)


class Menu(NamedTuple):
    """Entries of the navigation under one name, where its first one stands; at least one.

    Who sees only one of them sees the entry itself.
    """

    label: str
    entries: list[NavigationItem]


class Light(NamedTuple):
    """One light in every header: a level (`green`, `yellow`, `red`), a few words, and why."""

    level: str
    words: str
    why: str


class LightSource(NamedTuple):
    """Where the light comes from: what reads it, the page that explains it, what a page polls."""

    read: Callable[[], Light]
    page: str
    poll: str


@dataclass(frozen=True)
class Frame:
    """The frame of one page."""

    product: str
    title: str
    actor: Actor | None
    navigation: list[Menu]
    #: The entry that the current page belongs to.
    active: NavigationItem | None
    light: Light | None = None
    light_source: LightSource | None = None


class FrameMaker:
    """Makes the frame of each page of one app."""

    def __init__(
        self,
        title: str | Callable[[], str],
        navigation: Iterable[tuple[object, ...]],
        light: LightSource | None = None,
    ):
        self._title = title
        self._light = light
        self.items = [NavigationItem(*item) for item in navigation]  # type: ignore[arg-type]

    def __call__(self) -> Frame:
        """The frame of the current page; a page that tells of an outage has one, too."""
        try:
            actor = current_actor_or_none()
            title = self._title if isinstance(self._title, str) else self._title()
            light = self._light.read() if self._light and _may_open(self._light.page) else None
        except (DanglianError, SQLAlchemyError):
            actor, title = None, self._title if isinstance(self._title, str) else ""
            light = None
        items = [each for each in self.items if actor and each.visible_to(actor)]
        return Frame(PRODUCT, title, actor, _menus(items), _active(items), light, self._light)

    def check(self, app: Flask) -> None:
        """Raise ValueError for an entry that leads nowhere."""
        endpoints = [item.endpoint for item in self.items]
        if self._light is not None:
            endpoints += [self._light.page, self._light.poll]
        for endpoint in endpoints:
            if endpoint not in app.view_functions:
                raise ValueError(f"navigation: there is no endpoint {endpoint!r}")


def _may_open(endpoint: str) -> bool:
    """Whether the page of the light is for whoever looks: administrators see no business."""
    try:
        access_of(current_app.view_functions[endpoint]).check()
    except (NotSignedIn, NotAllowed):
        return False
    return True


def _menus(items: Iterable[NavigationItem]) -> list[Menu]:
    """The entries as they stand; what belongs to no menu is one of its own."""
    found: dict[str, Menu] = {}
    for item in items:
        found.setdefault(item.menu or item.endpoint, Menu(item.menu, [])).entries.append(item)
    return list(found.values())


def _active(items: list[NavigationItem]) -> NavigationItem | None:
    """The entry of just this page, else the first one of its capability."""
    for item in items:
        if item.endpoint == request.endpoint:
            return item
    for item in items:
        if request.blueprint and item.endpoint.rpartition(".")[0] == request.blueprint:
            return item
    return None
