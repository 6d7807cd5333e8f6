"""安全性: whether the record carries harm, or must not be here (DA/T 70-2018, 4-1 to 4-7)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from shared.inspection.finding import Finding, Severity
from shared.inspection.formats.examination import Mark
from shared.inspection.formats.trouble import ACTIVE, STRAY
from shared.inspection.registry import Skipped, check, not_applicable
from shared.inspection.report import Outcome
from shared.inspection.scanner import Unscanned
from shared.inspection.scheme import CLASSIFIED
from shared.inspection.subject import Subject
from shared.kernel.clock import SHANGHAI
from shared.kernel.errors import Classified, Invalid
from shared.records.metadata import Node
from shared.records.security import classified_mark, read_security, says_declassified


@check("4-1")
def scanner_is_there(subject: Subject) -> Iterator[Finding]:
    """A virus scanner is set up, and its definitions are not too old (DA/T 70-2018, 4-1)."""
    context = subject.context
    if context.scan is None:
        raise Skipped("未配置杀毒软件。")
    if context.scanner is None or context.scanner.made_at is None:
        raise Skipped("杀毒软件没有说明病毒库的日期。")
    days = int(context.scheme.item("4-1", context.at).parameters["days"])
    made_on = context.scanner.made_at.astimezone(SHANGHAI).date()
    if context.today - made_on > timedelta(days=days):
        yield Finding(
            "definitions_old",
            f"病毒库已超过 {days} 天没有更新。",
            "请更新病毒库后重新检测。",
            expected=f"不早于 {context.today - timedelta(days=days)}",
            actual=f"{made_on}（{context.scanner.definitions}）",
            where=context.scanner.name,
            severity=Severity.WARNING,
        )


@check("4-2")
def no_virus(subject: Subject) -> Iterator[Finding]:
    """The scanner finds nothing in any file (DA/T 70-2018, 4-2). Without one nothing is passed."""
    if subject.context.scan is None:
        raise Skipped("未配置杀毒软件。")
    unscanned = ""
    for place, file, measure in subject.measures():
        if isinstance(measure.virus, Unscanned):
            unscanned = unscanned or f"“{file.name}”没有扫描：{measure.virus}"
        elif measure.virus is not None:
            yield Finding(
                "virus_found",
                f"计算机文件“{file.name}”带有病毒或恶意程序。",
                "请立即隔离该文件，清除后重新上传。",
                field=place,
                actual=measure.virus,
                where=file.name,
            )
    if unscanned:
        raise Skipped(unscanned)


@check("4-3")
def nothing_unlisted(subject: Subject) -> Iterator[Finding]:
    """Nothing but what the manifest, or the catalogue of a form, lists (DA/T 70-2018, 4-3).

    `open_package` refuses what is not in the manifest; in a foreign form it is named.
    """
    if subject.is_unpacked:
        raise not_applicable("尚未生成信息包。")
    yield from subject.form_says("4-3")


@check("4-4")
def carrier_is_read_at_speed(subject: Subject) -> Iterator[Finding]:
    """A carrier is read at its speed (DA/T 70-2018, 4-4): a person has the drive."""
    raise _for_a_person(subject)


@check("4-5")
def carrier_looks_sound(subject: Subject) -> Iterator[Finding]:
    """A carrier has no scratches, stains or bends (DA/T 70-2018, 4-5): a person sees them."""
    raise _for_a_person(subject)


@check("4-6")
def disc_is_within_its_limits(subject: Subject) -> Iterator[Finding]:
    """A disc has few enough errors (DA/T 70-2018, 4-6; DA/T 38): a special drive counts them."""
    raise _for_a_person(subject)


def _for_a_person(subject: Subject) -> Skipped:
    if subject.form is None or not subject.form.is_carried:
        return not_applicable("在线移交，没有脱机载体。")
    return Skipped("须由人工检测载体。", Outcome.MANUAL)


@check(CLASSIFIED)
def nothing_is_classified(subject: Subject) -> Iterator[Finding]:
    """No text bears a mark of 秘密, 机密 or 绝密, nor does the first page of a file.

    Design rule 6. The finding carries neither title nor content, only where to look. Searched
    are all metadata, and the first page of TXT, XML, HTML, EML, DOCX, OFD and PDF files; pictures
    are not read here. A record that was declassified 解密 may bear its old mark.
    """
    if _is_classified(subject):
        yield _marked("档案的著录信息", None)
    elif not says_declassified(subject.record.security_change if subject.record else None):
        marked = [place for place, _file, measure in subject.measures() if measure.is_marked]
        if marked:
            yield _marked("一个电子文件的首页", marked[0])
        elif any(measure.examination.mark is Mark.UNREAD for _, _, measure in subject.measures()):
            raise Skipped("有电子文件的首页不能读出，不能确认没有密级标志。")


def _marked(where: str, field: str | None) -> Finding:
    return Finding(
        Classified.code,
        f"{where}带有密级标志（秘密、机密、绝密），该档案不得移交。",
        "涉密的，请立即停止处理，从档案中移除，并报告保密工作机构清除；"
        "已解密的，请在“密级变更”写明解密日期和依据。",
        field=field,
    )


def _is_classified(subject: Subject) -> bool:
    return (
        isinstance(subject.record_error, Classified)
        or any(classified_mark(text) for text in _texts(subject.wire))
        or _names_classified(subject.wire.get("security"))
        or (isinstance(subject.metadata, Node) and _is_marked(subject.metadata))
    )


def _is_marked(metadata: Node) -> bool:
    return any(
        classified_mark(node.value) or (node.name == "密级" and _names_classified(node.value))
        for node in metadata.walk()
    )


def _names_classified(value: object) -> bool:
    found = False
    try:
        read_security(value)
    except Classified:
        found = True
    except Invalid:
        pass  # 1-4 says so
    return found


def _texts(data: Any) -> Iterator[str]:
    waiting = [data]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, (list, tuple)):
            waiting.extend(value)


@check("DL-2")
def nothing_runs(subject: Subject) -> Iterator[Finding]:
    """Macros, scripts, files in files, stray parts are pointed out (DA/T 47: nothing active)."""
    if not subject.files:
        raise not_applicable("没有计算机文件。")
    for place, file, measure in subject.measures():
        for trouble in measure.troubles:
            at = f"{file.name}：{trouble.where}" if trouble.where else file.name
            if trouble.kind == ACTIVE:
                yield Finding(
                    "active_content",
                    f"“{file.name}”：{trouble.problem}。",
                    "请确认来源可靠；宜转换为不带程序的版式文件（OFD、PDF/A）后归档。",
                    field=place,
                    where=at,
                    severity=Severity.WARNING,
                )
            elif trouble.kind == STRAY:
                yield Finding(
                    "stray_parts",
                    f"“{file.name}”：{trouble.problem}。",
                    "请确认来源可靠；不是文件内容的，请让形成部门重新导出。",
                    field=place,
                    where=at,
                    severity=Severity.WARNING,
                )
