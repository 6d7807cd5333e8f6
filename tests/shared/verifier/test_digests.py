"""SM3 in Python alone, where OpenSSL has none."""

from __future__ import annotations

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.verifier.digests import sm3


def test_the_examples_of_the_standard() -> None:
    """GB/T 32905-2016, annex A."""
    assert sm3(b"abc").hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    whole = sm3(b"abcd" * 16).hex()
    assert whole == "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"


@settings(max_examples=50)
@given(st.binary(max_size=300))
def test_it_is_the_sm3_of_openssl(message: bytes) -> None:
    assert sm3(message) == hashlib.new("sm3", message).digest()
