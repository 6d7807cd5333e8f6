"""归档（移交）范围: whether a record is kept as long as the unit's own table demands (2-9)."""

from __future__ import annotations

from collections.abc import Iterator

from shared.inspection.checks.authenticity import the_record
from shared.inspection.finding import Finding, Severity
from shared.inspection.registry import Skipped, check, not_applicable
from shared.inspection.report import Outcome, Stage
from shared.inspection.subject import Subject
from shared.records.filing_scope import Match, Table, match, table_for
from shared.records.record import Record, RecordLevel
from shared.records.retention import outlasts, retention_name, retention_period
from shared.records.schedules import ScheduleItem

#: Archives take what is kept for ever and for 30 years; shorter terms run out at the unit.
_HANDED_OVER_FROM = "D30"
_BY_PERSON = Outcome.MANUAL


@check("2-9")
def record_is_in_scope(subject: Subject) -> Iterator[Finding]:
    """The term is the one that the fonds' own approved table demands (DA/T 70-2018, 2-9).

    An error only where the unit's own approved table plainly says otherwise, in a row that was seen
    in its source; everything that needs judgement is a question, and a row that was reconstructed
    is never quoted as the regulation. At hand-over the term has to be one that archives take.
    """
    record = the_record(subject)
    if record.state == "void":
        raise not_applicable("空号没有内容。")
    if record.level not in (RecordLevel.RECORD, RecordLevel.ITEM):
        raise not_applicable("范围表按件核对，案卷看卷内文件。")
    if retention_period(record.retention).kind == "old":
        raise not_applicable("旧的长期、短期不按现行的表核对。")
    if subject.context.at.stage is Stage.TRANSFER:
        yield from _hand_over_scope(record)
    if subject.context.fonds is None:
        raise Skipped("没有全宗信息，不知道用哪一份范围表。")
    if record.class_code != "WS":
        raise Skipped("范围表按题名核对只用于文书，其他门类须由人工核对。", _BY_PERSON)
    table = table_for(subject.context.fonds, subject.context.schedule)
    if table is None:
        raise Skipped("没有登记本单位经批准的归档范围与保管期限表。")
    yield from _against(record, table, match(record.title, table.schedule))


def _against(record: Record, table: Table, found: Match) -> Iterator[Finding]:
    if not found.items:
        raise Skipped(f"“{table.name}”中没有能自动对上题名的条目，须由人工核对。", _BY_PERSON)
    cited = _cited(table, found.items[0])
    demanded = "或".join(retention_name(each) for each in found.terms)
    if record.retention in found.terms:
        if found.certain and table.approved:
            return
        raise Skipped(f"与{cited}不矛盾，是否准确须由人工核对。", _BY_PERSON)
    if not found.certain and not table.approved:
        raise Skipped(f"可能属于{cited}（{demanded}），须由人工核对。", _BY_PERSON)
    too_short = all(outlasts(each, record.retention) for each in found.terms)
    plain = found.certain and table.approved and found.items[0].seen
    yield Finding(
        "retention_too_short" if too_short else "retention_differs",
        f"保管期限与{cited}不同。",
        "请对照本单位的归档范围和保管期限表改正；题名对不上这一条的，请人工确认。",
        field="retention",
        expected=demanded,
        actual=retention_name(record.retention),
        severity=Severity.ERROR if plain and too_short else Severity.WARNING,
    )


def _cited(table: Table, item: ScheduleItem) -> str:
    """A row as it may be quoted: one that was reconstructed is called what it is."""
    scope = item.scope if len(item.scope) <= 60 else item.scope[:60] + "…"
    row = f"第 {item.number} 条“{scope}”"
    if not item.seen:
        return f"参考条目{row}（归纳而来，没有对照原文）"
    if table.approved:
        return f"本单位经批准的“{table.name}”{row}"
    return f"参考表“{table.name}”{row}（不是本单位经批准的表）"


def _hand_over_scope(record: Record) -> Iterator[Finding]:
    if outlasts(_HANDED_OVER_FROM, record.retention):
        yield Finding(
            "outside_hand_over_scope",
            "保管期限短于30年，一般不移交进馆。",
            "请与接收的档案馆确认；不移交的，请从这一批中去掉，到期由本单位鉴定。",
            field="retention",
            expected="永久或30年以上",
            actual=retention_name(record.retention),
            severity=Severity.WARNING,
        )
