"""Who acts: a person or a part of the system, with roles that are scoped.

The one policy: a grant 授权 is a role within an archive, a fonds, a class 门类 and an openness, up
to a day; `Grant.covers` says whether it reaches a thing, `shared.kernel.reach` says the same as a
condition for queries. Rights follow fonds and archive, never a code prefix (design, rule 2).
Whatever no grant covers is denied.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.kernel.clock import today
from shared.kernel.errors import NotAllowed, NotFound


class Role(StrEnum):
    """What a person does. The Chinese name is in `ROLE_NAMES`."""

    CLERK = "clerk"
    LEADER = "leader"
    REVIEWER = "reviewer"
    ARCHIVIST = "archivist"
    APPRAISER = "appraiser"
    READER = "reader"
    INTEGRATOR = "integrator"
    AUTHORITY = "authority"
    SYSTEM_ADMINISTRATOR = "system_administrator"
    SECURITY_ADMINISTRATOR = "security_administrator"
    AUDITOR = "auditor"


ROLE_NAMES = {
    Role.CLERK: "文书档案员",
    Role.LEADER: "单位负责人",
    Role.REVIEWER: "档案审核员",
    Role.ARCHIVIST: "档案接收员",
    Role.APPRAISER: "鉴定员",
    Role.READER: "利用者",
    Role.INTEGRATOR: "系统对接",
    Role.AUTHORITY: "档案主管部门",
    Role.SYSTEM_ADMINISTRATOR: "系统管理员",
    Role.SECURITY_ADMINISTRATOR: "安全保密管理员",
    Role.AUDITOR: "安全审计员",
}


class Openness(StrEnum):
    """Which records a grant reaches: those whose opinion on opening 开放意见 is open, or all."""

    OPEN = "open"
    ALL = "all"


OPENNESS_NAMES = {Openness.ALL: "含控制使用的", Openness.OPEN: "只限开放的"}


class Duty(StrEnum):
    """What an account is for: the business of archives, or one of the three administrators' 三员.

    An account has exactly one, and all its roles belong to it; that is how nobody is two of the
    three, and no administrator does business (三员分立).
    """

    BUSINESS = "business"
    SYSTEM = "system"
    SECURITY = "security"
    AUDIT = "audit"


#: The three administrators, and the duty of each. Every other role is business.
DUTIES = {
    Role.SYSTEM_ADMINISTRATOR: Duty.SYSTEM,
    Role.SECURITY_ADMINISTRATOR: Duty.SECURITY,
    Role.AUDITOR: Duty.AUDIT,
}
ADMINISTRATORS = tuple(DUTIES)


def duty_of(role: str) -> Duty:
    """The duty that a role belongs to."""
    return DUTIES.get(Role(role), Duty.BUSINESS)


@dataclass(frozen=True)
class Grant:
    """One role within an archive, a fonds, a class and an openness; None means every one of them.

    `until` is the last day on which it counts, `2026-12-31` in Asia/Shanghai; None has no end.
    """

    role: Role
    archive_code: str | None = None
    fonds_id: str | None = None
    class_code: str | None = None
    openness: Openness = Openness.ALL
    until: str | None = None

    @property
    def in_force(self) -> bool:
        """Whether its last day has not passed."""
        return self.until is None or today() <= self.until

    @property
    def partial(self) -> bool:
        """Whether it reaches some records of its fonds only."""
        return self.class_code is not None or self.openness != Openness.ALL

    def covers(
        self,
        archive_code: str | None,
        fonds_id: str | None,
        class_code: str | None = None,
        opening: str | None = None,
    ) -> bool:
        """Whether this grant reaches a thing of that archive, fonds, class and opening.

        What a thing has not (a fonds has no class, a batch no opening) is beyond a grant that is
        limited to one.
        """
        return (
            self.archive_code in (None, archive_code)
            and self.fonds_id in (None, fonds_id)
            and self.class_code in (None, class_code)
            and (self.openness == Openness.ALL or opening == Openness.OPEN)
        )


@dataclass(frozen=True)
class Actor:
    """Who acts, under which name it is recorded, and what it may do.

    An actor is made for each request, message or step; grants that have ended are none of its own.
    """

    id: str
    name: str
    grants: tuple[Grant, ...] = ()
    system: bool = False

    def __post_init__(self) -> None:
        """Leave out the grants that have ended."""
        object.__setattr__(self, "grants", tuple(each for each in self.grants if each.in_force))

    def may(
        self,
        *roles: Role,
        archive: str | None = None,
        fonds: str | None = None,
        class_code: str | None = None,
        opening: str | None = None,
    ) -> bool:
        """Whether one of the roles is held for this archive, fonds, class and opening."""
        if self.system:
            return True
        return any(
            grant.role in roles and grant.covers(archive, fonds, class_code, opening)
            for grant in self.grants
        )

    def has(self, *roles: Role) -> bool:
        """Whether one of the roles is held at all, for whatever scope."""
        return self.system or any(grant.role in roles for grant in self.grants)

    def reaches_into(self, *roles: Role, fonds: str) -> bool:
        """Whether one of the roles is held for a fonds, or for a part of it (class, openness)."""
        return self.system or any(
            grant.role in roles and grant.archive_code is None and grant.fonds_id in (None, fonds)
            for grant in self.grants
        )

    @property
    def is_system_elsewhere(self) -> bool:
        """Whether it is another system 系统对接, which has nothing to do on pages."""
        return bool(self.grants) and all(each.role == Role.INTEGRATOR for each in self.grants)

    def archives(self, *roles: Role) -> frozenset[str] | None:
        """Archives for which one of the roles is held, for any class; None means all of them."""
        return self._unlimited(roles, "archive_code")

    def fonds(self, *roles: Role) -> frozenset[str] | None:
        """Fonds for which one of the roles is held, for any class; None means all of them."""
        return self._unlimited(roles, "fonds_id")

    def _unlimited(self, roles: tuple[Role, ...], name: str) -> frozenset[str] | None:
        if self.system:
            return None
        held = [grant for grant in self.grants if grant.role in roles and not grant.partial]
        if any(grant.archive_code is None and grant.fonds_id is None for grant in held):
            return None
        return frozenset(value for grant in held if (value := getattr(grant, name)))


def system_actor(name: str) -> Actor:
    """The platform itself, acting on its own account (a job, a message handler, the command)."""
    return Actor(id=f"system:{name}", name=name, system=True)


def require(
    actor: Actor,
    *roles: Role,
    archive: str | None = None,
    fonds: str | None = None,
    class_code: str | None = None,
    opening: str | None = None,
    missing: NotFound | None = None,
) -> None:
    """Raise NotAllowed unless the actor holds one of the roles for this thing, as `Actor.may`.

    `missing` is how a thing answers that is not there. It is raised when none of the actor's
    grants, whatever their role, reaches this one: nobody learns that it is there.
    """
    if not actor.may(*roles, archive=archive, fonds=fonds, class_code=class_code, opening=opening):
        if missing is not None and not actor.may(
            *Role, archive=archive, fonds=fonds, class_code=class_code, opening=opening
        ):
            missing.out_of_reach = True
            raise missing
        wanted = "、".join(ROLE_NAMES[role] for role in roles)
        raise NotAllowed(
            f"此操作需要“{wanted}”权限，且限于本人负责的档案馆和全宗。",
            "如确需办理，请联系安全保密管理员调整授权。",
        )
