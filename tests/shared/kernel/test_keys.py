"""Signatures that are not right: a plain answer, and nothing said over the user's head."""

from __future__ import annotations

import os
import sys

import pytest

from shared.kernel.keys import SigningKey


def test_a_wrong_signature_is_an_answer_and_prints_nothing(
    capfd: pytest.CaptureFixture[str],
) -> None:
    key = SigningKey.generate()
    signature = key.sign(b"what was signed")
    assert key.public.verifies(b"what was signed", signature)
    for message, given in (
        (b"something else", signature),
        (b"what was signed", signature[:-1]),
        (b"what was signed", b"no signature"),
        (b"what was signed", b""),
    ):
        assert not key.public.verifies(message, given)
    os.write(2, "仍能看到\n".encode())
    sys.stderr.write("也能看到\n")
    assert capfd.readouterr().err == "仍能看到\n也能看到\n"


def test_a_long_message_is_signed_by_its_digest_as_by_its_bytes() -> None:
    key = SigningKey.generate()
    digest = key.public.new_digest()
    for piece in (b"first ", b"and ", b"last"):
        digest.update(piece)
    signature = key.sign_digest(digest.digest())
    assert key.public.verifies(b"first and last", signature)
    assert key.public.verifies_digest(digest.digest(), key.sign(b"first and last"))
    assert not key.public.verifies_digest(digest.digest(), key.sign(b"another"))
    assert not key.public.verifies_digest(digest.digest(), signature[:-1])
