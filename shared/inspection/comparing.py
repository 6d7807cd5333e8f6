"""Where two inspections of one batch came to different verdicts on an item, and why that may be.

The unit inspects before it offers, the archive on receipt, by the same version of the scheme. What
still differs lies in what each of them knew: the program, the virus scanner and its definitions, or
facts that only one side has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.inspection.report import Outcome
from shared.inspection.scheme import Item, Occasion, Scheme, is_of_others
from shared.inspection.verdict import Tally

#: The items that the virus scanner decides; that on which it matters what decodes sound and film.
_SCANNED = frozenset({"4-1", "4-2"})
_DECODED = "3-4"
_EXAMINED = (Outcome.FAILED, Outcome.PASSED)


@dataclass(frozen=True)
class Inspected:
    """One side's inspection: by which scheme, with which programs, and its tally.

    An empty text says that the side did not tell.
    """

    scheme: str
    program: str
    scanner: str
    tally: Tally
    decoder: str = ""

    def to_wire(self) -> dict[str, Any]:
        """As it travels with a batch; why items were not run stays with who inspected."""
        return {
            "program": self.program,
            "scanner": self.scanner,
            **({"decoder": self.decoder} if self.decoder else {}),
            "items": {number: dict(each) for number, each in self.tally.outcomes.items()},
            "open": sorted(self.tally.left),
            "reasons": dict(self.tally.reasons),
            "records": self.tally.records,
        }

    @classmethod
    def from_wire(cls, scheme: str, data: Mapping[str, Any]) -> Inspected:
        """Read what `to_wire` wrote. Raises Invalid."""
        tally = Tally.from_wire(data)
        program, scanner, decoder = (
            str(data.get(name, "")) for name in ("program", "scanner", "decoder")
        )
        return cls(scheme, program, scanner, tally, decoder)


@dataclass(frozen=True)
class Difference:
    """One item on which the sides differ: what each found, and the reasons that are known."""

    item: Item
    theirs: Outcome
    ours: Outcome
    their_failures: int
    our_failures: int
    reasons: tuple[str, ...]

    def to_wire(self) -> dict[str, Any]:
        """The difference as plain values, for reports."""
        return {
            "number": self.item.code,
            "name": self.item.name,
            "theirs": str(self.theirs),
            "ours": str(self.ours),
            "their_failures": self.their_failures,
            "our_failures": self.our_failures,
            "reasons": list(self.reasons),
        }


def differences(
    theirs: Inspected, ours: Inspected, scheme: Scheme, occasion: Occasion
) -> tuple[Difference, ...]:
    """The items that both sides have looked at, or one of them could not, with another outcome.

    What was left to the receiving side is no difference, nor what only one side counts (the batch
    as a whole), nor what waits for a person, nor what passes here and did not apply there yet (the
    package is made after the unit has inspected). An item of a third party that only we have is
    one when it fails here.
    """
    found = []
    for item in scheme.items(occasion):
        if item.number in theirs.tally.left:
            continue
        one, other = (each.tally.outcomes.get(item.number) for each in (theirs, ours))
        if not other or not (one or (is_of_others(item.number) and other[Outcome.FAILED])):
            continue
        one = one or Counter({str(Outcome.NOT_RUN): 1})
        first, second = _outcome(one), _outcome(other)
        failures = one[Outcome.FAILED], other[Outcome.FAILED]
        if (first, failures[0]) == (second, failures[1]) or Outcome.MANUAL in (first, second):
            continue
        if {first, second} == {Outcome.NOT_APPLICABLE, Outcome.PASSED}:
            continue
        reasons = _reasons(item, theirs, ours, first, second)
        found.append(Difference(item, first, second, *failures, reasons))
    return tuple(found)


def _outcome(counted: Counter[str]) -> Outcome:
    """What a program has found of one item over all records; failing outweighs the rest."""
    for each in _EXAMINED:
        if counted[each]:
            return each
    return Outcome(counted.most_common(1)[0][0])


def _reasons(
    item: Item, theirs: Inspected, ours: Inspected, first: Outcome, second: Outcome
) -> tuple[str, ...]:
    reasons = []
    if theirs.scheme != ours.scheme:
        said = theirs.scheme or "（没有说明）"
        reasons.append(f"检测方案不同：单位用 {said}，本馆用 {ours.scheme}")
    if theirs.program != ours.program:
        said = theirs.program or "（没有说明）"
        reasons.append(f"程序版本不同：单位用 {said}，本馆用 {ours.program}")
    if item.number in _SCANNED and theirs.scanner != ours.scanner:
        one, other = (each.scanner or "（没有）" for each in (theirs, ours))
        reasons.append(f"杀毒软件不同：单位用 {one}，本馆用 {other}")
    if item.number == _DECODED and theirs.decoder != ours.decoder:
        one, other = (each.decoder or "（没有）" for each in (theirs, ours))
        reasons.append(f"音像解码程序不同：单位用 {one}，本馆用 {other}")
    for who, side, outcome in (("单位", theirs, first), ("本馆", ours, second)):
        reason = side.tally.reasons.get(item.number)
        if outcome not in _EXAMINED and reason:
            reasons.append(f"{who}：{reason}")
    if not reasons:
        reasons.append("双方掌握的情况不同：登记的印章、其他批次的档号，或文件在传送前后的差别")
    return tuple(reasons)
