"""The hub's key changes under way: every node follows, and nothing is lost (protocol §8)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hub.federation.generations import begin_generation
from hub.federation.key_roll import roll_hub_key, roll_seal, settle_keys
from hub.federation.places import HubFolder
from hub.receiving import service as receiving
from node.office.models import OfficeHubKey
from node.office.service import hub_key_named, office_of
from node.transfer.models import Notice
from shared.kernel.keys import SigningKey, sign_document
from shared.kernel.succession import hub_holder, state_succession
from shared.messaging.envelope import EVERYONE, Header, close_envelope
from shared.messaging.link import node_queue
from tests.federation import ADMIN, NOTHING_WRONG, Federation, Unit, everywhere_the_same


def roll(city: Federation) -> None:
    """The hub stops, its key is rolled over, and it starts again."""
    roll_hub_key(ADMIN, city.hub)
    city.start_hub()


def stop_and_put_back(city: Federation, backup: Path, *parts: str) -> None:
    """Restore these parts of the hub's folder from a backup (`hub.sqlite`, `store`, `keys`)."""
    city.hub.database().close()
    for part in parts:
        for old in city.hub.path.glob(f"{part}*"):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        for saved in backup.glob(f"{part}*"):
            copy = shutil.copytree if saved.is_dir() else shutil.copy
            copy(saved, city.hub.path / saved.name)
    city.hub = HubFolder(city.hub.path)


def back_up(city: Federation, path: Path) -> Path:
    city.hub.database().close()
    shutil.copytree(city.hub.path, path)
    city.start_hub()
    return path


def pinned(unit: Unit) -> str | None:
    with unit.folder.database().read() as session:
        return office_of(session).hub_public_key


def test_a_node_that_was_away_through_two_roll_overs_comes_back(
    city: Federation, unit: Unit
) -> None:
    other = city.enrol("宜昌市水利和湖泊局", number="A102")
    first = unit.offer(unit.file(3), "离线以前移交")
    city.settle()
    city.conclude(first, "accepted")
    city.nodes = [other]
    old = city.hub.keys.hub().public
    roll(city)
    city.pass_time()
    roll(city)
    city.nodes = [unit, other]
    unit.start()
    finish_signed(city, unit, first)
    assert pinned(unit) == pinned(other) == city.hub.keys.hub().public.hex
    with unit.folder.database().read() as session:
        register = {row.key_id: (row.epoch, row.from_seq) for row in session.query(OfficeHubKey)}
        assert session.query(Notice).count() == 0
        assert hub_key_named(old.id, session) == old
    assert len(register) == 3
    assert register[old.id] == (None, None)
    assert all(place and seq for key, (place, seq) in register.items() if key != old.id)
    city.finish(unit, unit.offer(unit.file(2, year=2022), "回来以后移交"))
    assert everywhere_the_same(city, unit) == NOTHING_WRONG


def finish_signed(city: Federation, unit: Unit, batch_id: str) -> None:
    """From a verdict under way to received."""
    city.settle()
    assert unit.batch_state(batch_id) == "accepted"
    unit.sign(batch_id)
    city.settle()
    city.sign(batch_id)
    city.settle()
    assert unit.batch_state(batch_id) == "received"


@pytest.mark.parametrize("seed", range(3))
def test_roll_overs_with_messages_in_flight_over_a_stormy_link(tmp_path: Path, seed: int) -> None:
    city = Federation(tmp_path, seed=seed)
    unit = city.enrol("宜昌市文化和旅游局", number="A101")
    batch_id = unit.offer(unit.file(12)[:6])
    for turn in range(40):
        city.turn()
        city.clock.seconds += 7
        if turn in (5 + seed, 20 + seed):
            roll(city)
        if turn % 9 == seed:
            unit.start()
    city.finish(unit, batch_id)
    assert pinned(unit) == city.hub.keys.hub().public.hex
    assert everywhere_the_same(city, unit) == NOTHING_WRONG


def test_a_seal_that_changes_between_two_receipts_leaves_both_good(
    city: Federation, unit: Unit
) -> None:
    city.finish(unit, unit.offer(unit.file(2), "旧印章"))
    roll_seal(ADMIN, city.hub, "420500")
    roll(city)
    city.finish(unit, unit.offer(unit.file(2, year=2022), "新印章"))
    with unit.folder.database().read() as session:
        assert session.query(Notice).count() == 0


def test_a_letter_that_is_not_from_the_hub_is_not_followed(city: Federation, unit: Unit) -> None:
    hub_id = city.hub.settings.hub_id
    real, thief = city.hub.keys.hub(), SigningKey.generate()
    statement = state_succession(hub_holder(hub_id), 2, thief, SigningKey.generate())
    claims = [
        (thief, statement),
        (thief, {**statement, "old_public_key": real.public.hex}),
        # Signed by the hub, yet without the word of the new key.
        (real, {**statement, "old_public_key": real.public.hex}),
        (real, {"what": "anything", "signature": sign_document(real, {})}),
    ]
    for key, body in claims:
        header = Header(sender=hub_id, recipient=EVERYONE, direction="down", kind="hub_key")
        city.link.send(node_queue(unit.node_id), [close_envelope(key, header, body)])
    city.settle()
    assert pinned(unit) == real.public.hex
    city.finish(unit, unit.offer(unit.file(2)))


class TestAHubRestoredFromBeforeARollOver:
    @pytest.fixture
    def yesterday(self, city: Federation, unit: Unit, tmp_path: Path) -> Path:
        unit.file(2, word="昨天")
        city.settle()
        backup = back_up(city, tmp_path / "backup")
        roll(city)
        unit.file(2, year=2022, word="今天")
        city.settle()
        assert pinned(unit) == city.hub.keys.hub().public.hex
        return backup

    @pytest.mark.parametrize("parts", [("hub.sqlite",), ("hub.sqlite", "store")])
    def test_with_the_newest_keys_it_goes_on(
        self, city: Federation, unit: Unit, yesterday: Path, parts: tuple[str, ...]
    ) -> None:
        stop_and_put_back(city, yesterday, *parts)
        begin_generation(city.hub)
        assert settle_keys(city.hub, restored=True) == 1
        city.start_hub()
        city.settle()
        city.finish(unit, unit.offer(unit.file(2, year=2021), "恢复以后"))
        assert everywhere_the_same(city, unit) == NOTHING_WRONG

    def test_a_node_that_was_away_all_the_time_follows_too(
        self, city: Federation, unit: Unit, tmp_path: Path
    ) -> None:
        city.settle()
        backup = back_up(city, tmp_path / "backup")
        city.nodes = []
        roll(city)
        stop_and_put_back(city, backup, "hub.sqlite", "store")
        begin_generation(city.hub)
        settle_keys(city.hub, restored=True)
        city.start_hub()
        city.nodes = [unit]
        city.finish(unit, unit.offer(unit.file(2)))
        assert pinned(unit) == city.hub.keys.hub().public.hex

    def test_with_everything_old_it_stops_as_soon_as_a_node_greets(
        self, city: Federation, unit: Unit, yesterday: Path
    ) -> None:
        stop_and_put_back(city, yesterday, "hub.sqlite", "store", "keys")
        begin_generation(city.hub)
        city.start_hub()
        for _ in range(6):
            city.clock.seconds += 30
            city.turn()
        with city.hub.database().read() as session:
            assert "keys/" in str(city.post.restore_suspected(session))


def test_a_replaced_computer_makes_old_papers_out_and_the_old_one_is_told(
    city: Federation, unit: Unit, tmp_path: Path
) -> None:
    """New device key and seal under a new epoch; what the old ones signed stays signed."""
    signed = unit.offer(unit.file(2), "换机以前签字")
    city.finish(unit, signed)
    roll(city)
    city.settle()
    under_way = unit.offer(unit.file(2, year=2022), "换机时还在检验")
    for _ in range(3):
        unit.agent.step_out()
        city.post.step_in()
    assert city.batch_states()[under_way] == "checking"
    replaced = city.enrol_again(unit, tmp_path / "replaced")
    city.nodes = [replaced, unit]
    unit.file(1, year=2020)
    city.pass_time()
    assert unit.state() == "superseded"
    assert replaced.batch_state(signed) == "received"
    with city.hub.database().read() as session:
        found = {code for row in session.query(receiving.Offer) for code in row.finding_codes}
    assert "seal_of_another" not in found
    city.finish(replaced, under_way)
