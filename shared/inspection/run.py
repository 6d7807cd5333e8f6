"""Running the checks: on a record before its offer, on a package on arrival, on a batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import shared.inspection.checks  # noqa: F401 - importing registers the checks
from shared.inspection.finding import Finding
from shared.inspection.processors import PROCESSORS
from shared.inspection.registry import Check, checks_of
from shared.inspection.report import CheckResult, Report
from shared.inspection.scheme import CLASSIFIED
from shared.inspection.subject import Batch, Context, Form, Subject
from shared.inspection.unchanged import Unchanged, content_of_files, may_remember
from shared.kernel.errors import DanglianError, Unavailable
from shared.records.record import Record

if TYPE_CHECKING:
    from shared.packaging.package import Package

#: A package that does not open fails by its layout; in keeping, where there is no such item, as one
#: that is not what was kept.
_LAYOUT, _KEPT = "1-13", "1-14"
_BY_ERROR = {
    "encrypted_or_streamed": "3-7",
    "bad_compression": "3-7",
    "entry_not_listed": "4-3",
    "hidden_bytes": "4-3",
}


def inspect_record(
    record: Record | Mapping[str, Any],
    files: Mapping[str, Path],
    context: Context,
    *,
    form: Form | None = None,
) -> Report:
    """Inspect a record and its files, by file id, as a node does before it offers.

    `form` is the foreign form around it, where there is one (`foreign`).
    When a mark of classification is found the report says only that: `report.is_classified`;
    the caller then erases everything and keeps no title.
    Raises Unavailable when something needed is away (the virus scanner).
    """
    subject = Subject.of_record(record, files, context, form)
    may = form is None and may_remember(context)
    content = content_of_files(subject.wire, files) if may else None
    if content is None:
        return _inspect(subject)
    known = Unchanged(content, context)
    report = known.report()
    if report is None:
        report = _inspect(subject)
        known.keep(report, subject.wire.get("code"))
    return report


def inspect_package(package: Package | Path, context: Context) -> Report:
    """Inspect a package, as an archive does on arrival; one that does not open fails 1-13 (1-14).

    The same checks as `inspect_record`, and those that are about packages. Raises Unavailable.
    """
    from shared.packaging.package import Package

    if isinstance(package, Package):
        return _inspect_package(package, context)
    if context.measured is None or not may_remember(context):
        return _inspect_file(package, context)
    known = Unchanged({"package": context.measured.sha256}, context)
    report = known.report()
    if report is None:
        report = _inspect_file(package, context, known)
    return report


def _inspect_file(package: Path, context: Context, known: Unchanged | None = None) -> Report:
    from shared.packaging.package import open_package

    try:
        opened = open_package(package, identity=context.measured)
    except Unavailable:
        raise
    except DanglianError as error:
        return _unopened(error, context)
    with opened:
        report = _inspect_package(opened, context)
        if known is not None and report.subject is not None:
            known.keep(report, opened.record_wire.get("code"))
        return report


def inspect_batch(batch: Batch, context: Context) -> Report:
    """Inspect what only a batch as a whole can show: totals, and runs of numbers."""
    results, findings = _run(checks_of(context.scheme, context.at, of_batch=True), batch)
    return report_of(context, batch.id, results, findings)


def _inspect_package(package: Package, context: Context) -> Report:
    try:
        subject = Subject.of_package(package, context)
    except Unavailable:
        raise
    except DanglianError as error:
        return _unopened(error, context)
    return _inspect(subject)


def _inspect(subject: Subject) -> Report:
    with PROCESSORS.own():
        return _inspect_all(subject)


def _inspect_all(subject: Subject) -> Report:
    context = subject.context
    checks = checks_of(context.scheme, context.at, subject.kind)
    subject_id = subject.wire.get("id")
    name = subject_id if isinstance(subject_id, str) else None
    first = next(each for each in checks if each.number == CLASSIFIED)
    result, found = first.run(subject)
    if found:
        # Nothing else is looked at: findings carry evidence, and here there must be none.
        reason = "发现涉密标志，已停止检测。"
        results = [result if each is first else each.skipped(reason) for each in checks]
        return report_of(context, name, results, found[:1])
    results, findings = _run([each for each in checks if each is not first], subject)
    results.insert(checks.index(first), result)
    return report_of(context, name, results, findings, subject.seals())


def report_of(
    context: Context,
    subject: str | None,
    results: list[CheckResult],
    findings: list[Finding],
    seals: Iterable[Mapping[str, Any]] = (),
) -> Report:
    """The report of an inspection in this context, with its scheme, occasion and scanner."""
    return Report.make(
        context.at.stage,
        subject,
        results,
        findings,
        seals,
        scheme=context.scheme.version,
        occasion=str(context.at),
        scanner=context.scanner.label if context.scanner else "",
        decoder=context.decoder.version if context.decoder else "",
    )


def _run(checks: Iterable[Check], subject: Any) -> tuple[list[CheckResult], list[Finding]]:
    results, findings = [], []
    for each in checks:
        result, found = each.run(subject)
        results.append(result)
        findings.extend(found)
    return results, findings


def _unopened(error: DanglianError, context: Context) -> Report:
    checks = checks_of(context.scheme, context.at)
    numbers = (_BY_ERROR.get(error.code), _LAYOUT, _KEPT)
    by_number = {each.number: each for each in checks if not each.left}
    failing = next(by_number[each] for each in numbers if each in by_number)
    finding = Finding.of_error(error, number=failing.number, property=failing.item.property)
    results = [
        each.failed() if each is failing else each.skipped("信息包无法打开。") for each in checks
    ]
    return report_of(context, None, results, [finding])
