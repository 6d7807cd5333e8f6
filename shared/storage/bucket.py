"""A bucket of an S3 service, and what it may answer.

The minio client does all but one thing: it cannot send a condition with an object. So that request
is signed with the client's own signer and sent here.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO
from urllib.parse import quote, unquote, urlsplit

import urllib3
from minio import Minio
from minio.credentials.providers import StaticProvider
from minio.error import MinioException, S3Error
from minio.signer import sign_v4_s3

from shared.kernel.clock import now
from shared.kernel.errors import Invalid, Unavailable
from shared.storage.ports import Listed, absent
from shared.storage.verified import Verified

#: The most that S3 takes in one request.
MOST_BYTES = 5 * 1024**3
_SECONDS_TO_CONNECT, _SECONDS_TO_ANSWER = 5.0, 60.0
#: Bytes that go out to the service at a time.
_AT_ONCE = 256 * 1024
_MISSING = {"NoSuchKey", "NoSuchObject", "NoSuchVersion"}
_TAKEN = 412


class Taken(Exception):
    """The condition failed: the name holds an object already."""


class Bucket:
    """One bucket of an S3 service, or a folder in it.

    Args:
        address: `s3://host:port/bucket` or `s3://host:port/bucket/folder` (HTTPS), `s3+http://…`
            without encryption.
        access_key: name of the account at the service.
        secret_key: its secret.
    """

    def __init__(self, address: str, access_key: str, secret_key: str) -> None:
        parts = urlsplit(address)
        bucket, _, folder = unquote(parts.path).strip("/").partition("/")
        if parts.scheme not in {"s3", "s3+http"} or not parts.hostname or not bucket:
            raise Invalid(
                "store",
                f"存储地址“{address}”不正确。",
                "应为 s3://server:8333/bucket 的样子，不加密的把 s3 写成 s3+http。",
            )
        self._secure = parts.scheme == "s3"
        self._host = parts.netloc.rpartition("@")[2]
        self._bucket = bucket
        self._folder = f"{folder}/" if folder else ""
        self._http = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=_SECONDS_TO_CONNECT, read=_SECONDS_TO_ANSWER),
            maxsize=16,
            retries=False,
            blocksize=_AT_ONCE,
        )
        self._credentials = StaticProvider(access_key, secret_key)
        self._client = Minio(
            self._host,
            credentials=self._credentials,
            secure=self._secure,
            region="us-east-1",  # what services without regions call theirs
            http_client=self._http,
        )

    def below(self, folder: str) -> Bucket:
        """The same bucket, with all names in a folder of it."""
        scheme = "s3" if self._secure else "s3+http"
        held = self._credentials.retrieve()
        return Bucket(
            f"{scheme}://{self._host}/{self._bucket}/{self._folder}{folder}",
            held.access_key,
            held.secret_key,
        )

    def put(
        self, name: str, stream: BinaryIO, *, size: int, sha256: str, replace: bool = False
    ) -> None:
        """Keep an object in one request; it is there whole, or not at all.

        Its digest is checked here while the bytes go out, and by the service when they are there.
        Raises Taken for a name in use, unless it may be replaced; Invalid and Unavailable as
        `ObjectStore.put`.
        """
        if size > MOST_BYTES:
            raise Invalid("size", f"文件有 {size} 字节，超过 5 GB。", "请分成几个文件。")
        url = urlsplit(
            f"{'https' if self._secure else 'http'}://{self._host}/{self._bucket}/"
            + quote(self._folder + name, safe="/-_.~")
        )
        moment = now()
        headers: dict[str, str | list[str] | tuple[str]] = {
            "Host": self._host,
            "Content-Length": str(size),
            "Content-Type": "application/octet-stream",
            "x-amz-content-sha256": sha256,
            "x-amz-checksum-sha256": base64.b64encode(bytes.fromhex(sha256)).decode(),
            "x-amz-date": moment.strftime("%Y%m%dT%H%M%SZ"),
        }
        if not replace:
            headers["If-None-Match"] = "*"
        signed = sign_v4_s3(
            method="PUT",
            url=url,
            region="us-east-1",
            headers=headers,
            credentials=self._credentials.retrieve(),
            content_sha256=sha256,
            date=moment,
        )
        with telling_of_trouble(name):
            answer = self._http.request(
                "PUT",
                url.geturl(),
                body=Verified(stream, size=size, sha256=sha256),  # type: ignore[arg-type]
                headers={name: str(value) for name, value in signed.items()},
            )
        if answer.status == _TAKEN:
            raise Taken(name)
        if answer.status != 200:
            raise _trouble(f"HTTP {answer.status}")

    def size(self, name: str) -> int:
        """How many bytes an object has. Raises NotFound, Unavailable."""
        with telling_of_trouble(name):
            return int(self._client.stat_object(self._bucket, self._folder + name).size or 0)

    @contextmanager
    def reading(self, name: str, *, offset: int = 0) -> Iterator[Any]:
        """The answer that brings an object's bytes, from an offset on."""
        with telling_of_trouble(name):
            answer = self._client.get_object(self._bucket, self._folder + name, offset=offset)
            try:
                yield answer
            finally:
                answer.close()
                answer.release_conn()

    def get(self, name: str) -> bytes:
        """All bytes of a small object. Raises NotFound, Unavailable."""
        with self.reading(name) as answer:
            return bytes(answer.read())

    def start_reading(self, name: str, offset: int) -> Any:
        """As `reading`, for a caller that closes the answer later."""
        with telling_of_trouble(name):
            return self._client.get_object(self._bucket, self._folder + name, offset=offset)

    def remove(self, name: str) -> None:
        """Remove an object; an absent one is fine. Raises Unavailable."""
        with telling_of_trouble(name):
            self._client.remove_object(self._bucket, self._folder + name)

    def list(self, prefix: str, *, whole: bool = False) -> Iterator[Listed]:
        """What is below a prefix: one level, or all of it. Raises Unavailable."""
        with telling_of_trouble(prefix):
            for each in self._client.list_objects(
                self._bucket, prefix=self._folder + prefix, recursive=whole
            ):
                name = str(each.object_name).removeprefix(self._folder)
                yield Listed(name, each.last_modified)


@contextmanager
def telling_of_trouble(name: str) -> Iterator[None]:
    """Turn what the service says into NotFound or Unavailable."""
    try:
        yield
    except S3Error as error:
        if error.code in _MISSING:
            raise absent(name) from error
        raise _trouble(str(error.code)) from error
    except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
        raise _trouble(type(error).__name__) from error


def _trouble(what: str) -> Unavailable:
    return Unavailable(
        f"对象存储暂时不能读写（{what}）。", "请检查存储服务和网络；恢复后会自动继续。"
    )
