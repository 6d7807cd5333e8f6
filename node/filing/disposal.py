"""The end of a retention period 保管期限届满: a record is kept longer 续存, or destroyed 销毁.

Both are appraisals 鉴定 that a leader decides by name; a destruction has two who watch it.
Catalogue and history stay in either case.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, literal_column, or_, select
from sqlalchemy.orm import Session

from node.filing.access import require_held, require_leader
from node.filing.categories import key_of, values_of
from node.filing.handover import records_named, with_whole_volumes
from node.filing.history import changed
from node.filing.late import file_anew
from node.filing.models import Record
from shared import audit
from shared.kernel.actor import Actor, Role
from shared.kernel.clock import today
from shared.kernel.errors import Invalid, WrongState
from shared.records.record import RecordLevel
from shared.records.retention import last_year, outlasts, read_retention, retention_name
from shared.records.states import RECORD
from shared.records.values import NAME_LENGTH, REASON_LENGTH, required_text

#: So many watch a destruction 监销.
_WITNESSES = 2


def gave_up_bytes() -> ColumnElement[bool]:
    """That a record is destroyed, or a mirror that was let go: nothing needs its files here."""
    # Literally so in the index `filing_record_to_erase`, which is not found by a parameter.
    return or_(Record.state == literal_column("'disposed'"), Record.released_at.is_not(None))


def ran_out(record: Record) -> bool:
    """Whether the retention period of a record is over today; never for 永久, 长期 and 短期."""
    if record.retention is None or record.year is None:
        return False
    last = last_year(record.retention, record.year)
    return last is not None and int(today()[:4]) > last


def extend(
    actor: Actor, record: Record, retention: str, reason: str, *, session: Session
) -> Record:
    """Keep a filed record for a longer period 续存, as a leader decides and gives the reason for.

    The code names the retention (DA/T 22-2015), so a record 件 is filed anew under the longer one:
    it takes the next number there, its old number stays as a void one. A volume whose code does
    not name the retention keeps its code, and its items go with it. Returns the record that is
    kept on. Raises WrongState unless it is filed, Invalid for a period that is not longer.
    """
    require_leader(actor, [record], "延长保管期限", session=session)
    RECORD.after("extend", record.state)
    if record.level in (RecordLevel.ITEM, RecordLevel.PROJECT):
        raise WrongState("保管期限按整卷确定。", "请打开所在的案卷办理。")
    longer, old = read_retention(retention), str(record.retention)
    if not outlasts(longer, old):
        raise Invalid(
            "retention",
            f"{retention_name(longer)}不比现在的{retention_name(old)}更长。",
            "请选择更长的保管期限；旧期限“长期”“短期”只能改为永久。",
            code="not_longer",
        )
    basis = required_text(reason, "reason", max_length=REASON_LENGTH)
    said = f"保管期限由{retention_name(old)}延长为{retention_name(longer)}，{actor.name}批准"
    kept = record
    if key_of(values_of(record)) == key_of({**values_of(record), "retention": longer}):
        whole = [record, *_items_of(record, session)]
        require_held(actor, whole, Role.LEADER)
        for each in whole:
            each.retention = longer
        changed(whole, "续存", actor, session=session, basis=basis, description=said)
    else:
        kept = file_anew(
            actor, record, {"retention": longer}, basis, ("续存", said), session=session
        )
    audit.record(
        session, actor, "record.extended", kept,
        former=record.code, retention=longer, reason=basis,
    )  # fmt: skip
    return kept


def _items_of(volume: Record, session: Session) -> Sequence[Record]:
    return session.scalars(
        select(Record)
        .where(Record.parent_id == volume.id, Record.state == "filed")
        .order_by(Record.number)
    ).all()


def dispose(
    actor: Actor,
    record: Record,
    reason: str,
    *,
    appraised_by: str,
    watched_by: Sequence[str],
    session: Session,
) -> list[Record]:
    """Destroy 销毁 a filed record whose retention ran out, as a leader decides and gives reasons.

    Who appraised 鉴定 and the two who watch 监销 are named beside the leader; nobody is two of the
    four. What stays is the trace: number, code, catalogue entry and history, so that no number is
    missing, and the hub is told. A volume or project goes whole. The record has no box and place
    afterwards. The paper is destroyed by the unit; `erasing` removes the bytes of the computer
    files. Raises WrongState for what is not filed or must still be kept, Invalid for the people.
    """
    require_leader(actor, [record], "销毁", session=session)
    people = four_people(actor, appraised_by, watched_by)
    if record.level == RecordLevel.ITEM:
        raise WrongState("卷内文件随案卷销毁。", "请打开所在的案卷办理。")
    basis = required_text(reason, "reason", max_length=REASON_LENGTH)
    gone = records_named(with_whole_volumes([record.id], session=session), session=session)
    require_held(actor, gone, Role.LEADER)
    for each in gone or [record]:
        state = RECORD.after("dispose", each.state)
        if not ran_out(each):
            raise WrongState(
                f"《{each.title[:30]}》的保管期限（{each.year}年度，"
                f"{retention_name(str(each.retention))}）还没有届满，不能销毁。",
                "期限从文件形成的次年起算，满后的下一年起才能销毁；归档有误的请用“作废”。",
                code="retention_runs",
            )
        each.state = state
        each.box_id = each.place_id = None
    appraiser, *watching = people
    said = f"{appraiser}鉴定，{actor.name}批准，{'、'.join(watching)}监销"
    changed(gone, "销毁", actor, session=session, basis=basis, description=said)
    audit.record(
        session, actor, "record.disposed", record, audit.Act(each=[each.id for each in gone]),
        code=record.code, records=len(gone), reason=basis, by=said,
    )  # fmt: skip
    return gone


def four_people(actor: Actor, appraised_by: str, watched_by: Sequence[str]) -> list[str]:
    """Who appraised, then the two who watch. Raises Invalid unless all of the four differ."""
    if len(watched_by) != _WITNESSES:
        raise Invalid(
            "watched_by", "销毁须有两名监销人。", "请填写两个人的姓名。", code="witnesses"
        )
    people = [
        required_text(appraised_by, "appraised_by", max_length=NAME_LENGTH),
        *(required_text(each, "watched_by", max_length=NAME_LENGTH) for each in watched_by),
    ]
    if len({*people, actor.name}) != len(people) + 1:
        raise Invalid(
            "watched_by",
            "鉴定、批准、监销须是四个不同的人。",
            "请改填另一位在场的同事。",
            code="same_person",
        )
    return people
