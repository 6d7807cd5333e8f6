"""文件的组成: whether the documents that belong to one record 件 are with it (2-8, and our own)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from shared.inspection.checks.authenticity import the_record
from shared.inspection.finding import Finding, Severity
from shared.inspection.registry import Skipped, check, not_applicable
from shared.inspection.report import Outcome
from shared.inspection.subject import Subject
from shared.records.holdings import Holding
from shared.records.record import Record
from shared.records.roles import MAIN_ROLES

COMPOSITION = "DL-12"

#: What only a document that the unit issued 发文 has, and one that it received 收文.
_SENT_ROLES = frozenset({"定稿", "发文稿纸", "留痕稿"})
_SENT_ACTIONS = frozenset({"起草", "签发", "核发", "用印"})
_RECEIVED_ROLES = frozenset({"文件处理单"})
_RECEIVED_ACTIONS = frozenset({"签收", "初审", "承办", "传阅", "催办"})
#: The office system kept its corrections 留痕 when it had somebody else change the draft.
_TRACED_ACTIONS = frozenset({"审核", "复核", "修改"})


def _documents_of(subject: Subject) -> Record:
    """The record, where it is one of documents that are here. Raises Skipped."""
    record = the_record(subject)
    if record.state == "void":
        raise not_applicable("空号没有内容。")
    if record.class_code != "WS":
        raise not_applicable("只对文书核对文件的组成。")
    if record.holding not in (Holding.ELECTRONIC, Holding.BOTH):
        raise not_applicable("不是电子档案。")
    if not record.documents:
        raise not_applicable("没有电子文件。")
    return record


@check("2-8")
def attachments_are_there(subject: Subject) -> Iterator[Finding]:
    """As many annexes 附件 as the main text names on its first page (DA/T 70-2018, 2-8).

    GB/T 9704-2012, 7.3.4: “附件：1. …” below the text. A difference is a question, since a text
    layer may be wrong; where the first page names none, a person has to look at the others.
    """
    record = _documents_of(subject)
    main = [document for document in record.documents if document.role in MAIN_ROLES]
    annexes = sum(document.role == "附件" for document in record.documents)
    named = [
        measure.annexes
        for document in main
        for file in document.files
        if (measure := subject.measure(file)) is not None and measure.annexes is not None
    ]
    if not named:
        raise Skipped("正文首页没有可以读出的附件说明，须由人工对照正文核对。", Outcome.MANUAL)
    if max(named) > annexes:
        yield Finding(
            "annexes_missing",
            "正文说明的附件比所附的多。",
            "请对照正文补齐附件；附件与正文在同一个文件中的，请人工确认。",
            field="documents",
            expected=f"{max(named)} 个附件",
            actual=f"{annexes} 个附件",
            severity=Severity.WARNING,
        )


@check(COMPOSITION)
def documents_are_complete(subject: Subject) -> Iterator[Finding]:
    """发文 has 正本, 定稿 and 发文稿纸 (and 留痕稿), 收文 its 处理单, 请示 its 批复 (DA/T 22-2015).

    Whether a document was issued or received shows in the roles of its documents and in its
    history; where neither tells, a person has to look. Each lack is a question.
    """
    record = _documents_of(subject)
    roles = {document.role for document in record.documents}
    actions = {event.action for event in record.events}
    if not roles & MAIN_ROLES and roles != {"其他"}:
        yield _lack("main_text_missing", "没有正本。", "请补上正本，或改正文档的类别。")
    sent = roles & _SENT_ROLES or actions & _SENT_ACTIONS
    received = roles & _RECEIVED_ROLES or actions & _RECEIVED_ACTIONS
    if sent:
        for role, code in (("定稿", "final_draft_missing"), ("发文稿纸", "issuing_sheet_missing")):
            if role not in roles:
                yield _lack(
                    code, f"发文没有{role}。", f"请补上{role}；确实没有的，请在备注中说明。"
                )
        if actions & _SENT_ACTIONS and actions & _TRACED_ACTIONS and "留痕稿" not in roles:
            yield _lack(
                "traced_draft_missing",
                "发文经过审核修改，没有留痕稿。",
                "请从办公系统导出留痕稿一并归档；没有改动的不需要。",
            )
    elif received and "文件处理单" not in roles:
        yield _lack("processing_sheet_missing", "收文没有文件处理单。", "请补上文件处理单。")
    if _is_request(record.title) and not roles & {"复文", "来文"}:
        yield _lack(
            "reply_missing",
            "请示没有批复。",
            "批复单独成件的，请确认已经归档；没有批复的，请在备注中说明。",
        )
    if not sent and not received:
        raise Skipped("看不出是发文还是收文，文件是否齐全须由人工核对。", Outcome.MANUAL)


def _is_request(title: str) -> bool:
    """Whether the title is that of a 请示, and not of the answer to one."""
    return re.search(r"的请示(?:[（(].{0,20}[）)])?$", title) is not None


def _lack(code: str, problem: str, remedy: str) -> Finding:
    return Finding(code, problem, remedy, field="documents", severity=Severity.WARNING)
