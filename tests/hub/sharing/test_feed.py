"""A copy equals what its audience may see, whatever changed and however it was broken off."""

from __future__ import annotations

import gzip
import json
from random import Random

import pytest
import zstandard

from hub.federation.epochs import raise_generation
from hub.sharing import feed
from hub.sharing.policies import Audience
from shared.kernel.actor import Grant, Role
from tests.hub.desk import Api, make_desk
from tests.hub.sharing.conftest import ARCHIVE, Reader, digest_of_copy


def _tell_a_story(archive, chance: Random, turns: int) -> None:
    """Records come, change, are taken back and shared again; readers are broken off at any page."""
    readers = {each: Reader(archive, each) for each in Audience}
    archive.share()
    archive.share(Audience.GOVERNMENT, closed_fields=["code", "title"])
    known: list[str] = []
    withdrawn: set[str] = set()
    for _ in range(turns):
        known += archive.received(chance.randint(1, 4), year=chance.choice([1980, 1990, 2024]))
        for each in chance.sample(known, min(3, len(known))):
            archive.correct(each, title=f"关于第{chance.randint(1, 99)}号事项的更正")
        one = chance.choice(known)
        if one not in withdrawn:
            archive.withdraw(one)
            withdrawn.add(one)
        if chance.random() < 0.3:
            archive.share(fields=chance.sample(["code", "title", "date", "doc_no"], 3))
        archive.settle()
        for reader in readers.values():
            reader.read_page(limit=chance.randint(1, 4))
    for audience, reader in readers.items():
        reader.read_on()
        assert reader.held == archive.seen(audience)
        proof = archive.proof(audience)
        assert reader.cursor == proof["cursor"]
        assert (proof["records"], proof["digest"]) == digest_of_copy(reader.held)
        assert sum(group["records"] for group in proof["groups"]) == len(reader.held)
        assert not withdrawn & reader.held.keys()


def test_a_copy_equals_the_shared_records_after_changes_and_interruptions(archive):
    _tell_a_story(archive, Random(7), turns=5)


@pytest.mark.at_length
@pytest.mark.parametrize("seed", range(2))
def test_a_copy_equals_the_shared_records_at_length(archive, seed):
    _tell_a_story(archive, Random(seed), turns=40)


def test_a_cursor_of_a_time_before_a_restore_is_refused(archive):
    archive.share()
    archive.received(2)
    archive.settle()
    reader = Reader(archive)
    reader.read_on()
    with archive.city.database.write() as session:
        raise_generation(session, to=2)
    with pytest.raises(feed.CursorOutdated):
        reader.read_on()


@pytest.fixture
def caller(archive):
    """Calls the API as an archivist, or as somebody without any role for it."""
    archive.share()
    archive.share(Audience.GOVERNMENT, fields=["code"], closed_fields=["code"])
    archive.received(3)
    archive.received(year=2024)
    archive.settle()
    desk = make_desk(
        archive.city,
        platform=Grant(Role.ARCHIVIST, ARCHIVE),
        reader=Grant(Role.CLERK, None, archive.fonds.id),
    )
    programs = {login: Api(desk, login) for login in ("platform", "reader")}

    def call(login, path, headers=None, **query):
        program = programs[login]
        sent = {**program.headers, **(headers or {})}
        return program.client.get(f"/api/v1/shared{path}", query_string=query, headers=sent)

    return call


def test_the_feed_is_read_by_pages_as_wide_as_the_callers_right(caller):
    first = caller("platform", "/records", limit=3)
    assert first.json["audience"] == "government"
    assert (len(first.json["entries"]), first.json["more"]) == (3, True)
    rest = caller("platform", "/records", cursor=first.json["cursor"])
    assert (len(rest.json["entries"]), rest.json["more"]) == (1, False)
    assert caller("platform", "/records", audience="public").json["audience"] == "public"
    assert len(caller("reader", "/records").json["entries"]) == 3
    refused = caller("reader", "/records", audience="government")
    assert (refused.status_code, refused.json["code"]) == (403, "not_allowed")


def test_what_is_not_new_is_not_sent_again_and_what_is_sent_is_packed(caller):
    answer = caller("platform", "/records", {"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(json.loads(gzip.decompress(answer.data))["entries"]) == 4
    again = caller("platform", "/records", {"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    proof = caller("platform", "/proof")
    assert proof.json["records"] == 4
    assert caller("platform", "/proof", {"If-None-Match": proof.headers["ETag"]}).status_code == 304


def test_everything_comes_as_lines_with_an_end(caller):
    lines = caller("platform", "/records.ndjson").data.splitlines()
    assert len(lines) == 5
    end = json.loads(lines[-1])
    assert end == {"kind": "end", "cursor": caller("platform", "/proof").json["cursor"]}
    packed = caller("platform", "/records.ndjson", {"Accept-Encoding": "gzip"})
    assert gzip.decompress(packed.data).splitlines() == lines


@pytest.mark.parametrize(
    ("taken", "packed"),
    [
        ("gzip, deflate, zstd", "zstd"), ("zstd;q=0.5, gzip", "gzip"), ("*", "zstd"),
        ("zstd;q=0, *", "gzip"), ("br", None), ("identity", None), ("", None),
    ],
)  # fmt: skip
def test_the_packing_is_what_the_caller_likes_best(caller, taken, packed):
    plain = caller("platform", "/records.ndjson").data
    answer = caller("platform", "/records.ndjson", {"Accept-Encoding": taken})
    assert answer.headers.get("Content-Encoding") == packed
    unpack = {"zstd": _unzstd, "gzip": gzip.decompress}.get(packed, bytes)
    assert unpack(answer.data) == plain
    assert answer.headers["Vary"] == "Accept-Encoding"


def _unzstd(content):
    return zstandard.ZstdDecompressor().decompressobj().decompress(content)


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"cursor": "from the start"}, 422, "invalid"),
        ({"cursor": "1-999999"}, 410, "cursor_outdated"),
        ({"cursor": "9-0"}, 410, "cursor_outdated"),
        ({"limit": 1001}, 422, "invalid"),
        ({"audience": "everybody"}, 422, "invalid"),
    ],
)
def test_what_cannot_be_answered_says_why(caller, query, status, code):
    answer = caller("platform", "/records", **query)
    assert (answer.status_code, answer.json["code"]) == (status, code)


def test_no_answer_of_the_interface_says_anything_of_what_is_withheld(archive, caller):
    """Neither pages nor lines, proofs, errors, headers: for both audiences, by code and by id."""
    secret = archive.record(title="唯一的题名甲", doc_no="唯一的文号乙", opening=None, year=1977)
    archive.receive(secret)
    archive.settle()
    last = caller("platform", "/proof").json["cursor"]
    queries = [
        {}, {"limit": 1}, {"cursor": last}, {"cursor": "唯一的题名甲"}, {"cursor": "9-9"},
        {"audience": "唯一的文号乙"}, {"limit": "many"},
    ]  # fmt: skip
    for login in ("platform", "reader"):
        for path in ("/records", "/records.ndjson", "/proof", f"/records/{secret.id}"):
            for query in queries:
                answer = caller(login, path, **query)
                said = answer.data.decode() + str(answer.headers)
                typed = "".join(map(str, query.values()))
                for text in {secret.title, secret.doc_no} - {typed}:
                    assert text not in said
                if login == "reader" and secret.id not in path:
                    assert secret.id not in said
                    assert secret.code not in said
    assert 1977 not in {group["year"] for group in caller("reader", "/proof").json["groups"]}
