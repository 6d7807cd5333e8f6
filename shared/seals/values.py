"""What the value of a seal is worth: SES_Signature, or signed data (CMS, GB/T 35275).

Which of them it is shows in its bytes, in OFD as in PDF.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from shared.inspection.finding import Finding
from shared.kernel.der import elements
from shared.seals import ses
from shared.seals.seal import Case
from shared.seals.trust import Signed, Trust
from shared.verifier import cms, stamps
from shared.verifier.certificates import moment
from shared.verifier.cms import SignedData, Signer
from shared.verifier.signatures import NotChecked, hashed_by

_AGAIN = "请向形成单位核实，用签章完好的文件替换。"
_ASK_UNIT = "请向形成单位核实。"
#: A time stamp over the signature (RFC 3161, appendix A), in the signer's unsigned attributes.
_SIGNATURE_STAMP = "1.2.840.113549.1.9.16.2.14"


@dataclass(frozen=True)
class Covered:
    """What a value is set over: its digests by name, and its bytes (NotChecked if too many)."""

    hashed: Callable[[str], bytes]
    message: Callable[[], bytes]


def judge_value(case: Case, value: bytes, covered: Covered, trust: Trust) -> None:
    """Find out what the value of a seal is worth. Nothing in it raises."""
    try:
        first = elements(elements(value)[0][1])
        tags = [tag for tag, _content, _whole in first]
        if tags == [0x02, 0x02]:
            _no_certificate(case)
        elif tags[:1] == [0x06]:
            _judge_signed_data(case, cms.read(value), covered, trust)
        else:
            _judge_seal(case, ses.read(value), covered, trust)
    except NotChecked as error:
        case.unproven(Finding(
            "document_seal_unchecked", f"本系统不会判断这个签章：{error}。", _ASK_UNIT
        ))  # fmt: skip
    except (ValueError, IndexError, KeyError, OverflowError):
        case.altered(Finding("document_seal_damaged", "签章数据已损坏，无法读取。", _AGAIN))


def _no_certificate(case: Case) -> None:
    """A bare signature: of SM2, as some write it against GB/T 35275."""
    case.unproven(
        Finding(
            "document_seal_no_certificate",
            "只有签名值，没有附上证书，不知道是谁签的。",
            _ASK_UNIT,
        )
    )


def _wrong(case: Case) -> None:
    case.altered(
        Finding("document_seal_wrong", "签章与内容不符：内容或签章在签章之后被改动。", _AGAIN)
    )


def _judge_seal(case: Case, value: ses.SealValue, covered: Covered, trust: Trust) -> None:
    """The chain of checks of GB/T 38540, 7.3, in its order where each says most."""
    seal = value.seal
    case.form, case.name = value.form, seal.name
    case.signer, case.signed_at = value.certificate.name, value.signed_at
    try:
        made = seal.check_made()
    except ValueError:
        case.altered(
            Finding("document_seal_forged", "印章与制章人的签名不符：印章被改动。", _AGAIN)
        )
        return
    try:
        digest = value.check_signed()
    except ValueError:
        _wrong(case)
        return
    if covered.hashed(digest) != value.digest:
        _wrong(case)
        return
    if not seal.is_held_by(value.certificate):
        case.altered(
            Finding(
                "document_seal_signer_differs",
                f"“{value.certificate.name}”不是印章“{seal.name}”所列的用章人。",
                _ASK_UNIT,
            )
        )
        return
    stamped_at = _stamped(case, value.stamp, value.signature, trust)
    keys = (value.certificate.key.algorithm, seal.maker.key.algorithm)
    rests_on = Signed((value.certificate, seal.maker), (), (digest, made, *keys), seal.dates)
    trust.hold(case, rests_on, stamped_at)


def _judge_signed_data(case: Case, data: SignedData, covered: Covered, trust: Trust) -> None:
    case.form = case.form or "PKCS #7"
    for signer in data.signers:
        case.signer = signer.certificate.name
        try:
            digests = _check(signer, data, covered)
            signer.check_names_certificate(required=False)
            said = signer.signing_time
            case.signed_at = moment(said) if said else case.signed_at
        except ValueError:
            _wrong(case)
            return
        held = signer.unsigned.get(_SIGNATURE_STAMP)
        stamped_at = _stamped(case, held and held[2], signer.signature, trust)
        algorithms = (*digests, signer.digest, signer.certificate.key.algorithm)
        rests_on = Signed((signer.certificate,), data.certificates, algorithms)
        trust.hold(case, rests_on, stamped_at)


def _check(signer: Signer, data: SignedData, covered: Covered) -> tuple[str, ...]:
    """Check a signer's signature over what is covered; returns its digests. ValueError, NotChecked.

    What is signed may stand inside: its digest then (adbe.pkcs7.sha1, and GB/T 35275 in OFD).
    """
    if data.content is None and signer.attributes:
        return (signer.check_attributes(data.kind, covered.hashed),)
    if data.content is None:
        return (_first_that_fits(signer, covered),)
    content, inside = data.content, _digest_inside(data.content, signer.digest, covered)
    if signer.attributes:
        digest = signer.check_attributes(data.kind, lambda name: hashed_by(name, content))
    else:
        digest = signer.check_message(content)
    return (digest, inside)


def _first_that_fits(signer: Signer, covered: Covered) -> str:
    """The signature is over the bytes (RFC 5652, 5.4), or over their digest (some, in OFD)."""
    try:
        return signer.check_message(covered.hashed(signer.digest))
    except ValueError:
        return signer.check_message(covered.message())


def _digest_inside(content: bytes, digest: str, covered: Covered) -> str:
    """The name of the digest of what is covered that this is, plain or Base64; else ValueError."""
    for each in (digest, "sha1"):
        hashed = covered.hashed(each)
        if content in (hashed, base64.b64encode(hashed)):
            return each
    raise ValueError("not what was signed")


def _stamped(case: Case, content: bytes | None, signature: bytes, trust: Trust) -> datetime | None:
    """The time that a stamp over the signature proves; None without one that counts."""
    if content is None:
        return None
    return judge_stamp(case, content, lambda name: hashed_by(name, signature), trust)


def judge_stamp(
    case: Case, content: bytes, hashed: Callable[[str], bytes], trust: Trust
) -> datetime | None:
    """The time that a stamp proves; a stamp of something else is a flaw of the seal."""
    try:
        token = stamps.read(content)
        digest = token.check_over_hashed(hashed)
    except NotChecked as error:
        case.note(
            Finding(
                "document_seal_stamp_unproven",
                f"签章带有时间戳，但还不能采信：{error}。",
                "请把时间戳服务的根证书加入信任后再验证。",
            )
        )
        return None
    except (ValueError, IndexError, KeyError):
        case.altered(
            Finding("document_seal_stamp_wrong", "签章所带的时间戳不是对它的，或已被改动。", _AGAIN)
        )
        return None
    return trust.hold_stamp(case, token, digest)
