"""Reaching a receiver's address, and no other: what a keeper types may not turn the hub on its own.

A name is resolved once, its address is looked at, and the connection goes to that very address. So
neither a name that points inward nor one that changes in between reaches the hub's own network.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

import urllib3

from hub.federation.settings import HubSettings
from hub.sharing.pushing.models import MOST_URL
from shared.kernel.errors import DanglianError, Invalid, Unavailable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: An IPv4 address in the clothes of a public IPv6 one (RFC 6052, RFC 3056).
_DISGUISED = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "2002::/16")))
_LONGEST_PAUSE = 86_400


class AddressRefused(DanglianError):
    """An address to which nothing is pushed."""

    code = "push_address_refused"
    status = 422


@dataclass(frozen=True)
class Reply:
    """What a receiver answered: the status, and after how many seconds it wants to be asked."""

    status: int
    retry_after: int


@dataclass(frozen=True)
class Reach:
    """To where this hub pushes.

    Attributes:
        networks: beside the public addresses, these.
        tls: what a receiver's certificate must lead to.
        timeout: seconds to wait for a connection, and for each part of an answer.
    """

    networks: tuple[Network, ...] = ()
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    timeout: float = 10.0

    def check(self, url: str) -> str:
        """An address that may be pushed to, as typed without spaces around. Raises Invalid."""
        url = url.strip()
        remedy = "请填写对方接收推送的完整 https 地址，如 https://receiver.example/hooks。"
        try:
            parts = urlsplit(url)
            is_good = bool(parts.hostname) and parts.port != 0 and url.isascii()
        except ValueError:
            is_good = False
        if not is_good or len(url) > MOST_URL or " " in url or not url.isprintable():
            raise Invalid("url", "推送地址不正确。", remedy)
        if parts.username is not None or parts.fragment:
            raise Invalid("url", "推送地址里不能有账号、密码或“#”。", remedy)
        if parts.scheme != "https" and not (parts.scheme == "http" and self._is_near(parts)):
            raise Invalid("url", "推送地址不是 https 地址。", remedy)
        return url

    def _is_near(self, parts: SplitResult) -> bool:
        """Whether a host is this machine, by its number, and the settings allow that."""
        try:
            address = ipaddress.ip_address(parts.hostname or "")
        except ValueError:
            return False
        return address.is_loopback and self.admits(address)

    def admits(self, address: Address) -> bool:
        """Whether an address is public, or in one of the networks."""
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        if any(address in each for each in self.networks):
            return True
        hidden = any(address in each for each in _DISGUISED)
        return address.is_global and not address.is_multicast and not hidden

    def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, allowed: Callable[[str], bool]
    ) -> Reply:
        """Send a body to an address; `allowed` is asked of the number that its name stands for.

        Redirects are not followed, and of the answer only its head is read. Raises Invalid,
        AddressRefused, and Unavailable when no answer came.
        """
        parts = urlsplit(self.check(url))
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = self._address_of(host, port, allowed)
        timeout = urllib3.Timeout(connect=self.timeout, read=self.timeout)
        pool: urllib3.HTTPConnectionPool
        if parts.scheme == "https":
            pool = urllib3.HTTPSConnectionPool(
                address, port, timeout=timeout, retries=False, server_hostname=host,
                assert_hostname=host,
                ssl_context=self.tls,
            )  # fmt: skip
        else:
            pool = urllib3.HTTPConnectionPool(address, port, timeout=timeout, retries=False)
        with pool:
            try:
                answer = pool.urlopen(
                    "POST",
                    (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
                    body=body,
                    headers={**headers, "Host": parts.netloc, "Connection": "close"},
                    redirect=False,
                    preload_content=False,
                )
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise Unavailable("对方没有应答。", _LATER, code="push_unanswered") from error
            answer.close()
            return Reply(answer.status, _seconds(answer.headers.get("Retry-After", "")))

    def _address_of(self, host: str, port: int, allowed: Callable[[str], bool]) -> str:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise Unavailable("推送地址的域名查不到。", _LATER, code="push_unanswered") from error
        numbers = [str(each[4][0]).partition("%")[0] for each in found]
        admitted = [each for each in numbers if self.admits(ipaddress.ip_address(each))]
        if not admitted:
            raise AddressRefused(
                "推送地址在内部网络，没有获准。",
                "确需向内部网络推送的，请系统管理员在设置 push_networks 里写上对方的网段。",
            )
        for each in admitted:
            if allowed(each):
                return each
        raise AddressRefused(
            "推送地址不在这个应用获准的地址范围内。", "请申请变更允许的地址，或改用范围内的地址。"
        )


_LATER = "平台会自动再试；一直不成的，请与对方联系。"


def reach_of(settings: HubSettings) -> Reach:
    """To where a hub pushes, as it is set. Raises Invalid."""
    networks = []
    for each in filter(None, map(str.strip, settings.push_networks.split(","))):
        try:
            networks.append(ipaddress.ip_network(each))
        except ValueError as error:
            raise Invalid(
                "push_networks",
                f"设置项“push_networks”里的“{each}”不是网段。",
                "请写成 10.8.0.0/16 的样子，几个之间用逗号分开。",
            ) from error
    try:
        tls = ssl.create_default_context(cafile=settings.push_ca or None)
    except (OSError, ssl.SSLError) as error:
        raise Invalid(
            "push_ca",
            f"设置项“push_ca”的证书文件读不了：{error}",
            "请检查文件（PEM）的路径和内容。",
        ) from error
    return Reach(tuple(networks), tls, settings.push_timeout)


def _seconds(text: str) -> int:
    """What `Retry-After` says in seconds (RFC 9110, 10.2.3); 0 for nothing or a date."""
    return min(int(text), _LONGEST_PAUSE) if text.isascii() and text.isdigit() else 0
