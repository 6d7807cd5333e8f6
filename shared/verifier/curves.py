"""Elliptic curves in whole numbers of Python, to check signatures; nothing here is secret.

Curves: sm2p256v1 (GB/T 32918.5), P-256, P-384 and P-521 (FIPS 186-5, SP 800-186).
"""

from __future__ import annotations

from dataclasses import dataclass

#: x, y, z of Jacobian coordinates; z = 0 is the point at infinity.
Point = tuple[int, int, int]


@dataclass(frozen=True)
class Curve:
    """y² = x³ - 3x + b over the integers modulo `p`, with a generator of order `n`."""

    p: int
    b: int
    n: int
    gx: int
    gy: int

    @property
    def a(self) -> int:
        """The coefficient of x: minus three, for every curve here."""
        return self.p - 3

    @property
    def size(self) -> int:
        """The bytes of one coordinate."""
        return (self.p.bit_length() + 7) // 8

    def point(self, key: bytes) -> Point | None:
        """The point of these bytes, x then y; None for one that is not on the curve."""
        x, y = int.from_bytes(key[: self.size], "big"), int.from_bytes(key[self.size :], "big")
        if len(key) != 2 * self.size or max(x, y) >= self.p:
            return None
        return None if (y * y - x * x * x - self.a * x - self.b) % self.p else (x, y, 1)

    def x_of_sum(self, k: int, m: int, other: Point) -> int | None:
        """The x of `k` times the generator and `m` times another point; None for infinity."""
        one: Point = (self.gx, self.gy, 1)
        both, found = self._add(one, other), (0, 1, 0)
        for at in range(self.n.bit_length() - 1, -1, -1):
            found = self._double(found)
            bits = (k >> at & 1, m >> at & 1)
            if bits != (0, 0):
                found = self._add(found, {(1, 0): one, (0, 1): other, (1, 1): both}[bits])
        return found[0] * pow(found[2], -2, self.p) % self.p if found[2] else None

    def _double(self, point: Point) -> Point:
        x, y, z = point
        p = self.p
        if not z or not y:
            return (0, 1, 0)
        square = y * y % p
        s = 4 * x * square % p
        m = (3 * x * x + self.a * pow(z, 4, p)) % p
        left = (m * m - 2 * s) % p
        return left, (m * (s - left) - 8 * square * square) % p, 2 * y * z % p

    def _add(self, one: Point, other: Point) -> Point:
        if not one[2] or not other[2]:
            return other if not one[2] else one
        p = self.p
        z1, z2 = one[2] * one[2] % p, other[2] * other[2] % p
        u1, u2 = one[0] * z2 % p, other[0] * z1 % p
        s1, s2 = one[1] * z2 * other[2] % p, other[1] * z1 * one[2] % p
        if u1 == u2:
            return self._double(one) if s1 == s2 else (0, 1, 0)
        h, r = u2 - u1, s2 - s1
        cube, part = pow(h, 3, p), u1 * h * h % p
        x = (r * r - cube - 2 * part) % p
        return x, (r * (part - x) - s1 * cube) % p, h * one[2] * other[2] % p


def numbers_of(signature: bytes) -> tuple[int, int] | None:
    """The two integers of a DER signature; None for any other spelling of them."""
    try:
        start = 2 + (signature[1] == 0x81)
        length = signature[start + 1]
        first, rest = signature[start + 2 : start + 2 + length], signature[start + 2 + length :]
        r, s = int.from_bytes(first, "big"), int.from_bytes(rest[2:], "big")
    except IndexError:
        return None
    body = b"".join(_integer(each) for each in (r, s))
    head = b"\x30" + (b"\x81" if len(body) > 0x7F else b"") + bytes([len(body) & 0xFF])
    return (r, s) if signature == head + body else None


def _integer(value: int) -> bytes:
    content = value.to_bytes(value.bit_length() // 8 + 1, "big")
    return b"\x02" + bytes([len(content) & 0xFF]) + content


SM2 = Curve(
    p=0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF,
    b=0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93,
    n=0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123,
    gx=0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    gy=0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
P256 = Curve(
    p=2**256 - 2**224 + 2**192 + 2**96 - 1,
    b=0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    n=0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    gx=0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    gy=0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
P384 = Curve(
    p=2**384 - 2**128 - 2**96 + 2**32 - 1,
    b=0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
    n=0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    gx=0xAA87CA22BE8B05378EB1C71EF320AD746E1D3B628BA79B9859F741E082542A385502F25DBF55296C3A545E3872760AB7,
    gy=0x3617DE4A96262C6F5D9E98BF9292DC29F8F41DBD289A147CE9DA3113B5F0B8C00A60B1CE1D7E819D7A431D7C90EA0E5F,
)
