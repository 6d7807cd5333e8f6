"""A key that a device or a service keeps: the digest goes there, the signature comes back.

One JSON object goes, one comes. `{"do": "public_key"}` is answered by `{"public_key": hex}`,
`{"do": "sign", "algorithm": OID, "public_key": hex or null, "digest": hex}` by
`{"signature": hex}`; `{"error": text}` refuses. What comes back is verified before it is used.
`docs/integrators.md` has an example.
"""

from __future__ import annotations

import http.client
import json
import shlex
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from shared.kernel.certificates import SM2_WITH_SM3
from shared.kernel.database import in_transaction
from shared.kernel.errors import Invalid, Unavailable
from shared.kernel.keys import PublicKey

_SECONDS = 60
_MOST_ANSWER = 64 * 1024
_UNIX, _WEB = "unix:", ("http://", "https://")


@dataclass(frozen=True)
class SigningService:
    """Where signatures are made.

    `address` is `http(s)://host/path`, `unix:/path/of.socket` (HTTP over it, POST /), or a command
    line, which is run once for each request and has it on its standard input.
    """

    address: str

    def public_key(self) -> PublicKey:
        """The SM2 key that the service signs with. Raises Unavailable."""
        answer = self._ask({"do": "public_key"})
        try:
            return PublicKey.from_hex(answer.get("public_key"))
        except Invalid as error:
            raise self._trouble("没有给出 SM2 公钥") from error

    def sign(self, digest: bytes, *, algorithm: str, public_key: str | None = None) -> bytes:
        """The signature over a message with this digest. Raises Unavailable.

        The algorithm is an OID as in certificates; the key is named where there may be several.
        """
        if in_transaction():
            raise RuntimeError("a signing service is never asked inside a database transaction")
        answer = self._ask(
            {"do": "sign", "algorithm": algorithm, "public_key": public_key, "digest": digest.hex()}
        )
        try:
            return bytes.fromhex(answer["signature"])
        except (KeyError, TypeError, ValueError) as error:
            raise self._trouble("没有给出签名") from error

    def refused(self, why: str) -> Unavailable:
        """What to raise for an answer that is not what was asked for."""
        return self._trouble(why)

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        content = json.dumps(request).encode()
        try:
            if self.address.startswith((_UNIX, *_WEB)):
                answer = self._over_http(content)
            else:
                answer = self._by_command(content)
            said = json.loads(answer)
        except (OSError, http.client.HTTPException, subprocess.SubprocessError) as error:
            raise self._trouble(f"没有答复（{type(error).__name__}）") from error
        except ValueError as error:
            raise self._trouble("答复读不懂") from error
        if not isinstance(said, dict):
            raise self._trouble("答复读不懂")
        if "error" in said:
            raise self._trouble(f"不签：{str(said['error'])[:200]}")
        return said

    def _over_http(self, content: bytes) -> bytes:
        parts = urlsplit(self.address)
        if self.address.startswith(_UNIX):
            line: http.client.HTTPConnection = _UnixConnection(self.address.removeprefix(_UNIX))
            path = "/"
        else:
            kind = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
            line = kind[parts.scheme](parts.hostname or "", parts.port, timeout=_SECONDS)
            path = parts.path or "/"
        try:
            line.request("POST", path, content, {"Content-Type": "application/json"})
            response = line.getresponse()
            answer = response.read(_MOST_ANSWER + 1)
            if len(answer) > _MOST_ANSWER:
                raise ValueError("too long")
            return answer
        finally:
            line.close()

    def _by_command(self, content: bytes) -> bytes:
        words = shlex.split(self.address)
        if not words:
            raise FileNotFoundError
        done = subprocess.run(
            words, input=content, stdout=subprocess.PIPE, timeout=_SECONDS, check=True
        )
        return done.stdout[:_MOST_ANSWER]

    @staticmethod
    def _trouble(why: str) -> Unavailable:
        return Unavailable(
            f"签名服务{why}。",
            "请检查签名服务（印章设备是否插好、服务是否运行），再试一次。",
            code="signing_service",
        )


@dataclass(frozen=True)
class ServiceSeal:
    """An SM2 seal 印章 that a device or a service keeps; used as a `SigningKey` is."""

    public: PublicKey
    service: SigningService

    def sign(self, message: bytes) -> bytes:
        """Sign exactly these bytes. Raises Unavailable."""
        digest = self.public.new_digest()
        digest.update(message)
        return self.sign_digest(digest.digest())

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign the message of a `PublicKey.new_digest`. Raises Unavailable."""
        signature = self.service.sign(digest, algorithm=SM2_WITH_SM3, public_key=self.public.hex)
        if not self.public.verifies_digest(digest, signature):
            raise self.service.refused("给的签名不是这个印章的")
        return signature


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a socket in the file system."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_SECONDS)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_SECONDS)
        self.sock.connect(self._path)
