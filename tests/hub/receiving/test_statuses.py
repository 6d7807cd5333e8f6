"""A responder's answers about the signers in files are kept at receipt, asked after the commit."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.receiving import service as receiving
from hub.receiving.models import Receipt
from hub.receiving.statuses import STATUSES, unasked
from hub.repository import service as repository
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.errors import Unavailable
from shared.kernel.issuing import certificate_pem
from shared.kernel.settings import change_settings
from shared.verifier.certificates import read
from tests.hub.desk import Browser, make_desk
from tests.hub.receiving.handover import YILING_ARCHIVE, Hub, Unit, pdf
from tests.servers.ocsp import Responder
from tests.shared.seals.samples import DAY, NOW, Party, signed_data, signed_pdf

#: A second responder is set, and is away.
NOBODY = "http://127.0.0.1:9/"


@pytest.fixture
def asked(hub: Hub, tmp_path: Path) -> Iterator[tuple[Party, Responder]]:
    party = Party.make("ecdsa")
    folder = tmp_path / "authorities"
    (folder / "trust").mkdir(parents=True)
    (folder / "trust/root.pem").write_bytes(certificate_pem(party.root))
    responder = Responder(tmp_path / "ocsp", party.root.parsed, party.root_key)
    change_settings(
        hub.city.folder.path,
        {"seal_authorities": str(folder), "status_url": f"{NOBODY} {responder.url}"},
    )
    for known in ("settings", "seal_authorities", "status_service"):
        vars(hub.city.folder).pop(known, None)
    yield party, responder
    responder.close()


def test_answers_are_kept_once_the_responder_gives_them_and_receiving_does_not_wait(
    hub: Hub, unit: Unit, reviewer: Actor, archivist: Actor, asked: tuple[Party, Responder]
) -> None:
    party, responder = asked
    responder.answers = lambda _answer: None
    signed = signed_pdf(pdf("通知"), lambda message: signed_data(party.holder, message))
    batch = unit.hand_over_file("正文.pdf", signed)
    hub.work("receiving.check")
    hub.conclude(reviewer, batch.id, "accepted")
    unit.sign(batch.id)
    hub.receive(archivist, batch.id)
    for name in ("receiving.finish", "repository.papers"):
        hub.work(name)
    row = hub.batch(batch.id)
    assert row.state == "received"
    app = make_desk(hub.city, jieshou=Grant(Role.ARCHIVIST, YILING_ARCHIVE))
    page = f"/receiving/{row.id}"
    shown = Browser(app, "jieshou").get(page).text
    assert "等待证书状态服务" in shown
    assert "按登记核对" in shown
    assert "没有证书，与该单位联网登记的印章一致" in shown
    with pytest.raises(Unavailable):
        hub.work("receiving.statuses")

    responder.answers = lambda answer: answer
    responder.issued(party.holder.certificates[0].parsed, revoked=NOW - 5 * DAY)
    hub.work("receiving.statuses")
    hub.work("repository.papers")
    with hub.city.database.read() as session:
        assert session.scalars(unasked()).all() == []
        (receipt,) = session.query(Receipt)
    said = receipt.statuses["statuses"][0]
    assert (said["name"], said["revoked_since"] is not None) == ("宜昌市财政局", True)
    store = hub.city.folder.store
    assert repository.paper_of(store, YILING_ARCHIVE, STATUSES, receipt.id) == receipt.statuses
    assert "接收时已吊销：宜昌市财政局" in Browser(app, "jieshou").get(page).text
    times = responder.asked
    hub.work("receiving.statuses")
    assert responder.asked == times
    content = receiving.receipt_seen_by(hub.city.folder, archivist, row.id)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        answers = [archive.read(each) for each in archive.namelist() if each.endswith(".ors")]
    assert [len(read(each)[1]) for each in answers] == [1]
    # A database that has forgotten it takes it from the paper, and asks nobody.
    with hub.city.database.write() as session:
        session.get_one(Receipt, receipt.id).statuses = None
    hub.work("receiving.statuses")
    assert responder.asked == times
