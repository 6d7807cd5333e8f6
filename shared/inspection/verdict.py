"""The verdict 结论 on a batch: what machines have found in its records, and persons have decided.

A batch passes only when every mandatory item was run and passed, and each item in which a person
has a part was decided by one whose name is known. What nobody has looked at leaves it open.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from shared.inspection.report import CheckResult, Outcome, Report
from shared.inspection.scheme import Item, Occasion, Scheme
from shared.kernel.errors import Invalid


class Verdict(StrEnum):
    """What a batch comes to."""

    PASSED = "passed"
    FAILED = "failed"
    OPEN = "open"

    @property
    def label(self) -> str:
        """The name that people see."""
        return {"passed": "合格", "failed": "不合格", "open": "未完成"}[self.value]


@dataclass(frozen=True)
class Decision:
    """What a person has decided on an item of a batch 人工检测: passed, or failed with a reason.

    `at` is the time as `format_utc` writes it.
    """

    number: str
    passed: bool
    reason: str
    by: str
    at: str

    def to_wire(self) -> dict[str, Any]:
        """The decision as plain values, as it travels in a verdict."""
        outcome = Outcome.PASSED if self.passed else Outcome.FAILED
        return {
            "number": self.number,
            "outcome": str(outcome),
            "reason": self.reason,
            "by": self.by,
            "at": self.at,
        }


@dataclass
class Tally:
    """How often each item had each outcome over the records of a batch, and why some were not run.

    Reports are added one by one, so that nobody has to hold them all.
    """

    records: int = 0
    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)

    def add(self, report: Report) -> None:
        """Count the report on one record in."""
        self.add_results(report.checks)

    def add_results(self, results: Iterable[CheckResult]) -> None:
        """Count the results of one record in."""
        self.records += 1
        self.add_of_set(results)

    def add_of_set(self, results: Iterable[CheckResult]) -> None:
        """Count in what the batch as a whole has shown; that is no record."""
        for each in results:
            self.outcomes.setdefault(each.number, Counter())[str(each.outcome)] += 1
            if each.reason:
                self.reasons.setdefault(each.number, each.reason)
            if each.is_open:
                self.left.add(each.number)

    def to_wire(self) -> dict[str, Any]:
        """The tally as plain values."""
        return {
            "records": self.records,
            "items": {number: dict(counted) for number, counted in self.outcomes.items()},
            "reasons": dict(self.reasons),
            "open": sorted(self.left),
        }

    @classmethod
    def from_wire(cls, data: object) -> Self:
        """Read what `to_wire` wrote. Raises Invalid."""
        try:
            if not isinstance(data, Mapping):
                raise TypeError
            items = {
                str(number): Counter({str(Outcome(each)): int(count) for each, count in of.items()})
                for number, of in data["items"].items()
            }
            return cls(int(data["records"]), items, dict(data["reasons"]), set(data["open"]))
        except (AttributeError, KeyError, TypeError, ValueError):
            raise Invalid("tally", "检测统计的写法不正确。", "请重新检测。") from None


@dataclass(frozen=True)
class ItemVerdict:
    """One item of a batch: what it comes to, over how many records, and who decided on it."""

    item: Item
    outcome: Outcome
    reason: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    decision: Decision | None = None
    is_open: bool = False

    @property
    def waits(self) -> bool:
        """Whether a person still has to decide on it."""
        return self.outcome is Outcome.MANUAL

    @property
    def explained(self) -> str:
        """Why it came to this, for people: with how many records it is about.

        `reason` is that of one record; of one that a person looks at it is an example.
        """
        if self.decision is not None:
            return self.reason
        if count := self.counts.get(str(Outcome.FAILED)):
            return f"{count} 件不通过。"
        count = self.counts.get(str(Outcome.MANUAL))
        if self.waits and self.reason and count:
            return f"{count} 件待人工检测，如：{self.reason}"
        return self.reason


@dataclass(frozen=True)
class BatchVerdict:
    """What an inspection of a batch comes to, item by item.

    `score` is the weight of what was passed in a hundred of what applies and was examined;
    `pass_score` is the least that passes, 0 where the archive has set none. `missing` are the
    numbers that failed when they were run and that this program does not have any more, as the
    addition of a third party was taken away: what was found stays found.
    """

    verdict: Verdict
    items: tuple[ItemVerdict, ...]
    score: int
    scheme: str
    pass_score: int = 0
    missing: tuple[str, ...] = ()

    @property
    def undecided(self) -> tuple[ItemVerdict, ...]:
        """The mandatory items that wait for a person: nothing is received before."""
        return tuple(each for each in self.items if each.waits and each.item.mandatory)

    @property
    def refused(self) -> tuple[ItemVerdict, ...]:
        """The items that a person has looked at and found failing."""
        return tuple(each for each in self.items if each.decision and not each.decision.passed)

    @property
    def asked(self) -> tuple[ItemVerdict, ...]:
        """The items in which a person has a part, decided or not."""
        return tuple(each for each in self.items if each.waits or each.decision)

    @property
    def failed(self) -> tuple[ItemVerdict, ...]:
        """The items that failed."""
        return tuple(each for each in self.items if each.outcome is Outcome.FAILED)

    @property
    def not_run(self) -> tuple[ItemVerdict, ...]:
        """The mandatory items that nothing has examined."""
        return tuple(
            each for each in self.items if each.outcome is Outcome.NOT_RUN and each.item.mandatory
        )

    @property
    def conclusion(self) -> str:
        """The verdict in one sentence, for people."""
        parts = []
        if self.failed:
            parts.append(f"{len(self.failed)} 项不通过")
        if self.missing:
            parts.append(f"{'、'.join(self.missing)} 不通过（本程序已没有这一项）")
        if self.not_run:
            parts.append(f"{len(self.not_run)} 项未检测")
        if self.undecided:
            parts.append(f"{len(self.undecided)} 项等待人工检测")
        if self.pass_score:
            parts.append(f"得分 {self.score}（合格分数 {self.pass_score}）")
        return f"{self.verdict.label}{'：' if parts else ''}{'，'.join(parts)}。"


def judge(
    scheme: Scheme, occasion: Occasion, tally: Tally, decisions: Iterable[Decision] = ()
) -> BatchVerdict:
    """What a batch comes to, by a scheme on an occasion."""
    decided = {each.number: each for each in decisions}
    items = tuple(
        _item(scheme, occasion, item, tally, decided.get(item.number))
        for item in scheme.items(occasion)
    )
    examined = [each for each in items if each.outcome in (Outcome.PASSED, Outcome.FAILED)]
    whole = sum(each.item.weight for each in examined)
    good = sum(each.item.weight for each in examined if each.outcome is Outcome.PASSED)
    score = 100 * good // whole if whole else 0
    missing = tuple(
        number
        for number, counted in sorted(tally.outcomes.items())
        if number not in scheme.rows and counted[Outcome.FAILED]
    )
    verdict = Verdict.FAILED if missing else _verdict(scheme, items, score)
    return BatchVerdict(verdict, items, score, scheme.version, scheme.pass_score, missing)


def _verdict(scheme: Scheme, items: Iterable[ItemVerdict], score: int) -> Verdict:
    is_open = False
    for each in items:
        counts = each.item.mandatory or each.item.veto
        if each.outcome is Outcome.FAILED and counts:
            return Verdict.FAILED
        if each.item.mandatory and each.outcome in (Outcome.NOT_RUN, Outcome.MANUAL):
            is_open = True
    if is_open:
        return Verdict.OPEN
    return Verdict.PASSED if score >= scheme.pass_score else Verdict.FAILED


def _item(
    scheme: Scheme, occasion: Occasion, item: Item, tally: Tally, decision: Decision | None
) -> ItemVerdict:
    counts = tally.outcomes.get(item.number, Counter())
    reason = tally.reasons.get(item.number, "")
    if item.number in tally.left or scheme.open_reason(item, occasion):
        left = reason or scheme.open_reason(item, occasion)
        return ItemVerdict(item, Outcome.NOT_RUN, left, counts, is_open=True)
    outcome = _outcome(item, counts, decision, asks=scheme.asks_persons(occasion))
    if outcome is Outcome.NOT_RUN and not counts:
        reason = reason or "没有检测。"
    if decision is not None and outcome is not Outcome.NOT_APPLICABLE:
        return ItemVerdict(item, outcome, decision.reason, counts, decision)
    said = reason if outcome is not Outcome.PASSED else ""
    return ItemVerdict(item, outcome, said, counts)


def _outcome(item: Item, counts: Counter[str], decision: Decision | None, *, asks: bool) -> Outcome:
    if counts[Outcome.FAILED] or (decision is not None and not decision.passed):
        return Outcome.FAILED
    if counts and counts.total() == counts[Outcome.NOT_APPLICABLE]:
        return Outcome.NOT_APPLICABLE
    if decision is not None:
        return Outcome.PASSED
    if counts[Outcome.MANUAL] or (asks and item.asks_person):
        return Outcome.MANUAL
    if counts[Outcome.NOT_RUN] or not counts:
        return Outcome.NOT_RUN
    return Outcome.PASSED
