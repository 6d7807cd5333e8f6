"""Packages and forms that come from elsewhere: EEP (DA/T 48), DA/T 93, a medium (档发〔2012〕7号).

They are opened through the one door for all of them (`shared.packaging.exchange`). What reading the
form has shown is told under the item that it belongs to, and each record in it is inspected like
any other.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import shared.inspection.checks  # noqa: F401 - importing registers the checks
from shared.inspection.eep_items import ITEM_OF_PART, ITEM_OF_SIGNATURES
from shared.inspection.finding import Finding
from shared.inspection.registry import checks_of
from shared.inspection.report import Outcome, Report
from shared.inspection.run import inspect_record, report_of
from shared.inspection.scheme import CLASSIFIED
from shared.inspection.subject import Context, Form, Subject
from shared.kernel.errors import Classified, DanglianError, Invalid, Unavailable
from shared.packaging.eep import Trust, open_eep, verify
from shared.packaging.exchange.form import MEDIUM
from shared.packaging.exchange.from_eep import take_out
from shared.packaging.exchange.image import is_image
from shared.packaging.exchange.sources import EEP, FOLDER, form_at, opened_tree

if TYPE_CHECKING:
    from shared.packaging.eep import Report as EepReport
    from shared.packaging.exchange.carried import Carried

#: What reading a form finds, by the item that it belongs to. In the papers it is 1-12, in a record
#: 1-1: there lie the seal and what it is over.
_ITEMS = {
    "form_folder_missing": "1-13",
    "form_folder_twice": "1-13",
    "form_metadata_missing": "1-13",
    "form_content_missing": "2-11",
    "form_file_unassigned": "4-3",
    "form_file_not_described": "4-3",
    "form_row_differs": "1-9",
    "form_metadata_foreign": "3-1",
    Classified.code: CLASSIFIED,
}
_PAPERS, _SEALED = "1-12", ITEM_OF_SIGNATURES
#: What is asked of a form as a whole.
_OF_THE_WHOLE = {_PAPERS, "1-13", "3-7", "4-3", "4-4", "4-5", "4-6", "4-7"}
_IN_RECORDS = "这一项在包内的每件档案中检测。"
_NOT_TAKEN = "信息包中的这件档案不能取出。"
_HEAD = 4096
_ROOT = "电子文件封装包"

Told = Mapping[str, tuple[Finding, ...]]


def form_of_path(path: Path) -> str | None:
    """Which form (a key of `exchange.FORMS`) a file or folder is in; None for a plain one."""
    if path.is_file():
        if path.suffix.lower() == ".eep" or _begins_as_eep(path):
            return EEP
        with path.open("rb") as stream:
            if stream.read(4) != b"PK\x03\x04" and not is_image(path):
                return None
    try:
        return form_at(path)
    except Invalid:  # no catalogue and no list: files that lie beside each other
        return None


def _begins_as_eep(path: Path) -> bool:
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    return head.lstrip().startswith(b"<?xml") and any(
        _ROOT.encode(each) in head for each in ("utf-8", "gb18030")
    )


def inspect_form(
    path: Path, context: Context, trust: Trust | None = None
) -> Iterator[tuple[str, Report]]:
    """A name and a report for the form as a whole, and for each record in it.

    An EEP, or a package of one record, has one report. Nothing in the form raises; Unavailable is
    raised when something needed is away.
    """
    trust = trust or Trust()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        if form_of_path(path) == EEP:
            yield path.name, _inspect_eep(path, context, trust, work)
            return
        try:
            with opened_tree(path) as opened:
                form = Form(opened.form, {}, is_carried=opened.form == MEDIUM)
                papers = replace(form, told=_sorted(opened.reader.findings, _PAPERS))
                if opened.form != FOLDER:
                    yield path.name, _whole(path.name, context, papers)
                for found in opened.reader.records(trust, work):
                    of_record = replace(form, told=_sorted(found.findings, _SEALED))
                    yield found.code, _record(found.code, found.carried, context, of_record)
                    for each in work.iterdir():
                        each.unlink()
        except Unavailable:
            raise
        except DanglianError as error:
            told = _sorted([Finding.of_error(error)], "1-13")
            yield path.name, _whole(path.name, context, Form("", told), _NOT_TAKEN)


def _inspect_eep(path: Path, context: Context, trust: Trust, work: Path) -> Report:
    carried = None
    with path.open("rb") as stream:
        try:
            opened = open_eep(stream, trust=trust, as_it_is=True)
            told = _of_eep(opened.report)
            carried = take_out(opened, work, where=path.name)
        except Unavailable:
            raise
        except DanglianError as error:
            stream.seek(0)
            told = _of_eep(verify(stream, trust=trust))
            if not any(each.is_error for of in told.values() for each in of):
                told = {**told, **_sorted([Finding.of_error(error)], "1-13")}
    return _record(path.name, carried, context, Form(EEP, told))


def _of_eep(report: EepReport) -> Told:
    told = {number: getattr(report, name).findings for name, number in ITEM_OF_PART.items()}
    told[_SEALED] = report.of_signatures
    marked = [each for of in told.values() for each in of if each.code == Classified.code]
    return {CLASSIFIED: tuple(marked)} if marked else told


def _sorted(findings: list[Finding] | tuple[Finding, ...], usual: str) -> Told:
    told: dict[str, tuple[Finding, ...]] = {}
    for each in findings:
        number = _ITEMS.get(each.code, usual)
        told[number] = (*told.get(number, ()), each)
    return told


def _record(name: str, carried: Carried | None, context: Context, form: Form) -> Report:
    if carried is None or CLASSIFIED in form.told:
        return _whole(name, context, form, _NOT_TAKEN)
    within = replace(context, fonds=carried.fonds, archive=carried.archive)
    return inspect_record(carried.record, carried.files, within, form=form)


def _whole(name: str, context: Context, form: Form, left: str = "") -> Report:
    """What can be said of a form by itself, or (`left` says why) of a record that cannot be had.

    With a mark of classification nothing but that is told.
    """
    marked = form.told.get(CLASSIFIED)
    told = {CLASSIFIED: marked[:1]} if marked else form.told
    subject = Subject({}, {}, context, form=replace(form, told=told))
    results, findings = [], []
    for each in checks_of(context.scheme, context.at):
        if not marked and (each.number in told or (not left and each.number in _OF_THE_WHOLE)):
            result, found = each.run(subject)
        elif each.number in told:
            found = [
                replace(finding, number=each.number, property=each.item.property)
                for finding in told[each.number]
            ]
            result = each.failed()
        else:
            found = []
            result = each.skipped(left or _IN_RECORDS)
            if not left:
                result = replace(result, outcome=Outcome.NOT_APPLICABLE)
        results.append(result)
        findings += found
    return report_of(context, name, results, findings)
