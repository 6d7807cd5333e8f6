"""真实性 of the package: its files, papers, layout and digest (DA/T 70-2018, 1-11 to 1-14)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from shared.inspection import profile as profiles
from shared.inspection.checks.authenticity import the_record
from shared.inspection.checks.content import text_differs
from shared.inspection.finding import Finding
from shared.inspection.registry import Skipped, check, not_applicable
from shared.inspection.subject import Subject
from shared.kernel.errors import Invalid
from shared.records.metadata import Node, find_all
from shared.records.record import Record

if TYPE_CHECKING:
    from shared.packaging.package import Package


@check("1-11")
def every_file_is_found(subject: Subject) -> Iterator[Finding]:
    """Every file that the metadata names is there, and no other (DA/T 70-2018, 1-11).

    A main text that does not bear its title, number or date is a question.
    """
    record = the_record(subject)
    for place, file in subject.places():
        if subject.measure(file) is None and subject.unreadable(file) is None:
            yield Finding(
                "file_missing",
                f"找不到计算机文件“{file.name}”。",
                "请重新上传该文件。",
                field=place,
                expected=file.sha256,
                where=file.name,
            )
    for file_id in subject.extra_files:
        yield Finding(
            "file_not_in_record",
            "有未在档案中登记的计算机文件。",
            "请先登记该文件，或从移交内容中去掉。",
            field="documents",
            where=file_id,
        )
    if isinstance(subject.metadata, Node):
        yield from _metadata_files(subject, subject.metadata)
    yield from text_differs(subject, record)


def _metadata_files(subject: Subject, metadata: Node) -> Iterator[Finding]:
    listed = {
        str(node.attribute("文件标识符")): node.attribute("SHA-256")
        for node in find_all(metadata, "电子属性")
    }
    actual = {file.id: file.sha256 for file in subject.files}
    if listed != actual:
        yield Finding(
            "metadata_files_differ",
            "元数据所列的计算机文件与档案登记的不一致。",
            "请由移交单位重新生成信息包。",
            field="documents",
            expected=f"{len(actual)} 个文件",
            actual=f"{len(listed)} 个文件",
            where="metadata.xml",
        )


@check("1-12")
def papers_are_regular(subject: Subject) -> Iterator[Finding]:
    """说明文件 and 目录文件 of a foreign form are there and filled in (DA/T 70-2018, 1-12).

    DA/T 93-2022, appendix B; 档发〔2012〕7号, appendix 2.
    """
    if subject.form is None:
        raise not_applicable("在线移交不使用说明文件和目录文件。")
    yield from subject.form_says("1-12")


@check("1-13")
def package_is_laid_out(subject: Subject) -> Iterator[Finding]:
    """The package has exactly the entries of its manifest, in their places (DA/T 70-2018, 1-13).

    `open_package` has refused everything else already; what remains is the order of the folders.
    """
    if subject.is_unpacked:
        yield from _cannot_be_wrapped(subject)
        raise not_applicable("尚未生成信息包。")
    yield from subject.form_says("1-13")
    if subject.package is None:
        return
    record = the_record(subject)
    yield from _form_differs(subject, subject.package, record)
    documents = sorted(record.documents, key=lambda each: each.order)
    for place, document in enumerate(documents, 1):
        for file in document.files:
            entry = subject.package.files.get(file.id)
            if entry is not None and not entry.path.startswith(f"content/{place:02d}/"):
                yield Finding(
                    "entry_misplaced",
                    f"计算机文件“{file.name}”不在规定的目录中。",
                    "请由移交单位重新生成信息包。",
                    expected=f"content/{place:02d}/",
                    actual=entry.path,
                    where=entry.path,
                )


def _cannot_be_wrapped(subject: Subject) -> Iterator[Finding]:
    """Before there is a package: what keeps a record out of the EEP that its archive asks for."""
    record, profile = subject.record, subject.context.profile
    if record is None or profile is None:
        return
    if profile.form_for(record.level, has_files=bool(record.files)) != profiles.EEP:
        return
    from shared.packaging.eep.compose import require_sayable

    try:
        require_sayable(record)
    except Invalid as error:
        yield Finding.of_error(error)


def _form_differs(subject: Subject, package: Package, record: Record) -> Iterator[Finding]:
    """The package is in the form that its archive takes 接收要求."""
    profile = subject.context.profile
    if profile is None:
        return
    wanted = profile.form_for(record.level, has_files=bool(record.files))
    actual = profiles.EEP if package.is_wrapped else profiles.FOLDER
    if actual != wanted:
        yield Finding(
            "package_form_differs",
            "信息包的形式不是档案馆接收要求的。",
            "请由移交单位更新程序、同步后重新提交。",
            expected=profiles.FORM_NAMES[wanted],
            actual=profiles.FORM_NAMES[actual],
        )


@check("1-14")
def package_is_the_offered_one(subject: Subject) -> Iterator[Finding]:
    """The package's digest and size are those that were offered (DA/T 70-2018, 1-14)."""
    if subject.package is None:
        raise not_applicable("尚未生成信息包。")
    wanted = subject.context.identity
    if wanted is None:
        raise Skipped("没有移交时登记的摘要可供比对。")
    actual = subject.package.identity
    if actual != wanted:
        yield Finding(
            "package_digest_differs",
            "信息包的摘要或大小与移交时登记的不一致。",
            "传输中可能损坏或被替换，请重新传送该信息包。",
            expected=f"{wanted.sha256}，{wanted.size} 字节",
            actual=f"{actual.sha256}，{actual.size} 字节",
        )
