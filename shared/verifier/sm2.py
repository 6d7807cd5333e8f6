"""Checking an SM2 signature with SM3 (GB/T 32918.2), in Python alone; it never signs.

Whoever signs uses `shared.kernel.keys`. Nothing here is secret, so time that depends on the
numbers does no harm.
"""

from __future__ import annotations

from shared.verifier.curves import SM2, numbers_of
from shared.verifier.digests import digest

#: The identity that signers have when none is agreed on (GM/T 0009).
_IDENTITY = b"1234567812345678"


def verifies(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the DER signature is over the message by this key (x then y, 64 bytes)."""
    point, numbers = SM2.point(public_key), numbers_of(signature)
    if point is None or numbers is None:
        return False
    r, s = numbers
    t = (r + s) % SM2.n
    if not (0 < r < SM2.n and 0 < s < SM2.n and t):
        return False
    length = (8 * len(_IDENTITY)).to_bytes(2, "big")
    curve = b"".join(each.to_bytes(32, "big") for each in (SM2.a, SM2.b, SM2.gx, SM2.gy))
    z = digest("sm3", length + _IDENTITY + curve + public_key)
    e = int.from_bytes(digest("sm3", z + message), "big")
    x = SM2.x_of_sum(s, t, point)
    return x is not None and (e + x) % SM2.n == r
