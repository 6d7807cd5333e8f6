"""A bucket as an object store: the contract, and what only a service can suffer."""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Iterator
from itertools import count

import pytest

from shared.kernel.errors import Invalid, Unavailable
from shared.storage.bucket import Bucket
from shared.storage.s3_staging import S3Staging
from shared.storage.s3_store import S3Store
from tests.servers.seaweedfs import ACCESS_KEY, SECRET_KEY, SeaweedFS
from tests.shared.storage.contract import StagingContract, StoreContract, get, put, sha256

_numbers = count(1)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    service = SeaweedFS(tmp_path_factory.mktemp("weed"))
    service.start()
    yield service
    service.kill()


@pytest.fixture(scope="module")
def whole_bucket(service: SeaweedFS) -> Bucket:
    return Bucket(service.make_bucket("danglian"), ACCESS_KEY, SECRET_KEY)


@pytest.fixture
def bucket(whole_bucket: Bucket) -> Bucket:
    """An empty folder of the bucket, with something next door."""
    number = next(_numbers)
    put(S3Store(whole_bucket), f"folder-{number}-and-another/next-door", b"not ours")
    return whole_bucket.below(f"folder-{number}")


class TestS3Store(StoreContract):
    @pytest.fixture
    def store(self, bucket: Bucket) -> S3Store:
        return S3Store(bucket)


class TestS3Staging(StagingContract):
    @pytest.fixture
    def staging(self, bucket: Bucket) -> S3Staging:
        return S3Staging(bucket)


def test_a_package_is_read_at_any_place_without_fetching_it_whole(bucket: Bucket) -> None:
    store = S3Store(bucket)
    content = os.urandom(3_000_000)
    put(store, "package", content)
    with store.open("package") as stream:
        assert stream.seek(-22, io.SEEK_END) == len(content) - 22
        assert stream.read() == content[-22:]
        stream.seek(1_234_567)
        assert stream.read(100) == content[1_234_567:1_234_667]
        assert stream.read(5) == content[1_234_667:1_234_672]


def test_a_killed_service_keeps_what_it_acknowledged_and_is_waited_for(
    service: SeaweedFS, bucket: Bucket
) -> None:
    store = S3Store(bucket)
    kept: list[str] = []
    stop = threading.Event()

    def write() -> None:
        for number in count():
            if stop.is_set():
                return
            name, content = f"n/{number}", os.urandom(20_000)
            try:
                store.put(name, io.BytesIO(content), size=len(content), sha256=sha256(content))
            except Unavailable:
                time.sleep(0.05)
                continue
            kept.append(sha256(content))
            names[name] = kept[-1]

    names: dict[str, str] = {}
    writer = threading.Thread(target=write)
    writer.start()
    try:
        while len(names) < 20:
            time.sleep(0.02)
        service.kill()
        with pytest.raises(Unavailable):
            list(store.names())
    finally:
        stop.set()
        writer.join()
        service.start()
    assert names
    for name, digest in names.items():
        assert store.stat(name).sha256 == digest


def test_an_upload_goes_on_after_the_service_was_killed(service: SeaweedFS, bucket: Bucket) -> None:
    staging = S3Staging(bucket)
    content = os.urandom(1024 * 1024 + 7)
    pieces = {1: content[: 1024 * 1024], 2: content[1024 * 1024 :]}
    staging.begin("u", size=len(content), sha256=sha256(content))
    staging.put_part("u", 1, io.BytesIO(pieces[1]), size=len(pieces[1]), sha256=sha256(pieces[1]))
    service.kill()
    with pytest.raises(Unavailable):
        staging.put_part("u", 2, io.BytesIO(pieces[2]), size=7, sha256=sha256(pieces[2]))
    service.start()
    assert staging.parts("u") == [1]
    staging.put_part("u", 2, io.BytesIO(pieces[2]), size=7, sha256=sha256(pieces[2]))
    with staging.open_whole("u") as stream:
        assert stream.read() == content


def test_wrong_keys_are_said_and_give_nothing(service: SeaweedFS, bucket: Bucket) -> None:
    put(S3Store(bucket), "x", b"ours")
    stranger = S3Store(Bucket(service.address("danglian"), ACCESS_KEY, "guessed"))
    with pytest.raises(Unavailable):
        get(stranger, "x")


@pytest.mark.parametrize(
    "address", ["ftp://server/bucket", "s3://", "s3://host", "s3:///bucket", "x"]
)
def test_an_address_that_is_none_says_how_it_should_be(address: str) -> None:
    with pytest.raises(Invalid, match="存储地址"):
        Bucket(address, "a", "b")


def test_what_is_too_large_for_one_request_is_refused_before_anything_is_sent(
    bucket: Bucket,
) -> None:
    with pytest.raises(Invalid, match="5 GB"):
        S3Store(bucket).put("x", io.BytesIO(b""), sha256="0" * 64, size=6 * 1024**3)
    assert not S3Store(bucket).exists("x")
