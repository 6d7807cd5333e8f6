"""The key that keeps the secrets of authenticator apps: in a file, never in the database.

Who gets hold of the database or of a copy of it cannot make anybody's codes from it.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.kernel.errors import Unavailable
from shared.kernel.files import made_once

_FILE = "factors.key"
_MARK = "aes256gcm:"
_NONCE_BYTES = 12


class FactorKey:
    """Seals secrets (AES-256-GCM, NIST SP 800-38D), each bound to its factor and its account."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, secret: str, *, factor_id: str, account_id: str) -> str:
        """A secret as the database keeps it."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, secret.encode(), _bound(factor_id, account_id))
        return _MARK + base64.b64encode(nonce + sealed).decode()

    def open(self, kept: str, *, factor_id: str, account_id: str) -> str:
        """The secret of what the database keeps. Raises Unavailable under another key."""
        raw = base64.b64decode(kept.removeprefix(_MARK))
        try:
            secret = self._cipher.decrypt(
                raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _bound(factor_id, account_id)
            )
        except InvalidTag as error:
            raise Unavailable(
                f"动态码的密钥与本机的 keys/{_FILE} 不符，核对不了动态码。",
                f"请从封存的备份拷回 keys/{_FILE}，或用恢复码登录后重新登记。",
            ) from error
        return secret.decode()


def is_sealed_secret(kept: str) -> bool:
    """Whether a kept secret is sealed; releases before 0.2.0 kept them plain."""
    return kept.startswith(_MARK)


def factor_key(data_folder: Path) -> FactorKey:
    """The key of a data folder; made at its first use."""
    return FactorKey(made_once(data_folder / "keys" / _FILE, lambda: AESGCM.generate_key(256)))


def _bound(factor_id: str, account_id: str) -> bytes:
    return f"danglian/factor/1\n{account_id}\n{factor_id}".encode()
