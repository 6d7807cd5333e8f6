"""What an account is entitled to: its grants 授权 as rows, as proposed, as told."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.orm import Session

from shared.identity.models import Account, AccountGrant
from shared.kernel.actor import ROLE_NAMES, Duty, Grant, Openness, Role, duty_of
from shared.kernel.errors import Invalid
from shared.kernel.identifiers import new_id


def grants_of(account: Account) -> tuple[Grant, ...]:
    """What an account is entitled to today; what has ended counts nowhere."""
    return tuple(each.grant for each in account.grants if each.grant.in_force)


def role_names(account: Account) -> list[str]:
    """The roles of an account in Chinese, each once."""
    return list(dict.fromkeys(ROLE_NAMES[each.role] for each in grants_of(account)))


def give(account: Account, grants: Iterable[Grant], session: Session) -> None:
    """Let an account hold these grants and no others. Raises Invalid where duties are mixed."""
    rows = make_grants(grants)
    duty = one_duty(rows)
    if told_grants(rows) == told_grants(account.grants):
        return
    if duty != account.duty:
        account.grants = []
        session.flush()  # the database lets no grant stand beside another duty
        account.duty = duty
    account.grants = rows
    session.flush()


def one_duty(grants: Iterable[Grant] | Iterable[AccountGrant]) -> Duty:
    """The duty that all these grants are of. Raises Invalid for more than one."""
    duties = {duty_of(each.role) for each in grants} or {Duty.BUSINESS}
    if len(duties) > 1:
        raise Invalid(
            "role",
            "系统管理员、安全保密管理员、安全审计员不能互兼，也不能兼业务角色。",
            "请只留下其中一种，另一种授给另一个人。",
            code="separate_duties",
        )
    return duties.pop()


def make_grants(grants: Iterable[Grant]) -> list[AccountGrant]:
    """Grants as rows, each once."""
    unique = dict.fromkeys(grants)
    return [
        AccountGrant(
            id=new_id(),
            role=Role(each.role),
            archive_code=each.archive_code,
            fonds_id=each.fonds_id,
            class_code=each.class_code,
            openness=str(each.openness),
            until=each.until,
        )
        for each in unique
    ]


def propose_grants(account: Account, grants: Iterable[Grant]) -> None:
    """Note what is asked for, for 安全保密管理员 who decides."""
    account.proposal = [
        {
            "role": str(each.role),
            "archive": each.archive_code,
            "fonds": each.fonds_id,
            "class_code": each.class_code,
            "openness": str(each.openness),
            "until": each.until,
        }
        for each in dict.fromkeys(grants)
    ]


def proposed_grants(account: Account) -> list[Grant]:
    """What was asked for when the account was made, or its issuer suggested last."""
    return [
        Grant(
            Role(str(each["role"])),
            each.get("archive"),
            each.get("fonds"),
            each.get("class_code"),
            Openness(each.get("openness") or Openness.ALL),
            each.get("until"),
        )
        for each in account.proposal or ()
        if each.get("role") in set(Role)
    ]


def told_grants(grants: Iterable[AccountGrant] | Iterable[Grant]) -> list[str]:
    """Grants as the audit tells them: `clerk:<fonds> class=WS openness=open until=2026-12-31`."""
    return sorted(
        " ".join(
            (
                ":".join(filter(None, (str(each.role), each.archive_code, each.fonds_id))),
                *([f"class={each.class_code}"] if each.class_code else ()),
                *([f"openness={each.openness}"] if each.openness != Openness.ALL else ()),
                *([f"until={each.until}"] if each.until else ()),
            )
        )
        for each in grants
    )
