"""What is kept at receipt so that seals are judged by it later, and after a rebuild."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from hub.federation import service as federation
from hub.health.doctor import alerts
from hub.receiving import seal_evidence
from hub.receiving import service as receiving
from hub.receiving.models import Offer, Receipt
from hub.receiving.stored import read_batch
from hub.repository import service as repository
from hub.repository.examining import Stores
from hub.repository.models import Paper
from shared.command.main import danglian
from shared.kernel.actor import Actor
from shared.kernel.certificates import Certificate, certified
from shared.kernel.errors import Invalid
from shared.kernel.issuing import certificate_pem
from shared.kernel.settings import change_settings
from shared.verifier.receipt import judge
from shared.verifier.report import read_authorities
from tests.hub.receiving.handover import YILING_ARCHIVE, HandedOver, Hub, Unit, pdf
from tests.hub.receiving.killed import hub_works
from tests.killed import dies
from tests.servers.time_stamps import POLICY, Authority
from tests.shared.seals.samples import DAY, NOW, Party, signed_data, signed_pdf


class Certified:
    """An authority that has certified the seals of both sides, in the folder of the settings."""

    def __init__(self, hub: Hub, unit: Unit, folder: Path) -> None:
        self.folder = folder
        self.party = Party.make()
        self.seals: list[Certificate] = [
            certified(
                self.party.root_key, self.party.root, key,
                name=name, dates=(NOW - 50 * DAY, NOW + 50 * DAY),
            )
            for name, key in (
                ("夷陵区水利局", unit.seal.public),
                ("夷陵区档案馆", hub.city.folder.keys.seal(YILING_ARCHIVE).public),
            )
        ]  # fmt: skip
        for name in ("trust", "certificate", "revoked"):
            (folder / name).mkdir(parents=True)
        (folder / "trust/root.pem").write_bytes(certificate_pem(self.party.root))
        (folder / "certificate/seals.pem").write_bytes(b"".join(map(certificate_pem, self.seals)))
        self.publish(until=NOW + 30 * DAY)
        settings(hub, seal_authorities=str(folder))

    def publish(self, *, until: Any) -> None:
        """Publish a list that names nobody who matters here."""
        listed = self.party.revoking(self.party.maker, NOW, until=until)
        (self.folder / "revoked/list.crl").write_bytes(listed.der)


def settings(hub: Hub, **changes: str) -> None:
    change_settings(hub.city.folder.path, changes)
    for read in ("settings", "time_stamper", "seal_authorities"):
        vars(hub.city.folder).pop(read, None)


@pytest.fixture
def known(hub: Hub, unit: Unit, tmp_path: Path) -> Certified:
    return Certified(hub, unit, tmp_path / "authorities")


@pytest.fixture
def stamping(hub: Hub, tmp_path: Path) -> Iterator[Authority]:
    made = Authority(tmp_path / "tsa")
    settings(
        hub, stamp_url=made.url, stamp_authorities=str(made.root), stamp_policy=POLICY
    )  # fmt: skip
    yield made
    made.close()


@dataclass
class Desk:
    """A unit and the people of its archive."""

    hub: Hub
    unit: Unit
    reviewer: Actor
    archivist: Actor

    def sign(self, batch: HandedOver) -> None:
        """Let both sides sign; the rest is the hub's work."""
        self.hub.work("receiving.check")
        self.hub.conclude(self.reviewer, batch.id, "accepted")
        self.unit.sign(batch.id)
        self.hub.receive(self.archivist, batch.id)

    def receive(self, batch: HandedOver) -> None:
        self.sign(batch)
        self.hub.work()
        assert self.hub.batch(batch.id).state == "received"

    def download(self, batch: HandedOver, into: Path) -> Path:
        """The files of a receipt, unpacked; returns that of the receipt itself."""
        row = self.hub.batch(batch.id)
        content = receiving.receipt_seen_by(self.hub.city.folder, self.archivist, row.id)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            archive.extractall(into)
        return next(into.glob("*.json"))


@pytest.fixture
def desk(hub: Hub, unit: Unit, reviewer: Actor, archivist: Actor) -> Desk:
    return Desk(hub, unit, reviewer, archivist)


def verified(receipt: Path, root: Path) -> list[str]:
    """What `danglian verify` says of the signatures of a receipt, by the files beside it."""
    words = ["verify", str(receipt), "--json", "--trust", str(root)]
    for option, name in (
        ("--trust", "roots.pem"), ("--certificate", "certificates.pem"), ("--revoked", "1.crl"),
    ):  # fmt: skip
        words += [option, str(receipt.with_suffix(f".{name}"))]
    found = json.loads(CliRunner().invoke(danglian, words).stdout)
    return [each["verdict"] for each in found["receipt"]["signatures"].values()]


def test_a_seal_revoked_later_was_valid_at_receipt_by_what_was_kept_then(
    desk: Desk, known: Certified, stamping: Authority, tmp_path: Path
) -> None:
    batch = desk.unit.hand_over(1)
    desk.receive(batch)
    store = desk.hub.city.folder.store
    with desk.hub.city.database.read() as session:
        receipt = session.scalars(select(Receipt)).one()
        papers = set(session.scalars(select(Paper.name).where(Paper.stored_at.is_not(None))))
    evidence = seal_evidence.stored(store, YILING_ARCHIVE, receipt.id)
    assert evidence is not None
    assert [
        (each["side"], each["verdict"], each["revocation"], len(each["chain"]))
        for each in evidence.document["seals"]
    ] == [("unit", "valid", "good", 2), ("archive", "valid", "good", 2)]
    assert len(evidence.lists) == 1
    assert {
        f"archives/{YILING_ARCHIVE}/evidence/{receipt.id[-2:]}/{receipt.id}.json",
        *(
            f"archives/{YILING_ARCHIVE}/revocations/{each[-2:]}/{each}.json"
            for each in evidence.lists
        ),
    } <= papers

    there = desk.download(batch, tmp_path / "zip")
    assert set(verified(there, stamping.root)) == {"valid"}
    kept = read_authorities(
        [there.with_suffix(".roots.pem"), stamping.root],
        [there.with_suffix(".certificates.pem")],
        [there.with_suffix(".1.crl")],
    )
    hour = timedelta(hours=1)
    for since, unit_seal in ((NOW + hour, "valid_at_receipt"), (NOW - hour, "unverifiable")):
        revoked = known.party.listing(known.seals[0], since, until=NOW + 90 * DAY)
        judged = judge(
            there.read_bytes(),
            (),
            stamps=[there.with_suffix(".1.tsr").read_bytes()],
            authorities=replace(kept, revoked=[*kept.revoked, revoked]),
            now=NOW + 2 * hour,
        )
        assert judged.signatures["unit_signature"].verdict.value == unit_seal
        assert judged.signatures["archive_signature"].verdict.value == "valid"

    # What a restore or rebuild reads of the batch has the same evidence.
    with desk.hub.city.database.read() as session:
        seals = federation.seals_of(YILING_ARCHIVE, session)
    again = read_batch(Stores(store), YILING_ARCHIVE, receipt.id, seals, finished=True)
    assert again.evidence == evidence


def test_the_seals_inside_documents_are_judged_and_kept_with_the_record(
    desk: Desk, known: Certified
) -> None:
    signed = signed_pdf(
        pdf("通知"), lambda message: signed_data(known.party.holder, message, gm=True)
    )
    batch = desk.unit.hand_over_file("通知.pdf", signed)
    desk.receive(batch)
    with desk.hub.city.database.read() as session:
        report = session.scalars(select(Offer.report)).one()
    (seal,) = report["seals"]
    assert (seal["verdict"], seal["signer"], seal["revocation"]) == (
        "valid", "宜昌市财政局", "good",
    )  # fmt: skip
    store = desk.hub.city.folder.store
    (name,) = [
        each for each in store.names(f"archives/{YILING_ARCHIVE}/ocfl/") if "/inspection-" in each
    ]
    with store.open(name) as stream:
        assert json.load(stream)["findings"]["seals"] == [seal]


def test_without_the_setting_nothing_is_kept(desk: Desk) -> None:
    batch = desk.unit.hand_over(1)
    desk.receive(batch)
    assert not list(desk.hub.city.folder.store.names(f"archives/{YILING_ARCHIVE}/evidence/"))


def test_a_list_that_ended_and_a_file_that_says_nothing_are_told(
    hub: Hub, unit: Unit, known: Certified
) -> None:
    def codes() -> set[str]:
        with hub.city.database.read() as session:
            return {each.code for each in alerts(hub.city.folder, session)}

    ours = {"seal_authorities_unreadable", "revocations_old"}
    assert not codes() & ours
    known.publish(until=NOW - DAY)
    (known.folder / "certificate/readme.txt").write_text("no certificate")
    assert codes() >= ours
    known.publish(until=NOW + DAY)
    (known.folder / "certificate/readme.txt").unlink()
    assert not codes() & ours
    settings(hub, seal_authorities="/nowhere/at/all")
    with pytest.raises(Invalid, match="seal_authorities"):
        _ = hub.city.folder.seal_authorities


@pytest.mark.faults
@pytest.mark.parametrize(
    ("done", "at"),
    [
        (None, 2),  # the commit that moves custody, and writes the evidence down
        ("receiving.finish", 1),  # the first one after it: papers were put, and are put again
    ],
)
def test_killed_while_the_evidence_is_kept(
    desk: Desk, known: Certified, *, done: str | None, at: int
) -> None:
    desk.sign(desk.unit.hand_over(1))
    if done:
        desk.hub.work(done)
    desk.hub.city.database.close()
    assert dies(hub_works, desk.hub.city.folder.path, "commit", at)
    known.publish(until=NOW + 60 * DAY)  # it is another list by now
    desk.hub.work()
    store = desk.hub.city.folder.store
    with desk.hub.city.database.read() as session:
        receipt = session.scalars(select(Receipt)).one()
        waiting = select(Paper.name).where(Paper.stored_at.is_(None))
        assert not [each for each in session.scalars(waiting) if each.startswith("archives/")]
    evidence = seal_evidence.stored(store, YILING_ARCHIVE, receipt.id)
    assert evidence is not None
    assert list(evidence.lists) == evidence.document["revocations"]
    assert len(list(store.names(f"archives/{YILING_ARCHIVE}/revocations/"))) == 1
    assert repository.verify(desk.hub.city.database, store, YILING_ARCHIVE) == []
