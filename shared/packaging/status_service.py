"""Asking an OCSP responder 证书状态服务 whether a certificate was revoked (RFC 6960).

`StatusService` is the port: a certificate and its issuer go in, the checked answer comes out. The
responder sees the number of a certificate only. How answers are read and judged stands in
`shared.verifier.ocsp`.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.kernel.clock import now
from shared.kernel.errors import Unavailable
from shared.packaging.trust_service import asked
from shared.verifier import ocsp
from shared.verifier.certificates import Certificate
from shared.verifier.ocsp import StatusAnswer
from shared.verifier.signatures import NotChecked

log = logging.getLogger(__name__)

_NONCE_BYTES = 16


class StatusService(Protocol):
    """What says of certificates whether they are revoked."""

    def ask(self, certificate: Certificate, issuer: Certificate) -> StatusAnswer:
        """The answer about one certificate, proven and of now. Raises Unavailable for none."""
        ...


@dataclass(frozen=True)
class HttpStatusService:
    """A responder that is asked over HTTP (RFC 6960, appendix A.1).

    Attributes:
        url: its address.
        timeout: how many seconds to wait for it.
    """

    url: str
    timeout: float = 10.0

    def ask(self, certificate: Certificate, issuer: Certificate) -> StatusAnswer:
        """What it says of a certificate now, under a signature that its issuer answers for.

        Raises Unavailable when it is away, refuses, does not know the certificate, or answers what
        proves nothing.
        """
        nonce = secrets.token_bytes(_NONCE_BYTES)
        answer = StatusAnswer(self._asked(ocsp.question(certificate, issuer, nonce)))
        try:
            if answer.nonce not in (None, nonce):
                raise _trouble("证书状态服务答的是另一次询问")
            if not answer.covers(certificate, issuer, now()):
                raise _trouble(f"证书状态服务没有说“{certificate.name}”现在的状态")
            answer.check_signed_for(issuer)
        except ocsp.Refused as error:
            raise _trouble(f"证书状态服务拒绝了询问（{error}）") from error
        except (ValueError, IndexError, NotChecked) as error:
            raise _trouble("证书状态服务的回答不能采信") from error
        return answer

    def _asked(self, question: bytes) -> bytes:
        return asked(
            self.url,
            question,
            ("application/ocsp-request", "application/ocsp-response"),
            most=ocsp.MOST_BYTES,
            timeout=self.timeout,
            name="证书状态服务",
            trouble=_trouble,
        )


@dataclass(frozen=True)
class FirstToAnswer:
    """Several responders, each of its own authorities: who proves an answer first is believed.

    One is asked after the other, for who is not responsible refuses or proves nothing.
    """

    services: Sequence[StatusService]

    def ask(self, certificate: Certificate, issuer: Certificate) -> StatusAnswer:
        """See `StatusService`. Raises Unavailable as the last one did, when none proves any."""
        *others, last = self.services
        for each in others:
            try:
                return each.ask(certificate, issuer)
            except Unavailable as error:
                # It may be responsible for other certificates only: the next one is asked.
                log.info("%s: %s", certificate.name, error.message)
        return last.ask(certificate, issuer)


def _trouble(problem: str) -> Unavailable:
    return Unavailable(
        f"{problem}。",
        "请检查设置 status_url；平台会接着重试，接收不受影响。",
        code="certificate_status_unavailable",
    )
