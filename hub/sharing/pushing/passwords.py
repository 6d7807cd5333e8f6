"""Passwords of accounts on the broker, and what the broker is told of them."""

from __future__ import annotations

import base64
import hashlib
import secrets

#: How RabbitMQ names the form of `hashed`.
ALGORITHM = "rabbit_password_hashing_sha256"
_SALT_BYTES = 4
_PASSWORD_BYTES = 32


def new_password() -> str:
    """256 random bits: nobody guesses them, so that one round of a digest keeps them."""
    return secrets.token_urlsafe(_PASSWORD_BYTES)


def hashed(password: str) -> str:
    """A password as RabbitMQ keeps it: Base64 of a salt of four bytes and its SHA-256."""
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = hashlib.sha256(salt + password.encode()).digest()
    return base64.b64encode(salt + digest).decode()
