"""kill -9 at every enumerated point of a correction: it is made once, and heard once."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from hub.repository import objects
from hub.repository import service as repository
from hub.repository.models import KeptDescription
from shared.kernel.actor import Actor
from tests.hub.correcting.conftest import Kept
from tests.hub.receiving.handover import YILING_ARCHIVE
from tests.hub.receiving.test_kill import die
from tests.hub.repository.validating import assert_valid

pytestmark = pytest.mark.faults

# One put writes the description, four replaced files make the object's version count; one commit
# makes the record's version and tells the node.
POINTS = [
    ("put-before", 1),
    ("put-after", 1),
    *(("replace-before", at) for at in range(2, 5)),
    ("commit", 1),
]


@pytest.mark.parametrize(("what", "at"), POINTS)
@pytest.mark.parametrize("times", [1, 2])
def test_killed_while_correcting(
    kept: Kept, archivist: Actor, *, what: str, at: int, times: int
) -> None:
    before = kept.held()
    asked = kept.ask(title="更正后的题名")
    kept.make(archivist, asked, title="更正后的题名")
    for _ in range(times):
        assert die(kept.hub, what, at)
        assert kept.correction(asked).state == "making"
        assert kept.held().digest == before.digest
        assert kept.unit.heard("changed") == []
    kept.hub.work()
    assert kept.correction(asked).state == "made"
    assert (kept.held().version, kept.held().title) == (before.version + 1, "更正后的题名")
    assert len(kept.unit.heard("changed")) == 1
    store = kept.hub.city.folder.store
    assert repository.verify(kept.hub.city.database, store, YILING_ARCHIVE) == []
    folder = objects.folder_of(YILING_ARCHIVE, kept.id)
    assert sum("description-" in name for name in store.names(f"{folder}/")) == 1
    assert_valid(store, YILING_ARCHIVE)
    with kept.hub.city.database.read() as session:
        assert session.scalar(select(func.count()).select_from(KeptDescription)) == 1
