"""Files without a record: what of 四性检测 can be said of a file by itself.

A folder on a disc, an attachment, a scan before it is catalogued. What is about metadata does not
apply, and says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import shared.inspection.checks  # noqa: F401 - importing registers the checks
from shared.inspection.measuring import Measure, path_source
from shared.inspection.registry import checks_of
from shared.inspection.report import CheckResult, Outcome, Report
from shared.inspection.run import report_of
from shared.inspection.scheme import CLASSIFIED, is_of_others
from shared.inspection.subject import Context, Subject
from shared.records.holdings import FileKind
from shared.records.record import ComputerFile

_SEALS = "1-1"
#: The items that are about a file alone.
_ITEMS = {_SEALS, "3-3", "3-4", "3-5", "3-8", "4-1", "4-2", CLASSIFIED, "DL-2"}
_NO_RECORD = "只有文件，没有档案的元数据。"
_STOPPED = "发现涉密标志，已停止检测。"
_NOT_SEALED = "文件没有电子签章。"


class LooseFile(Subject):
    """One file by itself, as a subject."""

    is_loose = True

    def __init__(self, path: Path, context: Context) -> None:
        super().__init__({}, {path.name: path_source(path)}, context)
        self._stub = ComputerFile(path.name, path.name, 0, "", None, FileKind.BORN_DIGITAL)

    @cached_property
    def files(self) -> tuple[ComputerFile, ...]:
        """The file, with its size and digest as measured."""
        found = self._measured(self._stub)
        if not isinstance(found, Measure):
            return (self._stub,)
        return (replace(self._stub, size=found.size, sha256=found.sha256),)

    def places(self) -> Iterator[tuple[str, ComputerFile]]:
        """The file; no field of a record leads to it."""
        for file in self.files:
            yield "file", file


def inspect_file(path: Path, context: Context) -> Report:
    """Inspect one file by itself; its name is the report's subject.

    When a mark of classification is found the report says only that. Raises Unavailable.
    """
    subject = LooseFile(path, context)
    checks = checks_of(context.scheme, context.at)
    results: dict[str, CheckResult] = {}
    findings = []
    first = next(each for each in checks if each.number == CLASSIFIED)
    result, found = first.run(subject)
    results[CLASSIFIED] = result
    for each in [] if found else checks:
        # Whether an item of others needs a record, only its function knows.
        if each.number not in _ITEMS and not is_of_others(each.number):
            results[each.number] = replace(each.skipped(_NO_RECORD), outcome=Outcome.NOT_APPLICABLE)
        elif each.number == _SEALS and not any(subject.seals()) and not _unreadable(subject):
            results[each.number] = replace(
                each.skipped(_NOT_SEALED), outcome=Outcome.NOT_APPLICABLE
            )
        elif each is not first:
            results[each.number], more = each.run(subject)
            findings.extend(more)
    told = [results.get(each.number) or each.skipped(_STOPPED) for each in checks]
    seals = () if found else tuple(subject.seals())
    return report_of(context, path.name, told, found[:1] or findings, seals)


def _unreadable(subject: Subject) -> bool:
    return any(subject.unreadable(file) is not None for file in subject.files)
