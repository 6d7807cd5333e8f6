"""The key that keeps the secrets of authenticator apps: in a file, never in the database.

Who gets hold of the database or of a copy of it cannot make anybody's codes from it.
"""

from __future__ import annotations

from pathlib import Path

from shared.kernel.errors import Unavailable
from shared.kernel.sealing import MARK, SealingKey, kept_key

_FILE = "factors.key"


class FactorKey:
    """Seals secrets, each bound to its factor and its account."""

    def __init__(self, key: bytes) -> None:
        self._key = SealingKey(key)

    def seal(self, secret: str, *, factor_id: str, account_id: str) -> str:
        """A secret as the database keeps it."""
        return self._key.seal(secret, _bound(factor_id, account_id))

    def open(self, kept: str, *, factor_id: str, account_id: str) -> str:
        """The secret of what the database keeps. Raises Unavailable under another key."""
        problem = Unavailable(
            f"动态码的密钥与本机的 keys/{_FILE} 不符，核对不了动态码。",
            f"请从封存的备份拷回 keys/{_FILE}，或用恢复码登录后重新登记。",
        )
        return self._key.open(kept, _bound(factor_id, account_id), otherwise=problem)


def is_sealed_secret(kept: str) -> bool:
    """Whether a kept secret is sealed; releases before 0.2.0 kept them plain."""
    return kept.startswith(MARK)


def factor_key(data_folder: Path) -> FactorKey:
    """The key of a data folder; made at its first use."""
    return FactorKey(kept_key(data_folder, _FILE))


def _bound(factor_id: str, account_id: str) -> bytes:
    return f"danglian/factor/1\n{account_id}\n{factor_id}".encode()
