"""Signatures of a package: by many kinds of keys, read by other tools, judged by who is trusted."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from gmssl import sm2, sm3  # another implementation than the one that signs

from shared.kernel.certificates import (
    RSA_PSS,
    RSA_WITH_SHA256,
    Certificate,
    read_certificates,
    self_signed,
)
from shared.kernel.errors import Invalid
from shared.kernel.keys import PublicKey, SigningKey
from shared.packaging.eep import (
    CanonicalForm,
    KeySigner,
    SealSigner,
    Trust,
    Verdict,
    add_signatures,
    read_pkcs12,
    verify,
)
from tests.shared.packaging.eep.makers import (
    FROM,
    MADE,
    NAME,
    TO,
    Authority,
    codes,
    cut,
    judged,
    making,
    modified,
    original,
    seal,
    trust,
    unsigned,
)
from tests.shared.packaging.samples import Unit

FORMS = [CanonicalForm.EXC_C14N, CanonicalForm.STRIPPED]


def value(content: bytes, name: str, at: int = 0) -> str:
    return re.findall(f"<{name}>([^<]*)</{name}>", content.decode())[at]


def signed_bytes(content: bytes, name: str, form: CanonicalForm) -> bytes:
    whole = cut(content, name)
    if form is CanonicalForm.EXC_C14N:
        return whole
    namespace = b' xmlns="http://www.saac.gov.cn/standards/ERM/encapsulation"'
    return whole.replace(namespace, b"", 1).translate(None, b" \t\r\n")


@pytest.mark.parametrize("form", FORMS)
def test_another_sm2_verifies_both_signatures_over_the_bytes_that_are_cut_out(
    form: CanonicalForm, unit: Unit
) -> None:
    content = original(unit, unit.record(), form=form).getvalue()
    assert judged(content, unit).is_proven
    key = Certificate.from_der(base64.b64decode(value(content, "证书"))).sm2_key
    assert key is not None
    other = sm2.CryptSM2(public_key=key.hex, private_key="", asn1=True)
    for at, name in enumerate(("被签名对象", "电子签名块")):
        message = signed_bytes(content, name, form)
        signature = base64.b64decode(value(content, "签名结果", at)).hex()
        identity = b"1234567812345678"
        z = sm3.sm3_hash(
            list(len(identity * 8).to_bytes(2, "big") + identity + _CURVE + bytes.fromhex(key.hex))
        )
        digest = sm3.sm3_hash(list(bytes.fromhex(z) + message))
        assert other.verify(signature, bytes.fromhex(digest))
        worse = sm3.sm3_hash(list(bytes.fromhex(z) + message + b" "))
        assert not other.verify(signature, bytes.fromhex(worse))


_P = sm2.default_ecc_table
_CURVE = bytes.fromhex(_P["a"] + _P["b"] + _P["g"])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "sm2"])
def test_openssl_verifies_them(kind: str, form: CanonicalForm, unit: Unit, tmp_path: Path) -> None:
    authority = Authority()
    signer = {
        "rsa": authority.rsa_signer,
        "ecdsa": authority.signer,
        "sm2": lambda: seal(unit),
    }[kind]()
    content = original(unit, unit.record(), signer, form=form).getvalue()
    told = Trust([authority.certificate], seals=[unit.seal.public])
    assert verify(io.BytesIO(content), trust=told).is_proven
    for at, name in enumerate(("被签名对象", "电子签名块")):
        (tmp_path / "message").write_bytes(signed_bytes(content, name, form))
        (tmp_path / "signature").write_bytes(base64.b64decode(value(content, "签名结果", at)))
        (tmp_path / "certificate").write_bytes(base64.b64decode(value(content, "证书")))
        key = tmp_path / "key.pem"
        key.write_bytes(
            _ran(
                "openssl",
                "x509",
                "-inform",
                "DER",
                "-in",
                tmp_path / "certificate",
                "-pubkey",
                "-noout",
            )
        )
        digest = ("-sm3", "-sigopt", "distid:1234567812345678") if kind == "sm2" else ("-sha256",)
        words = ("-verify", key, "-signature", tmp_path / "signature", tmp_path / "message")
        assert b"Verified OK" in _ran("openssl", "dgst", *digest, *words)


def _ran(*words: str | Path) -> bytes:
    return subprocess.run(words, capture_output=True, check=True).stdout


def test_a_key_and_certificate_that_openssl_made_sign_a_package(unit: Unit, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    _ran("openssl", "ecparam", "-name", "SM2", "-genkey", "-noout", "-out", key)
    _ran(
        *("openssl", "req", "-x509", "-key", key, "-sm3", "-subj", "/CN=Yiling", "-days", "30"),
        *("-sigopt", "distid:1234567812345678", "-out", certificate),
    )
    (own,) = read_certificates(certificate.read_bytes())
    assert own.sm2_key is not None
    assert own.has_issued(own)
    signer = SealSigner(SigningKey(own.sm2_key, _secret(key)), (own,))
    package = original(unit, unit.record(), signer)
    assert verify(package, trust=Trust([own])).is_proven
    assert verify(package, trust=Trust(seals=[own.sm2_key])).is_proven


def test_a_chain_of_sm2_certificates_is_followed_to_its_authority(
    unit: Unit, tmp_path: Path
) -> None:
    identity = "distid:1234567812345678"
    ca, leaf = tmp_path / "ca", tmp_path / "leaf"
    for each in (ca, leaf):
        each.mkdir()
        _ran("openssl", "ecparam", "-name", "SM2", "-genkey", "-noout", "-out", each / "key.pem")
    _ran(
        *("openssl", "req", "-x509", "-key", ca / "key.pem", "-sm3", "-subj", "/CN=Root"),
        *("-days", "30", "-sigopt", identity, "-out", ca / "cert.pem"),
    )
    _ran(
        *("openssl", "req", "-new", "-key", leaf / "key.pem", "-sm3", "-subj", "/CN=Yiling"),
        *("-sigopt", identity, "-out", leaf / "request.pem"),
    )
    _ran(
        *("openssl", "x509", "-req", "-in", leaf / "request.pem", "-CA", ca / "cert.pem"),
        *("-CAkey", ca / "key.pem", "-CAcreateserial", "-days", "20", "-sm3"),
        *("-sigopt", identity, "-vfyopt", identity, "-out", leaf / "cert.pem"),
    )
    (root,) = read_certificates((ca / "cert.pem").read_bytes())
    (own,) = read_certificates((leaf / "cert.pem").read_bytes())
    key = SigningKey(own.sm2_key, _secret(leaf / "key.pem"))
    package = original(unit, unit.record(), SealSigner(key, (own,)))
    assert verify(package, trust=Trust([root])).is_proven
    assert set(codes(verify(package, trust=Trust([seal(unit).certificates[0]])))) == {
        "eep_certificate_unknown"
    }
    # A registered key does not make up for a certificate that nobody can check.
    assert set(codes(verify(package, trust=Trust(seals=[own.sm2_key])))) == {
        "eep_certificate_unproven"
    }


def _secret(key: Path) -> bytes:
    text = _ran("openssl", "ec", "-in", key, "-noout", "-text").decode()
    written = re.sub(r"[\s:]", "", text.split("priv:")[1].split("pub:")[0])
    return bytes.fromhex(written).rjust(32, b"\0")[-32:]


def test_several_sign_and_each_is_judged_by_itself(unit: Unit) -> None:
    authority = Authority()
    content = original(unit, unit.record(), seal(unit), authority.signer()).getvalue()
    report = judged(content, unit)
    assert [(each.is_lock, each.identifier, each.verdict) for each in report.signatures] == [
        (True, "修改0-签名2", Verdict.UNVERIFIABLE),
        (False, "修改0-签名1", Verdict.VALID),
        (False, "修改0-签名2", Verdict.UNVERIFIABLE),
    ]
    assert codes(report) == ["eep_certificate_unknown"]  # the lock's is that of its signature
    assert report.is_sound
    told = Trust([authority.certificate], seals=[unit.seal.public])
    assert verify(io.BytesIO(content), trust=told).is_proven


def test_an_archive_signs_later_and_locks_anew(unit: Unit) -> None:
    authority = Authority()
    record = unit.record()
    told = Trust([authority.certificate], seals=[unit.seal.public])
    for package in (
        original(unit, record),
        modified(unit, original(unit, record), record),
    ):
        before = verify(package, trust=told)
        stream = io.BytesIO()
        identity = add_signatures(package, stream, making=making(authority.signer()))
        after = verify(stream, trust=told)
        assert (after.sha256, after.size) == (identity.sha256, identity.size)
        assert after.is_proven
        assert len(after.signatures) == len(before.signatures) + 1
        revision = after.signatures[0].revision
        assert after.signatures[0].identifier == f"修改{revision}-签名2"
        assert stream.getvalue().startswith(
            package.getvalue().split("</电子签名块><锁".encode())[0]
        )
    first = io.BytesIO()
    add_signatures(unsigned(unit, record), first, making=making(seal(unit)))
    assert first.getvalue().count("<签名标识符>修改0-签名1<".encode()) == 1
    assert verify(first, trust=told).is_proven
    altered = io.BytesIO(first.getvalue().replace(b"2024-03-05", b"2024-03-06"))
    with pytest.raises(Invalid):
        add_signatures(altered, io.BytesIO(), making=making(seal(unit)))
    with pytest.raises(Invalid):
        add_signatures(first, io.BytesIO(), making=making())


def test_a_key_in_a_pkcs_12_file_signs(unit: Unit) -> None:
    signer = Authority().signer()
    own, issuer = (each.parsed for each in signer.certificates)
    protected = BestAvailableEncryption(b"yichang-2024")
    content = pkcs12.serialize_key_and_certificates(b"k", signer.key, own, [issuer], protected)
    again = read_pkcs12(content, "yichang-2024")
    assert again.certificates == list(signer.certificates)
    told = Trust([again.certificates[1]])
    assert verify(original(unit, unit.record(), again), trust=told).is_proven
    for bad, password in ((content, "wrong"), (b"", "yichang-2024")):
        with pytest.raises(Invalid):
            read_pkcs12(bad, password)


def test_a_signature_by_rsa_pss_is_verified(unit: Unit) -> None:
    made = Authority().rsa_signer()
    assert isinstance(made.key, rsa.RSAPrivateKey)
    package = original(unit, unit.record(), _PssSigner(made.key, made.certificates))
    assert package.getvalue().count(RSA_PSS.encode()) == 2
    told = Trust([made.certificates[1]])
    assert verify(package, trust=told).is_proven
    as_another = package.getvalue().replace(RSA_PSS.encode(), RSA_WITH_SHA256.encode())
    report = verify(io.BytesIO(as_another), trust=told)
    assert {each.verdict for each in report.signatures} == {Verdict.ALTERED}


class _PssCertificate(Certificate):
    algorithm = RSA_PSS


class _PssSigner:
    """Another's program, which signs with RSA-PSS."""

    def __init__(self, key: rsa.RSAPrivateKey, chain: Sequence[Certificate]) -> None:
        self._key = key
        self.certificates = [_PssCertificate(chain[0].der), *chain[1:]]

    def sign_digest(self, digest: bytes) -> bytes:
        sha256 = hashes.SHA256()
        how = padding.PSS(padding.MGF1(sha256), padding.PSS.DIGEST_LENGTH)
        return self._key.sign(digest, how, Prehashed(sha256))


def test_who_locks_can_be_another_than_who_signs(unit: Unit) -> None:
    authority = Authority()
    package = original(unit, unit.record(), lock=authority.signer())
    report = judged(package.getvalue(), unit)
    assert [each.verdict for each in report.signatures] == [Verdict.UNVERIFIABLE, Verdict.VALID]


def test_the_form_without_white_space_says_what_it_does_not_cover(unit: Unit) -> None:
    content = original(unit, unit.record(), form=CanonicalForm.STRIPPED).getvalue()
    changed = content.replace("部门预算".encode(), "部门 预算".encode(), 1)
    report = judged(changed, unit)
    assert report.is_proven
    assert codes(report) == ["eep_white_space_unsigned"] * 2


def test_a_signature_taken_away_or_put_in_breaks_the_lock(unit: Unit) -> None:
    record = unit.record()
    content = original(unit, record, seal(unit), seal(unit)).getvalue().decode()
    first, second = re.findall("<电子签名>.*?</电子签名>", content, re.DOTALL)
    for changed in (content.replace(first, ""), content.replace(second, second + first, 1)):
        report = judged(changed.encode(), unit)
        assert report.signatures[0].is_lock
        assert report.signatures[0].verdict is Verdict.ALTERED


def test_an_altered_content_alters_every_signature_of_its_layer_alone(unit: Unit) -> None:
    record = unit.record()
    outer = modified(unit, original(unit, record), record).getvalue()
    head, inner, tail = re.split(
        b"(<\xe5\x8e\x9f\xe5\xb0\x81.*</\xe5\x8e\x9f\xe5\xb0\x81)", outer, flags=re.DOTALL
    )
    changed = head + inner + tail.replace("公开".encode(), "限制".encode(), 1)
    verdicts = [each.verdict for each in judged(changed, unit).signatures]
    assert verdicts == [Verdict.VALID, Verdict.ALTERED, Verdict.VALID]
    changed = head + inner.replace("公开".encode(), "限制".encode(), 1) + tail
    verdicts = [each.verdict for each in judged(changed, unit).signatures]
    assert verdicts == [Verdict.VALID, Verdict.ALTERED, Verdict.ALTERED]


def test_expired_revoked_and_foreign_certificates_are_named(unit: Unit) -> None:
    authority, other = Authority(), Authority("另一机构")
    record = unit.record()
    short = (FROM, datetime(2025, 1, 1, tzinfo=UTC))
    expired = original(unit, record, authority.signer(dates=short))
    good = authority.signer()
    package = original(unit, record, good)
    anchors = [authority.certificate]
    assert set(codes(verify(expired, trust=Trust(anchors)))) == {"eep_certificate_expired"}
    assert verify(expired, trust=Trust(anchors, at=MADE)).is_proven
    lists = [authority.revoking(good.certificates[0])]
    assert set(codes(verify(package, trust=Trust(anchors, revocations=lists)))) == {
        "eep_certificate_revoked"
    }
    earlier = Trust(anchors, revocations=lists, at=FROM)
    assert verify(package, trust=earlier).is_proven
    forged = [other.revoking(good.certificates[0])]
    assert verify(package, trust=Trust(anchors, revocations=forged)).is_proven
    assert set(codes(verify(package, trust=Trust([other.certificate])))) == {
        "eep_certificate_unknown"
    }
    assert set(codes(verify(package))) == {"eep_certificate_unknown"}


def test_whoever_is_no_authority_certifies_nobody(unit: Unit) -> None:
    authority = Authority()
    middle = authority.signer()
    false_authority = Authority("宜昌市档案馆")  # the same name, another key
    assert not middle.certificates[0].has_issued(false_authority.signer().certificates[0])
    signer = false_authority.signer()
    package = original(
        unit, unit.record(), KeySigner(signer.key, (*signer.certificates, authority.certificate))
    )
    report = verify(package, trust=Trust([authority.certificate]))
    assert {each.verdict for each in report.signatures} == {Verdict.UNVERIFIABLE}


def test_a_certificate_of_another_key_is_refused(unit: Unit) -> None:
    with pytest.raises(Invalid):
        SealSigner(SigningKey.generate(), seal(unit).certificates)
    with pytest.raises(Invalid):
        KeySigner(ec.generate_private_key(ec.SECP256R1()), Authority().signer().certificates)
    for bad in (b"", b"\x30", b"\x30\x80", seal(unit).certificates[0].der[:-1], bytes(300)):
        with pytest.raises(Invalid):
            Certificate.from_der(bad)


def test_a_declaration_of_the_namespace_in_the_signed_object_itself_is_as_good(unit: Unit) -> None:
    """So it looks where somebody has put in what exc-c14n gave."""
    content = original(unit, unit.record()).getvalue()
    start = content.index("<被签名对象".encode())
    end = content.index("<电子签名块".encode())
    put_in = content[:start] + cut(content, "被签名对象") + content[end:]
    assert len(put_in) > len(content)
    assert judged(put_in, unit).is_proven


def test_no_signature_is_said(unit: Unit) -> None:
    report = verify(unsigned(unit, unit.record()), trust=trust(unit))
    assert [each.verdict for each in report.signatures] == [Verdict.ABSENT]
    assert codes(report) == ["eep_signature_absent"]
    assert report.is_sound
    assert not report.is_proven


def test_a_lock_over_a_result_alone_is_understood_too(unit: Unit) -> None:
    """The other reading of the standard, which we do not write."""
    content = original(unit, unit.record()).getvalue().decode()
    signature = base64.b64decode(value(content.encode(), "签名结果"))
    block = content.index("<锁定签名>")
    lock = re.sub(
        "<签名规则>[^<]*", "<签名规则>规范形式：二进制；签名范围：签名结果", content[block:]
    )
    made = base64.b64encode(unit.seal.sign(signature)).decode()
    lock = re.sub("<签名结果>[^<]*", f"<签名结果>{made}", lock)
    assert judged((content[:block] + lock).encode(), unit).is_proven
    made = base64.b64encode(unit.seal.sign(b"another")).decode()
    lock = re.sub("<签名结果>[^<]*", f"<签名结果>{made}", lock)
    report = judged((content[:block] + lock).encode(), unit)
    assert report.signatures[0].verdict is Verdict.ALTERED


def test_rules_of_lock_and_signature_cannot_stand_in_for_each_other(unit: Unit) -> None:
    content = original(unit, unit.record()).getvalue().decode()
    wrong = content.replace("签名范围：被签名对象", "签名范围：电子签名块")
    report = judged(wrong.encode(), unit)
    assert report.signatures[1].verdict is Verdict.UNVERIFIABLE
    assert "eep_signature_rule_unknown" in codes(report)


def test_the_digest_of_a_long_message_is_that_of_gb_t_32918(unit: Unit) -> None:
    key = PublicKey.from_hex(unit.seal.public.hex)
    certificate = self_signed(unit.seal, NAME, FROM, TO)
    assert certificate.new_digest().digest() == key.new_digest().digest()
    assert hashlib.new("sm3", b"").digest() != key.new_digest().digest()
