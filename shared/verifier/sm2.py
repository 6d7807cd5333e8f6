"""Checking an SM2 signature with SM3 (GB/T 32918.2), in Python alone; it never signs.

Whoever signs uses `shared.kernel.keys`. Nothing here is secret, so time that depends on the
numbers does no harm.
"""

from __future__ import annotations

import hashlib

_P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
_A = _P - 3
_B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
_N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
_GX = 0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7
_GY = 0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0
#: The identity that signers have when none is agreed on (GM/T 0009).
_IDENTITY = b"1234567812345678"

#: x, y, z of Jacobian coordinates; z = 0 is the point at infinity.
_Point = tuple[int, int, int]


def verifies(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the DER signature is over the message by this key (x then y, 64 bytes).

    Raises ValueError where this Python has no SM3.
    """
    x, y = int.from_bytes(public_key[:32], "big"), int.from_bytes(public_key[32:], "big")
    numbers = _numbers(signature)
    if len(public_key) != 64 or max(x, y) >= _P or (y * y - x * x * x - _A * x - _B) % _P:
        return False
    if numbers is None:
        return False
    r, s = numbers
    t = (r + s) % _N
    if not (0 < r < _N and 0 < s < _N and t):
        return False
    z = hashlib.new("sm3", (8 * len(_IDENTITY)).to_bytes(2, "big") + _IDENTITY)
    for number in (_A, _B, _GX, _GY):
        z.update(number.to_bytes(32, "big"))
    z.update(public_key)
    e = int.from_bytes(hashlib.new("sm3", z.digest() + message).digest(), "big")
    found = _sum_of_products(s, (_GX, _GY, 1), t, (x, y, 1))
    if not found[2]:
        return False
    return (e + found[0] * pow(found[2], -2, _P) % _P) % _N == r


def _numbers(signature: bytes) -> tuple[int, int] | None:
    """The two integers of a DER signature; None for any other spelling of them."""
    try:
        length = signature[3]
        first, rest = signature[4 : 4 + length], signature[4 + length :]
        r, s = int.from_bytes(first, "big"), int.from_bytes(rest[2:], "big")
    except IndexError:
        return None
    body = b"".join(_integer(each) for each in (r, s))
    return (r, s) if signature == b"\x30" + bytes([len(body) & 0xFF]) + body else None


def _integer(value: int) -> bytes:
    content = value.to_bytes(value.bit_length() // 8 + 1, "big")
    return b"\x02" + bytes([len(content) & 0xFF]) + content


def _sum_of_products(k: int, one: _Point, m: int, other: _Point) -> _Point:
    """K times one point and m times another, together."""
    both, found = _add(one, other), (0, 1, 0)
    for at in range(255, -1, -1):
        found = _double(found)
        bits = (k >> at & 1, m >> at & 1)
        if bits != (0, 0):
            found = _add(found, {(1, 0): one, (0, 1): other, (1, 1): both}[bits])
    return found


def _double(point: _Point) -> _Point:
    x, y, z = point
    if not z or not y:
        return (0, 1, 0)
    square = y * y % _P
    s = 4 * x * square % _P
    m = (3 * x * x + _A * pow(z, 4, _P)) % _P
    left = (m * m - 2 * s) % _P
    return left, (m * (s - left) - 8 * square * square) % _P, 2 * y * z % _P


def _add(one: _Point, other: _Point) -> _Point:
    if not one[2] or not other[2]:
        return other if not one[2] else one
    z1, z2 = one[2] * one[2] % _P, other[2] * other[2] % _P
    u1, u2 = one[0] * z2 % _P, other[0] * z1 % _P
    s1, s2 = one[1] * z2 * other[2] % _P, other[1] * z1 * one[2] % _P
    if u1 == u2:
        return _double(one) if s1 == s2 else (0, 1, 0)
    h, r = u2 - u1, s2 - s1
    cube, part = pow(h, 3, _P), u1 * h * h % _P
    x = (r * r - cube - 2 * part) % _P
    return x, (r * (part - x) - s1 * cube) % _P, h * one[2] * other[2] % _P
