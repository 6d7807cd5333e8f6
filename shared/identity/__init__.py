"""Who may work here: accounts, what they are entitled to, signing in, tokens for programs.

People sign in with a name and a password, or elsewhere (`elsewhere`), and with a second factor
where they have one; programs with a token. Pages are in `shared.web`.
"""

from shared.identity.current import (
    Access,
    access_of,
    current_actor,
    current_actor_or_none,
    guarded_by,
    public,
    signed_in,
    with_roles,
    with_roles_everywhere,
)
from shared.identity.errors import NotSignedIn, SignInRefused, TooManyAttempts, TooManyRequests
from shared.identity.models import Account, AccountGrant, BearerToken
from shared.identity.passwords import check_password_rules
from shared.identity.policy import POLICY, Policy, policy_of
from shared.identity.service import (
    account_of,
    actor_of,
    change_password,
    create_account,
    disable_account,
    enable_account,
    rename_account,
    reset_password,
    set_grants,
    unlock_account,
)
from shared.identity.signing_in import (
    SignedIn,
    Visit,
    actor_of_token,
    authenticate,
    begin,
    issue_token,
    revoke_token,
    sign_in,
)

__all__ = [
    "POLICY",
    "Access",
    "Account",
    "AccountGrant",
    "BearerToken",
    "NotSignedIn",
    "Policy",
    "SignInRefused",
    "SignedIn",
    "TooManyAttempts",
    "TooManyRequests",
    "Visit",
    "access_of",
    "account_of",
    "actor_of",
    "actor_of_token",
    "authenticate",
    "begin",
    "change_password",
    "check_password_rules",
    "create_account",
    "current_actor",
    "current_actor_or_none",
    "disable_account",
    "enable_account",
    "guarded_by",
    "issue_token",
    "policy_of",
    "public",
    "rename_account",
    "reset_password",
    "revoke_token",
    "set_grants",
    "sign_in",
    "signed_in",
    "unlock_account",
    "with_roles",
    "with_roles_everywhere",
]
