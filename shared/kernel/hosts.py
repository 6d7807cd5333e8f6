"""Under which names an app answers: what a request says of its host is believed of these alone."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from shared.kernel.errors import DanglianError


class UnknownHost(DanglianError):
    """A request that names a host under which this app does not answer."""

    code = "unknown_host"
    status = 400

    def __init__(self) -> None:
        super().__init__(
            "本系统不以这个网址提供服务。", "请使用公布的网址；系统管理员可以把它写入设置项 hosts。"
        )


#: Programs and browsers of this machine, among them a proxy that keeps the address it asks for.
_HERE = ("127.0.0.1", "localhost", "[::1]")
_ANY = {"", "0.0.0.0", "::"}  # noqa: S104 - what is refused, not listened on


def trusted_hosts(listening: str, public_url: str, named: str) -> list[str] | None:
    """The host names of an app; None when nothing says them, so that none can be refused.

    `listening` is the address that it listens on, `public_url` where it is reached, `named` lists
    others with commas between them (the setting `hosts`).
    """
    given = [each.strip() for each in named.split(",") if each.strip()]
    public = urlsplit(public_url).hostname or ""
    if listening in _ANY and not public and not given:
        return None
    own = [_bracketed(each) for each in (listening, public) if each not in _ANY]
    return [*dict.fromkeys((*own, *given, *_HERE))]


def check_host(asked: str, trusted: Sequence[str] | None) -> None:
    """Raise UnknownHost when a request (`host:port`) names none of these; None is any."""
    if trusted is None:
        return
    name = asked.lower()
    if not name.endswith("]"):
        name = name.rpartition(":")[0] or name
    for each in trusted:
        if name == each.lower() or (each.startswith(".") and name.endswith(each.lower())):
            return
    raise UnknownHost


def is_loopback(address: str) -> bool:
    """Whether an address is this machine's own."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
