"""One minor version apart: what every released version said is taken today as it was meant then.

`recorder.py` made the recordings, one folder for each release. The present program is recorded
anew in each run, so that the recorder works on the day of a release.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from hub.wiring import handlers
from node.wiring import HANDLERS
from shared.messaging.envelope import Message
from tests.federation import Federation
from tests.released.recorder import outline, record
from tests.released.recording import Recording, run_of
from tests.released.replay import Replay

HERE = Path(__file__).parent
RELEASED = sorted(path.parent.name for path in HERE.glob("*/legs.json"))
PRESENT = "present"
#: What no release has said yet; the recording of the next one has to tell it.
NOT_RELEASED = {
    "up": {
        "correction",
        "disposal_list",
        "hand_over_asked",
        "hand_over_called_off",
        "hand_over_evidence",
        "hand_over_frozen",
        "hand_over_given",
        "hand_over_settled",
        "hand_over_taken",
        "refused",
    },
    "down": {
        "changed",
        "correction_held",
        "declined",
        "disposed",
        "hand_over",
        "hub_key",
        "ruleset",
        "schedule",
    },
}
#: Of an answer, what is another each time.
_EACH_TIME = {"time", "token", "upload_id", "expires_at"}


@pytest.fixture(params=[*RELEASED, PRESENT])
def recording(request: pytest.FixtureRequest, tmp_path: Path) -> Recording:
    """What one version said."""
    recorded = HERE / request.param
    if request.param == PRESENT:
        recorded = tmp_path / PRESENT
        record(recorded, PRESENT)
    return Recording(recorded, tmp_path / "folders")


def test_what_a_version_said_is_taken_as_it_was_meant(recording: Recording) -> None:
    replay = Replay(recording)
    known = {"node": recording.entries("up"), "hub": recording.entries("down"), "door": {}}
    for leg in recording.legs:
        outcome = replay.take(leg)
        assert outcome.holds == leg.after, leg.title
        assert [answer.header.kind for answer in outcome.answers] == [
            answer["kind"] for answer in leg.answers
        ], leg.title
        for answer, wanted in zip(outcome.answers, leg.answers, strict=True):
            assert _says_at_least(outline(answer), wanted), leg.title
        assert list(_unreadable(outcome.told, known[leg.receiver])) == [], leg.title


def _says_at_least(said: Any, wanted: Any) -> bool:
    """Whether an answer says all that the recorded one did; it may say more."""
    if not (isinstance(said, dict) and isinstance(wanted, dict)):
        return bool(said == wanted)
    return said.keys() >= wanted.keys() and all(
        _says_at_least(said[name], value)
        for name, value in wanted.items()
        if name not in _EACH_TIME
    )


def _unreadable(told: Sequence[Message], known: Mapping[str, set[str]]) -> Iterator[str]:
    """Entries that the other version does not know, or that lack what it may count on."""
    for message in told:
        if message.header.kind == "run":
            for entry in run_of(message).entries:
                if not known.get(entry.kind, {entry.kind}) <= set(entry.body):
                    yield f"{entry.kind}: {sorted(entry.body)}"


def test_every_kind_of_entry_that_was_ever_released_is_recorded(tmp_path: Path) -> None:
    assert RELEASED, "no release is recorded"
    known = {"up": set(handlers(Federation(tmp_path / "city").hub)), "down": set(HANDLERS)}
    said: dict[str, set[str]] = {"up": set(), "down": set()}
    for version in RELEASED:
        recording = Recording(HERE / version, tmp_path / version)
        assert recording.version == version
        for direction, kinds in said.items():
            kinds |= set(recording.entries(direction))
    for direction, kinds in known.items():
        assert kinds - said[direction] == NOT_RELEASED[direction]
        assert said[direction] <= kinds, "what was once told must be understood for good"
