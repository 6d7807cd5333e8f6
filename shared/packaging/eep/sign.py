"""Signing a package: 电子签名块 and 锁定签名, at its making or later."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO

from shared.kernel.clock import format_utc, now
from shared.kernel.errors import Invalid
from shared.packaging.build import PackageIdentity
from shared.packaging.eep.canonical import (
    LAST_BYTE,
    CanonicalWriter,
    SignedStretch,
    end_tag,
    namespace_declaration,
    start_tag,
)
from shared.packaging.eep.form import (
    LOCK,
    RESULT,
    ROOT,
    SIGNATURE,
    SIGNATURES,
    SIGNED,
    CanonicalForm,
    identifier,
    rule_for,
)
from shared.packaging.eep.signers import Signer
from shared.packaging.eep.skeleton import children, layers
from shared.packaging.eep.source import Source
from shared.packaging.eep.verify import look_into, require_ours


@dataclass(frozen=True)
class Making:
    """What a new package says of its own making.

    Attributes:
        unit: 封装包创建单位.
        signers: who signs it, in this order; nobody makes an unsigned package.
        lock: who locks the signatures 锁定签名; the last signer, when nobody is named.
        form: the canonical form that all signatures use.
        time: 封装包创建时间 and 签名时间; now, when none is given.
    """

    unit: str
    signers: Sequence[Signer] = ()
    lock: Signer | None = None
    form: CanonicalForm = CanonicalForm.EXC_C14N
    time: datetime | None = None


def add_signatures(package: BinaryIO, to: BinaryIO, *, making: Making) -> PackageIdentity:
    """Write a package again with more signatures behind those that it has, and a new lock.

    The archive's at receipt, for example. Not a byte of what was signed changes, nor of the
    signatures before. Of `making` the unit says nothing here.

    Raises Invalid when nobody signs, or the package is not sound, was altered, or is of another
    form than ours.
    """
    if not making.signers:
        raise Invalid("signers", "没有签名人。", "请指定用哪个印章或证书签名。")
    verified = look_into(package)
    require_ours(verified)
    newest = layers(verified.root)[0]
    signed = verified.scanned.stretches[newest.signed]
    digests = [new_stretch(SIGNED, each, making.form) for each in making.signers]
    source, sha256, size = Source(package), hashlib.sha256(), 0

    def write(piece: bytes) -> None:
        nonlocal size
        to.write(piece)
        sha256.update(piece)
        size += len(piece)

    xml = CanonicalWriter(write)
    for piece in source.pieces(0, signed.start):
        xml.raw(piece)
    xml.listeners += [each.update for each in digests]
    for piece in signed.pieces(source):
        xml.raw(piece)
    xml.listeners.clear()
    former: Iterable[bytes] = ()
    if newest.signatures is not None:
        block = verified.scanned.stretches[newest.signatures]
        former = source.pieces(block.start, block.end - len(end_tag(SIGNATURES)))
    write_signatures(
        xml,
        making,
        [each.digest() for each in digests],
        revision=newest.revision,
        former=former,
        count=len(children(newest.signatures, SIGNATURE)),
    )
    xml.raw(end_tag(ROOT) + LAST_BYTE)
    to.flush()
    return PackageIdentity(sha256.hexdigest(), size)


def new_stretch(name: str, signer: Signer, form: CanonicalForm) -> SignedStretch:
    """A running digest of an element for this signer."""
    digest = signer.certificates[0].new_digest()
    return SignedStretch(form, digest, name, namespace_declaration(name))


def listen(xml: CanonicalWriter, name: str, signer: Signer, form: CanonicalForm) -> SignedStretch:
    """A running digest of the element that is written next."""
    stretch = new_stretch(name, signer, form)
    xml.listeners.append(stretch.update)
    return stretch


def write_signatures(
    xml: CanonicalWriter,
    making: Making,
    digests: Sequence[bytes],
    *,
    revision: int,
    former: Iterable[bytes] = (),
    count: int = 0,
) -> None:
    """Write 电子签名块 with one signature for each digest of 被签名对象, and the lock.

    `former` are the bytes of the block so far, without its last tag, with `count` signatures.
    """
    time = format_utc(making.time or now())
    locker = making.lock or making.signers[-1]
    lock = listen(xml, SIGNATURES, locker, making.form)
    if count:
        for piece in former:
            xml.raw(piece)
    else:
        xml.raw(start_tag(SIGNATURES))
    name = ""
    for number, (signer, digest) in enumerate(zip(making.signers, digests, strict=True), count + 1):
        layer = identifier("revision", revision=revision)
        name = identifier("signature", revision=layer, number=number)
        xml.start(SIGNATURE)
        xml.leaf("签名标识符", name)
        xml.leaf("签名规则", rule_for(making.form, SIGNED).text)
        xml.leaf("签名时间", time)
        xml.leaf("签名人", signer.certificates[0].name)
        _result(xml, signer, digest)
        xml.end()
    xml.raw(end_tag(SIGNATURES))
    xml.listeners.clear()
    # Nothing covers what the lock says of itself, so it says no more than it must.
    xml.start(LOCK)
    xml.leaf("被锁定签名标识符", name)
    xml.leaf("签名规则", rule_for(making.form, SIGNATURES).text)
    _result(xml, locker, lock.digest())
    xml.end()


def _result(xml: CanonicalWriter, signer: Signer, digest: bytes) -> None:
    xml.leaf(RESULT, _base64(signer.sign_digest(digest)))
    xml.start("证书块")
    for certificate in signer.certificates:
        xml.leaf("证书", _base64(certificate.der))
    xml.end()
    algorithm: Any = signer.certificates[0].algorithm
    xml.leaf("签名算法标识", algorithm)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
