"""Which link an address names."""

from __future__ import annotations

from pathlib import Path

from shared.kernel.errors import Invalid
from shared.messaging.embedded import KombuLink
from shared.messaging.link import Link

_EMBEDDED = "embedded://"


def names_broker(address: str) -> bool:
    """Whether an address is that of a RabbitMQ broker."""
    return address.startswith(("amqp://", "amqps://"))


def open_link(
    address: str,
    *,
    account: tuple[str, str] = ("", ""),
    ca: str = "",
    sender: str | None = None,
) -> Link:
    """Open the link of an address: `embedded:///path/to/link.sqlite`, or `amqp(s)://…`.

    A broker needs an `account`, user and password. `ca` is the certificate (PEM) that its own must
    lead to; empty takes the system's. `sender` is the id of the node whose link it is; None for the
    hub. Raises Invalid.
    """
    if address.startswith(_EMBEDDED) and address != _EMBEDDED:
        return KombuLink(Path(address.removeprefix(_EMBEDDED)))
    if names_broker(address):
        from shared.messaging.rabbitmq.address import BrokerAddress
        from shared.messaging.rabbitmq.link import RabbitLink

        return RabbitLink(BrokerAddress.parse(address).of(*account), ca=ca, sender=sender)
    raise Invalid(
        "link",
        "不认识的消息通道。",
        "应写成 embedded:///路径/link.sqlite，或 amqps://主机:5671/虚拟主机。",
    )
