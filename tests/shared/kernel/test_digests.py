"""Digests on another thread are those of one thread."""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import os
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel import digests
from shared.kernel.digests import DigestAside, digests_of
from shared.kernel.files import CHUNK


@given(
    pieces=st.lists(st.binary(max_size=3000), max_size=12),
    handful=st.sampled_from([1, 500, 4000, CHUNK]),
)
def test_a_digest_aside_is_the_digest_however_its_bytes_come(
    pieces: list[bytes], handful: int
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(digests, "CHUNK", handful)
        aside, plain = DigestAside(hashlib.new("sm3")), hashlib.new("sm3")
        for piece in pieces:
            aside.update(piece)
            plain.update(piece)
        assert aside.hexdigest() == plain.hexdigest()
        assert aside.digest() == plain.digest()  # asking changes nothing
        aside.update(b"and on")
        plain.update(b"and on")
        assert aside.digest() == plain.digest()


def test_several_digests_of_a_stream_come_of_one_reading() -> None:
    content = os.urandom(3 * CHUNK + 17)
    found, size = digests_of(io.BytesIO(content), ("sha256", "sm3"))
    assert found == [hashlib.new(name, content).hexdigest() for name in ("sha256", "sm3")]
    assert size == len(content)


def _digest(content: bytes) -> str:
    aside = DigestAside(hashlib.sha256())
    for _ in range(3):
        aside.update(content)
    return aside.hexdigest()


def test_a_forked_process_digests_too_after_its_parent_has() -> None:
    content = bytes(CHUNK)
    wanted = _digest(content)
    # A command that a test ran in this process may have left it a handler of its own.
    heeding = (signal.SIGTERM, signal.SIG_DFL)
    forked = multiprocessing.get_context("fork")
    with forked.Pool(1, initializer=signal.signal, initargs=heeding) as children:
        assert children.apply_async(_digest, (content,)).get(timeout=60) == wanted
