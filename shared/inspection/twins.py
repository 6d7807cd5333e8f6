"""Records that look like others of their fonds: what a catalogue's query finds, told per record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass

#: Of an empty file: that two are empty says nothing of their records.
EMPTY_DIGEST = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@dataclass(frozen=True)
class Twin:
    """A record of a batch that looks like another one of its fonds.

    Attributes:
        record_id: the record, and `code` its archival code.
        others: the codes of those that it looks like, in the batch or not.
        by_content: a computer file has the very same bytes; else number 文号 and title agree.
    """

    record_id: str
    code: str
    others: tuple[str, ...]
    by_content: bool


def twins_among(
    rows: Iterable[tuple[str, str, Hashable]], wanted: Collection[str], *, by_content: bool
) -> list[Twin]:
    """The wanted records that share what the rows say with another, each once.

    A row is the id of a record, its code, and what must not be shared: number and title, or the
    digest of a file.
    """
    alike: dict[Hashable, dict[str, str]] = defaultdict(dict)
    for record_id, code, shared in rows:
        if shared != EMPTY_DIGEST:
            alike[shared][record_id] = code
    others: dict[str, dict[str, None]] = {}
    codes: dict[str, str] = {}
    for group in alike.values():
        for record_id in group.keys() & set(wanted) if len(group) > 1 else ():
            codes[record_id] = group[record_id]
            others.setdefault(record_id, {}).update(
                {code: None for id_, code in group.items() if id_ != record_id}
            )
    return sorted(
        (Twin(each, codes[each], tuple(sorted(others[each])), by_content) for each in others),
        key=lambda twin: (twin.code, twin.record_id),
    )
