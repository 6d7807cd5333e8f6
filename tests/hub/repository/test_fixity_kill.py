"""kill -9 while a second copy is written, and while either is mended from the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select

from hub.federation.places import HubFolder
from hub.repository import fixity
from hub.repository.examining import Stores
from hub.repository.keeping import Copy
from hub.repository.models import FileFault, KeptObject
from shared.kernel.clock import now
from tests.damage import flipped
from tests.hub.conftest import City
from tests.hub.receiving.handover import YILING_ARCHIVE
from tests.hub.repository.keeping import Keeper, contents, damage, with_second_store
from tests.hub.repository.validating import assert_valid
from tests.killed import Bomb, dies, mined

pytestmark = pytest.mark.faults


def keeper_of(folder: HubFolder) -> Keeper:
    return Keeper(
        folder.database(), Stores(folder.store, folder.second_store), folder.settings.hub_id
    )


def works(path: Path, copy: str, what: str, at: int) -> None:
    """Copy what waits, or mend a copy, until death at the `at`-th of what is named."""
    fixity._AT_ONCE = 1
    folder = HubFolder(path)
    keeper, bomb = keeper_of(folder), Bomb(at)
    port, _, moment = what.partition("-")
    if port == "commit":
        event.listen(folder.database().engine, "commit", lambda connection: bomb.tick())
    else:
        store: Any = keeper.stores.of(Copy.FIRST if copy == Copy.FIRST else Copy.SECOND)
        setattr(store, port, mined(getattr(store, port), bomb, after=moment == "after"))
    if copy == "waiting":
        keeper.copy()
    else:
        keeper.faults(Copy(copy), mends=True)


@pytest.fixture
def keeper(city: City, tmp_path: Path) -> Keeper:
    (tmp_path / "second").mkdir()
    return keeper_of(with_second_store(city.folder, str(tmp_path / "second")))


def die(city: City, keeper: Keeper, copy: str, what: str, at: int) -> bool:
    keeper.database.close()
    return dies(works, city.folder.path, copy, what, at)


# The mark of the store, three files of the root; then package, receipt, metadata of one record.
COPYING = [
    ("put-after", 1), ("put-before", 6), ("put-after", 8),
    *(("replace-before", at) for at in (1, 5, 6, 7)), ("commit", 1),
]  # fmt: skip


@pytest.mark.parametrize(("what", "at"), COPYING)
def test_killed_while_a_second_copy_is_written(
    city: City, keeper: Keeper, *, what: str, at: int
) -> None:
    place = keeper.keep()
    assert die(city, keeper, "waiting", what, at)
    keeper.copy()
    first, second = keeper.stores.first, keeper.stores.of(Copy.SECOND)
    assert contents(second, place) == contents(first, place)
    assert_valid(second, YILING_ARCHIVE)
    with keeper.database.read() as session:
        row = session.get_one(KeptObject, place)
    assert (row.waiting_since, row.second_intact) == (None, True)


# Of each damaged file: its bytes are put aside, it goes, the intact one is put in its place.
MENDING = [
    ("put-before", 1), ("put-after", 1), ("put-before", 2), ("put-after", 2),
    ("delete-before", 1), ("delete-after", 1), ("replace-before", 2), ("replace-after", 1),
    *(("commit", at) for at in (1, 2)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("copy", "what", "at"),
    [
        *((Copy.FIRST, *each) for each in MENDING),
        *((Copy.SECOND, *each) for each in MENDING[2:5:2]),
    ],
)
def test_killed_while_mending(
    city: City, keeper: Keeper, *, copy: Copy, what: str, at: int
) -> None:
    place = keeper.keep(corrections=0)
    keeper.copy()
    store = keeper.stores.of(copy)
    whole = contents(store, place)
    faulty = [name for name in whole if "/content/" in name or "/inventory.json" in name]
    for name in faulty:
        damage(store, name, flipped(whole[name]))
    assert die(city, keeper, copy, what, at)
    # Where it was found, it is known to be faulty still, until somebody has looked again.
    with keeper.database.read() as session:
        found = len(session.scalars(select(FileFault)).all())
    assert found in ((0,) if (what, at) == ("commit", 1) else (len(faulty),))
    assert keeper.faults(copy, mends=True) == set()
    assert contents(store, place) == whole
    aside = contents(store, f"archives/{YILING_ARCHIVE}/aside/").values()
    assert set(aside) == {flipped(whole[name]) for name in faulty}
    with keeper.database.read() as session:
        assert session.scalars(select(FileFault)).all() == []


def test_a_run_that_was_killed_goes_on_with_what_was_not_read_yet(
    city: City, keeper: Keeper
) -> None:
    for _ in range(4):
        keeper.keep(corrections=0)
    began = now()
    assert die(city, keeper, Copy.FIRST, "commit", 3)
    with keeper.database.read() as session:
        rows = session.scalars(select(KeptObject)).all()
    assert sum(row.looked_at > began for row in rows) == 2
    assert len(list(keeper.fixity().run(began))) == 2
