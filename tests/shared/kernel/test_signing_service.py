"""A seal in a service of its own process signs as one in a file; never inside a transaction."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.kernel.database import Database
from shared.kernel.errors import Unavailable
from shared.kernel.key_files import key_pem
from shared.kernel.keys import SigningKey, document_is_signed_by, sign_document
from shared.kernel.signing_service import ServiceSeal, SigningService
from tests.signing_service import PASSWORD, command, serving


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> tuple[SigningKey, Path]:
    made, path = SigningKey.generate(), tmp_path_factory.mktemp("device") / "key.pem"
    path.write_bytes(key_pem(made, PASSWORD))
    return made, path


@pytest.fixture(scope="module", params=["command", "http", "socket"])
def address(
    request: pytest.FixtureRequest,
    key: tuple[SigningKey, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    if request.param == "command":
        yield command(key[1])
        return
    socket = tmp_path_factory.mktemp("s") / "s" if request.param == "socket" else None
    with serving(key[1], socket) as there:
        yield there


def test_a_seal_in_a_service_signs_as_one_in_a_file(
    address: str, key: tuple[SigningKey, Path]
) -> None:
    service = SigningService(address)
    seal = ServiceSeal(service.public_key(), service)
    assert seal.public == key[0].public
    document = {"form": "移交与接收登记表"}
    assert document_is_signed_by(key[0].public, document, sign_document(seal, document))


def test_what_a_service_refuses_or_answers_wrongly_is_told(
    address: str, key: tuple[SigningKey, Path]
) -> None:
    service = SigningService(address)
    with pytest.raises(Unavailable, match="请先插好印章设备") as caught:
        ServiceSeal(key[0].public, service).sign_digest(bytes(32))
    assert caught.value.code == "signing_service"
    another = ServiceSeal(SigningKey.generate().public, service)
    with pytest.raises(Unavailable, match="不是这个印章的"):
        another.sign(b"what is to be signed")


@pytest.mark.parametrize(
    "address",
    [
        "",
        "/no/such/program",
        "http://127.0.0.1:9/",
        "unix:/no/such/socket",
        f"{sys.executable} -c pass",
        f"{sys.executable} -c 'print([])'",
        f"{sys.executable} -c 'raise SystemExit(3)'",
    ],
)
def test_a_service_that_is_not_there_is_told(address: str) -> None:
    with pytest.raises(Unavailable) as caught:
        SigningService(address).public_key()
    assert caught.value.code == "signing_service"


def test_a_service_is_never_asked_inside_a_transaction(
    key: tuple[SigningKey, Path], tmp_path: Path
) -> None:
    seal = ServiceSeal(key[0].public, SigningService(command(key[1])))
    database = Database.in_file(tmp_path / "some.sqlite", ("shared",))
    for transaction in (database.read, database.write):
        with transaction(), pytest.raises(RuntimeError, match="transaction"):
            seal.sign(b"what is to be signed")
    assert seal.sign(b"what is to be signed")
    database.close()
