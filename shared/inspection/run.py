"""Running the checks: on a record before its offer, on a package on arrival, on a batch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import shared.inspection.checks  # noqa: F401 - importing registers the checks
from shared.inspection.checks.safety import CLASSIFIED
from shared.inspection.finding import Finding
from shared.inspection.registry import Check, checks_of
from shared.inspection.report import CheckResult, Outcome, Report
from shared.inspection.subject import Batch, Context, Subject
from shared.kernel.errors import DanglianError, Unavailable
from shared.records.record import Record

if TYPE_CHECKING:
    from shared.packaging.package import Package

_LAYOUT = "1-13"


def inspect_record(
    record: Record | Mapping[str, Any], files: Mapping[str, Path], context: Context
) -> Report:
    """Inspect a record and its files, by file id, as a node does before it offers.

    When a mark of classification is found the report says only that: `report.is_classified`;
    the caller then erases everything and keeps no title.
    Raises Unavailable when something needed is away (the virus scanner).
    """
    return _inspect(Subject.of_record(record, files, context))


def inspect_package(package: Package | Path, context: Context) -> Report:
    """Inspect a package, as an archive does on arrival; one that cannot be opened fails 1-13.

    The same checks as `inspect_record`, and those that are about packages. Raises Unavailable.
    """
    from shared.packaging.package import Package, open_package

    if isinstance(package, Package):
        return _inspect_package(package, context)
    try:
        opened = open_package(package, identity=context.measured)
    except Unavailable:
        raise
    except DanglianError as error:
        return _unopened(error, context)
    with opened:
        return _inspect_package(opened, context)


def inspect_batch(batch: Batch, context: Context) -> Report:
    """Inspect what only a batch as a whole can show: totals, and runs of numbers."""
    results, findings = _run(checks_of(context.stage, of_batch=True), batch)
    return Report.make(context.stage, batch.id, results, findings)


def _inspect_package(package: Package, context: Context) -> Report:
    try:
        subject = Subject.of_package(package, context)
    except Unavailable:
        raise
    except DanglianError as error:
        return _unopened(error, context)
    return _inspect(subject)


def _inspect(subject: Subject) -> Report:
    context = subject.context
    checks = checks_of(context.stage)
    subject_id = subject.wire.get("id")
    name = subject_id if isinstance(subject_id, str) else None
    first = next(each for each in checks if each.number == CLASSIFIED)
    result, found = first.run(subject)
    if found:
        # Nothing else is looked at: findings carry evidence, and here there must be none.
        reason = "发现涉密标志，已停止检测。"
        results = [result if each is first else each.skipped(reason) for each in checks]
        return Report.make(context.stage, name, results, found[:1])
    results, findings = _run([each for each in checks if each is not first], subject)
    results.insert(checks.index(first), result)
    return Report.make(context.stage, name, results, findings, subject.seals())


def _run(checks: list[Check], subject: Any) -> tuple[list[CheckResult], list[Finding]]:
    results, findings = [], []
    for each in checks:
        result, found = each.run(subject)
        results.append(result)
        findings.extend(found)
    return results, findings


def _unopened(error: DanglianError, context: Context) -> Report:
    checks = checks_of(context.stage)
    layout = next(each for each in checks if each.number == _LAYOUT)
    finding = Finding.of_error(error, number=_LAYOUT, property=layout.property)
    results = [
        CheckResult(each.number, each.property, each.name, Outcome.FAILED)
        if each is layout
        else each.skipped("信息包无法打开。")
        for each in checks
    ]
    return Report.make(context.stage, None, results, [finding])
