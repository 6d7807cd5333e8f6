"""OAI-PMH 2.0 as real harvesters speak it: sickle, oaipmh-scythe, and the protocol's own schema."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from lxml import etree
from oaipmh_scythe import Scythe
from sickle import Sickle
from werkzeug.serving import make_server

from hub.app import make_app
from hub.sharing.harvesting import listing
from hub.sharing.harvesting.formats import DAT46_SCHEMA
from tests.hub.sharing.oai_schemas import valid

_OAI = "{http://www.openarchives.org/OAI/2.0/}"
_DC = "{http://purl.org/dc/elements/1.1/}"


class Clock:
    """The time at the hub, in whole seconds; a harvest needs that a second has passed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.moment = datetime(2026, 3, 1, 8, 0, 0, tzinfo=UTC)
        monkeypatch.setattr("hub.sharing.sequencing.now", lambda: self.moment)

    def tick(self, seconds: int = 1) -> None:
        self.moment = datetime.fromtimestamp(self.moment.timestamp() + seconds, UTC)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def client(archive: Any) -> Any:
    app = make_app(archive.city.folder)
    app.testing = True
    return app.test_client()


def ask(client: Any, **arguments: Any) -> Any:
    """One request; every answer is valid by the schemas."""
    answer = client.get("/api/v1/oai", query_string=arguments)
    assert answer.status_code == 200, answer.text
    assert answer.mimetype == "text/xml"
    document = etree.fromstring(answer.data)
    valid(document)
    return document


def error_of(document: Any) -> str | None:
    found = document.find(f"{_OAI}error")
    return None if found is None else found.get("code")


def identifiers(document: Any) -> list[str]:
    return [each.text.rpartition(":")[2] for each in document.iter(f"{_OAI}identifier")]


# ---- verbs


def test_it_says_who_it_is_and_what_it_gives(client, archive):
    said = ask(client, verb="Identify")
    assert said.findtext(f".//{_OAI}deletedRecord") == "persistent"
    assert said.findtext(f".//{_OAI}granularity") == "YYYY-MM-DDThh:mm:ssZ"
    given = ask(client, verb="ListMetadataFormats")
    assert [e.text for e in given.iter(f"{_OAI}metadataPrefix")] == ["oai_dc", "dat46"]
    assert client.get("/api/v1/oai/dat46.xsd").data == DAT46_SCHEMA.read_bytes()


def test_nothing_that_is_not_shared_is_there_not_even_a_set(client, archive, time):
    (hidden,) = archive.received()
    archive.settle()
    time.tick()
    assert error_of(ask(client, verb="ListSets")) == "noSetHierarchy"
    assert error_of(ask(client, verb="ListRecords", metadataPrefix="oai_dc")) == "noRecordsMatch"
    wanted = f"oai:danglian.invalid:{hidden}"
    assert (
        error_of(ask(client, verb="GetRecord", metadataPrefix="oai_dc", identifier=wanted))
        == "idDoesNotExist"
    )


@pytest.mark.parametrize("prefix", ["oai_dc", "dat46"])
def test_a_record_has_what_is_shared_and_leaves_out_what_is_withheld(client, archive, time, prefix):
    archive.share(fields=["code", "title"])
    (record,) = archive.received(author="张三", doc_no="夷政发〔1990〕1号")
    archive.settle()
    time.tick()
    (one,) = ask(client, verb="ListRecords", metadataPrefix=prefix).iter(f"{_OAI}record")
    text = etree.tostring(one, encoding="unicode")
    assert archive.records[0].title in text
    assert archive.records[0].code in text
    assert "张三" not in text
    assert "夷政发" not in text
    assert identifiers(one) == [record]
    wanted = f"oai:danglian.invalid:{record}"
    (same,) = ask(client, verb="GetRecord", metadataPrefix=prefix, identifier=wanted).iter(
        f"{_OAI}record"
    )
    assert etree.tostring(same, encoding="unicode") == text


def test_sets_are_fonds_and_the_divisions_they_lie_in(client, archive, time):
    archive.share()
    (record,) = archive.received()
    archive.settle()
    time.tick()
    specs = [e.text for e in ask(client, verb="ListSets").iter(f"{_OAI}setSpec")]
    county = "division:420000000000:420500000000:420506000000"
    assert {county, f"{county}:420506001000", f"fonds:{archive.fonds.id}"} <= set(specs)
    for spec in specs:
        found = ask(client, verb="ListIdentifiers", metadataPrefix="oai_dc", set=spec)
        assert identifiers(found) == [record]
    for other in (
        "division:420583000000",
        "fonds:none",
        "division",
        "x:y",
        "division:420506001000",
    ):
        found = ask(client, verb="ListIdentifiers", metadataPrefix="oai_dc", set=other)
        assert error_of(found) == "noRecordsMatch"


def test_what_is_taken_back_stays_as_deleted(client, archive, time):
    archive.share()
    first, second = archive.received(2)
    archive.settle()
    time.tick()
    archive.withdraw(first)
    archive.settle()
    time.tick()
    listed = ask(client, verb="ListRecords", metadataPrefix="oai_dc")
    told = {
        each.findtext(f"{_OAI}identifier").rpartition(":")[2]: each.get("status")
        for each in listed.iter(f"{_OAI}header")
    }
    assert told == {first: "deleted", second: None}
    assert archive.records[0].title not in etree.tostring(listed, encoding="unicode")
    formats = ask(client, verb="ListMetadataFormats", identifier=f"oai:danglian.invalid:{first}")
    assert error_of(formats) == "noMetadataFormats"


_ERRORS: list[tuple[dict[str, Any], str]] = [
    ({}, "badVerb"),
    ({"verb": "Nothing"}, "badVerb"),
    ({"verb": ["Identify", "Identify"]}, "badVerb"),
    ({"verb": "Identify", "set": "x"}, "badArgument"),
    ({"verb": "ListRecords"}, "badArgument"),
    ({"verb": "GetRecord", "metadataPrefix": "oai_dc"}, "badArgument"),
    ({"verb": "ListRecords", "metadataPrefix": ["oai_dc", "oai_dc"]}, "badArgument"),
    ({"verb": "ListRecords", "metadataPrefix": "marc"}, "cannotDisseminateFormat"),
    ({"verb": "ListRecords", "metadataPrefix": "oai_dc", "from": "2026"}, "badArgument"),
    ({"verb": "ListRecords", "metadataPrefix": "oai_dc", "from": "2026-02-30"}, "badArgument"),
    (
        {
            "verb": "ListRecords", "metadataPrefix": "oai_dc",
            "from": "2026-01-01", "until": "2026-01-01T00:00:00Z",
        },
        "badArgument",
    ),
    (
        {
            "verb": "ListRecords", "metadataPrefix": "oai_dc",
            "from": "2026-01-02", "until": "2026-01-01",
        },
        "badArgument",
    ),
    ({"verb": "ListRecords", "resumptionToken": "W10"}, "badResumptionToken"),
    ({"verb": "ListRecords", "resumptionToken": "\x00"}, "badResumptionToken"),
    ({"verb": "ListRecords", "resumptionToken": "x" * 2000}, "badArgument"),
    ({"verb": "ListSets", "resumptionToken": "W10"}, "badResumptionToken"),
    (
        {"verb": "ListRecords", "resumptionToken": "W10", "metadataPrefix": "oai_dc"},
        "badArgument",
    ),
    ({"verb": "GetRecord", "metadataPrefix": "oai_dc", "identifier": "\ufffe"}, "idDoesNotExist"),
]  # fmt: skip


def test_every_error_has_its_code(client, archive):
    for arguments, code in _ERRORS:
        assert error_of(ask(client, **arguments)) == code, arguments
        posted = client.post("/api/v1/oai", data=arguments)
        assert error_of(etree.fromstring(posted.data)) == code, arguments
    assert error_of(etree.fromstring(client.post("/api/v1/oai", json={}).data)) == "badVerb"


# ---- whole harvests


@pytest.fixture
def address(archive: Any) -> Iterator[str]:
    """The endpoint, served over HTTP to real harvesters."""
    server = make_server("127.0.0.1", 0, make_app(archive.city.folder), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/api/v1/oai"
    server.shutdown()
    thread.join()
    server.server_close()


def test_two_harvesters_get_everything_once_page_by_page(archive, time, address, monkeypatch):
    monkeypatch.setattr(listing, "PAGE", 7)
    archive.share()
    ids = archive.received(30)
    archive.settle()
    time.tick()
    by_sickle = [
        each.header.identifier for each in Sickle(address).ListRecords(metadataPrefix="oai_dc")
    ]
    with Scythe(address) as scythe:
        by_scythe = [
            each.header.identifier for each in scythe.list_records(metadata_prefix="dat46")
        ]
    assert by_sickle == by_scythe
    assert sorted(each.rpartition(":")[2] for each in by_sickle) == sorted(ids)


def test_while_records_change_nothing_is_missing_and_nothing_double(
    archive, time, address, monkeypatch
):
    monkeypatch.setattr(listing, "PAGE", 7)
    archive.share()
    ids = archive.received(30)
    archive.settle()
    time.tick()
    harvester = Sickle(address)
    listed = harvester.ListRecords(metadataPrefix="oai_dc")
    held: dict[str, Any] = {}
    since = None
    for number, each in enumerate(listed):
        since = since or listed.oai_response.xml.findtext(f"{_OAI}responseDate")
        assert each.header.identifier not in held
        held[each.header.identifier] = each.metadata
        if number == 10:  # one that was read, two that were not, and a new one
            archive.correct(ids[0], title="更正后的题名")
            archive.correct(ids[20], title="更正后的题名")
            archive.withdraw(ids[21])
            archive.received()
            archive.settle()
            time.tick()
    for each in harvester.ListRecords(metadataPrefix="oai_dc", **{"from": since}):
        if each.header.deleted:
            held.pop(each.header.identifier, None)
        else:
            held[each.header.identifier] = each.metadata
    seen = archive.seen()
    assert {each.rpartition(":")[2] for each in held} == seen.keys()
    titles = {each.rpartition(":")[2]: told["title"][0] for each, told in held.items()}
    assert titles == {each: record["title"] for each, record in seen.items()}


def test_a_list_whose_rest_has_changed_goes_on_with_what_it_is_now(
    client, archive, time, monkeypatch
):
    monkeypatch.setattr(listing, "PAGE", 2)
    archive.share()
    ids = archive.received(3)
    archive.settle()
    time.tick()
    first = _listed(client)
    token = first.findtext(f".//{_OAI}resumptionToken")
    (rest,) = set(ids) - set(identifiers(first))
    archive.correct(rest, title="更正后的题名")
    archive.settle()
    waits = client.get(
        "/api/v1/oai", query_string={"verb": "ListIdentifiers", "resumptionToken": token}
    )
    assert waits.status_code == 503
    assert waits.headers["Retry-After"] == "2"
    time.tick()
    onward = ask(client, verb="ListIdentifiers", resumptionToken=token)
    assert identifiers(onward) == [rest]
    assert onward.find(f".//{_OAI}resumptionToken").text is None


# ---- time


def test_from_and_until_are_seconds_of_the_sequencer_and_the_current_one_is_left_out(
    client, archive, time
):
    archive.share()
    (first,) = archive.received()
    archive.settle()
    assert error_of(_listed(client)) == "noRecordsMatch"  # it may not be over yet
    time.tick(10)
    (second,) = archive.received()
    archive.settle()
    assert identifiers(_listed(client)) == [first]
    time.tick()
    assert identifiers(_listed(client)) == [first, second]
    assert identifiers(_listed(client, **{"from": "2026-03-01T08:00:01Z"})) == [second]
    assert identifiers(_listed(client, until="2026-03-01T08:00:09Z")) == [first]
    assert identifiers(_listed(client, **{"from": "2026-03-01", "until": "2026-03-01"})) == [
        first, second,
    ]  # fmt: skip
    assert error_of(_listed(client, **{"from": "2026-03-02"})) == "noRecordsMatch"


def test_after_a_clock_that_goes_back_datestamps_go_on(client, archive, time):
    archive.share()
    archive.received()
    archive.settle()
    time.tick(-3600)
    (second,) = archive.received()
    archive.settle()
    time.tick(3601)
    stamps = [e.text for e in _listed(client).iter(f"{_OAI}datestamp")]
    assert stamps == ["2026-03-01T08:00:00Z"] * 2
    assert second in identifiers(_listed(client))


def _listed(client: Any, **more: Any) -> Any:
    return ask(client, verb="ListIdentifiers", metadataPrefix="oai_dc", **more)
