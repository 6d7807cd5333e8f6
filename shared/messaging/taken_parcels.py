"""What became of the files of a parcel: which are here, which are torn or still to come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Protocol, TypeVar

from sqlalchemy.orm import Session

from shared.kernel.ailment import Ailment
from shared.kernel.clock import now
from shared.messaging.models import TakenParcel
from shared.messaging.parcel import Cover

_FILES_MISSING = "files_missing"


def note_taken(session: Session, peer: str, cover: Cover, *, last: bool) -> TakenParcel:
    """Note that a whole file of a parcel of this peer was taken in; `last` when it was its end."""
    row = session.get(TakenParcel, peer)
    if row is None:
        row = TakenParcel(peer=peer, parcel_id="", made_at=cover.made_at, numbers=[])
        session.add(row)
    if row.parcel_id != cover.parcel_id:
        row.parcel_id, row.made_at = cover.parcel_id, cover.made_at
        row.numbers, row.files = [], None
    row.numbers = sorted({*row.numbers, cover.number})
    if last:
        row.files = cover.number
    row.taken_at = now()
    session.flush()
    return row


def flaws(name: str, note: TakenParcel | None, messages: int, *, again: str) -> Iterator[Ailment]:
    """What is not whole about a file that was taken in, or about its parcel.

    `note` is None for a file that ended after so many messages; `again` says how to get another.
    """
    if note is None:
        yield Ailment(
            "torn",
            f"“{name}”不完整或被改动过，只读到第 {messages} 条。",
            f"读到的已经导入。请重新复制这个文件再导入一次，或{again}。",
        )
    elif note.missing:
        numbers = "、".join(str(number) for number in note.missing[:20])
        yield Ailment(
            _FILES_MISSING,
            f"这套邮包还缺第 {numbers} 个文件。",
            f"请把同一套的文件都导入；丢失的，{again}。",
        )
    elif note.files is None:
        yield Ailment(
            _FILES_MISSING,
            "这套邮包的最后一个文件还没有导入。",
            f"请把同一套的文件都导入；丢失的，{again}。",
        )


class TakenFile(Protocol):
    """What one file brought, as either side tells it."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def file(self) -> str:
        """Its name."""

    @property
    def parcel_id(self) -> str:
        """The parcel that it belongs to."""

    @property
    def findings(self) -> tuple[Ailment, ...]:
        """What is not as it should be, and what to do."""

    def to_wire(self) -> dict[str, Any]:
        """All of it, for programs."""


Found = TypeVar("Found", bound=TakenFile)


def settled(taken: Sequence[Found]) -> list[Found]:
    """Files that were taken in one after the other: what is still to come is said once, last."""
    found: list[Found] = []
    later: set[str] = set()
    for each in reversed(taken):
        findings = tuple(
            finding
            for finding in each.findings
            if finding.code != _FILES_MISSING or each.parcel_id not in later
        )
        later.add(each.parcel_id)
        found.append(replace(each, findings=findings))
    return found[::-1]
