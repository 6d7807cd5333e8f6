"""完整性: whether everything that belongs to the record is there (DA/T 70-2018, 2-1 to 2-11)."""

from __future__ import annotations

from collections.abc import Iterator

from shared.inspection.checks.authenticity import the_record
from shared.inspection.checks.content import pages_differ, seconds_differ
from shared.inspection.finding import Finding, Severity
from shared.inspection.registry import Skipped, check, not_applicable
from shared.inspection.shape import Kind
from shared.inspection.subject import Batch, Subject
from shared.records.holdings import FileKind, Holding
from shared.records.metadata import Node, check_metadata
from shared.records.record import RecordLevel
from shared.records.states import NUMBERED_STATES


@check("2-1", of_batch=True)
def count_is_as_registered(batch: Batch) -> Iterator[Finding]:
    """The number of records is the one on the 移交与接收登记表 (DA/T 70-2018, 2-1)."""
    if batch.registered_records is None:
        raise Skipped("没有登记表可供比对。")
    if batch.records != batch.registered_records:
        yield Finding(
            "count_differs",
            "总件数与登记表不符。",
            "请核对登记表和实际移交的档案。",
            expected=f"{batch.registered_records} 件",
            actual=f"{batch.records} 件",
        )


@check("2-2", of_batch=True)
def size_is_as_registered(batch: Batch) -> Iterator[Finding]:
    """The number of bytes is the one on the 移交与接收登记表 (DA/T 70-2018, 2-2)."""
    if batch.registered_size is None:
        raise Skipped("登记表没有登记字节数。")
    if batch.uncounted:
        raise Skipped(f"有 {batch.uncounted} 件的信息包打不开，总字节数无法统计。")
    if batch.size != batch.registered_size:
        yield Finding(
            "bytes_differ",
            "总字节数与登记表不符。",
            "请核对登记表和实际移交的文件。",
            expected=f"{batch.registered_size} 字节",
            actual=f"{batch.size} 字节",
        )


@check("2-3")
def elements_are_there(subject: Subject) -> Iterator[Finding]:
    """Every item that the scheme demands is there (DA/T 70-2018, 2-3; DA/T 46-2009)."""
    for each in subject.shape:
        if each.kind is Kind.MISSING:
            yield Finding(
                "item_missing",
                f"{each.name}：{each.problem}",
                each.remedy if each.value is None else f"请填写{each.name}。",
                field=each.path,
            )
    the_record(subject)
    if subject.described is None:
        raise Skipped("没有全宗信息，不能对照元数据方案。")
    yield from _scheme_problems(subject.described, "档案记录")


def _scheme_problems(metadata: Node, where: str) -> Iterator[Finding]:
    for each in check_metadata(metadata):
        yield Finding(
            "metadata_scheme",
            f"元数据 {each.element}“{each.name}”：{each.problem}",
            each.remedy,
            field=_FIELDS.get(each.name),
            where=where,
        )


_FIELDS = {
    "题名": "title",
    "日期": "date",
    "档号": "code",
    "年度": "year",
    "保管期限": "retention",
    "密级": "security",
    "责任者": "author",
    "文件编号": "doc_no",
    "页数": "pages",
    "全宗号": "code",
    "室编件号": "number",
    "业务行为": "events",
    "行为时间": "events",
    "机构人员名称": "events",
}


@check("2-4")
def required_fields_are_filled(subject: Subject) -> Iterator[Finding]:
    """What a catalogue entry must say is filled in (DA/T 70-2018, 2-4; DA/T 22-2015).

    Code and date of a filed record are part of what makes it one: 1-5 says where they are missing.
    The author is conditional in DA/T 46 and mandatory in DA/T 48: its absence is pointed out.
    """
    record = the_record(subject)
    if record.state == "void":
        raise not_applicable("空号只保留档号和原因。")
    is_numbered = record.state in NUMBERED_STATES
    if is_numbered and record.number is None and record.level is not RecordLevel.PROJECT:
        by_volume = record.level is RecordLevel.VOLUME and record.volume_number is not None
        if not by_volume:
            yield Finding("required", "件号没有填写。", "请先归档定号。", field="number")
    if record.author is None and record.level in (RecordLevel.RECORD, RecordLevel.ITEM):
        yield Finding(
            "author_missing",
            "责任者没有填写。",
            "请填写形成文件的机关全称或规范简称；确无责任者的可以不填。",
            field="author",
            severity=Severity.WARNING,
        )
    paper = record.holding is not Holding.ELECTRONIC
    if paper and record.pages is None and record.level in (RecordLevel.RECORD, RecordLevel.ITEM):
        yield Finding(
            "pages_missing",
            "有纸质原件，但没有填写页数。",
            "请填写页数。",
            field="pages",
            severity=Severity.WARNING,
        )


@check("2-5")
def history_is_complete(subject: Subject) -> Iterator[Finding]:
    """The history names the filing, and runs forward in time (DA/T 70-2018, 2-5; M80–M84)."""
    record = the_record(subject)
    if record.state not in NUMBERED_STATES:
        raise not_applicable("尚未归档。")
    if all(event.action != "归档" for event in record.events):
        yield Finding(
            "filing_not_recorded",
            "过程信息中没有“归档”。",
            "请补记归档人和归档时间。",
            field="events",
            expected="归档",
            actual="、".join(event.action for event in record.events) or "无",
        )
    for place in range(1, len(record.events)):
        before, event = record.events[place - 1], record.events[place]
        if event.time < before.time:
            yield Finding(
                "events_out_of_order",
                f"过程信息的时间倒流：“{event.action}”早于前面的“{before.action}”。",
                "请确认当时本机时间是否正确，并在说明中注明。",
                field=f"events.{place}.time",
                severity=Severity.WARNING,
            )


@check("2-6", of_batch=True)
def numbers_run_on(batch: Batch) -> Iterator[Finding]:
    """Numbers run from 1 without gaps within each category (DA/T 70-2018, 2-6; DA/T 22-2015).

    Over all batches and years of the fonds: a number that nothing bears is an error, one that the
    unit has and did not hand over a question; a void number with its reason fills its place.
    """
    if batch.gaps is None:
        raise Skipped("没有同类目录可供核对。")
    for category, gaps in batch.gaps.items():
        for gap in gaps:
            yield Finding(
                f"number_{gap.kind}",
                gap.problem,
                "请核对该类目录；确需空号的，请作废该号并写明原因。"
                if gap.is_error
                else "请补交，或说明为何不在这一批。",
                field="number",
                actual=gap.numbers,
                where=category,
                severity=Severity.ERROR if gap.is_error else Severity.WARNING,
            )


@check("2-7")
def content_is_there(subject: Subject) -> Iterator[Finding]:
    """An electronic record has content, in each of its documents (DA/T 70-2018, 2-7).

    Files with other pages, or of another length, than the catalogue says are a question.
    """
    record = the_record(subject)
    if record.state == "void":
        raise not_applicable("空号没有内容。")
    if record.level in (RecordLevel.PROJECT, RecordLevel.VOLUME):
        raise not_applicable("内容在卷内文件中。")
    if record.holding not in (Holding.ELECTRONIC, Holding.BOTH):
        raise not_applicable("不是电子档案。")
    if all(file.kind is not FileKind.BORN_DIGITAL for file in record.files):
        yield Finding(
            "no_content",
            "电子档案没有任何原生电子文件。",
            "请上传电子文件；只有纸质的，请把载体改为“纸质”。",
            field="documents",
        )
    for place, document in enumerate(record.documents):
        if not document.files:
            yield Finding(
                "document_without_file",
                f"“{document.role}”没有计算机文件。",
                "请上传该文档的文件，或去掉该文档。",
                field=f"documents.{place}",
            )
    for path, file, measure in subject.measures():
        if measure.size == 0:
            yield Finding(
                "file_empty",
                f"计算机文件“{file.name}”是空的（0 字节）。",
                "请换成有内容的文件。",
                field=path,
                actual="0 字节",
                where=file.name,
            )
    yield from pages_differ(subject, record)
    yield from seconds_differ(subject, record)


@check("2-10")
def package_metadata_is_complete(subject: Subject) -> Iterator[Finding]:
    """metadata.xml keeps DA/T 46-2009, an EEP DA/T 48-2009 besides (DA/T 70-2018, 2-10)."""
    if subject.is_unpacked:
        raise not_applicable("尚未生成信息包。")
    yield from subject.form_says("2-10")
    if subject.package is None:
        return
    if not isinstance(subject.metadata, Node):
        raise Skipped("元数据无法读取。")
    yield from _scheme_problems(subject.metadata, "metadata.xml")


@check("2-11")
def package_content_is_complete(subject: Subject) -> Iterator[Finding]:
    """As many computer files in the package as its record names (DA/T 70-2018, 2-11)."""
    if subject.is_unpacked:
        raise not_applicable("尚未生成信息包。")
    yield from subject.form_says("2-11")
    if subject.package is None:
        return
    the_record(subject)
    wanted, actual = len(subject.files), len(subject.package.files)
    if wanted != actual:
        yield Finding(
            "file_count_differs",
            "信息包中的文件数与档案登记的不一致。",
            "请由移交单位重新生成信息包。",
            field="documents",
            expected=f"{wanted} 个",
            actual=f"{actual} 个",
        )
