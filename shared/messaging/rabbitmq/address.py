"""Where a broker is, who we are to it, and where there a node's messages go."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field, replace
from urllib.parse import unquote, urlsplit

from shared.kernel.errors import Invalid

#: The exchange that nodes write to, each under its own key; a topic exchange, because RabbitMQ
#: checks keys for accounts on these alone.
UP_EXCHANGE = "danglian.up"
_PORTS = {"amqp": 5672, "amqps": 5671}


@dataclass(frozen=True)
class BrokerAddress:
    """`amqps://host:port/virtual-host`, and apart from it the account.

    Attributes:
        host: its name, as its certificate has it.
        port: its AMQP port.
        vhost: the virtual host that belongs to one hub.
        tls: whether the line is encrypted and the broker's certificate checked.
        user: our account, or empty.
        password: its password; in no text that this class makes.
    """

    host: str
    port: int
    vhost: str
    tls: bool
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> BrokerAddress:
        """Read an address, which has no account in it. Raises Invalid, which does not repeat it."""
        try:
            parts = urlsplit(text)
            port = parts.port or _PORTS.get(parts.scheme, 0)
        except ValueError:
            parts, port = urlsplit(""), 0
        if parts.scheme not in _PORTS or not parts.hostname or not port or "@" in parts.netloc:
            raise Invalid(
                "link",
                "消息服务器的地址不正确。",
                "应写成 amqps://主机:5671/虚拟主机；账号写在 broker_user 和 broker_password 里。",
            )
        return cls(
            host=parts.hostname,
            port=port,
            vhost=unquote(parts.path[1:]) or "/",
            tls=parts.scheme == "amqps",
        )

    def of(self, user: str, password: str) -> BrokerAddress:
        """The same place for an account."""
        return replace(self, user=user, password=password)


def up_key(node_id: str) -> str:
    """The routing key of what a node sends; the hub binds it to the node's shard."""
    return f"up.{node_id}"


def tls_context(ca: str) -> ssl.SSLContext:
    """How a client checks a server: its name, and a chain to `ca` (PEM), or the system's CAs."""
    try:
        return ssl.create_default_context(cadata=ca or None)
    except ssl.SSLError as error:
        raise Invalid(
            "broker_ca", "消息服务器的根证书无法识别。", "应为 PEM 格式的证书文件。"
        ) from error
