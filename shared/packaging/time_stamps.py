"""Asking a time-stamping authority 时间戳服务 for a stamp (RFC 3161).

`TimeStamper` is the port: bytes go in, the stamp over them comes out, already checked. The
authority sees a digest only. How stamps are read and judged stands in `shared.verifier.stamps`.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.kernel.clock import now
from shared.kernel.der import element
from shared.kernel.errors import Unavailable
from shared.packaging.trust_service import asked
from shared.verifier import stamps
from shared.verifier.certificates import Authorities, NotTrusted
from shared.verifier.signatures import NotChecked
from shared.verifier.stamps import Hold

_SHA256 = bytes.fromhex("300d06096086480165030402010500")


@dataclass(frozen=True)
class NewStamp:
    """A stamp as the authority gave it (`.tsr`), its time, who made it, and what it rests on."""

    content: bytes
    at: datetime
    by: str
    hold: Hold


class TimeStamper(Protocol):
    """What gives time stamps."""

    def stamp(self, message: bytes) -> NewStamp:
        """A stamp over the message. Raises Unavailable when there is none to be had now."""
        ...

    def check(self, content: bytes, message: bytes) -> NewStamp:
        """A stamp over the message that was made before. Raises Unavailable for any other."""
        ...


@dataclass(frozen=True)
class HttpTimeStamper:
    """An authority that is asked over HTTP (RFC 3161, 3.4).

    Attributes:
        url: its address.
        authorities: the roots that its certificate must lead to.
        policy: OID of the policy under which stamps must be made; empty takes any.
        timeout: how many seconds to wait for it.
    """

    url: str
    authorities: Authorities
    policy: str = ""
    timeout: float = 10.0

    def stamp(self, message: bytes) -> NewStamp:
        """A stamp over the message, checked as a verifier would.

        Raises Unavailable when the authority is away, refuses, or answers what proves nothing.
        """
        nonce = secrets.randbits(62) | 1 << 62
        return self.check(self._asked(_request(message, nonce)), message, nonce)

    def check(self, content: bytes, message: bytes, nonce: int | None = None) -> NewStamp:
        """What an answer is worth. Raises Unavailable when it is not the stamp that was asked."""
        try:
            status, words = stamps.status_of(content)
            if status > 1:
                raise _trouble(f"时间戳服务拒绝了请求（{status} {words}）")
            token = stamps.read(content)
            digest = token.check_over(message)
            if nonce is not None and token.nonce != nonce:
                raise _trouble("时间戳服务答的是另一次请求")
            if self.policy and token.policy != self.policy:
                raise _trouble(f"时间戳所依的策略是 {token.policy}，不是 {self.policy}")
            hold = stamps.check_trusted(token, digest, self.authorities, now())
        except (NotTrusted, NotChecked) as error:
            raise _trouble(f"时间戳不能采信：{error}") from error
        except (ValueError, IndexError, KeyError) as error:
            raise _trouble("时间戳服务的回答不是对这份文书的时间戳") from error
        return NewStamp(content, token.at, token.signer.name, hold)

    def _asked(self, question: bytes) -> bytes:
        return asked(
            self.url,
            question,
            ("application/timestamp-query", "application/timestamp-reply"),
            most=stamps.MOST_BYTES,
            timeout=self.timeout,
            name="时间戳服务",
            trouble=_trouble,
        )


def _request(message: bytes, nonce: int) -> bytes:
    """TimeStampReq (RFC 3161, 2.4.1), with the certificate asked for."""
    number = nonce.to_bytes(8, "big")
    imprint = element(0x30, _SHA256 + element(0x04, hashlib.sha256(message).digest()))
    return element(
        0x30,
        element(0x02, b"\x01") + imprint + element(0x02, number) + element(0x01, b"\xff"),
    )


def _trouble(problem: str) -> Unavailable:
    return Unavailable(
        f"{problem}。",
        "请检查设置 stamp_url、stamp_authorities；平台会接着重试，接收不受影响。",
        code="time_stamp_unavailable",
    )
