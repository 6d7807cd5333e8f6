"""The tree over a list is the one that RFC 6962 defines."""

from __future__ import annotations

from hashlib import sha256

from shared.kernel.merkle import merkle_root


def as_defined(lines: list[bytes]) -> bytes:
    """RFC 6962 (2.1), word by word."""
    if not lines:
        return sha256(b"").digest()
    if len(lines) == 1:
        return sha256(b"\x00" + lines[0]).digest()
    half = 1 << ((len(lines) - 1).bit_length() - 1)
    return sha256(b"\x01" + as_defined(lines[:half]) + as_defined(lines[half:])).digest()


def test_lines_that_come_one_at_a_time_have_the_root_that_the_rfc_defines() -> None:
    for count in range(35):
        lines = [bytes([at]) for at in range(count)]
        assert merkle_root(iter(lines)) == as_defined(lines).hex()
