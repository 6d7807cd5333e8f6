"""Putting back 退回待整理: a record that is being arranged waits again for its retention."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.filing.access import fonds_subject, records_to_change, require_held
from node.filing.arranging import take_place
from node.filing.categories import Categories, values_of
from node.filing.models import Record
from node.filing.numbering import code_for
from node.office.service import fonds_of
from shared import audit
from shared.kernel.actor import Actor, Role
from shared.kernel.errors import WrongState
from shared.records.record import RecordLevel
from shared.records.states import RECORD


def put_back(actor: Actor, record_ids: Sequence[str], *, session: Session) -> list[Record]:
    """Put records back to 待整理: they give up retention, draft number and place in the order.

    Class and year stay. A volume goes with its items; an item is taken out of it first. A code
    that was stamped on the original stays as a former one.
    """
    records = records_to_change(actor, record_ids, session=session)
    categories = Categories(session)
    for record in records:
        RECORD.after("put_back", record.state)
        if record.level == RecordLevel.ITEM:
            raise WrongState(
                f"《{record.title[:30]}》是卷内文件，随案卷整理。", "请先把它从案卷取出。"
            )
        _give_up_place(record, categories)
        if record.level == RecordLevel.VOLUME:
            for item in session.scalars(select(Record).where(Record.parent_id == record.id)):
                require_held(actor, [item], Role.CLERK)
                _give_up_place(item, categories)
    session.flush()
    act = audit.Act(each=[each.id for each in records])
    audit.record(
        session, actor, "record.put_back", fonds_subject(records), act, records=len(records)
    )
    return records


def _give_up_place(record: Record, categories: Categories) -> None:
    if record.number_given:
        values = {name: getattr(record, name) for name in ("number", "volume_number")}
        fonds = fonds_of(record.fonds_id, categories.session)
        stamped = code_for(fonds, {**values_of(record), **values})
        record.former_codes = [*record.former_codes, *([stamped] if stamped else [])]
    record.retention = None
    take_place(record, categories)
