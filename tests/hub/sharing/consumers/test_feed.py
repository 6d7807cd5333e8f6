"""The feed as consumers read it: on their terms, within their archives, on their ration."""

from __future__ import annotations

from typing import Any

from authlib.integrations.requests_client import OAuth2Session

from hub.sharing.policies import FIELDS, Audience
from shared.audit import AuditEvent
from tests.hub.sharing.conftest import ARCHIVE, Sharing, copy_of
from tests.hub.sharing.consumers.conftest import Desk, code_of

FEED, PROOF = "/api/v1/shared/records", "/api/v1/shared/proof"


def furnished(archive: Sharing) -> list[str]:
    """Three opened records and a closed one, of which the platform sees the code."""
    archive.share(Audience.GOVERNMENT, fields=tuple(FIELDS), closed_fields=["code"])
    archive.share()
    ids = [*archive.received(3), *archive.received(1, year=2024)]
    archive.settle()
    return ids


def read(client: OAuth2Session, desk: Desk, **asked: Any) -> Any:
    answer = client.get(desk.url + FEED, params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_consumer_reads_what_its_audience_sees_of_its_archives(
    archive: Sharing, served: Desk
) -> None:
    ids = furnished(archive)
    ours = served.client(served.consumer(archives=(ARCHIVE,)))
    assert copy_of(read(ours, served)["entries"]).keys() == set(ids)
    assert copy_of(read(ours, served, audience="public")["entries"]).keys() == set(ids[:3])
    assert ours.get(served.url + PROOF).json()["records"] == len(ids)
    lines = ours.get(served.url + FEED + ".ndjson").text.splitlines()
    assert len(lines) == len(ids) + 1

    elsewhere = served.client(served.consumer(archives=("420583",)))
    assert read(elsewhere, served)["entries"] == []
    assert elsewhere.get(served.url + PROOF).json()["records"] == 0

    public = served.client(served.consumer(audience="public"))
    assert copy_of(read(public, served)["entries"]).keys() == set(ids[:3])
    wider = public.get(served.url + FEED, params={"audience": "government"})
    assert wider.status_code == 403


def test_the_ration_of_a_day_ends_an_answer_where_one_can_go_on(
    archive: Sharing, served: Desk
) -> None:
    ids = furnished(archive)
    client = served.client(served.consumer(rows=3))
    first = read(client, served, limit=2)
    assert (len(first["entries"]), first["more"]) == (2, True)
    *rest, end = client.get(
        served.url + FEED + ".ndjson", params={"cursor": first["cursor"]}
    ).text.splitlines()
    assert len(rest) == 1
    used_up = client.get(served.url + FEED, params={"cursor": first["cursor"]})
    assert (used_up.status_code, used_up.json()["code"]) == (429, "rows_used_up")
    other = served.client(served.consumer())
    cursor = end.split('"cursor":"')[1].split('"')[0]
    assert len(read(other, served, cursor=cursor)["entries"]) == len(ids) - 3


def test_a_look_up_is_for_consumers_that_are_let_to_it(served: Desk) -> None:
    asked = {"number": "1", "title": "没有", "purpose": "notarisation", "matter": "1"}
    lookups = served.url + "/api/v1/shared/lookups"
    other = served.client(served.consumer(services=("records",)))
    assert code_of(other.post(lookups, json=asked)) == "service_not_granted"
    consumer = served.consumer(services=("lookup",))
    client = served.client(consumer)
    answer = client.post(lookups, json=asked)
    assert (answer.status_code, answer.json()["exists"]) == (200, False)
    assert "RateLimit" in answer.headers
    with served.city.database.read() as session:
        event = session.query(AuditEvent).filter_by(action="record.looked_up").one()
    assert (event.actor_id, event.actor_name) == (f"consumer:{consumer.id}", consumer.name)
    served.suspend(consumer)
    assert client.post(lookups, json=asked).status_code in {401, 403}


def test_without_the_service_or_once_suspended_nothing_is_read(
    archive: Sharing, served: Desk
) -> None:
    furnished(archive)
    other = served.client(served.consumer(services=("lookup",)))
    assert other.get(served.url + FEED).json()["code"] == "service_not_granted"
    consumer = served.consumer()
    client = served.client(consumer)
    read(client, served)
    served.suspend(consumer)
    assert client.get(served.url + FEED).status_code in {401, 403}
