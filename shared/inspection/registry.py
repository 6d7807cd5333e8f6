"""The functions of the items by their numbers: `@check("1-7")`; what they are, the scheme says.

One function under one number. It yields findings; none means that the item is passed. A function
that cannot say anything raises `Skipped`, and then reads as that, never as passed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from shared.inspection.finding import Finding
from shared.inspection.report import CheckResult, Outcome
from shared.inspection.scheme import Item, Occasion, Scheme
from shared.kernel.errors import Unavailable

log = logging.getLogger(__name__)


#: Why an item was not run whose function crashed.
CRASHED = "检测程序出错，请联系管理员。"


class Skipped(Exception):
    """Raised by a check that has nothing to examine, or nothing to examine it with."""

    def __init__(self, reason: str, outcome: Outcome = Outcome.NOT_RUN) -> None:
        super().__init__(reason)
        self.reason = reason
        self.outcome = outcome


def not_applicable(reason: str) -> Skipped:
    """There is nothing here that the check is about."""
    return Skipped(reason, Outcome.NOT_APPLICABLE)


CheckFunction = Callable[[Any], Iterator[Finding]]


@dataclass(frozen=True)
class _Function:
    examine: CheckFunction
    of_batch: bool


_FUNCTIONS: dict[str, _Function] = {}


def check(number: str, *, of_batch: bool = False) -> Callable[[CheckFunction], CheckFunction]:
    """Register the function of an item, on a `Subject` or (batch) a `Batch`."""

    def register(function: CheckFunction) -> CheckFunction:
        if number in _FUNCTIONS:
            raise ValueError(f"check {number} is there twice")
        _FUNCTIONS[number] = _Function(function, of_batch)
        return function

    return register


@dataclass(frozen=True)
class Check:
    """One item on one occasion, with its function where there is one.

    `left` says why it stays open for the other side; empty when it does not.
    """

    item: Item
    examine: CheckFunction | None = None
    left: str = ""

    @property
    def number(self) -> str:
        """The number of the item."""
        return self.item.number

    @property
    def is_built(self) -> bool:
        """Whether a function examines it."""
        return self.examine is not None

    def run(self, subject: Any) -> tuple[CheckResult, list[Finding]]:
        """Run it; a crash is logged and reads as not run. Raises Unavailable."""
        if self.left:
            return replace(self.skipped(self.left), is_open=True), []
        if self.item.not_applicable:
            return self._result(Outcome.NOT_APPLICABLE, self.item.not_applicable), []
        if self.examine is None:
            outcome, reason = self.item.without or (Outcome.NOT_RUN, "本程序没有这一项的检测。")
            return self._result(outcome, reason), []
        found: list[Finding] = []
        try:
            for finding in self.examine(subject):
                found.append(replace(finding, number=self.number, property=self.item.property))
        except Skipped as skipped:
            if not found:
                return self._result(skipped.outcome, skipped.reason), []
        except Unavailable:
            raise
        except Exception:
            log.exception("check %s crashed", self.number)
            return self._result(Outcome.NOT_RUN, CRASHED), found
        failed = any(finding.is_error for finding in found)
        return self._result(Outcome.FAILED if failed else Outcome.PASSED), found

    def skipped(self, reason: str) -> CheckResult:
        """The result when it is not even tried."""
        return self._result(Outcome.NOT_RUN, reason)

    def failed(self) -> CheckResult:
        """The result when something before it has shown that it fails."""
        return self._result(Outcome.FAILED)

    def _result(self, outcome: Outcome, reason: str = "") -> CheckResult:
        return CheckResult(self.number, self.item.property, self.item.name, outcome, reason)


@cache
def checks_of(
    scheme: Scheme, occasion: Occasion, kind: str = "documents", *, of_batch: bool = False
) -> tuple[Check, ...]:
    """The checks of an occasion, in the order of the standard; those of others come last."""
    found = []
    for item in scheme.items(occasion, kind):
        function = _FUNCTIONS.get(item.number)
        if (function is not None and function.of_batch) == of_batch:
            examine = function.examine if function else None
            found.append(Check(item, examine, scheme.open_reason(item, occasion)))
    return tuple(found)


def functions() -> frozenset[str]:
    """The numbers that have a function."""
    return frozenset(_FUNCTIONS)
