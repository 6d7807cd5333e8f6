"""A key beside the database that keeps secrets in it: AES-256-GCM (NIST SP 800-38D).

Who gets hold of the database or of a copy of it has none of the secrets.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.kernel.errors import Unavailable
from shared.kernel.files import made_once

MARK = "aes256gcm:"
_NONCE_BYTES = 12


class SealingKey:
    """Seals secrets, each bound to what it belongs to: moved to another row it opens nothing."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, secret: str, bound: bytes) -> str:
        """A secret as the database keeps it."""
        nonce = os.urandom(_NONCE_BYTES)
        return (
            MARK
            + base64.b64encode(nonce + self._cipher.encrypt(nonce, secret.encode(), bound)).decode()
        )

    def open(self, kept: str, bound: bytes, *, otherwise: Unavailable) -> str:
        """The secret of what the database keeps. Raises `otherwise` under another key."""
        raw = base64.b64decode(kept.removeprefix(MARK))
        try:
            return self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], bound).decode()
        except InvalidTag as error:
            raise otherwise from error


def kept_key(data_folder: Path, file: str) -> bytes:
    """The key `keys/<file>` of a data folder; made at its first use."""
    return made_once(data_folder / "keys" / file, lambda: AESGCM.generate_key(256))
