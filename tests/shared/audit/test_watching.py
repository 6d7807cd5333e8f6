"""What stands out is counted by the day of the people it is about."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import update

from shared import audit
from shared.audit import AuditEvent, Thresholds
from shared.kernel.actor import Actor
from shared.kernel.clock import SHANGHAI, now
from shared.kernel.database import Database
from tests.shared.audit.log import database

__all__ = ["database"]
DATABASES = ("sqlite", "postgresql")
CLERK = Actor("a1", "张三")


def test_a_day_is_the_citys_day(database: Database) -> None:
    """Before eight in the morning UTC still has yesterday's date."""
    day = now().astimezone(SHANGHAI).date() - timedelta(days=3)
    moments = [
        ("export.begun", datetime(day.year, day.month, day.day, hour, 30, tzinfo=SHANGHAI))
        for hour in (0, 7, 9, 23)
    ]
    after = moments[-1][1] + timedelta(hours=1)
    moments += [("export.begun", after), ("sign_in.done", after)]
    for action, moment in moments:
        with database.write() as session:
            audit.record(session, CLERK, action, f"job:{moment}")
            this = audit.events(subject=f"job:{moment}").whereclause
            assert this is not None
            session.execute(update(AuditEvent).where(this).values(time=moment))
    with database.read() as session:
        found = audit.unusual(session, Thresholds(downloads=4, refusals=1))
    next_day = day + timedelta(days=1)
    assert [(each.kind, each.day, each.count) for each in found] == [
        ("night", next_day.isoformat(), 1),
        ("downloads", day.isoformat(), 4),
    ]
