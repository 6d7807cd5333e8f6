"""Signatures over what is pushed: Standard Webhooks 1.0, symmetric (`v1`), and the sealed secret.

A receiver checks them with any library of that standard.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from pathlib import Path

from shared.kernel.errors import Unavailable
from shared.kernel.sealing import SealingKey, kept_key

_PREFIX = "whsec_"
_SECRET_BYTES = 32
_FILE = "pushes.key"


def new_secret() -> str:
    """A secret as its receiver gets it: `whsec_` and Base64."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signed_headers(
    secrets_: Sequence[str], message_id: str, seconds: int, body: bytes
) -> dict[str, str]:
    """The headers under which a body is sent at a time (seconds since 1970).

    HMAC-SHA256 over `id.time.body`, by each of the secrets; the id is the same at every try.
    """
    signed = f"{message_id}.{seconds}.".encode() + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(f"v1,{_signature(each, signed)}" for each in secrets_),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


class SecretKeeper:
    """Seals the secrets of a hub's pushes, each bound to its consumer."""

    def __init__(self, data_folder: Path) -> None:
        self._folder = data_folder

    def _key(self) -> SealingKey:
        return SealingKey(kept_key(self._folder, _FILE))

    def seal(self, secret: str, consumer_id: str) -> str:
        """A secret as the database keeps it."""
        return self._key().seal(secret, _bound(consumer_id))

    def open(self, kept: str, consumer_id: str) -> str:
        """The secret of what the database keeps. Raises Unavailable under another key."""
        problem = Unavailable(
            f"推送的签名密钥与本机的 keys/{_FILE} 不符，打不开。",
            f"请从封存的备份拷回 keys/{_FILE}，或更换推送的签名密钥。",
            code="push_secret_sealed",
        )
        return self._key().open(kept, _bound(consumer_id), otherwise=problem)


def _bound(consumer_id: str) -> bytes:
    return f"danglian/push/1\n{consumer_id}".encode()
