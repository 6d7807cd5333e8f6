"""The checks by their numbers: `@check` for those that are built, `unbuilt` for the others.

One function under one number. A check yields findings; none means that it passed. A check that
cannot say anything raises `Skipped`, and then reads as that, never as passed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from shared.inspection.finding import Finding, Property
from shared.inspection.report import CheckResult, Outcome, Stage
from shared.kernel.errors import Unavailable

log = logging.getLogger(__name__)

ALL = (Stage.FILING, Stage.TRANSFER, Stage.PRESERVATION)


class Skipped(Exception):
    """Raised by a check that has nothing to examine, or nothing to examine it with."""

    def __init__(self, reason: str, outcome: Outcome = Outcome.NOT_RUN) -> None:
        super().__init__(reason)
        self.reason = reason
        self.outcome = outcome


def not_applicable(reason: str) -> Skipped:
    """There is nothing here that the check is about."""
    return Skipped(reason, Outcome.NOT_APPLICABLE)


@dataclass(frozen=True)
class Check:
    """One item of DA/T 70-2018, or one of ours (`DL-…`)."""

    number: str
    property: Property
    name: str
    stages: tuple[Stage, ...]
    of_batch: bool
    function: Callable[[Any], Iterator[Finding]]
    is_built: bool = True

    def run(self, subject: Any) -> tuple[CheckResult, list[Finding]]:
        """Run it; a crash is logged and reads as not run."""
        found: list[Finding] = []
        try:
            for finding in self.function(subject):
                found.append(replace(finding, number=self.number, property=self.property))
        except Skipped as skipped:
            if not found:
                return self._result(skipped.outcome, skipped.reason), []
        except Unavailable:
            raise
        except Exception:
            log.exception("check %s crashed", self.number)
            return self._result(Outcome.NOT_RUN, "检测程序出错，请联系管理员。"), found
        failed = any(finding.is_error for finding in found)
        return self._result(Outcome.FAILED if failed else Outcome.PASSED), found

    def skipped(self, reason: str) -> CheckResult:
        """The result when it is not even tried."""
        return self._result(Outcome.NOT_RUN, reason)

    def _result(self, outcome: Outcome, reason: str = "") -> CheckResult:
        return CheckResult(self.number, self.property, self.name, outcome, reason)


_CHECKS: dict[str, Check] = {}

CheckFunction = Callable[[Any], Iterator[Finding]]


def check(
    number: str,
    property: Property,
    name: str,
    *,
    stages: tuple[Stage, ...] = ALL,
    of_batch: bool = False,
    is_built: bool = True,
) -> Callable[[CheckFunction], CheckFunction]:
    """Register a function as the check of this number, on a `Subject` or (batch) a `Batch`."""

    def register(function: CheckFunction) -> CheckFunction:
        if number in _CHECKS:
            raise ValueError(f"check {number} is there twice")
        _CHECKS[number] = Check(number, property, name, stages, of_batch, function, is_built)
        return function

    return register


def unbuilt(
    number: str,
    property: Property,
    name: str,
    reason: str,
    outcome: Outcome = Outcome.NOT_RUN,
    *,
    of_batch: bool = False,
) -> None:
    """Name an item of the standard that no function examines, and say why."""

    def skip(_subject: Any) -> Iterator[Finding]:
        raise Skipped(reason, outcome)

    check(number, property, name, of_batch=of_batch, is_built=False)(skip)


def checks_of(stage: Stage, *, of_batch: bool = False) -> list[Check]:
    """The checks of a stage, in the order of the standard; ours come last."""
    found = [
        each for each in _CHECKS.values() if stage in each.stages and each.of_batch == of_batch
    ]
    return sorted(found, key=_order)


def _order(each: Check) -> tuple[int, int, str]:
    group, _, number = each.number.partition("-")
    return (int(group) if group.isdecimal() else 99, int(number), group)
