"""What has happened to somebody's ways to sign in: told at the next sign-in, in words and by codes.

There is neither mail nor telephone between these networks; the door is where everybody passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from shared import audit
from shared.audit import AuditEvent
from shared.identity.models import Account

#: The acts that are told, with the words for the person whom they concern.
TOLD = {
    "account.password_changed": "密码已修改",
    "account.password_reset": "密码已由管理员重置",
    "account.factor_added": "登记了新的双因素",
    "account.factor_removed": "删除了一个双因素",
    "account.factors_reset": "双因素已由管理员清除",
    "account.recovery_codes_made": "生成了新的恢复码",
    "account.grants_set": "授权有变动",
    "sign_in.locked": "连续输错，账号曾被锁定",
    "sign_in.code_reused": "有人再次使用已用过的动态码，未放行",
}
_MOST = 10


@dataclass(frozen=True)
class Notice:
    """One thing that happened to an account, for its person."""

    action: str
    at: datetime
    by: str
    actor_id: str

    @property
    def words(self) -> str:
        """What happened, in words."""
        return TOLD[self.action]


def notices_since(account: Account, since: datetime | None, session: Session) -> Sequence[Notice]:
    """What happened to an account's ways to sign in after a time, the newest first.

    Nothing for somebody who has never signed in: all of it was the making of the account.
    """
    if since is None:
        return ()
    found = audit.events(subject=account.audit_name, since=since)
    rows = session.scalars(
        found.where(AuditEvent.action.in_(TOLD)).order_by(AuditEvent.id.desc()).limit(_MOST)
    )
    return tuple(Notice(each.action, each.time, each.actor_name, each.actor_id) for each in rows)
