"""Who is at the other end of a request: its address, and the certificate that it has shown.

The reverse proxy ends TLS, and passes the client's certificate in a header: as URL-encoded PEM
(nginx `$ssl_client_escaped_cert`) or as RFC 9440 says (`:base64:`). TLS has proved that the client
has its private key; which certificate is a consumer's, its terms say. The header is believed of
the configured proxies alone: whoever else sends it has shown no certificate.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
from dataclasses import dataclass
from urllib.parse import unquote

from flask import Request

from hub.federation.settings import HubSettings
from shared.kernel.errors import Invalid

_LONGEST = 16_384
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


@dataclass(frozen=True)
class Peer:
    """The address of a caller, and the SHA-256 of its certificate (hex); empty without one."""

    address: str
    certificate: str = ""


@dataclass(frozen=True)
class Door:
    """Which header names the certificate, and from which proxies it is believed."""

    header: str = ""
    proxies: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()

    def peer(self, request: Request) -> Peer:
        """Who has sent a request."""
        return Peer(request.remote_addr or "", self._certificate(request))

    def _certificate(self, request: Request) -> str:
        if not self.header or not self._is_proxy(request):
            return ""
        return thumbprint(request.headers.get(self.header, ""))

    def _is_proxy(self, request: Request) -> bool:
        # What ProxyFix has replaced: the address at the other end of the connection itself.
        before = request.environ.get("werkzeug.proxy_fix.orig") or {}
        direct = before.get("REMOTE_ADDR") or request.environ.get("REMOTE_ADDR") or ""
        try:
            address = ipaddress.ip_address(direct)
        except ValueError:
            return False
        return any(address in each for each in self.proxies)


def door_of(settings: HubSettings) -> Door:
    """As the settings say. Raises Invalid for what is no address."""
    if not settings.client_certificate_header:
        return Door()
    given = [each.strip() for each in settings.client_certificate_proxies.split(",")]
    try:
        proxies = tuple(ipaddress.ip_network(each) for each in given if each)
    except ValueError:
        proxies = ()
    if not proxies:
        raise Invalid(
            "client_certificate_proxies",
            f"设置项“client_certificate_proxies”的值“{settings.client_certificate_proxies}”不对。",
            "应为反向代理的 IP 地址或网段，用逗号隔开。",
        )
    return Door(settings.client_certificate_header, proxies)


def thumbprint(header: str) -> str:
    """The SHA-256 of the certificate (DER) in a header, as hex; empty when there is none in it."""
    text = header.strip()
    if not text or len(text) > _LONGEST:
        return ""
    if len(text) > 2 and text[0] == text[-1] == ":":
        encoded = text[1:-1]
    else:
        _, begin, rest = unquote(text).partition(_BEGIN)
        encoded, end, _ = rest.partition(_END)
        if not begin or not end:
            return ""
        encoded = "".join(encoded.split())
    try:
        der = base64.b64decode(encoded, validate=True)
    except ValueError:
        return ""  # no certificate: whoever must show one is refused
    return hashlib.sha256(der).hexdigest() if der else ""
