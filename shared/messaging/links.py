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
    account: tuple[str, str] | None = None,
    ca: str = "",
    sender: str | None = None,
) -> Link:
    """Open the link of an address: `embedded:///path/to/link.sqlite`, or `amqp(s)://…`.

    `account` is user and password, where they do not stand in the address. `ca` is the certificate
    (PEM) that the broker's must lead to; empty takes the system's. `sender` is the id of the node
    whose link it is; None for the hub. Raises Invalid.
    """
    if address.startswith(_EMBEDDED) and address != _EMBEDDED:
        return KombuLink(Path(address.removeprefix(_EMBEDDED)))
    if names_broker(address):
        from shared.messaging.rabbitmq.address import BrokerAddress
        from shared.messaging.rabbitmq.link import RabbitLink

        place = BrokerAddress.parse(address)
        return RabbitLink(place.of(*account) if account else place, ca=ca, sender=sender)
    raise Invalid(
        "link",
        "不认识的消息通道。",
        "应写成 embedded:///路径/link.sqlite，或 amqps://账号:密码@主机:5671/虚拟主机。",
    )
