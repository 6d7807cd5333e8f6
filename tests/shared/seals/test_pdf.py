"""Signatures of PDF documents: made here, made by openssl, added to, and altered."""

from __future__ import annotations

import hashlib
import io
import re
import subprocess
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.kernel.der import elements
from shared.kernel.issuing import certificate_pem
from shared.packaging.eep import KeySigner
from shared.seals import Seal, Trust, Verdict, seals_of
from tests.servers.time_stamps import Authority
from tests.shared.seals.samples import (
    DAY,
    NOW,
    Party,
    Sealing,
    plain_pdf,
    signed_data,
    signed_pdf,
    updated,
)
from tests.shared.verifier.test_time_stamps import asking

_RANGE = re.compile(rb"/ByteRange\[0 (\d+) +(\d+) +(\d+) *\]")
_OTHER_PAGE = {3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]>>"}


@pytest.fixture(scope="module")
def party() -> Party:
    return Party.make("ecdsa")


@pytest.fixture(scope="module")
def national() -> Party:
    return Party.make("sm2")


@pytest.fixture(scope="module")
def signed(party: Party) -> bytes:
    return signed_pdf(plain_pdf(), lambda message: signed_data(party.holder, message))


def judged(content: bytes, trust: Trust) -> tuple[Seal, ...]:
    return seals_of("pdf", io.BytesIO(content), trust)


def the_only(content: bytes, trust: Trust) -> Seal:
    (seal,) = judged(content, trust)
    return seal


def codes(seal: Seal) -> list[str]:
    return [each.code for each in seal.findings]


def parts_of(content: bytes) -> tuple[bytes, bytes]:
    """What was signed, and the value, as the documents say how to cut them out."""
    found = _RANGE.search(content)
    assert found is not None
    begins, goes_on, length = map(int, found.groups())
    value = bytes.fromhex(content[begins + 1 : goes_on - 1].decode())
    size = 4 + int.from_bytes(value[2:4], "big")
    return content[:begins] + content[goes_on : goes_on + length], value[:size]


def test_openssl_says_the_same_of_a_signature_made_here(
    signed: bytes, party: Party, tmp_path: Path
) -> None:
    seal = the_only(signed, Trust(party.authorities()))
    assert (seal.verdict, seal.signer, seal.findings) == (Verdict.VALID, "宜昌市财政局", ())
    assert (seal.where, seal.signed_at) == ("对象 5 0", NOW - 10 * DAY)
    message, value = parts_of(signed)
    (tmp_path / "message").write_bytes(message)
    (tmp_path / "value").write_bytes(value)
    (tmp_path / "root.pem").write_bytes(certificate_pem(party.root))
    verify = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", "value",
              "-content", "message", "-CAfile", "root.pem", "-purpose", "any",
              "-out", "said"]  # fmt: skip
    subprocess.run(verify, cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "message").write_bytes(message + b" ")
    assert subprocess.run(verify, cwd=tmp_path, check=False, capture_output=True).returncode


def test_a_signature_made_by_openssl_is_valid(party: Party, tmp_path: Path) -> None:
    assert isinstance(party.holder, KeySigner)
    key = party.holder.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(key)
    (tmp_path / "own.pem").write_bytes(certificate_pem(party.holder.certificates[0]))

    def sign(message: bytes, more: tuple[str, ...]) -> bytes:
        made = subprocess.run(
            ["openssl", "cms", "-sign", "-binary", "-outform", "DER", "-md", "sha256",
             "-signer", "own.pem", "-inkey", "key.pem", *more],
            cwd=tmp_path, check=True, capture_output=True, input=message,
        )  # fmt: skip
        return made.stdout

    trust = Trust(party.authorities())
    for more in ((), ("-noattr",), ("-cades",)):
        content = signed_pdf(plain_pdf(), partial(sign, more=more), form="ETSI.CAdES.detached")
        assert the_only(content, trust).verdict is Verdict.VALID, more
        assert the_only(content.replace(b"200 200", b"200 201"), trust).verdict is Verdict.ALTERED
    no_certificate = signed_pdf(plain_pdf(), partial(sign, more=("-nocerts",)))
    seal = the_only(no_certificate, trust)
    assert (seal.verdict, codes(seal)) == (Verdict.UNVERIFIABLE, ["document_seal_unchecked"])


def test_signatures_and_seals_of_sm2_are_judged_in_pdf_too(national: Party) -> None:
    trust = Trust(national.authorities())
    for sign, form in (
        (lambda message: signed_data(national.holder, message, gm=True), "adbe.pkcs7.detached"),
        (
            lambda message: Sealing(national).value(hashlib.new("sm3", message).digest(), "all"),
            "GB/T 38540",
        ),
    ):
        content = signed_pdf(plain_pdf(), sign)
        seal = the_only(content, trust)
        assert (seal.verdict, seal.form, seal.findings) == (Verdict.VALID, form, ())
        assert the_only(content, Trust()).verdict is Verdict.UNVERIFIABLE
        changed = the_only(content.replace(b"200 200", b"200 201"), trust)
        assert (changed.verdict, codes(changed)) == (Verdict.ALTERED, ["document_seal_wrong"])


def test_the_older_form_by_sha1_is_weak(party: Party) -> None:
    content = signed_pdf(
        plain_pdf(),
        lambda message: signed_data(party.holder, message, enclosed=hashlib.sha1(message).digest()),
        form="adbe.pkcs7.sha1",
    )
    seal = the_only(content, Trust(party.authorities()))
    assert (seal.verdict, codes(seal)) == (Verdict.UNVERIFIABLE, ["document_seal_weak"])
    changed = the_only(content.replace(b"200 200", b"200 201"), Trust(party.authorities()))
    assert changed.verdict is Verdict.ALTERED


@settings(max_examples=80)
@given(data=st.data())
def test_any_byte_that_is_changed_is_told(signed: bytes, party: Party, data: st.DataObject) -> None:
    begins, goes_on = (int(each) for each in _RANGE.search(signed).groups()[:2])
    # The value fills most of the file with zeros: as many tries go to what is around it.
    at = data.draw(
        st.one_of(
            st.integers(0, begins), st.integers(begins, begins + 3000),
            st.integers(goes_on - 100, len(signed) - 1),
        )
    )  # fmt: skip
    bit = 1 << data.draw(st.integers(0, 7))
    changed = signed[:at] + bytes([signed[at] ^ bit]) + signed[at + 1 :]
    found = judged(changed, Trust(party.authorities()))
    assert len(found) == 1
    if found[0].verdict is Verdict.VALID:
        # Around the value stands what no signature covers: numbers of versions, the root once more.
        assert begins < at < goes_on
        assert said(found[0]) == said(the_only(signed, Trust(party.authorities())))
    else:
        assert found[0].findings


def said(seal: Seal) -> tuple[object, ...]:
    return (seal.signer, seal.signed_at, seal.chain, seal.findings)


def test_what_was_added_later_is_named(signed: bytes, party: Party) -> None:
    trust = Trust(party.authorities())
    seal = the_only(updated(signed, _OTHER_PAGE), trust)
    assert (seal.verdict, codes(seal)) == (Verdict.ALTERED, ["document_seal_added_after"])
    assert the_only(signed + b"\r\n", trust).verdict is Verdict.VALID


def test_a_later_signature_vouches_for_what_came_between(
    signed: bytes, party: Party, national: Party
) -> None:
    between = updated(signed, _OTHER_PAGE)
    twice = signed_pdf(between, lambda message: signed_data(party.holder, message), number=6)
    first, second = judged(twice, Trust(party.authorities()))
    assert (first.verdict, codes(first)) == (Verdict.VALID, ["document_seal_followed"])
    assert (second.verdict, codes(second)) == (Verdict.VALID, [])
    # By somebody unknown: then the first is worth no more than that either.
    stranger = signed_pdf(between, lambda message: signed_data(national.holder, message), number=6)
    found = judged(stranger, Trust(party.authorities()))
    assert [each.verdict for each in found] == [Verdict.UNVERIFIABLE] * 2
    # One that does not hold vouches for nothing.
    broken = twice[:-400].replace(b"99 99", b"99 98") + twice[-400:]
    first, second = judged(broken, Trust(party.authorities()))
    assert (first.verdict, second.verdict) == (Verdict.ALTERED, Verdict.ALTERED)


def test_a_range_that_leaves_out_more_than_the_value_is_no_signature_of_this_file(
    signed: bytes, party: Party
) -> None:
    trust = Trust(party.authorities())
    found = _RANGE.search(signed)
    begins, goes_on, length = map(int, found.groups())
    for wrong in (
        b"[0 %-10d %-10d %-10d]" % (begins - 1, goes_on, length),
        b"[0 %-10d %-10d %-10d]" % (begins, goes_on + 5, length - 5),
        b"[5 %-10d %-10d %-10d]" % (begins - 5, goes_on, length),
        b"[0 %-10d %-10d %-10d]" % (begins, goes_on, length + 9),
        b"[0 %-10d %-10d %-10d]" % (0, 0, 0),
    ):
        content = signed[: found.start() + 10] + wrong + signed[found.end() :]
        assert codes(the_only(content, trust)) == ["document_seal_range_wrong"]
        assert the_only(content, trust).verdict is Verdict.ALTERED


def test_time_stamps_of_signature_and_document_prove_their_time(
    national: Party, tmp_path: Path
) -> None:
    service = Authority(tmp_path)
    try:
        stamping = asking(service)
        own = Party.make("ecdsa", until=5)
        by_signature = signed_pdf(
            plain_pdf(),
            lambda message: signed_data(
                own.holder, message, stamp=lambda made: _token(stamping.stamp(made).content)
            ),
        )
        by_document = signed_pdf(
            signed_pdf(plain_pdf(), lambda message: signed_data(own.holder, message)),
            lambda message: _token(stamping.stamp(message).content),
            form="ETSI.RFC3161",
            number=6,
        )
    finally:
        service.close()
    both = replace(
        own.authorities(), trusted=[*own.authorities().trusted, *stamping.authorities.trusted]
    )
    later = NOW + 50 * DAY
    seal = the_only(by_signature, Trust(both, now=later))
    assert (seal.verdict, seal.findings) == (Verdict.VALID_AT_RECEIPT, ())
    first, stamp = judged(by_document, Trust(both, now=later))
    assert (first.verdict, stamp.verdict) == (Verdict.VALID_AT_RECEIPT, Verdict.VALID)
    assert stamp.form == "ETSI.RFC3161"
    first, stamp = judged(by_document, Trust(own.authorities(), now=later))
    assert (first.verdict, stamp.verdict) == (Verdict.UNVERIFIABLE, Verdict.UNVERIFIABLE)
    assert "document_seal_stamp_unproven" in codes(stamp)


def _token(response: bytes) -> bytes:
    return elements(elements(response)[0][1])[1][2]


def test_hostile_files_are_told_and_cost_little(party: Party) -> None:
    trust = Trust(party.authorities())
    many = plain_pdf() + b"9 0 obj\n<</Type/Sig/Contents<00>/ByteRange[0 1 2 3]>>\nendobj\n" * 500
    found = judged(many, trust)
    assert codes(found[-1]) == ["document_seal_too_many"]
    assert all(each.verdict is not Verdict.VALID for each in found)
    about = plain_pdf() + b"7 0 obj\n(how a /ByteRange looks)\nendobj\n"
    assert judged(about, trust) == ()
    assert judged(b"", trust) == judged(plain_pdf(), trust) == ()
