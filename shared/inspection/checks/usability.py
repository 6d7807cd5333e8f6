"""可用性: whether the record can be found, shown and understood (DA/T 70-2018, 3-1 to 3-8)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from shared.inspection.checks.authenticity import the_record
from shared.inspection.finding import Finding, Severity
from shared.inspection.formats import FORMATS, extension_of
from shared.inspection.formats.trouble import (
    DAMAGED,
    FALSE_CLAIM,
    LOCKED,
    REPAIRABLE,
    SHORT_LIVED,
    UNEXAMINED,
    UNSURE,
)
from shared.inspection.measuring import Measure
from shared.inspection.registry import Skipped, check, not_applicable
from shared.inspection.subject import Subject
from shared.kernel.errors import Invalid
from shared.records.holdings import FileKind
from shared.records.metadata import read_xml, to_xml
from shared.records.record import ComputerFile


def _with_files(subject: Subject) -> None:
    if not subject.is_loose:
        the_record(subject)
    if not subject.files:
        raise not_applicable("没有计算机文件。")


@check("3-1")
def metadata_can_be_read(subject: Subject) -> Iterator[Finding]:
    """The metadata is XML that a strict parser reads (DA/T 70-2018, 3-1).

    On the node, before there is a package, what would be written into one is read back.
    """
    yield from subject.form_says("3-1")
    if subject.package is None:
        the_record(subject)
        if subject.described is None:
            raise Skipped("没有全宗信息，不能生成元数据。")
        read_xml(to_xml(subject.described))
    elif isinstance(subject.metadata, Invalid):
        yield Finding.of_error(subject.metadata, field=None, where="metadata.xml")


@check("3-2")
def catalogue_can_be_read(subject: Subject) -> Iterator[Finding]:
    """The catalogue that the record is held against answers (DA/T 70-2018, 3-2)."""
    record = the_record(subject)
    if subject.context.code_used_by is None:
        raise Skipped("没有可供读取的目录数据库。")
    if record.code is None:
        raise not_applicable("尚未编制档号。")
    error = subject.catalogue_error
    if error is not None:
        yield Finding(
            "catalogue_unreadable",
            "目录数据库不能读取。",
            "请联系系统管理员检查数据库；恢复后重新检测。",
            actual=type(error).__name__,
        )


@check("3-3")
def formats_are_known(subject: Subject) -> Iterator[Finding]:
    """The format told by the bytes is known, and is the one of the extension.

    DA/T 70-2018, 3-3; GB/T 18894-2016, GB/T 33190-2016. An empty file of a record is 2-7's finding.
    """
    _with_files(subject)
    for place, file, measure in subject.measures():
        if not measure.size:
            if subject.is_loose:
                yield Finding(
                    "file_empty",
                    f"计算机文件“{file.name}”是空的（0 字节）。",
                    "请换成有内容的文件。",
                    field=place,
                    actual="0 字节",
                    where=file.name,
                )
            continue
        if measure.kind is None:
            yield Finding(
                "format_unknown",
                f"无法识别计算机文件“{file.name}”的格式。",
                "请转换为通用格式（如 OFD、PDF、TXT、TIFF、JPEG）后重新上传。",
                field=f"{place}.format",
                where=file.name,
            )
            continue
        if not measure.kind.extensions:
            yield Finding(
                "format_unknown",
                f"计算机文件“{file.name}”是{measure.kind.name}，认不出是哪个软件的格式。",
                "请用制作它的软件打开，另存为 OFD、PDF 或 DOC 后重新上传。",
                field=f"{place}.format",
                where=file.name,
            )
            continue
        extension = extension_of(file.name)
        if extension in measure.kind.extensions or (extension == "txt" and measure.kind.is_text):
            continue
        yield Finding(
            "extension_differs",
            f"计算机文件“{file.name}”的扩展名与实际格式（{measure.kind.name}）不一致。",
            "请确认文件是否选错；内容无误的，请改用正确的扩展名。",
            field=f"{place}.name",
            expected="、".join(measure.kind.extensions) or "无",
            actual=extension or "无",
            where=file.name,
        )


_ANOTHER = "请向形成部门重新取得完好的文件。"
_ANOTHER_OR_MENDED = (
    "请向形成部门重新取得完好的文件；取不到的，请用 PDF 软件修复另存，并在备注中说明。"
)
_SAVED_ANEW = "请用制作该文件的软件另存为 PDF 或 OFD 后重新上传；仍不行的，请联系系统管理员。"
_CONVERTED_ANEW = (
    "请用能生成合规文件的软件重新转换；已有电子签章不能重新转换的，请与接收档案馆商定。"
)
_SELF_CONTAINED = "宜转换为内容自包含的 OFD 或 PDF/A；不能转换的，请确认在其他电脑上也能正常显示。"


@check("3-4")
def files_can_be_read(subject: Subject) -> Iterator[Finding]:
    """Files are whole, not locked, and open on every page (DA/T 70-2018, 3-4).

    Pages of pictures that are blank or have black edges (DA/T 31-2017) are questions, and so is
    what a program cannot play.
    """
    _with_files(subject)
    for trouble in _troubles(subject):
        if trouble.kind == DAMAGED:
            yield _told(trouble, "file_damaged", _ANOTHER)
        elif trouble.kind == REPAIRABLE:
            yield _told(trouble, "file_repairable", _ANOTHER_OR_MENDED)
        elif trouble.kind == LOCKED:
            yield _told(trouble, "file_locked", "请去除口令和加密后重新上传。")
        elif trouble.kind == UNEXAMINED:
            yield _told(trouble, "file_not_examined", _SAVED_ANEW)
        elif trouble.kind == UNSURE:
            yield _told(
                trouble, "file_not_fully_checked", "请人工打开核对。", severity=Severity.WARNING
            )
    for place, file, measure in subject.measures():
        yield from _odd_pages(place, file, measure)


class _Troubled(NamedTuple):
    """A trouble with the file that has it."""

    place: str
    file: ComputerFile
    kind: str
    problem: str
    where: str | None


def _troubles(subject: Subject) -> Iterator[_Troubled]:
    for place, file, measure in subject.measures():
        for each in measure.troubles:
            yield _Troubled(place, file, each.kind, each.problem, each.where)


def _told(
    trouble: _Troubled, code: str, remedy: str, *, severity: Severity = Severity.ERROR
) -> Finding:
    name = trouble.file.name
    return Finding(
        code,
        f"“{name}”：{trouble.problem}。",
        remedy,
        field=trouble.place,
        where=f"{name}：{trouble.where}" if trouble.where else name,
        severity=severity,
    )


def _odd_pages(place: str, file: ComputerFile, measure: Measure) -> Iterator[Finding]:
    facts = measure.examination.facts
    if blank := facts.get("blank_pages"):
        yield Finding(
            "page_blank",
            f"“{file.name}”有空白页。",
            "请确认是否漏扫或多扫；原件就是空白的，可以不改。",
            field=place,
            actual=f"第 {'、'.join(map(str, blank[:10]))} 页",
            where=file.name,
            severity=Severity.WARNING,
        )
    edged = facts.get("black_edged_pages")
    if edged and file.kind is FileKind.DIGITAL_COPY:
        yield Finding(
            "page_black_edged",
            f"“{file.name}”有黑边。",
            "请裁去黑边，或重新扫描。",
            field=place,
            actual=f"第 {'、'.join(map(str, edged[:10]))} 页",
            where=file.name,
            severity=Severity.WARNING,
        )


#: DA/T 31-2017: scans have at least 200 dpi.
_LEAST_DPI = 200


@check("3-5")
def files_will_last(subject: Subject) -> Iterator[Finding]:
    """What claims to be PDF/A or OFD-A is; nothing needed is outside the file (DA/T 70-2018, 3-5).

    GB/T 42133-2022, ISO 19005; of PDF/A the rules that a program can check without a validator.
    Fonts that are not embedded, outside content, scans below 200 dpi (DA/T 31-2017) and digitised
    recordings below 44.1 kHz and 24 bits (DA/T 62-2017) are pointed out.
    """
    _with_files(subject)
    for trouble in _troubles(subject):
        if trouble.kind == FALSE_CLAIM:
            yield _told(trouble, "claim_not_kept", _CONVERTED_ANEW)
        elif trouble.kind == SHORT_LIVED:
            yield _told(
                trouble, "not_for_the_long_term", _SELF_CONTAINED, severity=Severity.WARNING
            )
    for place, file, measure in subject.measures():
        dpi = measure.examination.facts.get("dpi")
        if file.kind is FileKind.DIGITAL_COPY and dpi is not None and dpi < _LEAST_DPI:
            yield Finding(
                "resolution_low",
                f"“{file.name}”的分辨率低于 {_LEAST_DPI} dpi。",
                "请按 DA/T 31-2017 重新扫描；确实无法重扫的，请在备注中说明。",
                field=place,
                expected=f"不低于 {_LEAST_DPI} dpi",
                actual=f"{dpi} dpi",
                where=file.name,
                severity=Severity.WARNING,
            )
        yield from _thin_sound(place, file, measure)


#: DA/T 62-2017: recordings are digitised with so many samples a second, of so many bits.
_LEAST_RATE, _LEAST_BITS = 44_100, 24


def _thin_sound(place: str, file: ComputerFile, measure: Measure) -> Iterator[Finding]:
    """Of a digital copy of a recording, with less than DA/T 62-2017 asks for."""
    facts = measure.examination.facts
    if file.kind is not FileKind.DIGITAL_COPY:
        return
    # MP3 and MP4, made for use beside the copy that is kept, do not say of how many bits they are.
    rate, bits = facts.get("sample_rate"), facts.get("bits")
    if rate is None or bits is None or (rate >= _LEAST_RATE and bits >= _LEAST_BITS):
        return
    yield Finding(
        "recording_parameters_low",
        f"“{file.name}”的采样率或量化位数低于录音录像数字化的要求。",
        "请按 DA/T 62-2017 重新数字化；确实无法重做的，请在备注中说明。",
        field=place,
        expected=f"不低于 {_LEAST_RATE / 1000:g} kHz、{_LEAST_BITS} 位",
        actual=f"{rate / 1000:g} kHz、{bits} 位",
        where=file.name,
        severity=Severity.WARNING,
    )


@check("3-7")
def package_is_open(subject: Subject) -> Iterator[Finding]:
    """The package is neither encrypted nor packed in a private way (DA/T 70-2018, 3-7, unseen).

    `open_package` takes stored and deflated entries only: a package that is open has passed, and
    so has a foreign form that could be read.
    """
    if subject.is_unpacked:
        raise not_applicable("尚未生成信息包。")
    yield from ()


@check("3-8")
def formats_are_accepted(subject: Subject) -> Iterator[Finding]:
    """The archive takes these formats; packed and encrypted files it does not.

    DA/T 70-2018, 3-8; 档发〔2012〕7号: unpack and decrypt before handing over.
    """
    _with_files(subject)
    accepted = subject.context.accepted_formats
    if accepted is None:
        accepted = frozenset(code for code, each in FORMATS.items() if each.accepted)
    for place, file, measure in subject.measures():
        if measure.kind is not None and measure.kind.code not in accepted:
            yield Finding(
                "format_not_accepted",
                f"计算机文件“{file.name}”的格式（{measure.kind.name}）不在接收范围内。",
                "请解压、解密或转换为接收范围内的格式后重新上传。",
                field=f"{place}.format",
                actual=measure.kind.name,
                where=file.name,
            )
