"""Whose seals count, and as of when: the way of certificates to an authority, and revocation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.inspection.finding import Finding
from shared.kernel.clock import format_utc, now
from shared.seals.seal import Case, Revocation
from shared.verifier import stamps
from shared.verifier.certificates import Authorities, Certificate, NotTrusted, Reason, weak_at
from shared.verifier.receipt import Verdict
from shared.verifier.signatures import NotChecked

_ASK_AUTHORITY = "请核实这家签发机构，把它的根证书和中间证书加入信任后再验证。"
_ASK_PROOF = "请核对是否有接收时或盖时间戳时的证据；没有的，请向形成单位核实。"
_ASK_UNIT = "请向形成单位核实。"


@dataclass(frozen=True)
class Signed:
    """What a seal rests on.

    Attributes:
        certificates: whoever signed: the holder of the seal, and who made the seal.
        along: certificates that came along.
        algorithms: digests and keys that the signatures rest on, as in `algorithms.json`.
        dates: from when until when the seal itself is valid.
    """

    certificates: Sequence[Certificate]
    along: Sequence[Certificate] = ()
    algorithms: Sequence[str] = ()
    dates: tuple[datetime, datetime] | None = None


@dataclass(frozen=True)
class Trust:
    """What seals are held against.

    Attributes:
        authorities: the roots that count, certificates on the way, revocation lists.
        proven: moments at which the document is proven to have been as it is: that of its receipt,
            those of time stamps over it.
        now: the moment of judging.
    """

    authorities: Authorities = field(default_factory=Authorities)
    proven: tuple[datetime, ...] = ()
    now: datetime = field(default_factory=now)

    def hold(self, case: Case, signed: Signed, stamped_at: datetime | None) -> None:
        """Find out whether a seal counts now, or did at a moment that is proven; or say why not."""
        case.chain = signed.certificates
        self._hold_time(case, signed)
        proven = [*([stamped_at] if stamped_at else []), *self.proven]
        moments = [(self.now, Verdict.VALID)]
        moments += [(each, Verdict.VALID_AT_RECEIPT) for each in proven if each <= self.now]
        trouble: Finding | None = None
        for moment, verdict in moments:
            trouble = self._trouble(case, signed, moment)
            if trouble is None:
                case.proven_at = moment
                case.bound(verdict)
                return
        if trouble is not None:
            case.unproven(trouble)

    def hold_stamp(self, case: Case, token: stamps.Token, digest: str) -> datetime | None:
        """The time that a stamp of a seal proves; None, with the reason, when it proves none."""
        trouble = ""
        for moment in (self.now, *self.proven):
            if token.at > moment:
                trouble = "它的时间还没有到"
                continue
            try:
                stamps.check_trusted(token, digest, self.authorities, moment)
            except (NotTrusted, NotChecked) as error:
                trouble = str(error)
            except (ValueError, IndexError):
                trouble = "它的证书已损坏"
            else:
                return token.at
        case.note(
            Finding(
                "document_seal_stamp_unproven",
                f"签章带有时间戳，但还不能采信：{trouble}。",
                "请把时间戳服务的根证书加入信任后再验证。",
            )
        )
        return None

    def _hold_time(self, case: Case, signed: Signed) -> None:
        """Whether the seal and the certificate were valid when it says that it was set."""
        if case.signed_at is None:
            return
        own = signed.certificates[0].dates
        for name, dates in (("证书", own), ("印章", signed.dates)):
            if dates is not None and not dates[0] <= case.signed_at <= dates[1]:
                case.unproven(
                    Finding(
                        "document_seal_time_outside",
                        f"所写的签章时间不在{name}的有效期内"
                        f"（{format_utc(dates[0])} 至 {format_utc(dates[1])}）。",
                        _ASK_UNIT,
                        actual=format_utc(case.signed_at),
                    )
                )

    def _trouble(self, case: Case, signed: Signed, moment: datetime) -> Finding | None:
        """Why a seal does not count at a moment; None when it does."""
        chain: list[Certificate] = []
        try:
            for each in signed.certificates:
                chain += [
                    found
                    for found in self.authorities.chain_of(each, moment, signed.along)
                    if found not in chain
                ]
                if not each.may_sign:
                    return Finding(
                        "document_seal_purpose", f"“{each.name}”的证书不是用于签名的。", _ASK_UNIT
                    )
        except NotTrusted as error:
            return _NAMED[error.reason](str(error))
        except NotChecked as error:
            return _unchecked(str(error))
        except (ValueError, IndexError):
            return _unchecked("证书或吊销列表已损坏")
        if weak := weak_at(moment, *signed.algorithms):
            return _weak(f"{weak} 在 {moment:%Y-%m-%d} 已不可靠")
        if signed.dates is not None and not signed.dates[0] <= moment <= signed.dates[1]:
            return _expired(f"印章在 {moment:%Y-%m-%d} 不在有效期内")
        case.chain = chain
        case.revocation = revocation_of(chain, self.authorities, moment)
        return None


def revocation_of(
    chain: Sequence[Certificate], authorities: Authorities, moment: datetime
) -> Revocation:
    """Good only when a list, or an answer, of the time was there for each one below a root."""
    issuers = [*authorities.trusted, *chain, *authorities.others]
    for each in chain:
        if each not in authorities.trusted and not any(
            listed.covers(each, issuer, moment)
            for listed in authorities.revoked
            for issuer in issuers
            if issuer.subject == each.issuer
        ):
            return Revocation.UNKNOWN
    return Revocation.GOOD


def _unknown(why: str) -> Finding:
    return Finding(
        "document_seal_authority_unknown", f"还不能证明是谁的章：{why}。", _ASK_AUTHORITY
    )


def _expired(why: str) -> Finding:
    return Finding(
        "document_seal_expired", f"{why}，也没有证据说明在有效期内已经收到。", _ASK_PROOF
    )


def _revoked(why: str) -> Finding:
    return Finding(
        "document_seal_revoked", f"{why}，也没有证据说明在吊销之前已经收到。", _ASK_PROOF
    )


def _weak(why: str) -> Finding:
    return Finding("document_seal_weak", f"签章所用的算法不可靠：{why}。", _ASK_PROOF)


def _unchecked(why: str) -> Finding:
    return Finding("document_seal_unchecked", f"本系统不会判断这个签章：{why}。", _ASK_UNIT)


_NAMED = {
    Reason.UNKNOWN: _unknown,
    Reason.EXPIRED: _expired,
    Reason.REVOKED: _revoked,
    Reason.WEAK: _weak,
}
