"""The node's doctor: each stuck state is made, and named; a healthy node is not slandered."""

from __future__ import annotations

import shutil
from collections import namedtuple
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from node.custody.models import HandOver
from node.filing import service as filing
from node.filing.models import Divergence
from node.office.models import OfficeState
from node.office.places import NodeFolder
from node.office.service import office_of
from node.sync.doctor import examine, examine_folder
from node.sync.models import Reconciliation
from node.transfer.models import Batch, BatchRecord
from shared.audit.models import AuditEvent
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.clock import now
from shared.kernel.identifiers import new_id
from shared.kernel.jobs import JobState, submit
from shared.messaging.models import OutgoingEntry
from tests.node.conftest import Node
from tests.sealing import seal

_CLERK = Actor("account:clerk", "张档案", (Grant(Role.CLERK),))
LONG_AGO = now() - timedelta(days=3)


@pytest.fixture(autouse=True)
def _in_contact(node: Node) -> None:
    with node.database.write() as session:
        office_of(session).last_contact = now()


def codes(node: Node) -> dict[str, str]:
    with node.database.read() as session:
        return {each.code: each.remedy for each in examine(session)}


def test_a_healthy_node_has_nothing(node: Node) -> None:
    assert codes(node) == {}


def _office(**values: object) -> Callable[[Session, Node], None]:
    def make(session: Session, node: Node) -> None:
        for name, value in values.items():
            setattr(office_of(session), name, value)

    return make


def _backlog(session: Session, node: Node) -> None:
    filing.collect_many(_CLERK, node.fonds, node.rows(1), session=session)
    filing.close_class(_CLERK, node.fonds, "WS", 2023, session=session)
    session.flush()
    for entry in session.query(OutgoingEntry):
        entry.created_at = LONG_AGO


def _reconcile_differs(session: Session, node: Node) -> None:
    session.add(Reconciliation(seq=1, epoch=1, answered_at=now(), differing=[f"{node.fonds}/2023"]))


def _entries_refused(session: Session, node: Node) -> None:
    (record_id,) = filing.collect_many(_CLERK, node.fonds, node.rows(1), session=session).ids
    filing.note_refusal(session, {"seq": 1, "subject": record_id, "problem": "档号重复"})


def _diverged(session: Session, node: Node) -> None:
    (record_id,) = filing.collect_many(_CLERK, node.fonds, node.rows(1), session=session).ids
    session.add(Divergence(record_id=record_id, fonds_id=node.fonds, local={}, held={}))


def _upload_stalled(session: Session, node: Node) -> None:
    batch = Batch(
        fonds_id=node.fonds, title="2023年度", state="offered", created_by="张", created_by_id="x",
        offered_at=LONG_AGO,
    )  # fmt: skip
    session.add(batch)
    session.flush()
    session.add(
        BatchRecord(
            batch_id=batch.id, position=1, record_id=new_id(), told=True, inline=False,
            package_sha256="0" * 64,
        )
    )  # fmt: skip


def _hand_over_refused(session: Session, node: Node) -> None:
    session.add(
        HandOver(
            id=new_id(), fonds_id=node.fonds, fonds_name="镇政府", leaving=True, state="frozen",
            refused="清单不符",
        )
    )  # fmt: skip


def _job_failed(session: Session, node: Node) -> None:
    job = submit(session, "transfer.offer", {}, title="提交移交")
    job.state, job.problem = JobState.FAILED, "磁盘已满"


STATES: dict[str, Callable[[Session, Node], None]] = {
    "unenrolled": _office(state=OfficeState.UNENROLLED),
    "waiting_for_grant": _office(state=OfficeState.RECOVERING),
    "adopting": _office(state=OfficeState.RECOVERING, adopting=True),
    "superseded": _office(state=OfficeState.SUPERSEDED),
    "no_contact": _office(last_contact=LONG_AGO),
    "clock_off": _office(clock_offset_ms=-3_600_000),
    "backlog": _backlog,
    "reconcile_differs": _reconcile_differs,
    "entries_refused": _entries_refused,
    "diverged": _diverged,
    "upload_stalled": _upload_stalled,
    "hand_over_refused": _hand_over_refused,
    "job_failed": _job_failed,
}


@pytest.mark.parametrize("code", STATES)
def test_the_stuck_state_is_named(node: Node, code: str) -> None:
    with node.database.write() as session:
        STATES[code](session, node)
    assert set(codes(node)) == {code}


def test_a_failed_job_names_the_command_that_goes_on_with_it(node: Node) -> None:
    with node.database.write() as session:
        _job_failed(session, node)
    assert "danglian node transfer list" in codes(node)["job_failed"]


# ---- the folder


def found(node: Node) -> set[str]:
    return {each.code for each in examine_folder(NodeFolder(node.folder.path))}


def test_a_hub_whose_pages_do_not_answer_is_named(node: Node) -> None:
    with node.database.write() as session:
        office_of(session).hub_url = "http://127.0.0.1:1"
    assert found(node) == {"hub_unreachable"}


def test_a_full_disk_is_named(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 10**12, 10**6))
    assert "disk_nearly_full" in found(node)


def test_a_damaged_database_is_named_and_nothing_is_read_from_it(node: Node) -> None:
    node.database.close()
    path = node.folder.path / "node.sqlite"
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    assert found(node) == {"database_damaged"}


def test_a_damaged_copy_is_named_beside_a_sound_database(node: Node) -> None:
    (node.folder.path / "node-before-0001.sqlite").write_bytes(b"no database at all" * 400)
    assert found(node) == {"copy_damaged", "hub_unreachable"}


def test_a_database_of_a_newer_program_is_named(node: Node) -> None:
    with node.database.write() as session:
        session.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    node.database.close()
    assert found(node) == {"database_unfit"}


def test_an_altered_log_is_named(node: Node) -> None:
    with node.database.write() as session:
        filing.collect_many(_CLERK, node.fonds, node.rows(1), session=session)
    seal(node.database)
    with node.database.write() as session:
        session.query(AuditEvent).first().actor_name = "别人"
    assert "audit_broken" in found(node)
