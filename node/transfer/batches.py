"""The verbs of a batch before it is offered: prepare, opinions, inspect, approve."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from node.filing import service as filing
from node.office.service import require_writable
from node.transfer.inspections import begin_run
from node.transfer.models import Batch, BatchRecord, InspectionRun
from node.transfer.questions import OPEN_STATES, batch_of, records_of
from shared import audit
from shared.kernel import jobs
from shared.kernel.actor import Actor, Role, require
from shared.kernel.clock import now
from shared.kernel.errors import Conflict, Invalid, NotAllowed, WrongState
from shared.kernel.identifiers import new_id
from shared.records.record import RecordLevel
from shared.records.states import NODE_BATCH, RECORD
from shared.records.values import TITLE_LENGTH, required_text

INSPECT = "transfer.inspect"
OFFER = "transfer.offer"
#: Above this a verdict on the whole batch would not fit into one entry of the stream.
MOST_RECORDS = 1000
_CHUNK = 500


def prepare(
    actor: Actor, fonds_id: str, record_ids: Sequence[str], title: str, *, session: Session
) -> Batch:
    """Begin a batch of filed records, whole volumes only; each record gets its offer's id.

    That a record is not due yet by its retention rule is a hint elsewhere, never a barrier here.
    """
    require(actor, Role.CLERK, fonds=fonds_id)
    require_writable(fonds_id, session)
    batch = Batch(
        id=new_id(),
        fonds_id=fonds_id,
        title=required_text(title, "title", max_length=TITLE_LENGTH),
        created_by=actor.name,
        created_by_id=actor.id,
    )
    session.add(batch)
    session.flush()
    whole = filing.with_whole_volumes(list(record_ids), session=session)
    _put_in(batch, whole, session)
    audit.record(
        session, actor, "batch.prepared", f"batch:{batch.id}", audit.Act(each=list(whole)),
        fonds=fonds_id, records=batch.count,
    )  # fmt: skip
    return batch


def _put_in(batch: Batch, record_ids: Sequence[str], session: Session) -> None:
    if not record_ids:
        raise Invalid("records", "还没有选择要移交的档案。", "请先选择已归档的档案。")
    if len(record_ids) > MOST_RECORDS:
        raise Invalid(
            "records",
            f"所选档案共 {len(record_ids)} 件，一批最多 {MOST_RECORDS} 件。",
            "请按年度、期限或机构分成几批移交。",
            code="too_many_records",
        )
    records = filing.records_named(record_ids, session=session)
    for record in records:
        if record.fonds_id != batch.fonds_id:
            raise Invalid("records", "所选档案不属于同一个全宗。", "请按全宗分别建立批次。")
        if not RECORD.may("offer", record.state):
            raise WrongState(
                f"《{record.title[:30]}》现为“{RECORD.label(record.state)}”，不能移交。",
                "只能移交已归档（已定号）的档案；请先定号，或从所选中去掉它。",
            )
    if claimed := _claimed(record_ids, session, besides=batch.id):
        raise Conflict(
            f"所选档案中有 {len(claimed)} 件已在批次“{claimed[0][1]}”中。",
            "请从所选中去掉它们，或先撤回、放弃那个批次。",
            code="in_another_batch",
        )
    records.sort(key=lambda record: record.level == RecordLevel.PROJECT, reverse=True)
    start = batch.count
    for position, record in enumerate(records, start):
        session.add(
            BatchRecord(
                offer_id=new_id(),
                batch_id=batch.id,
                position=position,
                record_id=record.id,
                heads=record.level != RecordLevel.ITEM,
            )
        )
    batch.count = start + len(records)
    session.flush()


def _claimed(record_ids: Sequence[str], session: Session, *, besides: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for start in range(0, len(record_ids), _CHUNK):
        rows = session.execute(
            select(BatchRecord.record_id, Batch.title)
            .join(Batch, Batch.id == BatchRecord.batch_id)
            .where(BatchRecord.record_id.in_(record_ids[start : start + _CHUNK]))
            .where(Batch.state.in_(OPEN_STATES), Batch.id != besides)
            .where(BatchRecord.outcome.is_distinct_from("returned"))
        )
        found.extend((row[0], row[1]) for row in rows)
    return found


def claimed_records(record_ids: Iterable[str], *, session: Session) -> set[str]:
    """Which of these records are in an open batch."""
    return {record_id for record_id, _ in _claimed(list(record_ids), session, besides="")}


def add_records(
    actor: Actor, batch_id: str, record_ids: Sequence[str], *, session: Session
) -> Batch:
    """Put more records into a batch that is being prepared."""
    batch = batch_to_change(actor, batch_id, session, Role.CLERK, "preparing")
    there = {each.record_id for each in records_of(batch_id, session=session)}
    wanted = filing.with_whole_volumes(list(record_ids), session=session)
    if fresh := [each for each in wanted if each not in there]:
        if batch.count + len(fresh) > MOST_RECORDS:
            raise Invalid("records", f"一批最多 {MOST_RECORDS} 件。", "请另建一个批次。")
        _put_in(batch, fresh, session)
    return batch


def take_out(actor: Actor, batch_id: str, record_ids: Sequence[str], *, session: Session) -> Batch:
    """Take records out of a batch that is being prepared; a volume goes with its items."""
    batch = batch_to_change(actor, batch_id, session, Role.CLERK, "preparing")
    gone = set(filing.with_whole_volumes(list(record_ids), session=session))
    inside = records_of(batch_id, session=session)
    left = [each for each in inside if each.record_id not in gone]
    if len(left) == len(inside):
        raise Invalid("records", "所选档案不在这个批次中。", "请查看批次中的各件后重新选择。")
    if not left:
        raise Invalid("records", "批次中至少要有一件。", "如不再移交，请放弃这个批次。")
    session.execute(
        delete(BatchRecord)
        .where(BatchRecord.batch_id == batch_id)
        .where(BatchRecord.record_id.in_(gone))
    )
    batch.count = len(left)
    for position, each in enumerate(left, MOST_RECORDS * 2):
        each.position = position  # first out of the way of the others, then into place
    session.flush()
    for position, each in enumerate(left):
        each.position = position
    session.flush()
    audit.record(
        session, actor, "batch.records_taken_out", f"batch:{batch_id}",
        audit.Act(each=list(gone)), records=len(gone),
    )  # fmt: skip
    return batch


def rename(actor: Actor, batch_id: str, title: str, *, session: Session) -> Batch:
    """Give a batch that is being prepared another title."""
    batch = batch_to_change(actor, batch_id, session, Role.CLERK, "preparing")
    batch.title = required_text(title, "title", max_length=TITLE_LENGTH)
    return batch


def give_up(actor: Actor, batch_id: str, *, session: Session) -> None:
    """Drop a batch that was never offered; its records stay as they are."""
    batch = batch_to_change(actor, batch_id, session, Role.CLERK, "preparing", "approved")
    _not_offering(batch)
    if batch.job_id:
        jobs.stop(jobs.job_of(batch.job_id, session=session))
    for model in (BatchRecord, InspectionRun):
        session.execute(delete(model).where(model.batch_id == batch_id))
    session.delete(batch)
    audit.record(session, actor, "batch.given_up", f"batch:{batch_id}", fonds=batch.fonds_id)


def set_opinions(
    actor: Actor,
    batch_id: str,
    values: Mapping[str, Any],
    *,
    session: Session,
    record_ids: Sequence[str] | None = None,
) -> int:
    """Set 开放意见, 公开属性 or 密级变更 for some records of a batch, or for all; returns how many.

    `values` has some of `opening_opinion`, `opening_reason`, `publicity_attribute`,
    `publicity_basis`, `security_change`. Controlled 控制 needs a reason.
    """
    batch = batch_to_change(actor, batch_id, session, Role.CLERK, "preparing")
    opinion = values.get("opening_opinion")
    if opinion == "controlled" and not str(values.get("opening_reason") or "").strip():
        raise Invalid(
            "opening_reason", "控制使用须写明理由。", "例如：涉及个人隐私；涉及商业秘密。"
        )
    inside = [each.record_id for each in records_of(batch_id, session=session)]
    chosen = inside if record_ids is None else [each for each in inside if each in set(record_ids)]
    if not chosen:
        raise Invalid("records", "没有选择档案。", "请先勾选要设定意见的档案。")
    for start in range(0, len(chosen), _CHUNK):
        filing.put_opinions(actor, chosen[start : start + _CHUNK], dict(values), session=session)
    audit.record(
        session, actor, "batch.opinions_set", f"batch:{batch.id}",
        audit.Act(each=chosen), records=len(chosen),
        fields=sorted(values),
    )  # fmt: skip
    return len(chosen)


def inspect(actor: Actor, batch_id: str, *, session: Session) -> jobs.Job:
    """Inspect every record of a batch (四性检测, 移交环节) before it is offered; a job."""
    batch = batch_to_change(actor, batch_id, session, Role.CLERK, "preparing")
    no_open_job(batch, session)
    for each in records_of(batch_id, session=session):
        each.inspected_version = None
        each.findings, each.errors, each.warnings = [], 0, 0
    batch.inspected_at = None
    begin_run(actor, batch, session=session)
    audit.record(session, actor, "batch.inspection_begun", f"batch:{batch_id}")
    return submit(actor.id, batch, INSPECT, f"移交前检测：{batch.title}", session)


def approve(actor: Actor, batch_id: str, *, session: Session) -> Batch:
    """The leader approves the hand-over by name; the whole batch was inspected without errors."""
    batch = batch_to_change(actor, batch_id, session, Role.LEADER)
    if actor.system:
        raise NotAllowed("移交须由单位负责人本人批准。", "请用负责人的账号登录后批准。")
    state = NODE_BATCH.after("approve", batch.state)
    no_open_job(batch, session)
    require_inspected(batch, session)
    batch.state = state
    batch.approved_by, batch.approved_by_id, batch.approved_at = actor.name, actor.id, now()
    audit.record(
        session, actor, "batch.approved", f"batch:{batch_id}", records=batch.count,
    )  # fmt: skip
    return batch


def revise(actor: Actor, batch_id: str, *, session: Session) -> Batch:
    """Take an approved batch back to preparing, before anything of it was offered."""
    batch = batch_to_change(actor, batch_id, session, Role.CLERK)
    if batch.state != "approved":
        raise WrongState(
            f"批次现为“{NODE_BATCH.label(batch.state)}”，不能重新准备。",
            "退回或撤回的批次，请用“更正后重新移交”建立新批次。",
        )
    _not_offering(batch)
    batch.state = NODE_BATCH.after("revise", batch.state)
    batch.approved_by = batch.approved_by_id = batch.approved_at = None
    audit.record(session, actor, "batch.revised", f"batch:{batch_id}")
    return batch


def require_inspected(batch: Batch, session: Session) -> None:
    """Raise WrongState unless every record was inspected as it is now, without errors."""
    records = records_of(batch.id, session=session)
    versions = {
        record.id: record.version
        for record in filing.records_named([each.record_id for each in records], session=session)
    }
    stale = [each for each in records if each.inspected_version != versions[each.record_id]]
    if stale:
        raise WrongState(
            f"有 {len(stale)} 件还没有检测，或检测后又有修改。",
            "请先运行“移交前检测”。",
            code="not_inspected",
        )
    if wrong := sum(1 for each in records if each.errors):
        raise WrongState(
            f"有 {wrong} 件检测不合格，不能移交。",
            "请按检测结果逐件改正后重新检测，或从批次中去掉。",
            code="inspection_failed",
        )


def correct_and_offer_again(
    actor: Actor, batch_id: str, *, session: Session, title: str | None = None
) -> Batch:
    """A new batch, with new offers, of what came back from this one (returned or withdrawn)."""
    old = batch_to_change(actor, batch_id, session, Role.CLERK)
    back = [
        each.record_id
        for each in records_of(batch_id, session=session)
        if old.state in ("returned", "withdrawn") or each.outcome == "returned"
    ]
    records = filing.records_named(back, session=session) if back else []
    free = [record.id for record in records if RECORD.may("offer", record.state)]
    taken = claimed_records(free, session=session)
    free = [each for each in free if each not in taken]
    if not free:
        raise WrongState(
            "这个批次没有可以重新移交的档案。",
            "只有退回或撤回、且不在其他批次中的档案可以重新移交。",
        )
    batch = prepare(
        actor, old.fonds_id, free, title or f"{old.title}（更正）"[:TITLE_LENGTH], session=session
    )
    batch.corrects = old.id
    return batch


def batch_to_change(
    actor: Actor, batch_id: str, session: Session, role: Role, *states: str
) -> Batch:
    """A batch that the actor may change in this role, in one of these states (any, when none)."""
    batch = batch_of(actor, batch_id, session=session)
    require(actor, role, fonds=batch.fonds_id)
    require_writable(batch.fonds_id, session)
    if states and batch.state not in states:
        raise WrongState(
            f"批次现为“{NODE_BATCH.label(batch.state)}”，不能这样操作。",
            "请刷新页面查看最新状态。",
        )
    return batch


def _not_offering(batch: Batch) -> None:
    if batch.offering:
        raise WrongState(
            "这个批次正在提交，不能更改。", "请等待提交完成；如提交中断，请点“继续提交”。"
        )


def no_open_job(batch: Batch, session: Session) -> None:
    """Raise WrongState while a job works on this batch."""
    if batch.job_id and jobs.job_of(batch.job_id, session=session).is_open:
        raise WrongState("这个批次有正在进行的任务。", "请等待任务完成，或先停止它。")


def submit(
    owner: str, batch: Batch, kind: str, title: str, session: Session, *, again: bool = False
) -> jobs.Job:
    """Put a job about a batch into the table; `again` tells also what was decided already."""
    arguments = {"batch_id": batch.id, "again": again}
    job = jobs.submit(session, kind, arguments, title=title[:500], owner=owner)
    job.total = batch.count
    batch.job_id = job.id
    session.flush()
    return job
