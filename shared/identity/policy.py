"""What is asked of passwords and sign-ins here: from the settings of a hub or a node."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta

from shared.kernel.errors import Invalid

_DAY_MINUTES = 24 * 60
#: The least and the most that each setting may be.
_BOUNDS = {
    "password_length": (8, 64),
    "password_kinds": (1, 4),
    "password_days": (0, 3650),
    "first_password_days": (1, 90),
    "lock_after": (3, 20),
    "lock_minutes": (1, 1440),
    "session_hours": (1, 24),
    "idle_minutes": (5, 240),
    "offline_days": (1, 90),
    "emergency_hours": (1, 72),
    "requests_per_minute": (0, 1_000_000),
    "changes_per_minute": (0, 1_000_000),
    "address_requests_per_minute": (0, 1_000_000),
}


@dataclass(frozen=True)
class Policy:
    """The rules of the door 登录策略.

    Attributes:
        password_length: the least number of characters of a password.
        password_kinds: of how many kinds of characters it has to be: lower and upper case letters,
            digits, others.
        password_days: after how many days it has to be changed; 0 for never.
        first_password_days: for how many days a password is good that an administrator has given,
            until its person has changed it.
        lock_after: after how many failures in a row an account is locked.
        lock_minutes: for how long the first time; each further lock without a sign-in in between
            lasts twice as long, a day at most.
        session_hours: a sign-in ends after so long, whatever happens.
        idle_minutes: a browser's sign-in ends when nothing happened for so long.
        factor_for_administrators: whether administrators need a second factor.
        offline_days: for how many days without the hub an account of the hub may sign in at a node.
        emergency_hours: for how long an emergency account is open.
        requests_per_minute: how many requests one account may make in a minute; 0 for any number.
        changes_per_minute: how many forms one account may send from pages in a minute, more than a
            person does; 0 for any number.
        address_requests_per_minute: how many may come from one address, whoever makes them; 0 for
            any number.
    """

    password_length: int = 12
    password_kinds: int = 1
    password_days: int = 0
    first_password_days: int = 7
    lock_after: int = 5
    lock_minutes: int = 10
    session_hours: int = 12
    idle_minutes: int = 30
    factor_for_administrators: bool = False
    offline_days: int = 30
    emergency_hours: int = 8
    requests_per_minute: int = 1200
    changes_per_minute: int = 600
    address_requests_per_minute: int = 6000

    def __post_init__(self) -> None:
        for name, (least, most) in _BOUNDS.items():
            if not least <= getattr(self, name) <= most:
                raise Invalid(
                    name,
                    f"设置项“{name}”的值 {getattr(self, name)} 不对。",
                    f"应为 {least} 到 {most}。",
                )

    @property
    def session_life(self) -> timedelta:
        """How long a sign-in is good for."""
        return timedelta(hours=self.session_hours)

    def locked_for(self, locks: int) -> timedelta:
        """How long the next lock lasts, after so many before it."""
        return timedelta(minutes=min(self.lock_minutes << min(locks, 12), _DAY_MINUTES))


#: What holds where nothing is set.
POLICY = Policy()


def policy_of(settings: object) -> Policy:
    """The rules as settings with the same names say. Raises Invalid."""
    named = {each.name for each in fields(Policy)} & set(vars(settings))
    return Policy(**{name: getattr(settings, name) for name in named})
