"""The portal's folder: its settings and its database, and nothing of any other installation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import event

from hub.portal.models import make_tables
from shared.kernel.database import Database
from shared.kernel.errors import Conflict, NotFound
from shared.kernel.keys import PublicKey
from shared.kernel.settings import FILE_NAME, load_settings, save_settings

DATABASE_NAME = "portal.sqlite"


@dataclass(frozen=True)
class PortalSettings:
    """What can be set for a portal (`settings.toml`, or `DANGLIAN_…` variables).

    Attributes:
        name: name of the portal, shown on every page.
        hub_id: the hub whose bundles are taken.
        hub_key: that hub's public key in hex, or one of its earlier ones.
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        threads: how many requests are served at a time.
    """

    name: str
    hub_id: str
    hub_key: str
    host: str = "127.0.0.1"
    port: int = 8070
    threads: int = 8


def _erase_what_is_deleted(connection: Any, _record: Any) -> None:
    """What is not public any more must not be found in the file either."""
    connection.execute("PRAGMA secure_delete=ON")


class PortalFolder:
    """The data folder of a portal."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()

    @classmethod
    def create(cls, path: Path, settings: PortalSettings) -> PortalFolder:
        """Begin a new folder. Raises Conflict when anything is in it, Invalid for a wrong key."""
        PublicKey.from_hex(settings.hub_key)
        folder = cls(path)
        if folder.path.exists() and any(folder.path.iterdir()):
            raise Conflict(f"目录 {folder.path} 不是空的。", "请为门户换一个空目录。")
        folder.path.mkdir(parents=True, exist_ok=True)
        make_tables(folder.database)
        save_settings(settings, folder.path)
        return folder

    @cached_property
    def settings(self) -> PortalSettings:
        """The settings. Raises NotFound when this is no portal's folder, Invalid for a wrong one.

        A hub's folder has other settings, and is refused.
        """
        if not (self.path / FILE_NAME).exists():
            raise NotFound(
                f"{self.path} 不是门户的数据目录。", "请先运行 danglian portal init 建立。"
            )
        return load_settings(PortalSettings, self.path)

    @cached_property
    def database(self) -> Database:
        """The portal's own database, a file of SQLite."""
        database = Database.in_file(self.path / DATABASE_NAME, ())
        event.listen(database.engine, "connect", _erase_what_is_deleted)
        return database

    @property
    def hub_key(self) -> PublicKey:
        """The key that was given at the beginning."""
        return PublicKey.from_hex(self.settings.hub_key)
