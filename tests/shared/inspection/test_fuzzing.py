"""Sound files with bytes flipped, cut, swapped: nothing crashes, hangs, or passes falsely."""

from __future__ import annotations

import io
import os
import random
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shared.inspection.formats import identify, sandbox
from shared.inspection.formats.child import PATIENCE
from shared.inspection.formats.looking import examine
from shared.inspection.formats.trouble import DAMAGED, LOCKED, REPAIRABLE, UNEXAMINED
from tests.shared.inspection.test_formats import SOUND

AT_LENGTH = int(os.environ.get("FUZZ", "20000"))
#: What says of a file that it cannot be taken as it is.
BAD = {DAMAGED, REPAIRABLE, LOCKED, UNEXAMINED}
#: Every entry of these has a check sum: a changed byte of its content cannot go unseen.
SUMMED = {"ofd", "docx", "xlsx", "siard", "zip"}
#: These say how long they are: half of one is never whole.
LONG_AS_SAID = SUMMED | {
    "pdf",
    "doc",
    "rtf",
    "xml",
    "eml",
    "tiff",
    "jpeg",
    "png",
    "jp2",
    "wav",
    "mp4",
}
MOST_SECONDS = 30.0


def flipped(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 8, 40))):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(1, len(content))]


def swapped(content: bytes, chance: random.Random) -> bytes:
    length = chance.randrange(1, max(2, len(content) // 4))
    first, second = (chance.randrange(len(content)) for _ in range(2))
    changed = bytearray(content)
    changed[first : first + length], changed[second : second + length] = (
        content[second : second + length],
        content[first : first + length],
    )
    return bytes(changed)


def repeated(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content))
    return content[:at] + content[at : at + chance.randrange(1, 400)] * 50 + content[at:]


CHANGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (flipped, cut, swapped, repeated)


def judge(original: bytes, changed: bytes, change: str, kinds: set[str]) -> str | None:
    """What is wrong with a verdict on a changed file; None when nothing is."""
    kind, was = identify(io.BytesIO(changed)), identify(io.BytesIO(original))
    if kind is None or kind != was or kinds & BAD or changed == original:
        return None  # it is another kind now, which 3-3 sees, or it is found out
    if change == "cut" and kind.code in LONG_AS_SAID and len(changed) < len(original) // 2:
        return f"half of a {kind.code} passed"
    if kind.code in SUMMED and is_broken(changed):
        return f"a {kind.code} that does not unpack passed"
    return None


def is_broken(container: bytes) -> bool:
    """Whether an entry does not unpack to what its check sum says."""
    try:
        with zipfile.ZipFile(io.BytesIO(container)) as archive:
            return archive.testzip() is not None
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, OSError):
        return True


def attempt(number: int, samples: list[bytes], *, inside: bool) -> str | None:
    """One try, the same for the same number; what went wrong, or None."""
    chance = random.Random(number)
    original, change = chance.choice(samples), chance.choice(CHANGES)
    changed = change(original, chance)
    begun = time.monotonic()
    if inside:
        found = examine(io.BytesIO(changed), {}, 20)
    else:
        found = sandbox.examine(io.BytesIO(changed))
        if time.monotonic() - begun > sandbox._AT_LEAST * PATIENCE + MOST_SECONDS:
            return f"try {number} went on too long"
    wrong = judge(original, changed, change.__name__, {each.kind for each in found.troubles})
    return f"try {number}: {wrong}" if wrong else None


def test_changed_files_crash_nothing_and_never_pass_falsely() -> None:
    """In this process: what raises here would have been an unexamined file in a child."""
    samples = [content for _code, content in sorted(SOUND.items()) if len(content) < 50_000]
    wrong = [attempt(number, samples, inside=True) for number in range(400)]
    assert [each for each in wrong if each] == []


def test_changed_files_are_told_from_sound_ones_in_the_sandbox_too() -> None:
    samples = [SOUND[code] for code in ("pdf", "ofd", "jpeg", "doc", "xlsx")]
    wrong = [attempt(number, samples, inside=False) for number in range(60)]
    assert [each for each in wrong if each] == []


@pytest.mark.at_length
@pytest.mark.timeout(3600)
def test_changed_real_files_at_length(real_samples: list[dict[str, str]]) -> None:
    """`FUZZ=20000` tries over the real samples and ours, each in its own child."""
    samples = [Path(row["path"]).read_bytes() for row in real_samples if row["status"] == "valid"]
    samples += SOUND.values()
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        tries = pool.map(lambda number: attempt(number, samples, inside=False), range(AT_LENGTH))
        assert [each for each in tries if each] == []
