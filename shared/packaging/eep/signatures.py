"""What the signatures of a package are worth: 锁定签名 first, then 电子签名, layer by layer.

Each says by its 签名规则 what was signed and in which canonical form. What was not digested ahead
(`ahead`) is digested in one more reading of the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from shared.inspection.finding import Finding, Severity, shown
from shared.kernel.certificates import Certificate
from shared.kernel.digests import DigestAside
from shared.kernel.errors import Invalid
from shared.packaging.base64_text import BadBase64, decoded
from shared.packaging.eep.ahead import Ahead
from shared.packaging.eep.canonical import SignedStretch
from shared.packaging.eep.form import (
    RESULT,
    SIGNATURE,
    SIGNATURES,
    SIGNED,
    CanonicalForm,
    SignatureRule,
    rules,
)
from shared.packaging.eep.report import SignatureReport, Verdict
from shared.packaging.eep.scan import Scanned
from shared.packaging.eep.skeleton import Element, Layer, children, layers, place, value
from shared.packaging.eep.source import Source, Stretch
from shared.packaging.eep.trust import Trust

MOST_SIGNATURES = 64
_MOST_CERTIFICATES = 16
_AGAIN = "请由签名单位重新签名。"


@dataclass
class _Claim:
    """One signature to be checked: what it says, and the digest that it must fit."""

    report: SignatureReport
    where: str
    signature: bytes
    certificates: list[Certificate]
    digest: SignedStretch | None = None
    stretch: Stretch | None = None
    message: bytes = b""


def check_signatures(
    found: Scanned, root: Element, source: Source, trust: Trust, ahead: Ahead
) -> list[SignatureReport]:
    """One report for each signature, the newest layer first; one ABSENT when there is none.

    Values with comments, processing instructions or foreign elements among them are not what was
    signed to whoever reads on: then no signature is judged at all.
    """
    claims = [
        claim for layer in layers(root) for claim in _claims(found, layer, ahead)
    ][: MOST_SIGNATURES + 1]  # fmt: skip
    if len(claims) > MOST_SIGNATURES:
        return [_not_judged(f"超过 {MOST_SIGNATURES} 个，未验证")]
    if not claims:
        return [
            SignatureReport(
                Verdict.ABSENT,
                len(layers(root)) - 1,
                findings=(
                    Finding(
                        "eep_signature_absent",
                        "封装包没有电子签名，无法证明来自哪里、有没有被改动。",
                        "请由生成单位签名。",
                        severity=Severity.WARNING,
                    ),
                ),
            )
        ]
    if found.findings:
        return [
            each if isinstance(each, SignatureReport) else _unjudged(each, found.findings[0])
            for each in claims
        ]
    _digest(found, source, [each for each in claims if isinstance(each, _Claim)])
    return [each if isinstance(each, SignatureReport) else _judge(each, trust) for each in claims]


def _not_judged(problem: str) -> SignatureReport:
    finding = Finding("eep_too_many_signatures", f"电子签名{problem}。", _AGAIN, where=SIGNATURES)
    return SignatureReport(Verdict.UNVERIFIABLE, 0, findings=(finding,))


def _unjudged(claim: _Claim, cause: Finding) -> SignatureReport:
    """Not verified, because of what is wrong with the XML."""
    finding = Finding(
        "eep_signature_not_judged",
        "封装包的 XML 有问题，签名未予验证。",
        "请先解决 XML 的问题。",
        where=claim.where,
        severity=Severity.WARNING,
    )
    return replace(
        claim.report,
        verdict=Verdict.UNVERIFIABLE,
        because=cause.where or cause.code,
        evidence=(finding,),
    )


def _claims(found: Scanned, layer: Layer, ahead: Ahead) -> Iterable[_Claim | SignatureReport]:
    if layer.lock is not None:
        locked = value(layer.lock, "被锁定签名标识符")
        base = SignatureReport(Verdict.UNVERIFIABLE, layer.revision, True, locked)
        yield _claim(found, layer, layer.lock, base, ahead)
    for each in children(layer.signatures, SIGNATURE):
        base = SignatureReport(
            Verdict.UNVERIFIABLE, layer.revision, identifier=value(each, "签名标识符")
        )
        yield _claim(found, layer, each, base, ahead)


def _claim(
    found: Scanned, layer: Layer, element: Element, base: SignatureReport, ahead: Ahead
) -> _Claim | SignatureReport:
    where = place(element)
    text = value(element, "签名规则")
    base = replace(
        base,
        signer=value(element, "签名人"),
        signed_at=value(element, "签名时间"),
        algorithm=value(element, "签名算法标识"),
        rule=text,
    )
    rule = rules().get(text or "")
    if rule is None or not _fits(rule, is_lock=base.is_lock):
        return _with(
            base,
            Verdict.UNVERIFIABLE,
            Finding(
                "eep_signature_rule_unknown",
                "签名规则不是本系统认识的，不知道签的是什么，无法验证。",
                "请向签名单位了解其签名规则。",
                actual=shown(text),
                where=where,
            ),
        )
    try:
        certificates = [
            Certificate.from_der(decoded(each.text or ""))
            for each in children(element, "证书块/证书")[:_MOST_CERTIFICATES]
        ]
        if not certificates:
            raise Invalid("certificate", "没有证书。")
    except (BadBase64, Invalid):
        return _with(
            base,
            Verdict.UNVERIFIABLE,
            Finding(
                "eep_certificate_unreadable",
                "签名的证书缺失或无法读取，或其密钥不是 SM2、RSA（2048 位以上）、ECDSA。",
                _AGAIN,
                where=where,
            ),
        )
    own = certificates[0]
    base = replace(base, signer=base.signer or own.name)
    if base.algorithm not in own.algorithms:
        return _with(
            base,
            Verdict.UNVERIFIABLE,
            Finding(
                "eep_algorithm_differs",
                "签名算法标识与证书的密钥不符，或不是本系统认识的算法。",
                _AGAIN,
                expected=own.algorithm,
                actual=shown(base.algorithm),
                where=where,
            ),
        )
    try:
        signature = decoded(value(element, RESULT) or "")
    except BadBase64:
        return _with(base, Verdict.ALTERED, _wrong_signature(where))
    claim = _Claim(base, where, signature, certificates)
    if rule.form is CanonicalForm.BINARY:
        claim.message = _locked_result(layer, base.identifier)
        return claim
    signed = layer.signed if rule.scope == SIGNED else layer.signatures
    if signed is None or signed not in found.stretches:
        return _with(base, Verdict.ALTERED, _wrong_signature(where))
    claim.digest = ahead.digest_of(signed, own, rule.form)
    if claim.digest is not None:
        return claim
    claim.stretch = found.stretches[signed]
    claim.digest = SignedStretch(
        rule.form, own.new_digest(), claim.stretch.name, claim.stretch.declaration
    )
    return claim


def _fits(rule: SignatureRule, *, is_lock: bool) -> bool:
    """A lock covers signatures, a signature the signed object; neither stands in for the other."""
    return (rule.scope != SIGNED) == is_lock


def _locked_result(layer: Layer, locked: str | None) -> bytes:
    for each in children(layer.signatures, SIGNATURE):
        if value(each, "签名标识符") == locked:
            try:
                return decoded(value(each, RESULT) or "")
            except BadBase64:
                break
    return b""


def _digest(found: Scanned, source: Source, claims: list[_Claim]) -> None:
    """Give every digest its bytes, in one reading. Raises Invalid when the file has changed."""
    waiting = [each for each in claims if each.stretch and each.digest]
    if not waiting:
        return
    whole, at = DigestAside(hashlib.sha256()), 0
    for piece in source.pieces(heard=whole.update):
        for claim in waiting:
            if claim.stretch and claim.digest:
                start, end = claim.stretch.start - at, claim.stretch.end - at
                if start < len(piece) and end > 0:
                    claim.digest.update(piece[max(start, 0) : end])
        at += len(piece)
    if whole.hexdigest() != found.sha256:
        raise changed_meanwhile()


def changed_meanwhile() -> Invalid:
    """What to raise when the file is another at the second reading."""
    return Invalid(
        "file",
        "封装包在读取期间被改动。",
        "请等文件写完后重新验证。",
        code="eep_changed_meanwhile",
    )


def _judge(claim: _Claim, trust: Trust) -> SignatureReport:
    own = claim.certificates[0]
    if claim.digest is not None:
        digest = claim.digest.digest()
    else:
        running = own.new_digest()
        running.update(claim.message)
        digest = running.digest()
    if not own.verifies(digest, claim.signature, claim.report.algorithm):
        return _with(claim.report, Verdict.ALTERED, _wrong_signature(claim.where))
    trouble = trust.trouble(claim.certificates, claim.where)
    if trouble is not None:
        return _with(claim.report, Verdict.UNVERIFIABLE, trouble)
    if rules()[claim.report.rule or ""].form is CanonicalForm.STRIPPED:
        return _with(claim.report, Verdict.VALID, _without_white_space(claim.where))
    return _with(claim.report, Verdict.VALID)


def _without_white_space(where: str) -> Finding:
    return Finding(
        "eep_white_space_unsigned",
        "签名有效，但其规则不包括空白：空格和换行的增减不会被发现。",
        "请在下次签名时改用规范形式 exc-c14n。",
        where=where,
        severity=Severity.WARNING,
    )


def _wrong_signature(where: str) -> Finding:
    return Finding(
        "eep_signature_wrong",
        "签名与内容不符：签名之后内容或签名被改动。",
        "请重新传送；仍然如此的，请由生成单位重新封装。",
        where=where,
    )


def _with(report: SignatureReport, verdict: Verdict, *findings: Finding) -> SignatureReport:
    return replace(report, verdict=verdict, findings=findings)
