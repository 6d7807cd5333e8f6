"""Receipts are stamped by a real authority, after everything else, and again before it is late."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import delete, select, update

from hub.federation.places import HubFolder
from hub.health.doctor import alerts
from hub.receiving import service as receiving
from hub.receiving.models import Receipt, Stamp
from hub.receiving.stamping import Stamping, stamps_of
from hub.repository import service as repository
from shared.command.main import danglian
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.canonical import canonical_json
from shared.kernel.clock import now
from shared.kernel.errors import Invalid, Unavailable
from shared.kernel.settings import change_settings
from shared.verifier.report import read_authorities
from shared.verifier.stamps import Standing, judge_stamps
from tests.hub.desk import Browser, make_desk
from tests.hub.receiving.handover import YILING_ARCHIVE, HandedOver, Hub, Unit
from tests.hub.receiving.killed import hub_works
from tests.killed import dies
from tests.servers.time_stamps import POLICY, Authority


@pytest.fixture(scope="module")
def one_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    made = Authority(tmp_path_factory.mktemp("tsa"))
    yield made
    made.close()


@pytest.fixture
def authority(one_authority: Authority, hub: Hub) -> Authority:
    """The authority of this hub's settings, as it should be."""
    one_authority.answers = lambda answer: answer
    one_authority.certify(days=3650)
    settings(
        hub,
        stamp_url=one_authority.url,
        stamp_authorities=str(one_authority.root),
        stamp_policy=POLICY,
    )
    return one_authority


def settings(hub: Hub, **changes: str) -> None:
    """The hub with other settings, as a process reads them that starts now."""
    change_settings(hub.city.folder.path, changes)
    hub.city.folder = HubFolder(hub.city.folder.path)


Receives = Callable[[], HandedOver]


@pytest.fixture
def sign(hub: Hub, unit: Unit, reviewer: Actor, archivist: Actor) -> Receives:
    """Both sides sign a batch of one record; the rest is the hub's work."""

    def signed() -> HandedOver:
        batch = unit.hand_over(1)
        hub.work("receiving.check")
        hub.conclude(reviewer, batch.id, "accepted")
        unit.sign(batch.id)
        hub.receive(archivist, batch.id)
        return batch

    return signed


def stamping(hub: Hub) -> Stamping:
    folder = hub.city.folder
    return Stamping(folder.database(), folder.store, folder.time_stamper)


def kept(hub: Hub) -> tuple[Receipt, list[Stamp]]:
    with hub.city.database.read() as session:
        receipt = session.scalars(select(Receipt)).one()
        return receipt, list(stamps_of(receipt.id, session=session))


def ailments(hub: Hub) -> set[str]:
    with hub.city.database.read() as session:
        return {each.code for each in alerts(hub.city.folder, session)}


def all_is_stamped(hub: Hub, batch: HandedOver) -> None:
    assert hub.batch(batch.id).state == "received"
    receipt, (stamp,) = kept(hub)
    there = repository.stamp_of(hub.city.folder.store, receipt.archive_code, receipt.id, 1)
    assert there == stamp.content


def test_a_received_batch_has_a_stamped_receipt_that_proves_itself(
    hub: Hub, sign: Receives, archivist: Actor, authority: Authority, tmp_path: Path
) -> None:
    batch = sign()
    hub.work()
    all_is_stamped(hub, batch)
    content = receiving.receipt_seen_by(hub.city.folder, archivist, hub.batch(batch.id).id)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(tmp_path)
    receipt = next(tmp_path.glob("*.json"))
    told = CliRunner().invoke(danglian, ["verify", str(receipt), "--trust", str(authority.root)])
    assert "试验时间戳服务，有效" in told.output
    folder = str(hub.city.folder.path)
    shown = CliRunner().invoke(danglian, ["hub", "stamps", "--dir", folder])
    assert "接收凭证 1 份，0 份没有时间戳" in shown.output


def test_nothing_waits_for_an_authority_that_is_away(
    hub: Hub, sign: Receives, authority: Authority
) -> None:
    authority.answers = lambda answer: None
    batch = sign()
    hub.work("receiving.finish")
    assert hub.batch(batch.id).state == "received"
    with pytest.raises(Unavailable, match="没有应答"):
        hub.work("receiving.stamp")
    assert ailments(hub) == set()
    with hub.city.database.write() as session:
        session.execute(update(Receipt).values(made_at=now() - timedelta(hours=2)))
    assert ailments(hub) == {"stamps_waiting"}
    authority.answers = lambda answer: answer
    hub.work()
    all_is_stamped(hub, batch)
    assert ailments(hub) == set()


@pytest.mark.faults
@pytest.mark.parametrize(("what", "at"), [("commit", 1), ("put-before", 1), ("put-after", 1)])
def test_killed_while_stamping(
    hub: Hub, sign: Receives, authority: Authority, what: str, at: int
) -> None:
    settings(hub, stamp_url="")
    batch = sign()
    hub.work()
    settings(hub, stamp_url=authority.url)
    hub.city.database.close()
    assert dies(hub_works, hub.city.folder.path, what, at)
    hub.work()
    all_is_stamped(hub, batch)


def test_a_restored_database_takes_the_stamp_that_the_store_has(
    hub: Hub, sign: Receives, authority: Authority
) -> None:
    batch = sign()
    hub.work()
    _receipt, before = kept(hub)
    with hub.city.database.write() as session:
        session.execute(delete(Stamp))
    asked = authority.asked
    hub.work()
    all_is_stamped(hub, batch)
    assert authority.asked == asked
    assert kept(hub)[1][0].content == before[0].content


def test_a_stamp_is_renewed_before_its_certificate_ends(
    hub: Hub, sign: Receives, authority: Authority
) -> None:
    authority.certify(days=20)
    sign()
    hub.work()
    # Another one of the same certificate would be no better.
    assert len(kept(hub)[1]) == 1
    assert ailments(hub) == {"stamps_ending"}
    authority.certify(days=3650)
    while stamping(hub).step():
        pass
    receipt, stamps = kept(hub)
    assert len(stamps) == 2
    assert ailments(hub) == set()
    judged = judge_stamps(
        canonical_json(receipt.document),
        [each.content for each in stamps],
        read_authorities([authority.root], [], []),
        now() + timedelta(days=200),
    )
    assert [each.standing for each in judged] == [Standing.VALID] * 2


def test_without_an_authority_there_are_no_stamps_and_the_page_says_so(
    hub: Hub, sign: Receives
) -> None:
    batch = sign()
    hub.work()
    assert kept(hub)[1] == []
    assert ailments(hub) == set()
    archivist = Grant(Role.ARCHIVIST, YILING_ARCHIVE)
    browser = Browser(make_desk(hub.city, archivist=archivist), "archivist")
    page = f"/receiving/{hub.batch(batch.id).id}"
    assert "没有：平台没有设置时间戳服务" in browser.client.get(page).text
    with zipfile.ZipFile(io.BytesIO(browser.client.get(f"{page}/receipt.zip").data)) as archive:
        assert archive.namelist() == [f"{kept(hub)[0].id}.json"]
    shown = CliRunner().invoke(danglian, ["hub", "stamps", "--dir", str(hub.city.folder.path)])
    assert "没有设置时间戳服务" in shown.output


def test_an_authority_without_roots_stops_the_start(hub: Hub) -> None:
    settings(hub, stamp_url="http://127.0.0.1:1/", stamp_authorities="nowhere.pem")
    with pytest.raises(Invalid, match="stamp_authorities"):
        _ = hub.city.folder.time_stamper
