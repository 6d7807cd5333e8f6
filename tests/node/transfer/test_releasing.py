"""A unit keeps its copy for years after receipt; then a leader may let it go 释放副本."""

from __future__ import annotations

from datetime import timedelta

import pytest

from node.custody.inventory import files_of
from node.filing.models import Record
from node.office.models import OfficeRuleset
from node.transfer import service as transfer
from node.transfer.erasing import Erasing
from shared.inspection.ruleset import FORM, blank_settings
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.clock import now, utc_text
from shared.kernel.errors import NotAllowed, WrongState
from tests.node.browser import Browser
from tests.node.transfer.conftest import Archive, Office


@pytest.fixture
def received(office: Office, archive: Archive) -> tuple[str, list[str]]:
    """A batch that its archive received six years ago, and its records."""
    batch_id, ids = office.offered(2)
    archive.send(transfer.apply_verdict, archive.verdict(batch_id))
    office.sign(batch_id)
    archive.send(transfer.apply_receipt, archive.receipt(batch_id))
    with office.node.database.write() as session:
        batch = session.get_one(transfer.Batch, batch_id)
        batch.received_at = now() - timedelta(days=6 * 365 + 10)
    return batch_id, ids


def release(office: Office, who: Actor, batch_id: str) -> int:
    with office.node.database.write() as session:
        return transfer.release(who, batch_id, "馆里已利用，腾出磁盘", session=session)


def says(office: Office, number: int, years: int | None) -> None:
    """Let the archive's ruleset say how long a copy is kept."""
    document = {
        **blank_settings(), "form": FORM, "archive": "420500", "number": number,
        "active_from": "2024-01-01", "mirror_years": years, "approval": "馆发1号",
        "made_by": "钱", "approved_by": "钱", "approved_at": utc_text(),
    }  # fmt: skip
    with office.node.database.write() as session:
        session.add(
            OfficeRuleset(
                version=f"420500-{number}", archive_code="420500", number=number,
                active_from="2024-01-01", document=document,
            )
        )  # fmt: skip


def test_a_copy_is_let_go_after_five_years_and_all_but_its_bytes_stays(
    office: Office, received: tuple[str, list[str]]
) -> None:
    batch_id, ids = received
    node, erasing = office.node, Erasing(office.node.folder)
    before = {each: dict(node.state(each)) for each in ids}
    assert list(node.folder.packages.names())
    with pytest.raises(NotAllowed):
        release(office, office.clerk, batch_id)
    assert not erasing.step()
    leader = Browser(node, "leader", "李镇长", Grant(Role.LEADER))
    assert "释放本机副本" in leader.get(f"/transfer/{batch_id}").text
    leader.post(f"/transfer/{batch_id}/release", {"reason": " "}, status=422)
    assert "已释放" in leader.post(f"/transfer/{batch_id}/release", {"reason": "腾出磁盘"}).text
    while erasing.step():
        pass
    assert list(node.folder.files.names()) == []
    assert list(node.folder.packages.names()) == []
    for each in ids:
        after = dict(node.state(each))
        assert after.pop("released_at") is not None
        assert after.pop("erased_at") is not None
        assert after.items() <= before[each].items()
    with node.database.read() as session:
        assert files_of(node.fonds, session) == []
    assert "副本已经释放" in leader.get(f"/transfer/{batch_id}").text
    assert "副本已于" in leader.get(f"/filing/{ids[0]}").text
    with pytest.raises(WrongState, match="没有可以释放"):
        release(office, office.leader, batch_id)


def test_its_archive_may_want_it_kept_longer_or_for_good(
    office: Office, received: tuple[str, list[str]]
) -> None:
    batch_id, ids = received
    says(office, 1, 10)
    with pytest.raises(WrongState, match="还不能释放"):
        release(office, office.leader, batch_id)
    says(office, 2, None)
    with pytest.raises(WrongState, match="一直保存"):
        release(office, office.leader, batch_id)
    says(office, 3, 6)
    assert release(office, office.leader, batch_id) == len(ids)
    with office.node.database.read() as session:
        assert all(session.get_one(Record, each).state == "received" for each in ids)


def test_what_is_not_received_or_not_old_enough_stays(office: Office, archive: Archive) -> None:
    batch_id, _ids = office.offered(1)
    with pytest.raises(WrongState):
        release(office, office.leader, batch_id)
    archive.send(transfer.apply_verdict, archive.verdict(batch_id))
    office.sign(batch_id)
    archive.send(transfer.apply_receipt, archive.receipt(batch_id))
    with pytest.raises(WrongState, match="还不能释放"):
        release(office, office.leader, batch_id)
