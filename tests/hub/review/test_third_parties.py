"""What the 档案主管部门 sees of a batch with 内部 in it: everything else, and no trace of that."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from hub.receiving import service as receiving
from hub.receiving.models import Batch, Offer
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.errors import NotAllowed
from shared.records.security import SecurityClass
from tests.hub.desk import Api, Browser, make_desk
from tests.hub.receiving.handover import YILING_ARCHIVE, Hub, Unit


def test_a_form_that_lists_what_is_internal_is_not_for_the_authority(
    hub: Hub, unit: Unit, reviewer: Actor
) -> None:
    """Only the first record of a batch was looked at: the paper named the others' titles."""
    public, internal = unit.records(1), unit.records(1, security=SecurityClass.INTERNAL)
    batch = unit.batch([*public, *internal])
    unit.send("offer", *(each.body for each in batch.offers))
    unit.send("batch", batch.closing)
    hub.work("receiving.check")
    hub.conclude(reviewer, batch.id, "accepted")
    hub.work()
    authority = hub.city.person(Grant(Role.AUTHORITY, YILING_ARCHIVE))
    with hub.city.database.read() as session:
        row = session.scalars(select(Batch).where(Batch.batch_id == batch.id)).one()

        def listed(actor: Actor) -> list[str]:
            found = select(Offer.record_id).where(Offer.batch_id == row.id)
            return sorted(session.scalars(found.where(receiving.is_listed(actor))))

        assert receiving.form_seen_by(reviewer, row.id, session=session).startswith(b"%PDF")
        assert listed(reviewer) == sorted(each[0].id for each in (*public, *internal))
        assert receiving.is_listed_whole(reviewer, row, session=session)
        assert listed(authority) == [public[0][0].id]
        assert not receiving.is_listed_whole(authority, row, session=session)
        with pytest.raises(NotAllowed):
            receiving.form_seen_by(authority, row.id, session=session)
    desk = make_desk(hub.city, authority=Grant(Role.AUTHORITY, YILING_ARCHIVE))
    page = Browser(desk, "authority").get(f"/review/{row.id}").text
    assert public[0][0].code in page
    assert internal[0][0].code not in page
    assert "检测发现不在这里列出" in page
    assert "1 件，" in page, "the number above the list is that of the list"
    assert "已到 1 / 1，已检验 1 / 1" in page
    with hub.city.database.read() as session:
        row = session.get_one(Batch, row.id)
        for actor, count in ((authority, 1), (reviewer, 2)):
            told = receiving.numbers_of(actor, [row], session=session)[row.id]
            assert (told.count, told.arrived, told.checked) == (count, count, count)
            assert told.size < row.size or count == 2
    answer = Api(desk, "authority").get(f"/review/batches/{row.id}").get_json()
    assert (answer["count"], len(answer["records"]), answer["form"]) == (1, 1, None)
    listed_there = Api(desk, "authority").get("/review/batches").get_json()
    assert [each["count"] for each in listed_there["batches"]] == [1]
