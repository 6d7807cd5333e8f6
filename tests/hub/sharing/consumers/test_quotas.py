"""Quotas hold wherever requests arrive, and every request has its line in the log."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from hub.federation.places import HubFolder
from hub.sharing.consumers import quotas
from hub.sharing.consumers.errors import QuotaUsed
from hub.sharing.consumers.models import ConsumerRequest, ConsumerUsage, UsedAssertion
from shared.kernel.clock import now
from shared.kernel.identifiers import new_id
from tests.hub.conftest import City
from tests.hub.sharing.consumers.conftest import terms

DATABASES = ("sqlite", "postgresql")

ASKED = quotas.Asked("10.0.0.7", "GET", "/api/v1/shared/records?cursor=1")
#: Ten seconds after a minute of 2026 has begun, at 08:00 in Shanghai.
MOMENT = 1_780_272_010.0


def asks(city: City, consumer: str, times: int, **limits: int) -> tuple[int, list[QuotaUsed]]:
    """How many of so many requests are let in, and what the others are told."""
    let_in, refused = 0, []
    for _ in range(times):
        try:
            quotas.count(city.database, consumer, terms(**limits), ASKED, at=MOMENT)
            let_in += 1
        except QuotaUsed as error:
            refused.append(error)
    return let_in, refused


def test_two_processes_together_let_in_as_many_as_one(city: City) -> None:
    consumer = new_id()
    with quotas_elsewhere(city, consumer, 30) as theirs:
        ours, _ = asks(city, consumer, 30, requests=40)
        assert ours + theirs() == 40
    with city.database.read() as session:
        usage = session.get_one(ConsumerUsage, (consumer, "2026-06-01"))
        assert (usage.requests, usage.refused, usage.in_minute) == (40, 20, 40)
        assert session.scalar(select(func.count()).select_from(ConsumerRequest)) == 40


class quotas_elsewhere:  # noqa: N801 - reads like the function that it is
    """Another process of the hub, with connections of its own, that asks at the same time."""

    def __init__(self, city: City, consumer: str, times: int) -> None:
        self._ours, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("fork").Process(
            target=_elsewhere, args=(city.folder.path, consumer, times, theirs)
        )

    def __enter__(self) -> Callable[[], int]:
        self._process.start()
        return self._let_in

    def _let_in(self) -> int:
        assert self._ours.poll(60)
        let_in: int = self._ours.recv()
        return let_in

    def __exit__(self, *error: object) -> None:
        self._process.join(60)
        assert self._process.exitcode == 0


def _elsewhere(path: Any, consumer: str, times: int, told: Any) -> None:
    folder = HubFolder(path)
    there = City(folder, folder.database(), folder.keys.hub())
    told.send(asks(there, consumer, times, requests=40)[0])
    there.database.close()


def test_the_next_minute_begins_anew_and_a_clock_that_is_behind_does_not(city: City) -> None:
    consumer = new_id()
    let_in, refused = asks(city, consumer, 3, requests=2)
    assert (let_in, [each.code for each in refused]) == (2, ["requests_used_up"])
    assert refused[0].retry_seconds == 51
    few = terms(requests=2)
    later = quotas.count(city.database, consumer, few, ASKED, at=MOMENT + 60)
    assert (later.in_minute, later.minute_left) == (1, 51)
    behind = quotas.count(city.database, consumer, few, ASKED, at=MOMENT)
    assert behind.in_minute == 2
    with pytest.raises(QuotaUsed):
        quotas.count(city.database, consumer, few, ASKED, at=MOMENT)


def test_rows_of_the_day_are_used_up_until_midnight_in_shanghai(city: City) -> None:
    consumer, few = new_id(), terms(rows=100)
    counted = quotas.count(city.database, consumer, few, ASKED, at=MOMENT)
    assert quotas.take(city.database, counted, 60) == 60
    quotas.finish(city.database, counted, status=200, rows=110, uncounted=50, sent=4321)
    with pytest.raises(QuotaUsed) as refused:
        quotas.count(city.database, consumer, few, ASKED, at=MOMENT)
    assert refused.value.code == "rows_used_up"
    assert refused.value.retry_seconds == 16 * 3600 - 9
    quotas.count(city.database, consumer, few, ASKED, at=MOMENT + 16 * 3600)
    with city.database.read() as session:
        line = session.get_one(ConsumerRequest, counted.id)
        assert (line.status, line.taken, line.sent, line.place) == (200, 110, 4321, "10.0.0.7")
        days = session.scalars(select(ConsumerUsage).order_by(ConsumerUsage.day)).all()
        assert [(each.day, each.taken) for each in days] == [("2026-06-01", 110), ("2026-06-02", 0)]


def test_the_log_is_kept_for_as_long_as_it_is_set(city: City) -> None:
    consumer = new_id()
    asks(city, consumer, 3)
    with city.database.write() as session:
        old = session.scalars(select(ConsumerRequest).order_by(ConsumerRequest.id)).first()
        assert old is not None
        old.at = now() - timedelta(days=190)
        for name, days in (("a", -1), ("b", 1)):
            session.add(UsedAssertion(digest=name, expires_at=now() + timedelta(days=days)))
    sweeping = quotas.Sweeping(city.database, months=6)
    assert sweeping.step() is False
    with city.database.read() as session:
        assert session.scalar(select(func.count()).select_from(ConsumerRequest)) == 2
        assert session.scalars(select(UsedAssertion.digest)).all() == ["b"]
