"""`openssl ocsp` is asked whether certificates are revoked; only what it proves counts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography.x509 import ExtendedKeyUsage
from cryptography.x509.oid import ExtendedKeyUsageOID

from shared.kernel.errors import Unavailable
from shared.packaging.status_service import HttpStatusService
from shared.seals import Revocation
from shared.seals.trust import revocation_of
from shared.verifier import certificates
from shared.verifier.certificates import Authorities, NotTrusted
from tests.damage import flipped
from tests.servers.ocsp import Responder
from tests.servers.time_stamps import _key, certificate
from tests.shared.seals.samples import DAY, NOW, Party


@pytest.fixture(scope="module")
def party() -> Party:
    return Party.make("ecdsa")


@pytest.fixture
def responder(party: Party, tmp_path: Path) -> Iterator[Responder]:
    made = Responder(tmp_path / "ocsp", party.root.parsed, party.root_key)
    yield made
    made.close()


def pair(party: Party) -> tuple[certificates.Certificate, certificates.Certificate]:
    own = party.holder.certificates[0]
    return certificates.Certificate(own.der), certificates.Certificate(party.root.der)


def test_good_now_and_revoked_afterwards(party: Party, responder: Responder) -> None:
    own, root = pair(party)
    service = HttpStatusService(responder.url)
    responder.issued(party.holder.certificates[0].parsed)
    good = service.ask(own, root)
    assert good.revoked_since(own, root) is None
    trusting = Authorities([root], (), [good])
    chain = trusting.chain_of(own, NOW)
    assert revocation_of(chain, trusting, good.at) is Revocation.GOOD
    assert revocation_of(chain, trusting, good.at + 3 * DAY) is Revocation.UNKNOWN
    assert certificates.read(good.der) == ([], [good])

    since = NOW - timedelta(days=3)
    responder.issued(party.holder.certificates[0].parsed, revoked=since)
    revoked = service.ask(own, root)
    assert revoked.revoked_since(own, root) == since
    assert revoked.revoked_since(root, root) is None
    trusting = Authorities([root], (), [revoked])
    assert trusting.chain_of(own, NOW - timedelta(days=4))
    with pytest.raises(NotTrusted, match="已吊销"):
        trusting.chain_of(own, NOW)


def test_what_it_does_not_know_or_does_not_say_now_is_no_answer(
    party: Party, responder: Responder
) -> None:
    service = HttpStatusService(responder.url)
    with pytest.raises(Unavailable, match="没有说"):
        service.ask(*pair(party))
    responder.issued(party.holder.certificates[0].parsed)
    before: list[bytes] = []
    responder.answers = lambda answer: before.append(answer) or answer  # type: ignore[func-returns-value]
    service.ask(*pair(party))
    for answers in (
        lambda _answer: before[0],
        lambda _answer: None,
        lambda _answer: b"",
        lambda _answer: bytes.fromhex("30030a0106"),
        lambda answer: answer + b"\x00",
        lambda answer: answer[:-1],
        lambda _answer: b"\x30" * 200_000,
    ):
        responder.answers = answers
        with pytest.raises(Unavailable):
            service.ask(*pair(party))
    # Any byte of what is signed; the certificates behind it bear their own signatures.
    for at in (60, 120, 180):
        responder.answers = partial(flipped, at=at)
        with pytest.raises(Unavailable):
            service.ask(*pair(party))


def test_only_the_issuer_or_whom_it_appointed_answers(party: Party, responder: Responder) -> None:
    responder.issued(party.holder.certificates[0].parsed)
    service = HttpStatusService(responder.url)
    key, stranger = _key("ecdsa"), _key("ecdsa")
    root = party.root.parsed
    for_it = ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING])
    for_other = ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
    for signer, usage, counts in (
        (party.root_key, for_it, True),
        (party.root_key, for_other, False),
        (stranger, for_it, False),
    ):
        own = certificate("应答", key, signer, days=30, issuer=root, usage=usage)
        responder.sign_with(own, key)
        if counts:
            assert service.ask(*pair(party)).revoked_since(*pair(party)) is None
        else:
            with pytest.raises(Unavailable, match="不能采信"):
                service.ask(*pair(party))
