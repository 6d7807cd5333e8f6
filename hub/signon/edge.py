"""What single sign-on shares on the pages: the provider of this hub, and its mapping of claims."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app

from hub.federation.settings import HubSettings
from hub.signon.claims import ClaimMapping, read_mapping
from hub.signon.provider import Provider, ProviderSettings
from shared.kernel.errors import NotFound

SIGN_ON = "danglian.sign_on"


@dataclass(frozen=True)
class SignOn:
    """The identity service that this hub is a client of, and how its claims are read."""

    provider: Provider
    mapping: ClaimMapping
    address: str

    @property
    def back(self) -> str:
        """Where the service sends browsers back to, with their code."""
        return f"{self.address}/sso/back"

    @property
    def after(self) -> str:
        """Where it sends them after signing out."""
        return f"{self.address}/sign-in"


def sign_on_of(settings: HubSettings, address: str) -> SignOn | None:
    """As the settings say; None where they name no service. Raises Invalid for wrong ones."""
    if not settings.sso_issuer:
        return None
    told = ProviderSettings(
        issuer=settings.sso_issuer,
        client_id=settings.sso_client_id,
        secret_file=settings.sso_client_secret_file,
        label=settings.sso_label,
        scopes=settings.sso_scopes,
        ca=settings.sso_ca,
    )
    _ = told.secret  # a file that cannot be read stops the start, not the first sign-in
    return SignOn(Provider(told), read_mapping(settings.sso_claims), address.rstrip("/"))


def current_sign_on() -> SignOn:
    """The service of the hub that answers the current request. Raises NotFound without one."""
    found: SignOn | None = current_app.extensions[SIGN_ON]
    if found is None:
        raise NotFound("没有配置统一身份认证。", "请用本系统的登录名和密码登录。")
    return found
