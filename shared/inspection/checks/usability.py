"""可用性: whether the record can be found, shown and understood (DA/T 70-2018, 3-1 to 3-8)."""

from __future__ import annotations

from collections.abc import Iterator

from shared.inspection.checks.authenticity import the_record
from shared.inspection.finding import Finding, Severity
from shared.inspection.formats import FORMATS, extension_of
from shared.inspection.registry import Skipped, check, not_applicable
from shared.inspection.subject import Subject
from shared.inspection.trouble import DAMAGED, LOCKED, UNSURE
from shared.kernel.errors import Invalid
from shared.records.metadata import read_xml, to_xml


def _with_files(subject: Subject) -> None:
    the_record(subject)
    if not subject.files:
        raise not_applicable("没有计算机文件。")


@check("3-1")
def metadata_can_be_read(subject: Subject) -> Iterator[Finding]:
    """The metadata is XML that a strict parser reads (DA/T 70-2018, 3-1).

    On the node, before there is a package, what would be written into one is read back.
    """
    if subject.package is None:
        the_record(subject)
        if subject.described is None:
            raise Skipped("没有全宗信息，不能生成元数据。")
        read_xml(to_xml(subject.described))
        return
    if isinstance(subject.metadata, Invalid):
        yield Finding.of_error(subject.metadata, field=None, where="metadata.xml")


@check("3-3")
def formats_are_known(subject: Subject) -> Iterator[Finding]:
    """The format told by the bytes is known, and is the one of the extension.

    DA/T 70-2018, 3-3; GB/T 18894-2016, GB/T 33190-2016. An empty file is 2-7's finding.
    """
    _with_files(subject)
    for place, file, measure in subject.measures():
        if not measure.size:
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


@check("3-4")
def files_can_be_read(subject: Subject) -> Iterator[Finding]:
    """Files are whole, not locked, and open (DA/T 70-2018, 3-4: automatic, and by sample)."""
    _with_files(subject)
    for place, file, measure in subject.measures():
        for trouble in measure.troubles:
            if trouble.kind == DAMAGED:
                yield Finding(
                    "file_damaged",
                    f"“{file.name}”：{trouble.problem}。",
                    "请向形成部门重新取得完好的文件。",
                    field=place,
                    where=file.name,
                )
            elif trouble.kind == LOCKED:
                yield Finding(
                    "file_locked",
                    f"“{file.name}”：{trouble.problem}。",
                    "请去除口令和加密后重新上传。",
                    field=place,
                    where=file.name,
                )
            elif trouble.kind == UNSURE:
                yield Finding(
                    "file_not_fully_checked",
                    f"“{file.name}”：{trouble.problem}。",
                    "请人工打开核对。",
                    field=place,
                    where=file.name,
                    severity=Severity.WARNING,
                )


@check("3-7")
def package_is_open(subject: Subject) -> Iterator[Finding]:
    """The package is neither encrypted nor packed in a private way (DA/T 70-2018, 3-7, unseen).

    `open_package` takes stored and deflated entries only: a package that is open has passed.
    """
    if subject.package is None:
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
