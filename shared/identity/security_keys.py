"""Security keys 安全密钥 (WebAuthn) as second factor.

Only who uses one loads this: the library beneath takes six megabytes of every process.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session
from webauthn import (
    base64url_to_bytes,
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    UserVerificationRequirement,
)

from shared import audit
from shared.identity.factors import PRODUCT, Site, account_shown, factors_of, require_own
from shared.identity.models import Account, Factor, FactorKind
from shared.identity.policy import POLICY, Policy
from shared.kernel.actor import Actor
from shared.kernel.database import Database
from shared.kernel.errors import Conflict, Invalid
from shared.kernel.identifiers import new_id


def registration_options(account: Account, site: Site, session: Session) -> tuple[str, str]:
    """What the browser needs to register a security key: options as JSON, and their challenge."""
    options = generate_registration_options(
        rp_id=site.host,
        rp_name=PRODUCT,
        user_id=account.id.encode(),
        user_name=account.login,
        user_display_name=account.name,
        exclude_credentials=_descriptors(account.id, session),
        authenticator_selection=AuthenticatorSelectionCriteria(
            user_verification=UserVerificationRequirement.PREFERRED
        ),
    )
    return options_to_json(options), bytes_to_base64url(options.challenge)


def add_security_key(
    actor: Actor,
    account: Account,
    *,
    name: str,
    answer: str,
    challenge: str,
    site: Site,
    session: Session,
) -> None:
    """Take a security key that has answered the challenge. Raises NotAllowed, Invalid, Conflict."""
    require_own(actor, account, session)
    try:
        seen = verify_registration_response(
            credential=answer,
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=site.host,
            expected_origin=site.origin,
            require_user_verification=False,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        # Whatever the browser sent, it is no answer to this challenge.
        raise _no_answer() from error
    handle = bytes_to_base64url(seen.credential_id)
    if len(handle) > 400 or session.scalar(select(Factor.id).where(Factor.handle == handle)):
        raise Conflict("这把安全密钥已经登记过。", "请换一把。", code="key_taken")
    session.add(
        Factor(
            id=new_id(), account_id=account.id, kind=FactorKind.WEBAUTHN,
            name=name.strip()[:60] or "安全密钥", handle=handle,
            secret=bytes_to_base64url(seen.credential_public_key), counter=seen.sign_count,
        )
    )  # fmt: skip
    audit.record(session, actor, "account.factor_added", account, kind=FactorKind.WEBAUTHN)


def authentication_options(account_id: str, site: Site, session: Session) -> tuple[str, str]:
    """What the browser needs to ask a security key: options as JSON, and their challenge."""
    options = generate_authentication_options(
        rp_id=site.host,
        allow_credentials=_descriptors(account_id, session),
        user_verification=UserVerificationRequirement.PREFERRED,
    )
    return options_to_json(options), bytes_to_base64url(options.challenge)


def check_security_key(
    account_id: str,
    *,
    answer: str,
    challenge: str,
    site: Site,
    database: Database,
    policy: Policy = POLICY,
) -> Account:
    """The account, if one of its security keys has answered the challenge.

    Raises SignInRefused; a failure counts like a wrong password, and is committed.
    """

    def fits(factor: Factor) -> bool:
        if factor.kind != FactorKind.WEBAUTHN:
            return False
        try:
            seen = verify_authentication_response(
                credential=answer,
                expected_challenge=base64url_to_bytes(challenge),
                expected_rp_id=site.host,
                expected_origin=site.origin,
                credential_public_key=base64url_to_bytes(factor.secret),
                credential_current_sign_count=factor.counter,
                require_user_verification=False,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError):
            return False  # another key's answer, or none to this challenge
        if bytes_to_base64url(seen.credential_id) != factor.handle:
            return False
        factor.counter = seen.new_sign_count
        return True

    return account_shown(account_id, fits, database, policy)


def _descriptors(account_id: str, session: Session) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(id=base64url_to_bytes(each.handle or ""))
        for each in factors_of(account_id, session)
        if each.kind == FactorKind.WEBAUTHN
    ]


def _no_answer() -> Invalid:
    return Invalid(
        "answer", "安全密钥没有通过验证。", "请刷新页面，再试一次。", code="wrong_security_key"
    )
