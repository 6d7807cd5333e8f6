"""The keys with which the hub signs access tokens: one file of its own in `keys/`, with rotation.

ES256, because every OAuth library reads it. The newest signs; those before still count for tokens
that are under way. Nothing is lost with the file but tokens that live for minutes: a missing one
is made anew.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey, KeySet

from shared.kernel.canonical import canonical_json
from shared.kernel.errors import Invalid
from shared.kernel.files import folder_lock, write_atomically

ALGORITHM = "ES256"
FILE_NAME = "tokens.json"
#: A key that has been followed is remembered for so long: no token lives longer.
KEPT_SECONDS = 2 * 3600
_PATIENCE = 10.0


class TokenKeys:
    """The keys of a hub's data folder; several processes use one file."""

    def __init__(self, data_folder: Path) -> None:
        self._path = data_folder / "keys" / FILE_NAME
        self._lock = data_folder / "settling"
        self._read: tuple[object, list[dict[str, Any]]] | None = None

    def signing(self) -> KeySet:
        """The newest key, alone."""
        return KeySet([self._key(self._all()[0])])

    def public(self) -> KeySet:
        """The public halves of all that count."""
        return KeySet(
            [ECKey.import_key(self._key(each).as_dict(private=False)) for each in self._all()]
        )

    def public_wire(self) -> dict[str, Any]:
        """The same as a JWK set (RFC 7517)."""
        return dict(self.public().as_dict(private=False))

    def roll(self, *, forget: bool = False) -> str:
        """Put a new key in force and return its `kid`; `forget` ends all others at once."""
        with folder_lock(self._lock, "token_keys", wait_seconds=_PATIENCE):
            return self._roll(forget=forget)

    def _roll(self, *, forget: bool = False) -> str:
        now = int(time.time())
        before = [] if forget or not self._path.exists() else self._from_file()
        # When it was followed counts, not when it was made.
        kept = [{"followed": now, **each} for each in before]
        kept = [each for each in kept if now - int(each["followed"]) < KEPT_SECONDS]
        made = ECKey.generate_key("P-256", {"use": "sig", "alg": ALGORITHM}, auto_kid=True)
        keys = [{"jwk": made.as_dict(private=True)}, *kept]
        write_atomically(self._path, canonical_json({"keys": keys}), mode=0o600)
        return str(made.kid)

    def _all(self) -> list[dict[str, Any]]:
        """All keys, the newest first; read again when the file is another one."""
        try:
            at = self._path.stat()
        except FileNotFoundError:
            with folder_lock(self._lock, "token_keys", wait_seconds=_PATIENCE):
                if not self._path.exists():  # another process may have made it meanwhile
                    self._roll()
            at = self._path.stat()
        trace = at.st_ino, at.st_size, at.st_mtime_ns
        if self._read is None or self._read[0] != trace:
            self._read = trace, self._from_file()
        return self._read[1]

    def _from_file(self) -> list[dict[str, Any]]:
        try:
            found: list[dict[str, Any]] = json.loads(self._path.read_bytes())["keys"]
            for each in found:
                self._key(each)
        except (ValueError, KeyError, TypeError) as error:
            raise Invalid(
                "keys",
                f"密钥文件 keys/{FILE_NAME} 已损坏。",
                "请删除它：会自动生成新的，共享应用重新获取令牌即可。",
            ) from error
        return found

    @staticmethod
    def _key(kept: dict[str, Any]) -> ECKey:
        return ECKey.import_key(kept["jwk"])
