"""Time stamps of a real authority, asked for, and judged by a verifier that has Python alone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.command.main import danglian
from shared.kernel.canonical import canonical_json
from shared.kernel.certificates import certified, sm2_authority
from shared.kernel.errors import Unavailable
from shared.kernel.issuing import certificate_pem
from shared.kernel.keys import SigningKey
from shared.packaging.time_stamps import HttpTimeStamper
from shared.verifier import certificates
from shared.verifier.certificates import (
    Authorities,
    NotTrusted,
    RevocationList,
    trusted_until,
    weak_at,
)
from shared.verifier.certificates import read as read_certificates
from shared.verifier.receipt import Judged, judge
from shared.verifier.report import read_authorities
from shared.verifier.signatures import DIGESTS, Key, NotChecked
from shared.verifier.stamps import Standing, judge_stamps
from tests.servers.time_stamps import POLICY, Authority, certificate
from tests.shared.verifier.test_receipts_that_prove_themselves import ARCHIVE, Received, received

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    made = Authority(tmp_path_factory.mktemp("tsa"))
    yield made
    made.close()


@pytest.fixture
def service(authority: Authority) -> HttpTimeStamper:
    authority.answers = lambda answer: answer
    authority.certify(days=3650)
    return asking(authority)


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Received:
    return received(tmp_path_factory.mktemp("received"))


def asking(authority: Authority, **more: Any) -> HttpTimeStamper:
    roots = read_authorities([authority.root], [], [])
    return HttpTimeStamper(authority.url, roots, **{"policy": POLICY, **more})


def test_a_stamp_names_its_time_and_openssl_says_the_same(
    service: HttpTimeStamper, authority: Authority, tmp_path: Path
) -> None:
    first = service.stamp(b"receipt")
    second = service.stamp(b"receipt" + first.content)
    judged = judge_stamps(
        b"receipt", [first.content, second.content], service.authorities, datetime.now(UTC)
    )
    assert [each.standing for each in judged] == [Standing.VALID] * 2
    assert abs(judged[0].at - datetime.now(UTC)) < timedelta(minutes=5)
    assert judged[0].by == "试验时间戳服务"
    for name, data, stamp in (
        ("1", b"receipt", first.content),
        ("2", b"receipt" + first.content, second.content),
    ):
        (tmp_path / f"{name}.tsr").write_bytes(stamp)
        (tmp_path / f"{name}.data").write_bytes(data)
        subprocess.run(
            ["openssl", "ts", "-verify", "-in", f"{name}.tsr", "-data", f"{name}.data",
             "-CAfile", authority.root],
            check=True, capture_output=True, cwd=tmp_path,
        )  # fmt: skip


def test_a_stamp_of_an_rsa_key_with_the_older_name_of_its_certificate(tmp_path: Path) -> None:
    older = Authority(tmp_path, kind="rsa", ess="sha1")
    try:
        hold = asking(older).stamp(b"receipt").hold
        assert hold.algorithms == ("ecdsa-p256", "rsa-2048", "sha256")
        assert trusted_until(*hold.algorithms).year == 2030
    finally:
        older.close()


def test_a_stamp_of_something_else_does_not_fit(service: HttpTimeStamper) -> None:
    stamp = service.stamp(b"receipt").content
    judged = judge_stamps(b"another", [stamp], service.authorities, datetime.now(UTC))
    assert judged[0].standing is Standing.ALTERED


@pytest.fixture(scope="module")
def made(authority: Authority) -> tuple[bytes, Authorities]:
    """One stamp over `receipt`, and who counts."""
    service = asking(authority)
    return service.stamp(b"receipt").content, service.authorities


@settings(max_examples=60)
@given(data=st.data())
def test_an_altered_stamp_never_tells_another_time(
    made: tuple[bytes, Authorities], data: st.DataObject
) -> None:
    whole, authorities = made
    at = data.draw(st.integers(0, len(whole) - 1))
    bit = 1 << data.draw(st.integers(0, 7))
    altered = whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :]
    said, true = (
        judge_stamps(b"receipt", [each], authorities, datetime.now(UTC))[0]
        for each in (altered, whole)
    )
    assert said.standing is not Standing.VALID or said.at == true.at


def test_what_proves_nothing_is_not_taken(service: HttpTimeStamper, authority: Authority) -> None:
    earlier: list[bytes] = []

    def keeping(answer: bytes) -> bytes:
        earlier.append(answer)
        return answer

    authority.answers = keeping
    service.stamp(b"receipt")
    for answers, problem in (
        (lambda answer: earlier[0], "另一次请求"),  # replayed
        (lambda answer: answer[:-1], "不是对这份文书"),
        (lambda answer: b"", "不是对这份文书"),
        (lambda answer: bytes.fromhex("30053003020102"), "拒绝"),
        (lambda answer: None, "没有应答"),
        (lambda answer: bytes(2**20 + 1), "太长"),
    ):
        authority.answers = answers
        with pytest.raises(Unavailable, match=problem):
            service.stamp(b"receipt")
    authority.answers = lambda answer: answer
    with pytest.raises(Unavailable, match="策略"):
        asking(authority, policy="1.2.3.4.9").stamp(b"receipt")
    with pytest.raises(Unavailable, match="不认识"):
        HttpTimeStamper(authority.url, Authorities()).stamp(b"receipt")
    authority.certify(days=30, usage=ExtendedKeyUsageOID.SERVER_AUTH)
    with pytest.raises(Unavailable):
        service.stamp(b"receipt")


def test_a_stamp_whose_certificate_ends_is_good_as_long_as_a_later_one_took_it_in_in_time(
    service: HttpTimeStamper, authority: Authority
) -> None:
    authority.certify(days=2)
    first = service.stamp(b"receipt")
    assert first.hold.ends_at < datetime.now(UTC) + 3 * DAY
    later = datetime.now(UTC) + 10 * DAY
    alone = judge_stamps(b"receipt", [first.content], service.authorities, later)
    assert (alone[0].standing, "不在有效期" in alone[0].why) == (Standing.UNVERIFIABLE, True)
    authority.certify(days=3650)
    second = service.stamp(b"receipt" + first.content)
    stamps = [first.content, second.content]
    renewed = judge_stamps(b"receipt", stamps, service.authorities, later)
    assert [each.standing for each in renewed] == [Standing.VALID] * 2
    # Neither can be taken away or put elsewhere.
    for others in (stamps[1:], stamps[::-1]):
        wrong = judge_stamps(b"receipt", others, service.authorities, later)
        assert Standing.ALTERED in {each.standing for each in wrong}


def test_algorithms_are_trusted_until_their_day() -> None:
    assert weak_at(datetime(2013, 6, 1, tzinfo=UTC), "sha1") is None
    assert weak_at(NOW, "sha256", "sha1") == "sha1"
    assert weak_at(NOW, "md5") == "md5"


def test_each_day_until_which_an_algorithm_is_trusted_says_where_it_is_from() -> None:
    file = Path(certificates.__file__).with_name("algorithms.json")
    said = json.loads(file.read_text(encoding="utf-8"))
    assert said["version"]
    assert set(DIGESTS.values()) < set(said["algorithms"])
    for each in said["algorithms"].values():
        assert each["source"]
        assert each["confidence"] in ("源", "推", "知", "疑")


# ---- certificates of the seals, as of the time of the stamp


class Certified:
    """The seals of both sides, certified for some days by a root of SM2."""

    def __init__(self, batch: Received, folder: Path, ends: datetime) -> None:
        self.folder = folder
        self.root_key = SigningKey.generate()
        self.root = sm2_authority(self.root_key, "试验根", NOW - 100 * DAY, NOW + 9000 * DAY)
        self.seals = [
            certified(self.root_key, self.root, key, name=name, dates=(NOW - 50 * DAY, ends))
            for key, name in (
                (batch.unit.seal.public, "宜昌市财政局"),
                (ARCHIVE.public, "宜昌市档案馆"),
            )
        ]
        (folder / "root.pem").write_bytes(certificate_pem(self.root))
        (folder / "seals.pem").write_bytes(b"".join(map(certificate_pem, self.seals)))

    def authorities(self, tsa: Authority) -> Authorities:
        return read_authorities(
            [self.folder / "root.pem", tsa.root], [self.folder / "seals.pem"], []
        )


def verdicts(judged: Judged) -> set[str]:
    return {each.verdict.value for each in judged.signatures.values()}


def test_an_expired_seal_was_valid_at_the_time_of_receipt(
    batch: Received, service: HttpTimeStamper, authority: Authority, tmp_path: Path
) -> None:
    known = Certified(batch, tmp_path, NOW + 5 * DAY).authorities(authority)
    content = batch.receipt.read_bytes()
    stamp = service.stamp(canonical_json(batch.document)).content
    assert verdicts(judge(content, (), stamps=[stamp], authorities=known)) == {"valid"}
    later = NOW + 20 * DAY
    found = judge(content, (), stamps=[stamp], authorities=known, now=later)
    assert verdicts(found) == {"valid_at_receipt"}
    assert found.is_proven
    without = judge(content, (), authorities=known, now=later)
    assert verdicts(without) == {"unverifiable"}
    assert not without.is_proven
    # A stamp by nobody known proves no time.
    roots = Authorities(known.trusted[:1], known.others)
    unknown = judge(content, (), stamps=[stamp], authorities=roots, now=later)
    assert verdicts(unknown) == {"unverifiable"}


@pytest.mark.parametrize("since", [5, -5])
def test_a_certificate_counts_until_it_was_revoked(since: int) -> None:
    key, root_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = certificate("试验根", root_key, root_key, days=900)
    leaf = certificate("某单位", key, root_key, days=900, issuer=root)
    listed = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(root.subject)
        .last_update(NOW)
        .next_update(NOW + DAY)
        .add_revoked_certificate(
            x509.RevokedCertificateBuilder()
            .serial_number(leaf.serial_number)
            .revocation_date(NOW + since * DAY)
            .build()
        )
        .sign(root_key, hashes.SHA256())
    )
    pem = b"".join(each.public_bytes(Encoding.PEM) for each in (root, leaf, listed))
    (found_root, found_leaf), lists = read_certificates(pem)
    assert read_certificates(listed.public_bytes(Encoding.DER))[1] == lists
    known = Authorities([found_root], [], lists)
    if since > 0:
        assert known.chain_of(found_leaf, NOW) == [found_leaf, found_root]
    else:
        with pytest.raises(NotTrusted, match="吊销"):
            known.chain_of(found_leaf, NOW)
    with pytest.raises(NotTrusted, match="吊销"):
        known.chain_of(found_leaf, NOW + 20 * DAY)
    broken = RevocationList(lists[0].der[:-1] + bytes([lists[0].der[-1] ^ 1]))
    with pytest.raises(NotChecked):
        broken.revoked_since(found_leaf, found_root)


def test_what_this_program_cannot_check_is_not_valid() -> None:
    key = ec.generate_private_key(ec.SECP521R1()).public_key()
    unknown = Key(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(NotChecked):
        unknown.verifies("1.2.840.10045.4.3.4", None, b"message", b"")
    with pytest.raises(NotChecked):
        unknown.verifies("1.2.840.113549.1.1.14", None, b"message", b"")


# ---- the commands


def test_the_command_and_the_single_file_find_the_stamp_beside_the_receipt(
    batch: Received, service: HttpTimeStamper, authority: Authority, tmp_path: Path
) -> None:
    seals = Certified(batch, tmp_path, NOW + 5 * DAY)
    receipt = tmp_path / "receipt.json"
    receipt.write_bytes(batch.receipt.read_bytes())
    given = [
        str(receipt), *map(str, batch.files),
        "--trust", str(seals.folder / "root.pem"), "--trust", str(authority.root),
        "--certificate", str(seals.folder / "seals.pem"),
    ]  # fmt: skip
    absent = CliRunner().invoke(danglian, ["verify", *given])
    assert absent.exit_code == 0
    assert "时间戳：没有" in absent.output
    stamp = tmp_path / "receipt.1.tsr"
    stamp.write_bytes(service.stamp(canonical_json(batch.document)).content)
    single = tmp_path / "danglian-verify.pyz"
    subprocess.run([sys.executable, ROOT / "deploy/setup/verifier.py", single], check=True)
    alone = subprocess.run(
        [sys.executable, "-I", "-S", single, *given, "--json"],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    answer = json.loads(alone.stdout)
    assert (alone.returncode, answer["receipt"]["stamp"]) == (0, "valid")
    assert answer["receipt"]["signatures"]["unit_signature"]["by"] == "宜昌市财政局"
    assert answer == json.loads(CliRunner().invoke(danglian, ["verify", *given, "--json"]).output)
    stamp.write_bytes(service.stamp(b"something else").content)
    wrong = CliRunner().invoke(danglian, ["verify", *given])
    assert wrong.exit_code == 1
    assert "stamp_differs" in wrong.output
