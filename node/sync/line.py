"""The node's way to the link: its address, and on a broker this node's account.

The account is fetched over HTTPS with the device key, kept in a file that only its owner reads, and
fetched anew when the broker does not take it, or has been silent for long. So a node that was away
for a year comes back though its account, the broker's address or its certificate have changed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from node.office.places import NodeFolder
from node.office.service import office_of
from node.sync.questions import ask_hub, hub_url
from shared.kernel.errors import DanglianError, Unavailable
from shared.kernel.files import write_atomically
from shared.messaging.link import Link
from shared.messaging.links import names_broker, open_link

_FILE = "link.json"
_FIELDS = ("link", "user", "password", "ca")
_SILENT_SECONDS = 600.0
_NEAR = {"127.0.0.1", "::1", "localhost"}


class Line:
    """Opens the link of one node."""

    def __init__(self, folder: NodeFolder, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._clock = clock
        self._distrusted = self._refused = False
        self._answered = clock()

    def open(self, address: str, node_id: str) -> Link:
        """Open the link at the address that is set or was announced.

        Raises Unavailable when an account is needed and the hub gives none now.
        """
        if not names_broker(address):
            return open_link(address)
        account = self._account()
        self._answered = self._clock()
        if not names_broker(account["link"]):
            return open_link(account["link"])
        return open_link(
            self._folder.settings.link or account["link"],
            account=(account["user"], account["password"]),
            ca=account["ca"],
            sender=node_id,
        )

    def answered(self) -> None:
        """The link works."""
        self._answered = self._clock()

    @property
    def silent(self) -> bool:
        """Whether the link has not worked for so long that the hub had better be asked."""
        return self._clock() > self._answered + _SILENT_SECONDS

    def distrust(self, *, refused: bool) -> None:
        """Fetch the account anew before the link is opened the next time.

        One that was not `refused` is still used while the hub gives no other.
        """
        self._distrusted, self._refused = True, refused

    def _account(self) -> dict[str, str]:
        known = self._read()
        if known is None or self._distrusted:
            try:
                known = fetch_account(self._folder)
            except Unavailable:
                if known is None or self._refused:
                    raise
        self._distrusted = self._refused = False
        return known

    def _read(self) -> dict[str, str] | None:
        try:
            return _checked(json.loads(_file(self._folder).read_bytes()))
        except (OSError, ValueError):
            return None


def fetch_account(folder: NodeFolder) -> dict[str, str]:
    """Ask the hub how its link is reached, keep the answer, and return it.

    Raises Unavailable when the hub is away or gives no account.
    """
    with folder.database().read() as session:
        url = urlsplit(hub_url(folder, office_of(session)))
    if url.scheme != "https" and url.hostname not in _NEAR:
        raise Unavailable(
            "消息服务器的账号只能经 https 领取。", "请把设置项 hub_url 改为平台的 https 地址。"
        )
    try:
        account = _checked(ask_hub(folder, {"what": "link"}))
    except Unavailable:
        raise
    except (DanglianError, ValueError) as error:
        raise Unavailable(
            f"市级平台没有给本机消息服务器的账号：{error}", "系统会自动重试；请联系市档案馆。"
        ) from error
    write_atomically(_file(folder), json.dumps(account).encode(), mode=0o600)
    with folder.database().write() as session:
        office_of(session).link = account["link"]
    return account


def _file(folder: NodeFolder) -> Path:
    return folder.path / "keys" / _FILE


def _checked(answer: Any) -> dict[str, str]:
    """The answer as four texts. Raises ValueError."""
    if not isinstance(answer, dict):
        raise ValueError("not an object")
    account = {name: answer.get(name, "") for name in _FIELDS}
    if not all(isinstance(value, str) for value in account.values()) or not account["link"]:
        raise ValueError("not an account")
    return account
