"""真实性: whether the record is what it was when it was made (DA/T 70-2018, 1-1 to 1-10)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from shared.inspection.finding import Finding, Severity, shown
from shared.inspection.formats import extension_of, names_format
from shared.inspection.registry import Skipped, check, not_applicable
from shared.inspection.shape import Kind
from shared.inspection.subject import Subject
from shared.kernel.clock import SHANGHAI
from shared.kernel.errors import Invalid
from shared.records.archival_code import normalise, parse
from shared.records.metadata import RECORD as RECORD_ENTITY
from shared.records.metadata import Node, find_all
from shared.records.record import Record
from shared.records.record_code import differences
from shared.records.text import odd_characters

#: The EEP in a package, as `shared.packaging.manifest` has it.
EEP = "record.eep"
_CLOCK_SLACK = timedelta(minutes=10)


def the_record(subject: Subject) -> Record:
    """The record, for checks that need a well-formed one. Raises Skipped."""
    if subject.record is None:
        raise Skipped("档案的元数据写法有误，改正后才能检测。")
    return subject.record


@check("1-1")
def fixity_holds(subject: Subject) -> Iterator[Finding]:
    """Digests, the unit's seal, and the seals inside OFD and PDF documents are intact.

    DA/T 70-2018, 1-1; GB/T 32918 (SM2), GB/T 32905 (SM3), GB/T 38540. A seal in a document that
    is intact, but whose holder is not proven, is pointed out. On the node there is no package yet:
    then the files' own digests are what is fixed.
    """
    altered: list[Finding] = []
    if subject.package is not None:
        from shared.packaging.verify import check_entries, check_seal

        yield from check_seal(subject.package, subject.context.seal)
        altered = list(check_entries(subject.package))
        yield from altered
    # Of an EEP that was altered its signatures are not judged: that follows.
    if all(each.where != EEP for each in altered):
        yield from subject.form_says("1-1")
    for place, file in subject.places():
        if found := subject.unreadable(file):
            yield found
        measure = subject.measure(file)
        entry = subject.package.files.get(file.id) if subject.package else None
        is_proved = entry is not None and entry.sha256 == file.sha256  # by check_entries above
        if measure is not None and measure.sha256 != file.sha256 and not is_proved:
            yield Finding(
                "file_digest_differs",
                f"计算机文件“{file.name}”的摘要与登记的不一致，内容可能被改动。",
                "请从备份恢复该文件，或查明原因后重新登记。",
                field=f"{place}.sha256",
                expected=file.sha256,
                actual=measure.sha256,
                where=file.name,
            )
        for seal in measure.seals if measure is not None else ():
            for said in seal.findings:
                at = f"{file.name}：{said.where}"
                yield replace(said, problem=f"“{file.name}”：{said.problem}", field=place, where=at)


def _of_kind(subject: Subject, kind: Kind, code: str) -> Iterator[Finding]:
    for each in subject.shape:
        if each.kind is kind:
            yield Finding(
                code,
                f"{each.name}：{each.problem}",
                each.remedy,
                field=each.path,
                actual=shown(each.value),
            )


@check("1-2")
def lengths_are_kept(subject: Subject) -> Iterator[Finding]:
    """No value is longer than its element allows (DA/T 70-2018, 1-2)."""
    yield from _of_kind(subject, Kind.LENGTH, "too_long")


@check("1-3")
def types_are_kept(subject: Subject) -> Iterator[Finding]:
    """Dates, numbers, digests and ids are such (DA/T 70-2018, 1-3; GB/T 7408)."""
    yield from _of_kind(subject, Kind.TYPE, "bad_format")


@check("1-4")
def values_are_in_their_lists(subject: Subject) -> Iterator[Finding]:
    """Retention, security, level, state … come from their lists (DA/T 70-2018, 1-4)."""
    yield from _of_kind(subject, Kind.VALUE, "not_in_value_list")


@check("1-5")
def values_are_plausible(subject: Subject) -> Iterator[Finding]:
    """Fields agree with each other and with the calendar (DA/T 70-2018, 1-5; DA/T 22-2015)."""
    if subject.shape:
        the_record(subject)
    if isinstance(subject.record_error, Invalid):
        yield Finding.of_error(subject.record_error)
    record = the_record(subject)
    today = subject.context.today
    if record.date is not None and record.date > today:
        yield Finding(
            "date_in_the_future",
            "日期晚于今天。",
            "请核对成文日期；如本机日期不对，请先校正。",
            field="date",
            expected=f"不晚于 {today}",
            actual=record.date.isoformat(),
        )
    if record.year > today.year:
        yield Finding(
            "year_in_the_future",
            "年度晚于今年。",
            "请核对年度。",
            field="year",
            expected=f"不晚于 {today.year}",
            actual=str(record.year),
        )
    elif record.date is not None and record.date.year != record.year:
        yield Finding(
            "year_differs_from_date",
            "年度与成文日期的年份不同。",
            "跨年办结、跨年会议等可以如此，请确认并在备注中说明；否则请更正。",
            field="year",
            expected=str(record.date.year),
            actual=str(record.year),
            severity=Severity.WARNING,
        )
    yield from _history(subject, record)


def _history(subject: Subject, record: Record) -> Iterator[Finding]:
    for place, event in enumerate(record.events):
        local = event.time.astimezone(SHANGHAI)
        if (local - _CLOCK_SLACK).date() > subject.context.today:
            yield Finding(
                "event_in_the_future",
                f"“{event.action}”的时间晚于今天。",
                "请校正本机时间后重新办理。",
                field=f"events.{place}.time",
                actual=f"{local:%Y-%m-%d %H:%M}",
            )
        if event.action == "归档" and record.date is not None and local.date() < record.date:
            yield Finding(
                "filed_before_date",
                "归档早于成文日期。",
                "请核对成文日期。",
                field="date",
                expected=f"不晚于 {local:%Y-%m-%d}",
                actual=record.date.isoformat(),
            )


@check("1-6")
def no_special_characters(subject: Subject) -> Iterator[Finding]:
    """No control or invisible characters; private ones are pointed out (DA/T 70-2018, 1-6)."""
    yield from _of_kind(subject, Kind.CHARACTERS, "special_characters")
    for field in ("title", "doc_no", "author", "remark", "organ_name"):
        value = subject.wire.get(field)
        if isinstance(value, str) and (odd := odd_characters(value)):
            yield Finding(
                "odd_characters",
                "含有其他电脑可能显示不出的字（自造字或乱码）。",
                "请对照原文确认；能用标准字的请改用标准字。",
                field=field,
                actual="、".join(f"U+{ord(each):04X}" for each in odd[:10]),
                severity=Severity.WARNING,
            )


@check("1-7")
def archival_code_is_regular(subject: Subject) -> Iterator[Finding]:
    """The code keeps DA/T 13-2022 and DA/T 22-2015, and its parts equal the record's fields."""
    record = the_record(subject)
    if record.code is None:
        raise not_applicable("尚未编制档号。")
    try:
        code = parse(record.code)
    except Invalid as error:
        yield Finding.of_error(error, actual=shown(record.code))
        return
    if normalise(record.code) != record.code:
        yield Finding(
            "archival_code_not_normal",
            "档号的写法不统一（分隔符、全角字符或空格）。",
            "请改为统一的写法。",
            field="code",
            expected=normalise(record.code),
            actual=record.code,
        )
    for each in differences(code, record, subject.context.fonds_number):
        yield Finding(
            "archival_code_differs",
            f"档号中的{each.name}与著录的{each.name}不一致。",
            f"请核对后更正档号或{each.name}。",
            field="code" if each.field == "fonds_number" else each.field,
            expected=each.in_record,
            actual=each.in_code,
            where=record.code,
        )


@check("1-8")
def archival_code_is_unique(subject: Subject) -> Iterator[Finding]:
    """档号 occurs nowhere else in the fonds (DA/T 70-2018, 1-8; DA/T 13-2022)."""
    record = the_record(subject)
    if record.code is None:
        raise not_applicable("尚未编制档号。")
    if subject.context.code_used_by is None:
        raise Skipped("没有可供比对的目录。")
    if subject.catalogue_error is not None:
        raise Skipped("目录数据库不能读取。")
    other = subject.code_holder
    if other is not None and other != record.id:
        yield Finding(
            "archival_code_twice",
            "档号已被本全宗的另一份档案使用。",
            "请核对两份档案，更正其中一份的件号。",
            field="code",
            actual=record.code,
            where=other,
        )


_COMPARED = (
    ("题名", "title"),
    ("文件编号", "doc_no"),
    ("责任者", "author"),
    ("日期", "date"),
    ("年度", "year"),
    ("档号", "code"),
    ("室编件号", "number"),
    ("页数", "pages"),
    ("电子文件号", "id"),
)


@check("1-9")
def catalogue_and_package_agree(subject: Subject) -> Iterator[Finding]:
    """Catalogue, record.json and metadata.xml say the same (DA/T 70-2018, 1-9; name not seen)."""
    if subject.is_unpacked:
        raise not_applicable("尚未生成信息包。")
    yield from subject.form_says("1-9")
    if subject.package is None:
        return
    from shared.packaging.verify import check_claims

    yield from check_claims(subject.package, subject.context.offer)
    manifest = subject.package.manifest
    expected = subject.context.record_digest
    if expected is not None and expected != manifest.record_digest:
        yield Finding(
            "catalogue_differs",
            "信息包中的档案与目录中的这一版本不一致。",
            "请移交单位核对目录后重新生成信息包。",
            expected=expected,
            actual=manifest.record_digest,
        )
    if isinstance(subject.metadata, Node) and subject.record is not None:
        yield from _metadata_differs(subject.metadata, subject.record)


def _metadata_differs(metadata: Node, record: Record) -> Iterator[Finding]:
    entities = find_all(metadata, RECORD_ENTITY)
    for name, field in _COMPARED:
        value = getattr(record, field)
        wanted = None if value is None else str(value)
        found = next((node.value for each in entities for node in find_all(each, name)), None)
        if found != wanted:
            yield Finding(
                "metadata_differs",
                f"元数据中的“{name}”与档案记录不一致。",
                "请由移交单位重新生成信息包。",
                field=field,
                expected=shown(wanted),
                actual=shown(found),
                where="metadata.xml",
            )


@check("1-10")
def electronic_attributes_hold(subject: Subject) -> Iterator[Finding]:
    """Measured size, name and format are the recorded ones (DA/T 70-2018, 1-10)."""
    yield from subject.form_says("1-10")
    the_record(subject)
    if not subject.files:
        raise not_applicable("没有计算机文件。")
    for place, file, measure in subject.measures():
        if measure.size != file.size:
            yield Finding(
                "file_size_differs",
                f"计算机文件“{file.name}”的大小与登记的不一致。",
                "请从备份恢复该文件，或查明原因后重新登记。",
                field=f"{place}.size",
                expected=f"{file.size} 字节",
                actual=f"{measure.size} 字节",
                where=file.name,
            )
        if file.format and measure.kind and not names_format(file.format, measure.kind):
            yield Finding(
                "file_format_differs",
                f"计算机文件“{file.name}”的实际格式与登记的不一致。",
                "请重新登记该文件的格式，或换成正确的文件。",
                field=f"{place}.format",
                expected=file.format,
                actual=measure.kind.name,
                where=file.name,
            )
        entry = subject.package.files.get(file.id) if subject.package else None
        if entry is not None and extension_of(entry.path) != extension_of(file.name):
            yield Finding(
                "file_name_differs",
                f"计算机文件“{file.name}”在信息包中的名称不同。",
                "请由移交单位重新生成信息包。",
                field=f"{place}.name",
                expected=file.name,
                actual=entry.path,
                where=entry.path,
            )
