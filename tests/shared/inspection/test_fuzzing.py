"""Sound files with bytes flipped, cut, swapped, put in: nothing crashes, hangs, or passes falsely.

A file may pass although it was changed: most formats have bytes that mean nothing, and a letter in
a text is as good as another. What passes must still be shown whole by a reader that is not ours
(`other_readers`), wherever that reader showed the file whole before it was changed.
"""

from __future__ import annotations

import io
import os
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from shared.inspection.formats import identify, sandbox
from shared.inspection.formats.child import PATIENCE
from shared.inspection.formats.examination import Examination
from shared.inspection.formats.looking import examine
from shared.inspection.formats.trouble import DAMAGED, LOCKED, REPAIRABLE, UNEXAMINED, UNSURE
from tests.shared.inspection.conftest import SAMPLES, sample_rows
from tests.shared.inspection.looks import PLAYED, SOUND
from tests.shared.inspection.other_readers import READERS, complaints

AT_LENGTH = int(os.environ.get("FUZZ", "20000"))
FROM = int(os.environ.get("FUZZ_FROM", "0"))
#: What says of a file that it cannot be taken as it is.
BAD = {DAMAGED, REPAIRABLE, LOCKED, UNEXAMINED}
#: These say how long they are: half of one is never whole.
LONG_AS_SAID = {
    *("ofd", "docx", "xlsx", "pptx", "siard", "zip", "pdf", "doc", "rtf", "xml", "eml"),
    *("tiff", "jpeg", "png", "jp2", "wav", "mp4"),
}
#: Beyond the child's own limits, on a PC that does much else.
MOST_SECONDS = sandbox._AT_LEAST * PATIENCE + 30.0


@dataclass(frozen=True, repr=False)
class Sample:
    """A sound file, and whether the other readers show it whole as it is."""

    name: str
    content: bytes

    @property
    def code(self) -> str:
        found = identify(io.BytesIO(self.content))
        return found.code if found else ""

    @cache  # noqa: B019 - a handful of samples, for as long as the tests run
    def is_shown(self) -> bool:
        return not complaints(self.code, self.content)

    def __repr__(self) -> str:
        return self.name


OWN = [Sample(f"own {code}", content) for code, content in sorted(SOUND.items())]
SMALL = [each for each in OWN if len(each.content) < 50_000]


@dataclass(frozen=True, repr=False)
class Changed:
    """A sample with changes, each named."""

    sample: Sample
    changes: tuple[str, ...]
    content: bytes

    def __repr__(self) -> str:
        return f"{self.sample}: {', '.join(self.changes)}"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(repr(self))  # hypothesis would print all the bytes


def changed(sample: Sample, chance: Random) -> Changed:
    """A sample with one to four changes, anywhere in it."""
    content, said = bytearray(sample.content), []
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        how = chance.choice(("flip", "flip", "cut", "take out", "swap", "insert", "repeat"))
        at, other = (chance.randrange(max(1, len(content))) for _ in range(2))
        said.append(f"{how} at {at}")
        length = chance.randrange(1, 400)
        if how == "flip":
            for place in (at, *(chance.randrange(len(content)) for _ in range(length % 4))):
                content[place] ^= 1 << chance.randrange(8)
        elif how == "cut":
            del content[at:]
        elif how == "take out":
            del content[at : at + length]
        elif how == "insert":
            content[at:at] = chance.randbytes(length % 40 + 1)
        elif how == "repeat":
            content[at:at] = bytes(content[at : at + length]) * 50
        else:
            length = chance.randrange(1, max(2, len(content) // 4))
            content[at : at + length], content[other : other + length] = (
                content[other : other + length],
                content[at : at + length],
            )
        if not content:
            break
    return Changed(sample, tuple(said), bytes(content))


def tries(samples: list[Sample]) -> st.SearchStrategy[Changed]:
    """Changed files by their number: the same number makes the same file."""
    return st.integers(0, 2**32).map(lambda number: the_try(samples, number))


def the_try(samples: list[Sample], number: int) -> Changed:
    chance = Random(number)
    return changed(chance.choice(samples), chance)


def judge(changed: Changed, found: Examination) -> str:
    """What became of a changed file. Raises AssertionError for one that passed falsely."""
    sample, content = changed.sample, changed.content
    if content == sample.content:
        return "not changed after all"
    kinds = {each.kind for each in found.troubles}
    if kinds & BAD:
        return "found out"
    if UNSURE in kinds and sample.code not in PLAYED:
        return "left to a person"
    if found.kind is None or found.kind.code != sample.code:
        return "of another kind now"  # which 3-3 sees by its extension
    cut = len(changed.changes) == 1 and changed.changes[0].startswith("cut")
    is_half = cut and len(content) < len(sample.content) // 2
    assert not (is_half and found.kind.code in LONG_AS_SAID), "half of it passed"
    if sample.code not in READERS or not sample.is_shown():
        return "passed, and no other reader to ask"
    said = complaints(found.kind.code, content, sample.content)
    assert not said, f"passed, but {said}"
    return "passed, and shown whole by another reader"


def fuzzing(most: int) -> settings:
    """The settings of so many tries; by chance, and no time limit but the sandbox's own."""
    return settings(
        max_examples=most,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )


@fuzzing(40)
@given(tries(SMALL))
def test_changed_files_crash_nothing_and_never_pass_falsely(made: Changed) -> None:
    """In this process: what raises here would have been an unexamined file in a child."""
    judge(made, examine(io.BytesIO(made.content), {}, 20))


@fuzzing(15)
@given(tries([each for each in OWN if each.code in ("pdf", "ofd", "jpeg", "doc", "xlsx")]))
def test_changed_files_are_told_from_sound_ones_in_the_sandbox_too(made: Changed) -> None:
    judge(made, sandbox.examine(io.BytesIO(made.content)))


@pytest.mark.at_length
@pytest.mark.timeout(0)
def test_changed_real_files_at_length() -> None:
    """`FUZZ=20000` tries over the real samples (where they are) and ours, each in its own child.

    From the number `FUZZ_FROM` on. What passes falsely is told at once, with its number, and the
    tries go on.
    """
    real = [
        Sample(row["file"], Path(row["path"]).read_bytes())
        for row in (sample_rows() if SAMPLES.is_dir() else [])
        if row["status"] in ("valid", "risk", "seal_invalid")
    ]
    became: defaultdict[str, Counter[str]] = defaultdict(Counter)
    false: list[str] = []
    longest = 0.0
    for number in range(FROM, FROM + AT_LENGTH):
        made = the_try(real + OWN, number)
        begun = time.monotonic()
        found = sandbox.examine(io.BytesIO(made.content))
        longest = max(longest, time.monotonic() - begun)
        of_format = became[made.sample.code]
        if any(each.kind == UNEXAMINED for each in found.troubles):
            of_format["ended its process"] += 1
        try:
            of_format[judge(made, found)] += 1
        except AssertionError as error:
            false.append(f"{number}: {made}: {error}")
            print(false[-1], flush=True)  # noqa: T201
        if number % 500 == 499:
            print(f"{number + 1}: {longest:.1f} s at most", flush=True)  # noqa: T201
    for code, counted in sorted(became.items()):
        print(f"{code or 'no format'}: {counted.total()} tries, {dict(counted)}")  # noqa: T201
    assert not false, "\n".join(false)
    assert longest < MOST_SECONDS, "went on too long"
