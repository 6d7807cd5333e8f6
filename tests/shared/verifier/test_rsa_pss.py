"""RSA-PSS, as openssl and cryptography make it, is verified in certificates and signed data."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.kernel.certificates import read_certificates as kernel_certificates
from shared.kernel.clock import now
from shared.kernel.der import element
from shared.verifier import cms
from shared.verifier.certificates import Authorities, read
from shared.verifier.signatures import Key, NotChecked, encoded_oid, hashed_by

PSS, MGF1 = "1.2.840.113549.1.1.10", "1.2.840.113549.1.1.8"
OIDS = {
    "sha1": "1.3.14.3.2.26",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha512": "2.16.840.1.101.3.4.2.3",
}
HASHES = {"sha1": hashes.SHA1(), "sha256": hashes.SHA256(), "sha512": hashes.SHA512()}


def parameters(digest: str, mask: str, salt: int) -> bytes:
    """RFC 4055, 3.1; what is the default is left out, as DER has it."""
    named = {name: element(0x30, element(0x06, encoded_oid(OIDS[name]))) for name in OIDS}
    mgf = element(0x30, element(0x06, encoded_oid(MGF1)) + named[mask])
    said = b"" if digest == "sha1" else element(0xA0, named[digest])
    said += b"" if mask == "sha1" else element(0xA1, mgf)
    said += b"" if salt == 20 else element(0xA2, element(0x02, bytes([salt])))
    return element(0x30, said)


@pytest.fixture(scope="module", params=[2048, 2049, 2055])
def private(request: pytest.FixtureRequest) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=request.param)


@pytest.mark.parametrize(
    ("digest", "mask", "salt"),
    [("sha256", "sha256", 32), ("sha512", "sha256", 0), ("sha1", "sha1", 20)],
)
def test_what_pss_has_signed_is_verified_and_nothing_else(
    digest: str, mask: str, salt: int, private: rsa.RSAPrivateKey
) -> None:
    der = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    key, message = Key(der), b"what was signed"
    how = padding.PSS(padding.MGF1(HASHES[mask]), salt)
    signature = private.sign(message, how, HASHES[digest])
    said = parameters(digest, mask, salt)
    assert key.verifies(PSS, None, message, signature, parameters=said) == digest
    assert key.verifies(PSS, digest, message, signature, parameters=said) == digest
    altered = (
        (message + b"!", signature, said),
        (message, signature[:-1] + bytes([signature[-1] ^ 1]), said),
        (message, b"\0" + signature, said),
        (message, signature, parameters(digest, mask, salt + 1)),
        (message, signature, parameters("sha256" if digest != "sha256" else "sha1", mask, salt)),
        (message, private.sign(message, padding.PKCS1v15(), HASHES[digest]), said),
    )
    for wrong in altered:
        with pytest.raises(ValueError, match="wrong signature"):
            key.verifies(PSS, None, wrong[0], wrong[1], parameters=wrong[2])
    with pytest.raises(ValueError, match="two digests"):
        key.verifies(PSS, "sm3", message, signature, parameters=said)
    with pytest.raises(NotChecked):
        key.verifies(PSS, digest, message, signature)
    for odd in (b"\x30", b"\x30\x02\xa0\x00", b"\x30\x05\xa3\x03\x02\x01\x02"):
        with pytest.raises(ValueError, match=r"."):
            key.verifies(PSS, digest, message, signature, parameters=odd)


def test_certificates_and_signed_data_of_openssl_with_pss_hold(tmp_path: Path) -> None:
    def openssl(*words: object) -> None:
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, cwd=tmp_path)

    pss = ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32", "-sha256")
    new = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", 9, *pss)
    openssl(*new, "-subj", "/CN=Root", "-keyout", "ca.key", "-out", "ca.pem")
    openssl(
        *new, "-subj", "/CN=Unit", "-keyout", "own.key", "-out", "own.pem",
        "-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE",
    )  # fmt: skip
    (root, own) = (read((tmp_path / name).read_bytes())[0][0] for name in ("ca.pem", "own.pem"))
    assert own.check_issued_by(root) == "sha256"
    assert Authorities([root], [], []).chain_of(own, now() + timedelta(days=1)) == [own, root]
    (issuer,), (leaf,) = (
        kernel_certificates((tmp_path / name).read_bytes()) for name in ("ca.pem", "own.pem")
    )
    assert issuer.has_issued(leaf)
    assert not leaf.has_issued(issuer)

    (tmp_path / "text").write_bytes(b"what was signed")
    openssl(
        "cms", "-sign", "-binary", "-in", "text", "-signer", "own.pem", "-inkey", "own.key",
        "-keyopt", "rsa_padding_mode:pss", "-outform", "DER", "-out", "signed",
    )  # fmt: skip
    data = cms.read((tmp_path / "signed").read_bytes())
    (signer,) = data.signers
    hashed = {b"what was signed": "sha256", b"another": None}
    for content, digest in hashed.items():
        if digest:
            assert signer.check_attributes(data.kind, lambda name, c=content: hashed_by(name, c))
        else:
            with pytest.raises(ValueError, match="not what was signed"):
                signer.check_attributes(data.kind, lambda name, c=content: hashed_by(name, c))
