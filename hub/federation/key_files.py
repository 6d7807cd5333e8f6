"""A key of the hub on disk: the one in force, the one that is to follow it, and the statements.

In `keys/` lie, for the hub's own key and for each archive's seal:
`<name>.key` (in force), `<name>.next.key` (only while it is rolled over), and
`<name>.succession.json`: how each key followed the one before, so that a copy of this folder alone
can explain itself to a database or a node that knows an older key. An archive's seal may be kept by
a device or a service: then its file says where, and has the public half alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.kernel.canonical import canonical_json
from shared.kernel.errors import Invalid, NotFound
from shared.kernel.files import sync_folder, write_atomically
from shared.kernel.keys import PublicKey, Seal, ensure_key, load_key
from shared.kernel.signing_service import ServiceSeal, SigningService


@dataclass(frozen=True)
class Link:
    """One roll-over: the statement, and the letter that tells nodes of it (the hub's key only).

    The letter is the statement in an envelope that the old key signed: what a node that knows
    only that key can open.
    """

    statement: dict[str, Any]
    letter: bytes | None = None


class KeyFiles:
    """The files of one key. Each step is whole or absent, whatever kills the process."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self._folder = folder

    @property
    def path(self) -> Path:
        """The file of the key in force."""
        return self._folder / f"{self.name}.key"

    @property
    def _next_path(self) -> Path:
        return self._folder / f"{self.name}.next.key"

    @property
    def _links_path(self) -> Path:
        return self._folder / f"{self.name}.succession.json"

    def make(self) -> Seal:
        """The key in force; made at the first call, when a hub is founded."""
        return self.current() if self.path.exists() else ensure_key(self.path)

    def current(self) -> Seal:
        """The key in force. Raises NotFound: a lost key is never replaced silently."""
        try:
            return _load(self.path)
        except FileNotFoundError:
            raise NotFound(
                f"密钥文件 keys/{self.path.name} 不在了。",
                "请从封存的介质拷回整个 keys/ 目录；没有它，各单位不认本平台的签名。",
                code="key_missing",
            ) from None

    def prepare(self, service: SigningService | None = None) -> Seal:
        """The key that is to follow; made at the first call of a roll-over.

        With a service it is the one that is kept there, whatever was prepared before: nothing of
        that counts yet. Raises Unavailable when the service does not answer.
        """
        if service is not None:
            self._point(self._next_path, service)
        elif not self._next_path.exists():
            ensure_key(self._next_path)
        return _load(self._next_path)

    def prepared(self) -> Seal | None:
        """The key that is to follow, while a roll-over is under way."""
        return _load(self._next_path) if self._next_path.exists() else None

    def move_to(self, service: SigningService) -> None:
        """Say that the key in force is kept by this service from now on, or at a new address."""
        self._point(self.path, service)

    @staticmethod
    def _point(path: Path, service: SigningService) -> None:
        said = {"public_key": service.public_key().hex, "service": service.address}
        write_atomically(path, canonical_json(said), mode=0o600)

    def advance(self) -> None:
        """Put the next key in force. The secret of the one before is gone with this."""
        self._next_path.replace(self.path)
        sync_folder(self._folder)

    def links(self) -> list[Link]:
        """All roll-overs, oldest first."""
        if not self._links_path.exists():
            return []
        return [
            Link(each["statement"], bytes.fromhex(each["letter"]) if each["letter"] else None)
            for each in json.loads(self._links_path.read_bytes())
        ]

    def keep(self, link: Link) -> None:
        """Write one more roll-over down."""
        wires = [
            {"statement": each.statement, "letter": each.letter.hex() if each.letter else None}
            for each in (*self.links(), link)
        ]
        write_atomically(self._links_path, canonical_json(wires))


def _load(path: Path) -> Seal:
    """The key of a file, or of the service that it names. Raises Invalid, FileNotFoundError."""
    content = path.read_bytes()
    if not content.startswith(b"{"):
        return load_key(path)
    try:
        said = json.loads(content)
        return ServiceSeal(
            PublicKey.from_hex(said["public_key"]), SigningService(str(said["service"]))
        )
    except (ValueError, KeyError, Invalid) as error:
        raise Invalid(
            "key", f"密钥文件 {path.name} 已损坏。", "请从封存的介质拷回整个 keys/ 目录。"
        ) from error
