"""The report of an inspection: what was run, with which outcome, and what was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from shared.inspection.finding import PROPERTY_NAMES, Finding, Property
from shared.kernel.clock import utc_text
from shared.kernel.errors import Invalid

#: Version of the shape of a report, and of the set of checks.
TOOL = "danglian-inspection/1"
_WITH = "；"


def tool_with(decoder: str) -> str:
    """The tool of an inspection, as its operation record names it, with a decoder where one is."""
    return f"{TOOL}{_WITH}{decoder}" if decoder else TOOL


def decoder_of(tool: str) -> str:
    """The decoder in the name of a tool; empty where none was set up."""
    return tool.partition(_WITH)[2]


class Stage(StrEnum):
    """The three links 环节 in which records are inspected (DA/T 70-2018)."""

    FILING = "GD"
    TRANSFER = "YJ"
    PRESERVATION = "BC"

    @property
    def label(self) -> str:
        """The name that people see."""
        return {"GD": "归档", "YJ": "移交与接收", "BC": "长期保存"}[self.value]


class Outcome(StrEnum):
    """What became of one check. Only `passed` says that something was examined and is right."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not_applicable"
    NOT_RUN = "not_run"
    MANUAL = "manual"

    @property
    def label(self) -> str:
        """The name that people see."""
        return OUTCOME_NAMES[self]


OUTCOME_NAMES = {
    Outcome.PASSED: "通过",
    Outcome.FAILED: "不通过",
    Outcome.NOT_APPLICABLE: "不适用",
    Outcome.NOT_RUN: "未检测",
    Outcome.MANUAL: "待人工检测",
}


@dataclass(frozen=True)
class CheckResult:
    """One check and its outcome; the reason says why one was not run or does not apply."""

    number: str
    property: Property
    name: str
    outcome: Outcome
    reason: str = ""
    #: Left for the receiving side to do: it is not run, and stops no offer.
    is_open: bool = False

    def to_wire(self) -> dict[str, Any]:
        """The result as plain values; `open` only where it is left for the receiving side."""
        return {
            "number": self.number,
            "property": str(self.property),
            "name": self.name,
            "outcome": str(self.outcome),
            "reason": self.reason,
            **({"open": True} if self.is_open else {}),
        }

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> CheckResult:
        """Read what `to_wire` wrote. Raises KeyError, ValueError."""
        return cls(
            str(data["number"]),
            Property(data["property"]),
            str(data["name"]),
            Outcome(data["outcome"]),
            str(data["reason"]),
            data.get("open") is True,
        )


@dataclass(frozen=True)
class Report:
    """What an inspection of one record, one package or one batch has shown.

    Attributes:
        stage: the link in which it was made.
        subject: id of the record or batch; None when that could not be read.
        at: when, as `format_utc` writes it.
        checks: every check of the stage, in the order of the standard.
        findings: every problem, in the same order.
        tool: shape and version of the checks, and what decoded sound and film (`tool_with`).
        seals: every seal found, as plain values (`shared.seals.Seal.to_wire`, without findings),
            with the `field` and `file` that it is in; evidence for later, kept with the receipt.
        scheme: version of the scheme 检测方案; empty in reports of before there were any.
        occasion: on which occasion (`shared.inspection.scheme.Occasion`); empty likewise.
        scanner: which virus scanner looked the files through; empty when none did.
    """

    stage: Stage
    subject: str | None
    checks: tuple[CheckResult, ...]
    findings: tuple[Finding, ...]
    at: str
    tool: str = TOOL
    seals: tuple[Mapping[str, Any], ...] = ()
    scheme: str = ""
    occasion: str = ""
    scanner: str = ""

    @classmethod
    def make(
        cls,
        stage: Stage,
        subject: str | None,
        checks: list[CheckResult],
        findings: list[Finding],
        seals: Iterable[Mapping[str, Any]] = (),
        *,
        scheme: str = "",
        occasion: str = "",
        scanner: str = "",
        decoder: str = "",
    ) -> Report:
        """A report of now."""
        return cls(
            stage,
            subject,
            tuple(checks),
            tuple(findings),
            utc_text(),
            tool_with(decoder),
            seals=tuple(seals),
            scheme=scheme,
            occasion=occasion,
            scanner=scanner,
        )

    @property
    def passed(self) -> bool:
        """Whether no check failed. What was not run or waits for a person is in `undecided`."""
        return not any(check.outcome is Outcome.FAILED for check in self.checks)

    @property
    def undecided(self) -> tuple[CheckResult, ...]:
        """The checks that nobody has made: not run, or for a person. They never count as passed."""
        return tuple(
            check for check in self.checks if check.outcome in (Outcome.NOT_RUN, Outcome.MANUAL)
        )

    @property
    def open(self) -> tuple[CheckResult, ...]:
        """Those of the undecided that are left for the receiving side."""
        return tuple(check for check in self.undecided if check.is_open)

    @property
    def is_classified(self) -> bool:
        """Whether a mark of 秘密, 机密 or 绝密 was found: erase everything, keep no title."""
        return any(finding.code == "classified" for finding in self.findings)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that stop a hand-over."""
        return tuple(finding for finding in self.findings if finding.is_error)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that somebody should look at."""
        return tuple(finding for finding in self.findings if not finding.is_error)

    def of_field(self, field: str) -> tuple[Finding, ...]:
        """The findings about one field of the record, or anything inside it."""
        return tuple(
            finding
            for finding in self.findings
            if finding.field is not None and f"{finding.field}.".startswith(f"{field}.")
        )

    def counts(self) -> dict[Property, dict[Outcome, int]]:
        """How many checks of each property had each outcome (DA/T 70: 四性分别统计)."""
        found: dict[Property, dict[Outcome, int]] = {}
        for each in PROPERTY_NAMES:
            counted = Counter(check.outcome for check in self.checks if check.property is each)
            found[each] = {outcome: counted[outcome] for outcome in OUTCOME_NAMES}
        return found

    @property
    def conclusion(self) -> str:
        """The outcome in one sentence, for people; says what was not run."""
        if self.is_classified:
            return "发现涉密标志，已停止检测，不得移交或保存。"
        if not self.passed:
            failed = sum(check.outcome is Outcome.FAILED for check in self.checks)
            return f"不通过：{failed} 项检测不合格，共 {len(self.errors)} 处问题。"
        here = len(self.undecided) - len(self.open)
        rest = f"；另有 {here} 项未检测或待人工检测" if here else ""
        rest += f"；{len(self.open)} 项由接收方检测" if self.open else ""
        hints = f"，{len(self.warnings)} 处提示" if self.warnings else ""
        return f"已运行的检测全部通过{hints}{rest}。"

    def to_wire(self) -> dict[str, Any]:
        """The report as plain values, ready for JSON."""
        return {
            "tool": self.tool,
            "stage": str(self.stage),
            "subject": self.subject,
            "at": self.at,
            "passed": self.passed,
            "conclusion": self.conclusion,
            "checks": [check.to_wire() for check in self.checks],
            "findings": [finding.to_wire() for finding in self.findings],
            "seals": [dict(seal) for seal in self.seals],
            "scheme": self.scheme,
            "occasion": self.occasion,
            "scanner": self.scanner,
        }

    @classmethod
    def from_wire(cls, data: object) -> Report:
        """Read what `to_wire` wrote; conclusions are drawn anew. Raises Invalid."""
        try:
            if not isinstance(data, Mapping):
                raise TypeError
            return cls(
                Stage(data["stage"]),
                data["subject"],
                tuple(CheckResult.from_wire(each) for each in data["checks"]),
                tuple(Finding.from_wire(each) for each in data["findings"]),
                str(data["at"]),
                str(data["tool"]),
                tuple(data.get("seals", ())),
                str(data.get("scheme", "")),
                str(data.get("occasion", "")),
                str(data.get("scanner", "")),
            )
        except (KeyError, TypeError, ValueError):
            raise Invalid("report", "检测报告的写法不正确。", "请重新检测。") from None
