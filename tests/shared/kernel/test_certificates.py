"""Certificates of seals by themselves, as others read them."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from shared.kernel.certificates import SM2_WITH_SM3, Certificate, read_certificates, self_signed
from shared.kernel.errors import Invalid
from shared.kernel.keys import SigningKey

FROM, TO = datetime(2024, 1, 1, tzinfo=UTC), datetime(2060, 1, 1, tzinfo=UTC)


def test_a_seal_certifies_itself_and_openssl_agrees() -> None:
    key = SigningKey.generate()
    made = self_signed(key, "宜昌市财政局", FROM, TO)
    assert (made.name, made.algorithm, made.sm2_key) == ("宜昌市财政局", SM2_WITH_SM3, key.public)
    assert made.is_self_signed
    assert not made.is_authority
    assert made.is_valid_at(FROM)
    assert not made.is_valid_at(datetime(2060, 1, 2, tzinfo=UTC))
    told = subprocess.run(
        ["openssl", "x509", "-inform", "DER", "-noout", "-dates", "-nameopt", "utf8", "-subject"],
        input=made.der,
        capture_output=True,
        check=True,
    ).stdout.decode()
    for said in ("Jan  1 00:00:00 2024 GMT", "Jan  1 00:00:00 2060 GMT", "宜昌市财政局"):
        assert said in told
    assert read_certificates(made.der) == (made,)


def test_a_certificate_with_a_changed_byte_does_not_hold() -> None:
    key = SigningKey.generate()
    made = self_signed(key, "宜昌市财政局", FROM, TO)
    while made.der[-1] & 1:  # an even last byte, so that the count of unused bits could be another
        made = self_signed(key, "宜昌市财政局", FROM, TO)
    for at in range(len(made.der)):
        der = made.der[:at] + bytes([made.der[at] ^ 1]) + made.der[at + 1 :]
        with suppress(Invalid):  # most are none at all any more
            assert not Certificate.from_der(der).is_self_signed, at


def test_what_is_no_certificate_is_refused() -> None:
    for content in (b"", b"-----BEGIN CERTIFICATE-----\n", b"0\x80", bytes(100)):
        with pytest.raises(Invalid):
            read_certificates(content)
