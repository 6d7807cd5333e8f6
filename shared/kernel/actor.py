"""Who acts: a person or a part of the system, with roles that are scoped by archive and fonds.

Rights follow fonds and archive, never a code prefix (design, rule 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.kernel.errors import NotAllowed


class Role(StrEnum):
    """What a person does. The Chinese name is in `ROLE_NAMES`."""

    CLERK = "clerk"
    LEADER = "leader"
    REVIEWER = "reviewer"
    ARCHIVIST = "archivist"
    SYSTEM_ADMINISTRATOR = "system_administrator"
    SECURITY_ADMINISTRATOR = "security_administrator"
    AUDITOR = "auditor"


ROLE_NAMES = {
    Role.CLERK: "文书档案员",
    Role.LEADER: "单位负责人",
    Role.REVIEWER: "档案审核员",
    Role.ARCHIVIST: "档案接收员",
    Role.SYSTEM_ADMINISTRATOR: "系统管理员",
    Role.SECURITY_ADMINISTRATOR: "安全保密管理员",
    Role.AUDITOR: "安全审计员",
}


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
    """One role within one archive or one fonds; None means every one of them."""

    role: Role
    archive_code: str | None = None
    fonds_id: str | None = None

    def covers(self, archive_code: str | None, fonds_id: str | None) -> bool:
        """Whether this grant reaches a thing of that archive and fonds."""
        if self.archive_code is not None and self.archive_code != archive_code:
            return False
        return self.fonds_id is None or self.fonds_id == fonds_id


@dataclass(frozen=True)
class Actor:
    """Who acts, under which name it is recorded, and what it may do."""

    id: str
    name: str
    grants: tuple[Grant, ...] = ()
    system: bool = False

    def may(self, *roles: Role, archive: str | None = None, fonds: str | None = None) -> bool:
        """Whether one of the roles is held for this archive and fonds."""
        if self.system:
            return True
        return any(grant.role in roles and grant.covers(archive, fonds) for grant in self.grants)

    def has(self, *roles: Role) -> bool:
        """Whether one of the roles is held at all, for whatever scope."""
        return self.system or any(grant.role in roles for grant in self.grants)

    def archives(self, *roles: Role) -> frozenset[str] | None:
        """Archives for which one of the roles is held; None means all of them."""
        if self.system:
            return None
        held = [grant for grant in self.grants if grant.role in roles]
        if any(grant.archive_code is None and grant.fonds_id is None for grant in held):
            return None
        return frozenset(grant.archive_code for grant in held if grant.archive_code)

    def fonds(self, *roles: Role) -> frozenset[str] | None:
        """Fonds for which one of the roles is held; None means all of them."""
        if self.system:
            return None
        held = [grant for grant in self.grants if grant.role in roles]
        if any(grant.archive_code is None and grant.fonds_id is None for grant in held):
            return None
        return frozenset(grant.fonds_id for grant in held if grant.fonds_id)


def system_actor(name: str) -> Actor:
    """The platform itself, acting on its own account (a job, a message handler, the command)."""
    return Actor(id=f"system:{name}", name=name, system=True)


def require(
    actor: Actor, *roles: Role, archive: str | None = None, fonds: str | None = None
) -> None:
    """Raise NotAllowed unless the actor holds one of the roles for this archive and fonds."""
    if not actor.may(*roles, archive=archive, fonds=fonds):
        wanted = "、".join(ROLE_NAMES[role] for role in roles)
        raise NotAllowed(
            f"此操作需要“{wanted}”权限，且限于本人负责的档案馆和全宗。",
            "如确需办理，请联系安全保密管理员调整授权。",
        )
