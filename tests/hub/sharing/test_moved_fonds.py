"""A fonds moves to another archive: what was received stays with whom it was received by."""

from __future__ import annotations

import json
from typing import Any

from hub.federation import service as federation
from hub.sharing import feed
from hub.sharing.consumers.service import scope_read
from hub.sharing.policies import FIELDS, Audience
from tests.hub.sharing.conftest import ARCHIVE, Sharing, copy_of, digest_of_copy
from tests.hub.sharing.consumers.conftest import terms
from tests.hub.sharing.receiver import Pushes, desk, pushes, receiver

__all__ = ["desk", "pushes", "receiver"]

OTHER = "420583"
_BY_OTHER = ("code", "title")


class Reader:
    """A consumer on these terms: reads on from its cursor, and keeps a copy."""

    def __init__(self, archive: Sharing, **terms_: Any) -> None:
        self._archive, self._scope = archive, scope_read(terms(**terms_))
        self._cursor = ""
        self._entries: list[dict[str, Any]] = []

    def read_on(self) -> list[dict[str, Any]]:
        database = self._archive.city.database
        lines = feed.export(database, Audience.GOVERNMENT, self._cursor, scope=self._scope)
        *told, end = map(json.loads, b"".join(lines).splitlines())
        self._cursor = end["cursor"]
        self._entries += told
        held = copy_of(self._entries)
        with database.read() as session:
            proof = feed.proof(Audience.GOVERNMENT, session, scope=self._scope)
        assert digest_of_copy(held) == (proof["records"], proof["digest"]), "nothing to begin anew"
        assert sum(each["records"] for each in proof["groups"]) == len(held)
        return told

    @property
    def held(self) -> dict[str, dict[str, Any]]:
        return copy_of(self._entries)


def test_a_fonds_that_moves_leaves_each_reader_what_its_archive_keeps(pushes: Pushes) -> None:
    archive, city = pushes.archive, pushes.archive.city
    before = archive.received(3)
    pushes.begin(archives=(ARCHIVE,))
    of_first, of_other = Reader(archive, archives=(ARCHIVE,)), Reader(archive, archives=(OTHER,))
    of_fonds, of_all = Reader(archive, fonds=(archive.fonds.id,)), Reader(archive)
    readers = (of_first, of_other, of_fonds, of_all)
    pushes.work()
    assert [len(each.read_on()) for each in readers] == [3, 0, 3, 3]

    with city.database.write() as session:
        federation.set_archives(
            city.admin, archive.fonds.id, reviewing=OTHER, receiving=OTHER, key=city.key,
            session=session,
        )  # fmt: skip
    heard = len(pushes.receiver.heard)
    pushes.work()
    assert [each.read_on() for each in readers] == [[], [], [], []], "nobody has anything new"
    assert len(pushes.receiver.heard) == heard
    assert of_first.held.keys() == set(before)
    assert of_other.held == {}, "what another archive keeps is not within its terms"

    # From now on the other archive receives, and shows what it has decided to.
    other = Sharing(city, archive.fonds, archive.node, list(archive.records), code=OTHER)
    other.share(Audience.GOVERNMENT, fields=_BY_OTHER)
    after = other.received(2)
    pushes.work()
    assert [len(each.read_on()) for each in readers] == [0, 2, 2, 2]
    assert of_other.held.keys() == set(after)
    for held in of_other.held.values():
        assert held["archive"] == OTHER
        assert held["withheld"].keys() == FIELDS.keys() - set(_BY_OTHER)
    assert of_fonds.held.keys() == {*before, *after}
    assert pushes.receiver.held == of_first.held

    # What the first archive changes, takes back, or shares no more, its readers alone are told of.
    archive.correct(before[0], title="关于改正后的事项的通知")
    archive.withdraw(before[1])
    pushes.work()
    told = of_first.read_on()
    assert {each["id"]: (each["kind"], each.get("reason")) for each in told} == {
        before[0]: ("upsert", None), before[1]: ("tombstone", "withdrawn"),
    }  # fmt: skip
    assert of_other.read_on() == []
    assert pushes.receiver.held == of_first.held
    other.share(Audience.GOVERNMENT, fields=("code",))
    pushes.work()
    assert of_first.read_on() == []
    assert {each["id"] for each in of_other.read_on()} == set(after)
    assert [len(each.read_on()) for each in (of_fonds, of_all)] == [4, 4]
