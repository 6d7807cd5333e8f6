"""What only a set of records shows, beside totals and runs of numbers (2-1, 2-2, 2-6)."""

from __future__ import annotations

from collections.abc import Iterator

from shared.inspection.finding import Finding, Severity, shown
from shared.inspection.registry import Skipped, check
from shared.inspection.subject import Batch

#: A part of 1-8 that asks persons; 1-8 itself is about the archival code of one record.
TWINS = "DL-11"
_MOST_NAMED = 5


@check(TWINS, of_batch=True)
def nothing_is_filed_twice(batch: Batch) -> Iterator[Finding]:
    """No two records of the fonds have one number 文号 and title, or a file of the same bytes.

    DA/T 70-2018, 1-8: what repeats besides the archival code is a question to a person; a letter
    may well be filed by two offices of a unit.
    """
    if batch.twins is None:
        raise Skipped("没有可供比对的目录。")
    for twin in batch.twins:
        others = "、".join(twin.others[:_MOST_NAMED])
        more = f"等 {len(twin.others)} 件" if len(twin.others) > _MOST_NAMED else ""
        if twin.by_content:
            yield Finding(
                "duplicate_content",
                "有电子文件与本全宗另一件档案的完全相同。",
                "请核对是否重复归档；确属重复的，请保留一件，另一件作废并写明原因。",
                field="documents",
                actual=shown(others + more),
                where=twin.code,
                severity=Severity.WARNING,
            )
        else:
            yield Finding(
                "duplicate_number_and_title",
                "文号和题名与本全宗另一件档案的相同。",
                "请核对是否重复归档；确属重复的，请保留一件，另一件作废并写明原因。",
                field="doc_no",
                actual=shown(others + more),
                where=twin.code,
                severity=Severity.WARNING,
            )
