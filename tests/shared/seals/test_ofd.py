"""Seals of OFD documents: those made here in every form, real ones, and what is wrong with some."""

from __future__ import annotations

import errno
import hashlib
import io
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from gmssl import sm2
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.kernel.der import elements
from shared.seals import Revocation, Seal, Trust, Verdict, seals_of
from shared.verifier.certificates import Certificate
from tests.damage import flipped
from tests.servers.time_stamps import Authority
from tests.shared.seals.samples import (
    DAY,
    INDEX,
    NOW,
    PLAIN,
    UNSEALED,
    Party,
    Sealing,
    sealed,
    signed_data,
    zipped,
)
from tests.shared.verifier.test_time_stamps import asking

VALUE = "Doc_0/Signs/Sign_0/SignedValue.dat"
PAGE = "Doc_0/Pages/Page_0/Content.xml"


@pytest.fixture(scope="module")
def party() -> Party:
    return Party.make()


@pytest.fixture(scope="module")
def other() -> Party:
    """An authority whose certificates are not of SM2, and that has lists of revoked ones."""
    return Party.make("ecdsa")


def judged(parts: Mapping[str, bytes], trust: Trust) -> tuple[Seal, ...]:
    return seals_of("ofd", io.BytesIO(zipped(parts)), trust)


def the_only(parts: Mapping[str, bytes], trust: Trust) -> Seal:
    (seal,) = judged(parts, trust)
    return seal


def codes(seal: Seal) -> list[str]:
    return [each.code for each in seal.findings]


@pytest.mark.parametrize(
    ("options", "form"),
    [
        ({}, "GB/T 38540"),
        ({"signs_all": True}, "GB/T 38540"),
        ({"lists_digests": True}, "GB/T 38540"),
        ({"old": True}, "GM/T 0031"),
    ],
)
@pytest.mark.parametrize("kind", ["sm2", "ecdsa"])
def test_a_seal_of_a_known_authority_is_valid(
    options: dict[str, bool], form: str, kind: str, party: Party, other: Party
) -> None:
    who = party if kind == "sm2" else other
    sealing = Sealing(who, **options)
    seal = the_only(sealed(PLAIN, sealing), Trust(who.authorities()))
    assert (seal.verdict, seal.form, seal.findings) == (Verdict.VALID, form, ())
    assert (seal.name, seal.signer) == ("宜昌市财政局公章", "宜昌市财政局")
    assert seal.signed_at == sealing.at
    assert [each.name for each in seal.chain] == ["宜昌市财政局", "试验根", "试验制章人"]


def test_another_implementation_of_sm2_says_the_same_of_what_was_signed(party: Party) -> None:
    made = sealed(PLAIN, Sealing(party))
    signed, own, _algorithm, signature = elements(elements(made[VALUE])[0][1])
    numbers = [part[1] for part in elements(elements(signature[1][1:])[0][1])]
    plain = "".join(f"{int.from_bytes(each, 'big'):064x}" for each in numbers)
    key = (Certificate(own[1]).key.sm2 or b"").hex()
    judge = sm2.CryptSM2(private_key="", public_key=key, asn1=False)
    assert judge.verify_with_sm3(plain, signed[2])
    assert not judge.verify_with_sm3(plain, signed[2] + b"\x00")
    own_digest = hashlib.new("sm3", made["Doc_0/Signs/Sign_0/Signature.xml"]).digest()
    assert elements(signed[1])[3][1][1:] == own_digest


@pytest.mark.parametrize("attributes", [True, False])
@pytest.mark.parametrize("encloses", [True, False])
def test_a_signature_without_a_seal_is_judged_as_well(
    attributes: bool, encloses: bool, party: Party
) -> None:
    def value(message: bytes) -> bytes:
        digest = hashlib.new("sm3", message).digest() if encloses else None
        return signed_data(party.holder, message, gm=True, attributes=attributes, enclosed=digest)

    made = sealed(PLAIN, value)
    assert the_only(made, Trust(party.authorities())).verdict is Verdict.VALID
    value_of_another = {**made, VALUE: value(b"another")}
    assert the_only(value_of_another, Trust(party.authorities())).verdict is Verdict.ALTERED


def test_without_the_authority_a_whole_seal_is_not_verifiable(party: Party, other: Party) -> None:
    made = sealed(PLAIN, Sealing(party))
    for trust in (Trust(), Trust(other.authorities())):
        seal = the_only(made, trust)
        assert seal.verdict is Verdict.UNVERIFIABLE
        assert codes(seal) == ["document_seal_authority_unknown"]
        assert not any(each.is_error for each in seal.findings)


def test_a_second_seal_covers_the_first_and_the_first_stays_good(party: Party) -> None:
    twice = sealed(sealed(PLAIN, Sealing(party)), Sealing(party))
    verdicts = [seal.verdict for seal in judged(twice, Trust(party.authorities()))]
    assert verdicts == [Verdict.VALID, Verdict.VALID]
    changed = {**twice, VALUE: twice[VALUE][:-1] + b"\x00"}
    first, second = judged(changed, Trust(party.authorities()))
    assert (first.verdict, second.verdict) == (Verdict.ALTERED, Verdict.ALTERED)
    assert [each.where for each in second.findings] == [VALUE]


def test_each_changed_or_missing_part_is_named(party: Party) -> None:
    made = sealed(PLAIN, Sealing(party))
    changed = {**made, PAGE: made[PAGE].replace("防汛".encode(), "抗旱".encode())}
    del changed["Doc_0/PublicRes.xml"]
    seal = the_only(changed, Trust(party.authorities()))
    assert seal.verdict is Verdict.ALTERED
    assert {(each.code, each.where) for each in seal.findings} == {
        ("document_seal_broken", PAGE),
        ("document_seal_broken", "Doc_0/PublicRes.xml"),
    }


@pytest.fixture(scope="module")
def whole(party: Party) -> dict[str, bytes]:
    return sealed(sealed(PLAIN, Sealing(party)), Sealing(party, old=True))


@settings(max_examples=60)
@given(data=st.data())
def test_any_byte_that_is_changed_is_told(
    whole: dict[str, bytes], party: Party, data: st.DataObject
) -> None:
    path = data.draw(st.sampled_from(sorted(whole)))
    at = data.draw(st.integers(0, len(whole[path]) - 1))
    bit = 1 << data.draw(st.integers(0, 7))
    content = whole[path]
    changed = {**whole, path: content[:at] + bytes([content[at] ^ bit]) + content[at + 1 :]}
    found = judged(changed, Trust(party.authorities()))
    if path == INDEX:  # no seal covers the list of seals; but it leads to the same seals, or tells
        is_told = any(each.findings for each in found)
        assert is_told or [each.verdict for each in found] == [Verdict.VALID] * 2
    else:
        assert any(each.verdict is not Verdict.VALID and each.findings for each in found)


def test_a_seal_taken_off_the_list_is_noticed(party: Party) -> None:
    made = sealed(PLAIN, Sealing(party))
    emptied = {**made, INDEX: made[INDEX].replace(b"<ofd:Signature ID", b"<ofd:Other ID")}
    seal = the_only(emptied, Trust(party.authorities()))
    assert (seal.verdict, codes(seal)) == (Verdict.ALTERED, ["document_seal_unlisted"])


def test_a_seal_taken_off_the_list_is_noticed_though_the_next_one_covers_it(
    whole: dict[str, bytes], party: Party
) -> None:
    first_gone = whole[INDEX].replace(b"<ofd:Signature ID", b"<ofd8Signature ID", 1)
    found = judged({**whole, INDEX: first_gone}, Trust(party.authorities()))
    assert [code for each in found for code in codes(each)] == ["document_seal_unlisted"]


def test_parts_that_no_seal_covers_are_named(party: Party) -> None:
    trust = Trust(party.authorities())
    left_out = the_only(sealed(PLAIN, Sealing(party), leaving_out=[PAGE]), trust)
    assert left_out.verdict is Verdict.UNVERIFIABLE
    assert [(each.code, each.where) for each in left_out.findings] == [
        ("document_seal_covers_not_all", PAGE)
    ]
    resources = PLAIN["Doc_0/PublicRes.xml"].replace(
        b"/>", b"><ofd:MediaFile>red_head.png</ofd:MediaFile></ofd:Res>"
    )
    picture = "Doc_0/Res/red_head.png"
    illustrated = {**PLAIN, "Doc_0/PublicRes.xml": resources, picture: b"\x89PNG"}
    without = the_only(sealed(illustrated, Sealing(party), leaving_out=[picture]), trust)
    assert (without.verdict, without.findings[0].where) == (Verdict.UNVERIFIABLE, picture)
    carried = {**sealed(PLAIN, Sealing(party)), "Doc_0/extra.bin": b"carried along"}
    seal = the_only(carried, trust)
    assert seal.verdict is Verdict.VALID
    assert [(each.code, each.where) for each in seal.findings] == [
        ("document_seal_part_uncovered", "Doc_0/extra.bin")
    ]


@pytest.mark.parametrize(
    ("method", "is_good"),
    [("SHA256", True), ("1.2.156.10197.1.401", True), ("MD5", False), ("SHA1", False)],
)
def test_weak_digests_are_named(method: str, is_good: bool, party: Party) -> None:
    made = sealed(PLAIN, Sealing(party), method=method)
    seal = the_only(made, Trust(party.authorities()))
    assert (seal.verdict is Verdict.VALID) is is_good
    assert ("document_seal_weak" in codes(seal)) is not is_good
    changed = the_only({**made, PAGE: b"<Page/>"}, Trust(party.authorities()))
    assert changed.verdict is Verdict.ALTERED


def test_a_seal_that_its_holder_does_not_hold_counts_for_nothing(party: Party) -> None:
    for lists_digests in (False, True):
        sealing = Sealing(party, others_seal=True, lists_digests=lists_digests)
        seal = the_only(sealed(PLAIN, sealing), Trust(party.authorities()))
        assert codes(seal) == ["document_seal_signer_differs"]
        assert seal.verdict is Verdict.ALTERED


def test_a_forged_seal_and_one_of_another_document_are_found(party: Party, other: Party) -> None:
    made = sealed(PLAIN, Sealing(party))
    elsewhere = sealed({**PLAIN, PAGE: b"<Page/>"}, Sealing(party))
    seal = the_only({**made, VALUE: elsewhere[VALUE]}, Trust(party.authorities()))
    assert (seal.verdict, codes(seal)) == (Verdict.ALTERED, ["document_seal_wrong"])
    renamed = made[VALUE].replace("财政局公章".encode(), "税务局公章".encode())
    seal = the_only({**made, VALUE: renamed}, Trust(party.authorities()))
    assert (seal.verdict, codes(seal)) == (Verdict.ALTERED, ["document_seal_forged"])
    picture = "Doc_0/Signs/Sign_0/Seal.esl"
    without = sealed(PLAIN, Sealing(party), leaving_out=[picture])
    swapped = {**without, picture: Sealing(party).eseal()}
    assert codes(the_only(swapped, Trust(party.authorities()))) == ["document_seal_picture_differs"]


def test_a_time_outside_of_the_dates_of_the_seal_is_named(party: Party) -> None:
    sealing = Sealing(party, at=NOW - 350 * DAY)
    seal = the_only(sealed(PLAIN, sealing), Trust(party.authorities()))
    assert (seal.verdict, codes(seal)) == (Verdict.UNVERIFIABLE, ["document_seal_time_outside"])


def test_an_expired_seal_was_valid_when_it_was_received(party: Party) -> None:
    made = sealed(PLAIN, Sealing(party, ends=NOW + 5 * DAY))
    later = NOW + 50 * DAY
    alone = the_only(made, Trust(party.authorities(), now=later))
    assert (alone.verdict, codes(alone)) == (Verdict.UNVERIFIABLE, ["document_seal_expired"])
    received = Trust(party.authorities(), proven=(NOW,), now=later)
    seal = the_only(made, received)
    assert (seal.verdict, seal.proven_at, seal.findings) == (Verdict.VALID_AT_RECEIPT, NOW, ())
    too_late = the_only(made, replace(received, proven=(NOW + 6 * DAY,)))
    assert too_late.verdict is Verdict.UNVERIFIABLE


def test_a_certificate_revoked_after_the_receipt_was_valid_at_it(other: Party) -> None:
    made = sealed(PLAIN, Sealing(other))
    listed = other.revoking(other.holder, NOW - 2 * DAY, until=NOW + 30 * DAY)
    trust = Trust(other.authorities(listed))
    seal = the_only(made, trust)
    assert (seal.verdict, codes(seal)) == (Verdict.UNVERIFIABLE, ["document_seal_revoked"])
    received = the_only(made, replace(trust, proven=(NOW - 3 * DAY,)))
    assert (received.verdict, received.revocation) == (
        Verdict.VALID_AT_RECEIPT, Revocation.GOOD,
    )  # fmt: skip
    # Without a list of the time nothing is known of it, and that is said.
    assert the_only(made, Trust(other.authorities())).revocation is Revocation.UNKNOWN
    old = other.revoking(other.maker, NOW + 99 * DAY, until=NOW - DAY)
    assert the_only(made, Trust(other.authorities(old))).revocation is Revocation.UNKNOWN


def test_a_time_stamp_in_the_seal_proves_its_time(party: Party, tmp_path: Path) -> None:
    service = Authority(tmp_path)
    began = datetime.now(UTC)
    try:
        stamping = asking(service)
        made = sealed(
            PLAIN,
            Sealing(
                party, ends=NOW + 5 * DAY, stamp=lambda message: stamping.stamp(message).content
            ),
        )
        authorities = replace(
            party.authorities(),
            trusted=[*party.authorities().trusted, *stamping.authorities.trusted],
        )
    finally:
        service.close()
    later = NOW + 50 * DAY
    seal = the_only(made, Trust(authorities, now=later))
    assert (seal.verdict, seal.findings) == (Verdict.VALID_AT_RECEIPT, ())
    assert seal.proven_at is not None
    assert abs(seal.proven_at - began) < timedelta(minutes=10)
    untrusted = the_only(made, Trust(party.authorities(), now=later))
    assert codes(untrusted) == ["document_seal_stamp_unproven", "document_seal_expired"]
    broken = {**made, VALUE: flipped(made[VALUE], -9)}
    assert codes(the_only(broken, Trust(authorities, now=later)))[0] in (
        "document_seal_stamp_wrong", "document_seal_damaged", "document_seal_stamp_unproven",
    )  # fmt: skip


def test_hostile_documents_are_told_and_cost_little(party: Party) -> None:
    trust = Trust(party.authorities())
    made = sealed(PLAIN, Sealing(party))
    for value in (b"", b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", bytes(200), made[VALUE] + b"\x00"):
        seal = the_only({**made, VALUE: value}, trust)
        assert (seal.verdict, codes(seal)) == (Verdict.ALTERED, ["document_seal_damaged"])
    # Two parts of one name: what is shown need not be what was sealed.
    doubled = zipped({**made, "/OFD.xml": PLAIN["OFD.xml"]})
    (seal,) = seals_of("ofd", io.BytesIO(doubled), trust)
    assert (seal.verdict, codes(seal)) == (Verdict.ALTERED, ["document_seal_damaged"])
    many = b"".join(
        b'<ofd:Signature ID="%d" BaseLoc="/Doc_0/Signs/Sign_0/Signature.xml"/>' % each
        for each in range(1000)
    )
    crowded = {
        **made,
        INDEX: made[INDEX].replace(b"</ofd:Signatures>", many + b"</ofd:Signatures>"),
    }
    found = judged(crowded, Trust())
    assert len(found) == 65
    assert codes(found[-1]) == ["document_seal_too_many"]
    entities = (
        b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
        b"<ofd:Signature xmlns:ofd='http://www.ofdspec.org/2016'>&b;</ofd:Signature>"
    )
    seal = the_only({**made, "Doc_0/Signs/Sign_0/Signature.xml": entities}, trust)
    assert seal.verdict is Verdict.ALTERED
    endless = {**made, "Doc_0/" + "long" * 9000: b""}
    assert all(
        len(each.problem) < 400 and len(str(each.where)) < 300
        for each in the_only(endless, trust).findings
    )
    assert seals_of("ofd", io.BytesIO(b"no zip"), trust)[0].verdict is Verdict.ALTERED


class _FailingDisk(io.BytesIO):
    """A disk that fails when it is read beyond a place."""

    def __init__(self, content: bytes, number: int, after: int) -> None:
        super().__init__(content)
        self._number, self._left = number, after

    def read(self, size: int | None = -1) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise OSError(self._number, os.strerror(self._number))
        return super().read(size)


@pytest.mark.parametrize("after", [0, 3, 8, 12])
def test_a_disk_that_fails_is_no_altered_document(after: int, party: Party) -> None:
    content = zipped(sealed(PLAIN, Sealing(party)))
    with pytest.raises(OSError, match="Input/output"):
        seals_of("ofd", _FailingDisk(content, errno.EIO, after), Trust(party.authorities()))


def test_a_fault_of_our_own_is_no_altered_document(
    party: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*_given: object) -> None:
        raise KeyError("a fault of ours")

    monkeypatch.setattr("shared.seals.ofd._hold_references", fault)
    with pytest.raises(KeyError):
        judged(sealed(PLAIN, Sealing(party)), Trust(party.authorities()))


def test_a_document_without_seals_has_none(party: Party) -> None:
    assert judged(UNSEALED, Trust(party.authorities())) == ()
    # One that says where its seals are listed, and has no list, has lost it.
    assert the_only(PLAIN, Trust(party.authorities())).verdict is Verdict.ALTERED
    assert seals_of("docx", io.BytesIO(b""), Trust()) == ()
