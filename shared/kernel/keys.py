"""Signing keys: SM2 with SM3 (GB/T 32918, GB/T 32905), the national standard.

A device key signs envelopes; a unit's or archive's seal signs packages and receipts. They are
different keys, and neither is in any backup. A signature is DER; a public key is 64
bytes, x then y. Texts are lower-case hex.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import gmssl_pyx

from shared.kernel.canonical import canonical_json, sha256_hex
from shared.kernel.errors import Invalid
from shared.kernel.files import write_atomically

_POINT_BYTES = 64
_SECRET_BYTES = 32
#: The identity that signers have when none is agreed on (GM/T 0009), and the curve's a, b, x, y.
_IDENTITY = b"1234567812345678"
_CURVE = bytes.fromhex(
    "fffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffc"
    "28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93"
    "32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7"
    "bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0"
)


class _CStderr:
    """The C library's `stderr` variable, through which GmSSL traces; None where there is none."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.variable: ctypes.c_void_p | None = None
        try:
            library = ctypes.CDLL(None)
            self.variable = ctypes.c_void_p.in_dll(library, "stderr")
            library.fopen.restype = ctypes.c_void_p
            self.nowhere = library.fopen(os.devnull.encode(), b"w")
        except (AttributeError, OSError, ValueError):  # another C library: it may trace
            self.variable = None


_C_STDERR = _CStderr()


@contextmanager
def _without_trace() -> Iterator[None]:
    """Let GmSSL's C code trace a wrong signature into nothing: for us it is an answer, no fault.

    Only C code that prints within these half milliseconds is unheard. File descriptor 2, and with
    it everything that Python or another process writes there, is untouched.
    """
    if _C_STDERR.variable is None or not _C_STDERR.nowhere:
        yield
        return
    with _C_STDERR.lock:
        heard = _C_STDERR.variable.value
        _C_STDERR.variable.value = _C_STDERR.nowhere
        try:
            yield
        finally:
            _C_STDERR.variable.value = heard


@dataclass(frozen=True)
class PublicKey:
    """The public half of an SM2 key: what another party keeps to check signatures."""

    point: bytes

    @classmethod
    def from_hex(cls, text: object) -> PublicKey:
        """Read a public key written by `hex`. Raises Invalid."""
        try:
            point = bytes.fromhex(text) if isinstance(text, str) else b""
        except ValueError:
            point = b""
        if len(point) != _POINT_BYTES:
            raise Invalid("public_key", "公钥应为 64 字节的十六进制文本。", "请重新导出公钥。")
        return cls(point)

    @property
    def hex(self) -> str:
        """The point, x then y, in hex: 128 characters."""
        return self.point.hex()

    @property
    def id(self) -> str:
        """A short name of the key: the first 32 hex characters of its SHA-256."""
        return sha256_hex(self.point)[:32]

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether the DER signature is this key's over exactly these bytes."""
        with _without_trace():
            try:
                return bool(gmssl_pyx.sm2_verify(self.point, message, signature))
            except gmssl_pyx.GmsslInnerError:
                return False

    def new_digest(self) -> Any:
        """A running SM3 for a long message to or from this key; it has taken in Z already.

        After the message its `digest()` is e = SM3(Z ‖ M) (GB/T 32918.2), which is what is signed.
        """
        length = (8 * len(_IDENTITY)).to_bytes(2, "big")
        z = hashlib.new("sm3", length + _IDENTITY + _CURVE + self.point).digest()
        return hashlib.new("sm3", z)

    def verifies_digest(self, digest: bytes, signature: bytes) -> bool:
        """Whether the DER signature is this key's over the message of a `new_digest`."""
        with _without_trace():
            try:
                return bool(gmssl_pyx.sm2_verify_sm3_digest(self.point, digest, signature))
            except gmssl_pyx.GmsslInnerError:
                return False


class Seal(Protocol):
    """What signs with SM2: a `SigningKey` in a file, or one that a device or a service keeps.

    The latter is asked only outside of database transactions (`signing_service.ServiceSeal`).
    """

    @property
    def public(self) -> PublicKey:
        """The public half."""

    def sign(self, message: bytes) -> bytes:
        """The DER signature over exactly these bytes. Raises Unavailable."""

    def sign_digest(self, digest: bytes) -> bytes:
        """The DER signature over the message of a `PublicKey.new_digest`. Raises Unavailable."""


@dataclass(frozen=True)
class SigningKey:
    """A whole SM2 key. Its secret is never written anywhere but into its own file (mode 600)."""

    public: PublicKey
    secret: bytes

    def __repr__(self) -> str:
        """Name the key without its secret."""
        return f"SigningKey({self.public.id})"

    @classmethod
    def generate(cls) -> SigningKey:
        """A new random key."""
        point, secret = gmssl_pyx.sm2_key_generate()
        return cls(PublicKey(point), secret)

    def sign(self, message: bytes) -> bytes:
        """Sign exactly these bytes; the signature is DER (r, s), about 71 bytes."""
        # GmSSL's way with a message readies 32 signatures for one: ten times the work.
        digest = self.public.new_digest()
        digest.update(message)
        return self.sign_digest(digest.digest())

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign the message of a `PublicKey.new_digest`, as `sign` would sign its bytes."""
        return bytes(gmssl_pyx.sm2_sign_sm3_digest(self.secret, digest))


def save_key(key: SigningKey, path: Path) -> None:
    """Write a key into a file that only its owner may read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, (key.secret + key.public.point).hex().encode(), mode=0o600)


def load_key(path: Path) -> SigningKey:
    """Read a key that `save_key` wrote. Raises Invalid, FileNotFoundError."""
    try:
        raw = bytes.fromhex(path.read_text())
    except ValueError:
        raw = b""
    if len(raw) != _SECRET_BYTES + _POINT_BYTES:
        raise Invalid("key", f"密钥文件 {path.name} 已损坏。", "请为本机重新申请密钥。")
    return SigningKey(PublicKey(raw[_SECRET_BYTES:]), raw[:_SECRET_BYTES])


def ensure_key(path: Path) -> SigningKey:
    """The key in this file; made at the first call."""
    if not path.exists():
        save_key(SigningKey.generate(), path)
    return load_key(path)


def random_token(size: int = 24) -> str:
    """A secret of `size` random bytes, as hex."""
    return os.urandom(size).hex()


def sign_document(key: Seal, document: Mapping[str, object]) -> dict[str, str]:
    """Sign the canonical JSON of a document; returns `{key, public_key, signature}`."""
    signature = key.sign(_document_bytes(document))
    return {
        "key": key.public.id,
        "public_key": key.public.hex,
        "signature": signature.hex(),
    }


def document_is_signed_by(
    public: PublicKey, document: Mapping[str, object], signed: Mapping[str, object]
) -> bool:
    """Whether `signed` (from `sign_document`) is this key's signature over this document."""
    try:
        signature = bytes.fromhex(str(signed.get("signature", "")))
    except ValueError:
        return False
    return public.verifies(_document_bytes(document), signature)


def signer_of(keys: Iterable[PublicKey], signed: Mapping[str, object]) -> PublicKey | None:
    """The one of these keys that `signed` (from `sign_document`) names; its signature is unchecked.

    So a paper is held against the key of its time: a holder has had several.
    """
    return next((key for key in keys if key.id == signed.get("key")), None)


def _document_bytes(document: Mapping[str, object]) -> bytes:
    return b"danglian/document/1\n" + canonical_json(dict(document))
