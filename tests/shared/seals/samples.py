"""Sealed OFD and signed PDF documents, made in full view: each field as the standards have it."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.kernel.certificates import Certificate
from shared.kernel.der import element
from shared.kernel.issuing import issue, make_authority
from shared.kernel.key_files import PrivateKey
from shared.kernel.keys import SigningKey
from shared.packaging.eep import KeySigner, SealSigner, Signer
from shared.verifier import certificates
from shared.verifier.certificates import Authorities, RevocationList
from shared.verifier.signatures import encoded_oid

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
_SPACE = 'xmlns:ofd="http://www.ofdspec.org/2016"'
#: OIDs of the digest that a key of ours goes with.
DIGESTS = {"sm3": "1.2.156.10197.1.401", "sha256": "2.16.840.1.101.3.4.2.1"}


@dataclass(frozen=True)
class Party:
    """An authority, who makes seals under it, and who holds one."""

    root: Certificate
    root_key: PrivateKey
    maker: Signer
    holder: Signer

    @classmethod
    def make(cls, kind: str = "sm2", *, since: int = 400, until: int = 400) -> Party:
        """Their certificates are valid from so many days ago, for so many more from now."""
        key, root = make_authority(kind, "试验根", NOW - 4000 * DAY, NOW + 4000 * DAY)
        maker, holder = (
            _signer(*issue(key, root, name, NOW - since * DAY, NOW + until * DAY), root)
            for name in ("试验制章人", "宜昌市财政局")
        )
        return cls(root, key, maker, holder)

    def authorities(self, *lists: RevocationList) -> Authorities:
        """Who counts for a verifier who knows the root."""
        return Authorities([certificates.Certificate(self.root.der)], (), lists)

    def revoking(self, signer: Signer, since: datetime, *, until: datetime) -> RevocationList:
        """A list of the authority that names a signer's certificate, good for so long."""
        return self.listing(signer.certificates[0], since, until=until)

    def listing(self, revoked: Certificate, since: datetime, *, until: datetime) -> RevocationList:
        """A list of the authority that names a certificate."""
        algorithm = sequence(oid(str(self.root.algorithm)))
        entry = sequence(integer(revoked.parsed.serial_number), utc_time(since))
        body = sequence(
            integer(1), algorithm, self.root.parsed.subject.public_bytes(),
            utc_time(NOW - 300 * DAY), utc_time(until), sequence(entry),
        )  # fmt: skip
        signed = signature(_signer(self.root_key, self.root, self.root), body)
        return RevocationList(sequence(body, algorithm, bits(signed)))


def _signer(key: PrivateKey, own: Certificate, root: Certificate) -> Signer:
    chain = [own, root]
    return SealSigner(key, chain) if isinstance(key, SigningKey) else KeySigner(key, chain)


def signature(signer: Signer, message: bytes) -> bytes:
    digest = signer.certificates[0].new_digest()
    digest.update(message)
    return signer.sign_digest(digest.digest())


def digest_of(signer: Signer) -> str:
    return "sm3" if signer.certificates[0].sm2_key else "sha256"


# ---- DER


def sequence(*parts: bytes) -> bytes:
    return element(0x30, b"".join(parts))


def octets(content: bytes) -> bytes:
    return element(0x04, content)


def bits(content: bytes) -> bytes:
    return element(0x03, b"\x00" + content)


def integer(value: int) -> bytes:
    return element(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def ia5(text: str) -> bytes:
    return element(0x16, text.encode())


def oid(dotted: str) -> bytes:
    return element(0x06, encoded_oid(dotted))


def time(moment: datetime) -> bytes:
    return element(0x18, moment.strftime("%Y%m%d%H%M%SZ").encode())


def utc_time(moment: datetime) -> bytes:
    return element(0x17, moment.strftime("%y%m%d%H%M%SZ").encode())


# ---- values of seals: GB/T 38540 (version 4), GM/T 0031 (version 1)


@dataclass(frozen=True)
class Sealing:
    """How a seal is set: by whom, in which form, and what may be wrong with it."""

    party: Party
    old: bool = False
    at: datetime = NOW - 10 * DAY
    begins: datetime = NOW - 300 * DAY
    ends: datetime = NOW + 300 * DAY
    lists_digests: bool = False
    others_seal: bool = False
    signs_all: bool = False
    stamp: Callable[[bytes], bytes] | None = None

    def eseal(self) -> bytes:
        """SESeal."""
        held_by = self.party.maker if self.others_seal else self.party.holder
        der = held_by.certificates[0].der
        holder = octets(der)
        if self.lists_digests:
            named = element(0x13, b"SM3")
            holder = sequence(named, octets(hashlib.new("sm3", der).digest()))
        written = utc_time if self.old else time
        properties = sequence(
            integer(1),
            element(0x0C, "宜昌市财政局公章".encode()),
            b"" if self.old else integer(2 if self.lists_digests else 1),
            sequence(holder),
            *map(written, (self.begins, self.begins, self.ends)),
        )
        info = sequence(
            sequence(ia5("ES"), integer(1 if self.old else 4), ia5("Danglian")),
            ia5("4205000001"),
            properties,
            sequence(ia5("PNG"), octets(b"\x89PNG picture"), integer(40), integer(40)),
        )
        maker = self.party.maker
        made_by = octets(maker.certificates[0].der)
        algorithm = oid(str(maker.certificates[0].algorithm))
        if self.old:
            signed = sequence(info, made_by, algorithm)
            return sequence(info, sequence(made_by, algorithm, bits(signature(maker, signed))))
        signed = sequence(info, made_by, algorithm) if self.signs_all else info
        return sequence(info, made_by, algorithm, bits(signature(maker, signed)))

    def value(self, digest: bytes, path: str) -> bytes:
        """SES_Signature over what has this digest."""
        holder = self.party.holder
        own = octets(holder.certificates[0].der)
        algorithm = oid(str(holder.certificates[0].algorithm))
        if self.old:
            text = self.at.strftime("%Y-%m-%dT%H:%M:%S.000Z").encode()
            signed = sequence(
                integer(1), self.eseal(), bits(text), bits(digest), ia5(path), own, algorithm
            )
            return sequence(signed, bits(signature(holder, signed)))
        signed = sequence(integer(4), self.eseal(), time(self.at), bits(digest), ia5(path))
        made = signature(holder, signed)
        stamp = element(0xA0, bits(self.stamp(made))) if self.stamp else b""
        return sequence(signed, own, algorithm, bits(made), stamp)


# ---- signed data (CMS, GB/T 35275)


def signed_data(
    signer: Signer,
    content: bytes,
    *,
    gm: bool = False,
    attributes: bool = True,
    enclosed: bytes | None = None,
    stamp: Callable[[bytes], bytes] | None = None,
) -> bytes:
    """ContentInfo with signed data over the content, which stands elsewhere unless enclosed."""
    base = "1.2.156.10197.6.1.4.2" if gm else "1.2.840.113549.1.7"
    kind = oid(f"{base}.1")
    name = digest_of(signer)
    digest = sequence(oid(DIGESTS[name]), element(0x05, b""))
    message = content if enclosed is None else enclosed
    held = b"" if enclosed is None else element(0xA0, octets(enclosed))
    signed, said = message, b""
    if attributes:
        values = sorted(
            (
                _attribute("1.2.840.113549.1.9.3", kind),
                _attribute("1.2.840.113549.1.9.4", octets(hashlib.new(name, message).digest())),
                _attribute("1.2.840.113549.1.9.5", utc_time(NOW - 10 * DAY)),
            ),
            key=lambda each: (len(each), each),
        )
        signed, said = element(0x31, b"".join(values)), element(0xA0, b"".join(values))
    made = signature(signer, signed)
    own = signer.certificates[0]
    algorithm = "1.2.156.10197.1.301.1" if gm else str(own.algorithm)
    stamped = element(0xA1, _attribute("1.2.840.113549.1.9.16.2.14", stamp(made))) if stamp else b""
    issuer = own.parsed.issuer.public_bytes()
    info = sequence(
        integer(1), sequence(issuer, integer(own.parsed.serial_number)), digest, said,
        sequence(oid(algorithm)), octets(made), stamped,
    )  # fmt: skip
    chain = element(0xA0, b"".join(each.der for each in signer.certificates))
    whole = sequence(
        integer(1), element(0x31, digest), sequence(kind, held), chain, element(0x31, info)
    )
    return sequence(oid(f"{base}.2"), element(0xA0, whole))


def _attribute(name: str, value: bytes) -> bytes:
    return sequence(oid(name), element(0x31, value))


# ---- OFD

Parts = dict[str, bytes]
PLAIN: Mapping[str, bytes] = {
    "OFD.xml": (
        f'<ofd:OFD {_SPACE} Version="1.1" DocType="OFD"><ofd:DocBody><ofd:DocRoot>'
        "Doc_0/Document.xml</ofd:DocRoot><ofd:Signatures>/Doc_0/Signs/Signatures.xml"
        "</ofd:Signatures></ofd:DocBody></ofd:OFD>"
    ).encode(),
    "Doc_0/Document.xml": (
        f"<ofd:Document {_SPACE}><ofd:CommonData><ofd:PublicRes>PublicRes.xml</ofd:PublicRes>"
        '</ofd:CommonData><ofd:Pages><ofd:Page ID="1" BaseLoc="Pages/Page_0/Content.xml"/>'
        "</ofd:Pages></ofd:Document>"
    ).encode(),
    "Doc_0/PublicRes.xml": f'<ofd:Res {_SPACE} BaseLoc="Res"/>'.encode(),
    "Doc_0/Pages/Page_0/Content.xml": (
        f"<ofd:Page {_SPACE}><ofd:TextCode>关于防汛工作的通知</ofd:TextCode></ofd:Page>"
    ).encode(),
}
INDEX = "Doc_0/Signs/Signatures.xml"
#: As it was before anybody thought of a seal.
UNSEALED: Mapping[str, bytes] = {
    **PLAIN,
    "OFD.xml": PLAIN["OFD.xml"].replace(
        b"<ofd:Signatures>/Doc_0/Signs/Signatures.xml</ofd:Signatures>", b""
    ),
}


def sealed(
    parts: Mapping[str, bytes],
    value: Sealing | Callable[[bytes], bytes],
    *,
    method: str = "SM3",
    leaving_out: Sequence[str] = (),
) -> Parts:
    """The parts with one more seal, or signature, that covers all that is there."""
    earlier = re.findall(rb"<ofd:Signature [^>]*/>", parts.get(INDEX, b""))
    folder = f"Doc_0/Signs/Sign_{len(earlier)}"
    path = f"{folder}/Signature.xml"
    made: Parts = {**parts}
    kind, picture = "Sign", ""
    if isinstance(value, Sealing):
        kind = "Seal"
        picture = f"<ofd:Seal><ofd:BaseLoc>/{folder}/Seal.esl</ofd:BaseLoc></ofd:Seal>"
        made[f"{folder}/Seal.esl"] = value.eseal()
        # SM2 takes chance: the seal has to be the very same inside of the value.
        value = _with_this_seal(value, made[f"{folder}/Seal.esl"])
    name = {"SM3": "sm3", "1.2.156.10197.1.401": "sm3"}.get(method, method.lower().replace("-", ""))
    listed = "".join(
        f'<ofd:Reference FileRef="/{each}"><ofd:CheckValue>'
        f"{base64.b64encode(hashlib.new(name, content).digest()).decode()}"
        "</ofd:CheckValue></ofd:Reference>"
        for each, content in made.items()
        if each not in leaving_out
    )
    made[path] = (
        f"<ofd:Signature {_SPACE}><ofd:SignedInfo>{picture}"
        f'<ofd:References CheckMethod="{method}">{listed}</ofd:References></ofd:SignedInfo>'
        f"<ofd:SignedValue>/{folder}/SignedValue.dat</ofd:SignedValue></ofd:Signature>"
    ).encode()
    made[f"{folder}/SignedValue.dat"] = (
        value(made[path])
        if not isinstance(value, Sealing)
        else value.value(hashlib.new(digest_of(value.party.holder), made[path]).digest(), path)
    )
    number = len(earlier) + 1
    earlier.append(f'<ofd:Signature ID="{number}" Type="{kind}" BaseLoc="/{path}"/>'.encode())
    made[INDEX] = f"<ofd:Signatures {_SPACE}>".encode() + b"".join(earlier) + b"</ofd:Signatures>"
    return made


def _with_this_seal(sealing: Sealing, seal: bytes) -> Sealing:
    class Same(Sealing):
        def eseal(self) -> bytes:
            return seal

    return Same(**vars(sealing))


def zipped(parts: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


# ---- PDF

_ROOM = 12_000


def plain_pdf() -> bytes:
    """A page with a field for a signature."""
    return _pdf(
        {
            1: b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]/SigFlags 3>>>>",
            2: b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Annots[4 0 R]>>",
            4: b"<</Type/Annot/Subtype/Widget/FT/Sig/T(Sig1)/V 5 0 R/Rect[0 0 0 0]/P 3 0 R>>",
        },
        b"%PDF-1.7\n",
        previous=None,
    )


def _pdf(objects: Mapping[int, bytes], before: bytes, *, previous: int | None) -> bytes:
    found, places = before, {}
    for number, content in objects.items():
        places[number] = len(found)
        found += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(found)
    found += b"xref\n"
    if previous is None:
        found += b"0 1\n0000000000 65535 f \n"
    for number, place in places.items():
        found += b"%d 1\n%010d 00000 n \n" % (number, place)
    more = b"" if previous is None else b"/Prev %d" % previous
    size = max(places) + 1
    found += b"trailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n" % (size, more, start)
    return found


def signed_pdf(
    before: bytes,
    sign: Callable[[bytes], bytes],
    *,
    form: str = "adbe.pkcs7.detached",
    number: int = 5,
) -> bytes:
    """The PDF with one more signature, by an update that keeps what is there."""
    kind = b"DocTimeStamp" if form == "ETSI.RFC3161" else b"Sig"
    room = b"0" * (2 * _ROOM)
    dictionary = (
        b"<</Type/%s/Filter/Adobe.PPKLite/SubFilter/%s/ByteRange[0 %s %s %s]/Contents<%s>>>"
        % (kind, form.encode(), b"A" * 10, b"B" * 10, b"C" * 10, room)
    )
    found = updated(before, {number: dictionary})
    begins = found.index(b"/Contents<" + room, len(before)) + len(b"/Contents")
    goes_on = begins + len(room) + 2
    for letter, value in ((b"A", begins), (b"B", goes_on), (b"C", len(found) - goes_on)):
        found = found.replace(letter * 10, b"%-10d" % value)
    value_hex = sign(found[:begins] + found[goes_on:]).hex().encode()
    assert len(value_hex) <= len(room)
    filled = b"<" + value_hex + room[len(value_hex) :] + b">"
    return found[:begins] + filled + found[goes_on:]


def updated(before: bytes, objects: Mapping[int, bytes]) -> bytes:
    """The PDF with an incremental update."""
    last = int(re.findall(rb"startxref\n(\d+)", before)[-1])
    return _pdf(objects, before, previous=last)
