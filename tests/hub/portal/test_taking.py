"""Bundles are taken whole, in order and once; what is missing, doubled or altered is named."""

from __future__ import annotations

import io
import shutil

import pytest
from sqlalchemy import select

from hub.app import make_app
from hub.federation.epochs import raise_generation
from hub.federation.key_roll import roll_hub_key
from hub.portal.models import OpenedRecord
from hub.sharing import feed, publishing
from hub.sharing.policies import Audience
from shared.audit import root_of
from shared.kernel.canonical import canonical_json, strict_json
from shared.kernel.errors import Conflict, DanglianError, Invalid, NotFound, WrongState
from shared.kernel.keys import SigningKey, sign_document
from shared.packaging import publication
from tests.audit_digests import many_of
from tests.hub.portal.conftest import new_portal


def _ids(portal):
    with portal.folder.database.read() as session:
        return set(session.scalars(select(OpenedRecord.id)))


def _refused(portal):
    with pytest.raises(DanglianError) as refused:
        portal.take()
    return refused.value.code


def test_what_is_opened_arrives_and_what_is_taken_back_goes(portal):
    first, second = portal.archive.received(2)
    portal.archive.received(opening=None)
    assert portal.carry().records == 2
    portal.archive.withdraw(first)
    portal.archive.correct(second, title="关于改正后的事项的通知")
    taken = portal.carry()
    assert (taken.taken, taken.known, taken.records) == (1, 1, 1)
    assert _ids(portal) == {second}
    assert "关于改正后的事项的通知" in portal.browser().get("/").text


def test_the_same_again_is_nothing(portal):
    portal.archive.received(2)
    assert portal.publish().made == 1
    with portal.archive.city.database.read() as session:
        begin = feed.Cursor(feed.mark_of(Audience.PUBLIC, session).generation, 0)
        end = feed.mark_of(Audience.PUBLIC, session)
        lines = feed.read_page(Audience.PUBLIC, begin, end, 100, session).entries
        assert many_of("sharing.published", session) == (2, root_of(lines))
    assert portal.publish().made == portal.publish().copied == 0
    portal.take()
    again = portal.take()
    assert (again.taken, again.known, again.records) == (0, 1, 2)


def test_many_records_go_out_in_several_bundles_and_a_broken_off_import_goes_on(
    portal, monkeypatch
):
    monkeypatch.setattr(publishing, "MOST_ENTRIES", 2)
    ids = portal.archive.received(5)
    assert portal.publish().made == 3
    *_, last = portal.files()
    whole = last.read_bytes()
    last.write_bytes(whole[:-7])
    assert _refused(portal) == "publication_damaged"
    assert len(_ids(portal)) == 4
    last.write_bytes(whole)
    assert portal.take().taken == 1
    assert _ids(portal) == set(ids)


def test_a_bundle_that_a_kill_left_uncounted_is_written_over(portal):
    portal.archive.received(1)
    portal.publish()
    (file,) = portal.files()
    left = (
        portal.archive.city.folder.path / "publications" / file.name.replace("-000001", "-000002")
    )
    left.write_bytes(b"left by a kill before it counted")
    portal.archive.received(1)
    assert portal.publish().made == 1
    assert portal.take().records == 2


def test_a_missing_bundle_is_named(portal, monkeypatch):
    monkeypatch.setattr(publishing, "MOST_ENTRIES", 1)
    portal.archive.received(3)
    portal.publish()
    _, second, _ = portal.files()
    second.unlink()
    with pytest.raises(Conflict, match=second.name):
        portal.take()
    assert portal.publish(after=1).copied == 1
    assert portal.take().records == 3


@pytest.mark.parametrize("place", [0.1, 0.5, 0.97])
def test_an_altered_bundle_is_refused_whole(portal, place):
    portal.archive.received(3)
    portal.publish()
    (file,) = portal.files()
    content = bytearray(file.read_bytes())
    content[int(len(content) * place)] ^= 1
    file.write_bytes(content)
    assert _refused(portal) in {"publication_damaged", "publication_not_signed"}
    assert _ids(portal) == set()


def test_whichever_byte_of_a_bundle_is_altered_nothing_of_it_counts(portal):
    """Where the compressed part is no longer one, the reader's own error once came through."""
    portal.archive.received(3)
    portal.publish()
    (file,) = portal.files()
    content, key = file.read_bytes(), portal.archive.city.key.public
    for place in range(len(content)):
        altered = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        with pytest.raises(Invalid):
            read_whole(publication.Bundle(io.BytesIO(altered), file.name), key)


def read_whole(bundle, key):
    bundle.signer(key)
    assert list(bundle.entries())


def test_two_bundles_of_one_number_are_noticed(portal):
    portal.archive.received(1)
    portal.carry()
    (file,) = portal.files()
    with file.open("rb") as stream:
        bundle = publication.Bundle(stream, file.name)
        about = bundle.about
    contents = publication.Contents(
        **{name: getattr(about, name) for name in publication.Contents.__dataclass_fields__}
    )
    publication.write_bundle(
        portal.stick, [], contents, key=portal.archive.city.key, successions=[]
    )
    assert _refused(portal) == "publication_altered"


def test_another_hubs_bundle_is_refused(portal):
    portal.archive.received(1)
    portal.publish()
    (file,) = portal.files()
    line, _, body = file.read_bytes().partition(b"\n")
    head = strict_json(line)
    head["signed"] = sign_document(SigningKey.generate(), head["document"])
    file.write_bytes(canonical_json(head) + b"\n" + body)
    assert _refused(portal) == "publication_not_signed"


def test_what_is_not_opened_is_refused_even_when_signed(portal):
    (record,) = portal.archive.received(1)
    portal.archive.settle()
    (entry,) = portal.archive.feed()
    entry["record"]["opened"] = False
    contents = publication.Contents(
        hub_id=portal.archive.city.folder.settings.hub_id, series=10_000, number=1, previous="",
        position=1, is_last=True, records=1, digest="", archives={},
    )  # fmt: skip
    line = canonical_json(entry).decode()
    publication.write_bundle(
        portal.stick, [line], contents, key=portal.archive.city.key, successions=[]
    )
    assert _refused(portal) == "publication_damaged"
    assert record not in _ids(portal)


def test_after_a_restore_the_portal_forgets_what_is_not_told_again(portal):
    first, second = portal.archive.received(2)
    portal.carry()
    database = portal.archive.city.database
    with database.write() as session:
        raise_generation(session, to=2)
    portal.archive.withdraw(first)
    portal.carry()
    assert _ids(portal) == {second}


def test_a_new_portal_begins_with_a_new_series(portal, tmp_path):
    portal.archive.received(2)
    portal.carry()
    shutil.rmtree(portal.archive.city.folder.path / "publications")
    portal.archive.received(1)
    portal.publish()
    shutil.rmtree(portal.stick)
    with pytest.raises(NotFound):
        portal.publish()
    portal.publish(anew=True)
    portal.folder.database.close()
    portal.folder = new_portal(tmp_path / "another", portal.archive)
    for file in portal.files():
        if "-00010000-" in file.name:
            file.unlink()
    assert portal.take().records == 3


def test_a_portal_follows_the_hubs_key(portal):
    portal.archive.received(1)
    portal.carry()
    roll_hub_key(portal.archive.city.admin, portal.archive.city.folder)
    portal.archive.received(1)
    assert portal.carry().records == 2


def test_a_hub_in_the_local_network_publishes_nothing(portal, monkeypatch):
    monkeypatch.setenv("DANGLIAN_ZONE", "lan")
    portal.archive.city.folder.__dict__.pop("settings", None)
    with pytest.raises(WrongState):
        portal.publish()
    visitor = make_app(portal.archive.city.folder).test_client()
    assert visitor.get("/api/v1/shared/proof").status_code == 404
    assert visitor.get("/api/v1/catalogue/counts").status_code == 401
    monkeypatch.setenv("DANGLIAN_ZONE", "internet")
    portal.archive.city.folder.__dict__.pop("settings", None)
    with pytest.raises(Invalid):
        _ = portal.archive.city.folder.settings
