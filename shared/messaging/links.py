"""Which link an address names."""

from __future__ import annotations

from pathlib import Path

from shared.kernel.errors import Invalid
from shared.messaging.embedded import KombuLink
from shared.messaging.link import Link


def open_link(address: str) -> Link:
    """Open the link of an address, today `embedded:///path/to/link.sqlite`. Raises Invalid."""
    scheme, separator, path = address.partition("://")
    if scheme != "embedded" or not separator or not path:
        raise Invalid(
            "link", f"不认识的消息通道“{address}”。", "应写成 embedded:///路径/link.sqlite。"
        )
    return KombuLink(Path(path))
