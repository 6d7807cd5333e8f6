"""What is new is brought to a receiver: all of it, in order, signed, and to nobody else."""

from __future__ import annotations

import socket
import ssl
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import event

from hub.federation.epochs import raise_generation
from hub.federation.places import HubFolder
from hub.sharing.consumers import service as consumers
from hub.sharing.consumers.models import ConsumerRequest
from hub.sharing.policies import Audience
from hub.sharing.pushing import doctor, service
from hub.sharing.pushing.commands import consumer_group
from hub.sharing.pushing.reaching import AddressRefused, Reach, reach_of
from hub.sharing.pushing.sending import Pushing
from hub.sharing.pushing.signing import SecretKeeper, new_secret, signed_headers
from hub.sharing.pushing.webhooks import PATIENCE, Webhooks
from shared.kernel.actor import Grant, Role
from shared.kernel.clock import now
from shared.kernel.errors import Invalid, Unavailable, WrongState
from tests.hub.desk import Browser, make_desk
from tests.hub.sharing.conftest import ARCHIVE, digest_of_copy
from tests.hub.sharing.receiver import NEAR, Pushes, Receiver, desk, pushes, receiver
from tests.killed import Bomb, dies, mined
from tests.servers.certificates import make_certificates

__all__ = ["desk", "pushes", "receiver"]


def test_a_receiver_has_what_the_feed_has_after_all_changes(pushes: Pushes) -> None:
    consumer_id = pushes.begin()
    pushes.work()
    assert [told["entries"] for _, told in pushes.receiver.heard] == [[]], (
        "it is told that it begins"
    )
    first, second, *_ = pushes.archive.received(4)
    pushes.work()
    pushes.archive.withdraw(first)
    pushes.archive.correct(second, title="关于改正后的事项的通知")
    pushes.work()
    assert pushes.receiver.held == pushes.archive.seen(Audience.GOVERNMENT)
    proof = pushes.archive.proof(Audience.GOVERNMENT)
    assert digest_of_copy(pushes.receiver.held) == (proof["records"], proof["digest"])
    told = [told for _, told in pushes.receiver.heard]
    positions = [each["position"] for one in told for each in one["entries"]]
    assert positions == sorted(set(positions))
    assert [one["after"] for one in told[1:]] == [one["cursor"] for one in told[:-1]]
    row = pushes.row(consumer_id)
    assert (row.sent, row.tries, row.problem) == (6, 0, None)
    with pushes.archive.city.database.read() as session:
        lines = list(session.query(ConsumerRequest).order_by(ConsumerRequest.id))
    assert [(each.status, each.taken) for each in lines] == [(200, 0), (200, 4), (200, 2)]


def test_a_signature_is_that_of_the_published_example() -> None:
    headers = signed_headers(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
        b'{"test": 2432232314}',
    )  # fmt: skip
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_two_secrets_sign_for_a_day_after_a_rotation_then_the_new_one_alone(
    pushes: Pushes,
) -> None:
    def rotate() -> str:
        with pushes.archive.city.database.write() as session:
            return service.rotate_push_secret(
                pushes.desk.applicant, consumer_id, keeper=pushes.keeper, session=session
            )

    def push(secret: str) -> int:
        """Push one more to a receiver that knows this secret; by how many it was signed."""
        pushes.receiver.secret = secret
        pushes.archive.received(1)
        pushes.work()
        assert pushes.receiver.held == pushes.archive.seen(Audience.GOVERNMENT)
        return len(pushes.receiver.signatures)

    consumer_id = pushes.begin()
    old = pushes.receiver.secret
    assert push(old) == 1
    new = rotate()
    assert push(old) == 2
    assert push(new) == 2
    until = pushes.row(consumer_id).former_until
    assert until is not None
    assert timedelta(hours=23) < until - now() <= service.OVERLAP
    pushes.later(consumer_id, former_until=now())
    assert push(new) == 1
    # A second rotation at once: the last two sign, no more; and the keeper may end that, too.
    third, fourth = rotate(), rotate()
    assert push(third) == 2
    assert push(fourth) == 2
    with pushes.archive.city.database.write() as session:
        service.end_former_secret(pushes.desk.applicant, consumer_id, session=session)
    assert push(fourth) == 1


def test_what_was_not_acknowledged_is_sent_again_under_the_same_id(pushes: Pushes) -> None:
    consumer_id = pushes.begin()
    pushes.archive.received(3)
    for status in (500, 302, 404):
        pushes.receiver.status = status
        pushes.work()
        row = pushes.row(consumer_id)
        assert f"答复 {status}" in str(row.problem)
        assert now() < row.due_at <= now() + timedelta(minutes=1)
        pushes.later(consumer_id)
    assert (row.tries, row.position) == (3, 0)
    pushes.receiver.status = 200
    pushes.work()
    assert len({id_ for id_, _ in pushes.receiver.heard}) == 1
    assert len(pushes.receiver.heard) == 4
    assert pushes.row(consumer_id).failing_since is None


def test_after_days_of_failure_a_person_has_to_look(pushes: Pushes) -> None:
    consumer_id = pushes.begin()
    pushes.archive.received(1)
    pushes.receiver.status = 503
    pushes.work()
    pushes.later(consumer_id, failing_since=now() - PATIENCE)
    pushes.work()
    assert pushes.row(consumer_id).state == "suspended"
    with pushes.archive.city.database.read() as session:
        assert [each.code for each in doctor.examine(session)] == ["push_suspended"]
    pushes.receiver.status = 200
    folder = str(pushes.archive.city.folder.path)
    again = CliRunner().invoke(consumer_group, ["push-again", consumer_id, "--dir", folder])
    assert again.exit_code == 0, again.output
    pushes.work()
    assert len(pushes.receiver.held) == 1
    pushes.receiver.status = 410
    pushes.archive.received(1)
    pushes.work()
    assert pushes.row(consumer_id).state == "suspended", "an address that is gone is not tried"


def test_only_what_the_terms_allow_is_pushed_and_other_terms_begin_anew(pushes: Pushes) -> None:
    ids = [*pushes.archive.received(3), *pushes.archive.received(1, year=2024)]
    pushes.archive.share(Audience.GOVERNMENT, closed_fields=["code"])
    consumer_id = pushes.begin(archives=("420583",))
    pushes.work()
    assert pushes.receiver.held == {}
    pushes.change_terms(consumer_id, archives=(ARCHIVE,), audience="public")
    pushes.work()
    assert pushes.receiver.heard[-1][1]["after"] is None
    assert pushes.receiver.held.keys() == set(ids[:3]), "what is closed is not for the public"
    pushes.change_terms(consumer_id, archives=(ARCHIVE,))
    pushes.work()
    assert pushes.receiver.held == pushes.archive.seen(Audience.GOVERNMENT)
    assert pushes.receiver.held.keys() == set(ids)
    with pushes.archive.city.database.write() as session:
        raise_generation(session, to=2)
    pushes.work()
    assert pushes.receiver.heard[-1][1]["after"] is None, "a restored hub begins anew"
    heard = len(pushes.receiver.heard)
    with pushes.archive.city.database.write() as session:
        consumers.suspend(pushes.desk.applicant, consumer_id, "对方要求", session=session)
    pushes.archive.received(1)
    pushes.work()
    assert len(pushes.receiver.heard) == heard


def test_a_day_gives_no_more_than_its_ration(pushes: Pushes) -> None:
    pushes.archive.received(5)
    consumer_id = pushes.begin(rows=3)
    pushes.work()
    assert len(pushes.receiver.held) == 3
    row = pushes.row(consumer_id)
    assert "今天的条数已用完" in str(row.problem)
    assert (row.state, row.tries) == ("active", 0)


# ---- nowhere else


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "192.168.1.1", "169.254.169.254", "0.0.0.0", "224.0.0.1",
        "::1", "fd00::1", "fe80::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::",
    ],
)  # fmt: skip
def test_a_name_that_points_inward_reaches_nothing(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: told)
    with pytest.raises(AddressRefused, match="内部网络"):
        Reach().post("https://receiver.example/", b"", {}, allowed=lambda _: True)


@pytest.mark.parametrize(
    "url",
    [
        "", "http://receiver.example/", "http://127.0.0.1/", "ftp://receiver.example/",
        "https://", "https://a:b@receiver.example/", "https://receiver.example:99999/",
        "https://receiver.example/#x", "https://receiver.example/a b", "https://例子.example/",
        "https://receiver.example/\r\nX: y", "https://[::1/", "https://" + "a" * 500,
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_not_taken(url: str) -> None:
    with pytest.raises(Invalid):
        Reach().check(url)


def test_a_receiver_that_is_away_or_beyond_its_terms_is_told_of(pushes: Pushes) -> None:
    with pytest.raises(Unavailable):
        pushes.reach.post("http://127.0.0.1:9/", b"", {}, allowed=lambda _: True)
    pushes.archive.received(1)
    consumer_id = pushes.begin(networks=("10.8.0.0/16",))
    pushes.work()
    assert "获准的地址范围" in str(pushes.row(consumer_id).problem)
    assert pushes.receiver.heard == []
    with pytest.raises(WrongState):
        pushes.begin(services=("oai",))


def test_a_receiver_shows_the_certificate_of_its_name(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca = make_certificates(tmp_path, "receiver.example")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    listening = receiver._server
    listening.socket = server.wrap_socket(listening.socket, server_side=True)
    told = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", listening.server_port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: told)
    near = Reach((ip_network(NEAR),), ssl.create_default_context(cafile=str(ca)))
    receiver.secret = new_secret()
    body = b'{"after":null,"entries":[]}'

    def post(reach: Reach, name: str) -> int:
        headers = signed_headers([receiver.secret], "1", 1, body)
        url = f"https://{name}:{listening.server_port}/hooks"
        return reach.post(url, body, headers, allowed=lambda _: True).status

    assert post(near, "receiver.example") == 200
    for reach, name in ((near, "other.example"), (Reach(near.networks), "receiver.example")):
        with pytest.raises(Unavailable):
            post(reach, name)
    assert len(receiver.heard) == 1


# ---- kill -9


def pushes_on(folder: Path, what: str, at: int) -> None:
    """Push until death: before a commit, or once the receiver has acknowledged."""
    hub = HubFolder(folder)
    bomb = Bomb(at)
    reach = reach_of(hub.settings)
    if what == "commit":
        event.listen(hub.database().engine, "commit", lambda connection: bomb.tick())
    else:
        object.__setattr__(reach, "post", mined(reach.post, bomb, after=True))
    pushing = Pushing(hub.database(), Webhooks(reach, SecretKeeper(folder)))
    while pushing.step():
        pass


@pytest.mark.faults
@pytest.mark.parametrize(("what", "at"), [("commit", 1), ("answer", 1), ("commit", 4)])
def test_killed_while_pushing_nothing_is_missing(pushes: Pushes, what: str, at: int) -> None:
    pushes.archive.received(3)
    consumer_id = pushes.begin()
    pushes.archive.settle()
    pushes.archive.city.database.close()
    assert dies(pushes_on, pushes.archive.city.folder.path, what, at)
    pushes.later(consumer_id)
    pushes.work()
    assert pushes.receiver.held == pushes.archive.seen(Audience.GOVERNMENT)
    assert len({id_ for id_, _ in pushes.receiver.heard}) == 1
    assert pushes.row(consumer_id).sent == 3


# ---- at the screen


def test_from_the_address_to_what_was_sent(pushes: Pushes) -> None:
    consumer_id = pushes.desk.consumer().id
    app = make_desk(pushes.archive.city, gly=Grant(Role.SYSTEM_ADMINISTRATOR))
    keeper, page = Browser(app, "gly"), f"/consumers/{consumer_id}/push"
    assert f"{page}/" in keeper.get(f"/consumers/{consumer_id}").text
    assert "没有设推送" in keeper.get(f"{page}/").text
    assert "内置通道" in keeper.get(f"{page}/").text, "why there is no queue is said"
    wrong = keeper.send(f"{page}/address", {"url": "http://receiver.example/x"})
    assert wrong.status_code == 422
    assert "http://receiver.example/x" in wrong.text
    shown = keeper.send(f"{page}/address", {"url": "https://receiver.example/x"}).text
    assert "whsec_" in shown
    again = keeper.get(f"{page}/").text
    assert "whsec_" not in again
    assert "要从头送" in again
    assert "whsec_" in keeper.send(f"{page}/secret").text
    assert "新旧两个密钥同时签名" in keeper.get(f"{page}/").text
    assert keeper.send(f"{page}/forget").status_code == 302
    assert "同时签名。对方" not in keeper.get(f"{page}/").text
    assert "没有消息服务器" not in keeper.get(f"{page}/").text
    assert "没有使用消息服务器" in keeper.send(f"{page}/queue").text
    assert keeper.send(f"{page}/resume").status_code == 302
    assert keeper.send(f"{page}/remove").status_code == 302
    assert "没有设推送" in keeper.get(f"{page}/").text
