"""What a clerk has in hand, as the inventory 交接清册 that the three sign, and its PDF."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from node.clerks.models import ClerkChange
from node.corrections.models import Correction
from node.filing.service import Objection, Record
from node.registry.models import Registered
from node.transfer.service import Batch
from shared.kernel.canonical import canonical_json, sha256_hex
from shared.kernel.clock import SHANGHAI, parse_utc
from shared.packaging.pdf import Column, Page, draw_counted, table
from shared.records.states import CORRECTION, DOCUMENT, NODE_BATCH, RECORD

FORMAT = "danglian-clerk-change/1"
#: So many of each kind stand in the inventory by name; the rest is in its number.
_MOST_LINES = 1000
_DOCUMENTS = ("registered", "in_hand", "closed")
_DRAFTS = ("collected", "arranging")
_BATCHES = ("preparing", "offered", "accepted", "returned", "withdrawing", "corrected")
KIND_NAMES = {
    "documents": "在办和待归档的文件",
    "drafts": "整理中的档案",
    "returns": "被退回待修改的档案",
    "batches": "未办完的移交",
    "claims": "等待答复的更正申请",
}
ROLE_NAMES = {"giver": "移交人", "taker": "接收人", "witness": "监交人"}
_A4 = (595.28, 841.89)
_MARGIN, _BOTTOM = 40.0, 640.0
_COLUMNS = (
    Column("序号", 6, "center"),
    Column("种类", 18),
    Column("编号", 22),
    Column("题名", 40),
    Column("状态", 14),
)


def in_hand(fonds_ids: Iterable[str], names: Mapping[str, str], session: Session) -> dict[str, Any]:
    """The inventory of what is in hand in these fonds: how many of each kind, and each by name."""
    ids = sorted(fonds_ids)
    asked: dict[str, Select[Any]] = {
        "documents": select(Registered).where(
            Registered.fonds_id.in_(ids), Registered.state.in_(_DOCUMENTS)
        ),
        "drafts": select(Record).where(Record.fonds_id.in_(ids), Record.state.in_(_DRAFTS)),
        "returns": select(Record).where(Record.id.in_(_returned(ids, session))),
        "batches": select(Batch).where(Batch.fonds_id.in_(ids), Batch.state.in_(_BATCHES)),
        "claims": select(Correction).where(
            Correction.fonds_id.in_(ids), Correction.state == "asked"
        ),
    }
    counts, lines = {}, []
    for kind, statement in asked.items():
        (model,) = (each["entity"] for each in statement.column_descriptions)
        counts[kind] = session.scalar(select(func.count()).select_from(statement.subquery())) or 0
        some = session.scalars(statement.order_by(model.id).limit(_MOST_LINES))
        lines += [_line(kind, each) for each in some]
    return {
        "format": FORMAT,
        "fonds": [{"id": each, "name": names.get(each, each)} for each in ids],
        "counts": counts,
        "lines": lines,
    }


def digest_of(inventory: Mapping[str, Any]) -> str:
    """What the three sign: SHA-256 over the canonical bytes of the inventory."""
    return sha256_hex(b"danglian/clerk-change/1\n", canonical_json(dict(inventory)))


def _returned(fonds_ids: list[str], session: Session) -> list[str]:
    objections = select(Objection.record_id).where(Objection.settled_at.is_(None))
    mine = select(Record.id).where(Record.id.in_(objections), Record.fonds_id.in_(fonds_ids))
    return list(session.scalars(mine))


def _line(kind: str, thing: Any) -> dict[str, str]:
    if isinstance(thing, Registered):
        return _named(kind, thing.id, thing.number, thing.title, DOCUMENT.label(thing.state))
    if isinstance(thing, Record):
        return _named(kind, thing.id, thing.code or "", thing.title, RECORD.label(thing.state))
    if isinstance(thing, Batch):
        number = f"{thing.count} 件"
        return _named(kind, thing.id, number, thing.title, NODE_BATCH.label(thing.state))
    return _named(kind, thing.id, thing.code or "", "更正申请", CORRECTION.label(thing.state))


def _named(kind: str, thing_id: str, number: str, title: str, state: str) -> dict[str, str]:
    return {"kind": kind, "id": thing_id, "number": number, "title": title, "state": state}


def inventory_pdf(change: ClerkChange, *, office: str) -> bytes:
    """经办人交接清册 as PDF, with who has signed it and the digest. Same input, same bytes."""
    name = "档案经办人交接清册"

    def paint(page: Page, pages: int) -> int:
        return table(
            page,
            _COLUMNS,
            _rows(change.inventory),
            heading=lambda page, number: _heading(page, name, change, office),
            footing=lambda page, number: _footing(page, change, (number, pages)),
            margin=_MARGIN,
            bottom=_BOTTOM,
            size=9,
        )

    return draw_counted(_A4, name, paint)


def _rows(inventory: Mapping[str, Any]) -> Iterable[tuple[str, ...]]:
    for number, line in enumerate(inventory["lines"], 1):
        kind = KIND_NAMES[line["kind"]]
        yield (str(number), kind, line["number"], line["title"], line["state"])


def _heading(page: Page, name: str, change: ClerkChange, office: str) -> float:
    page.text(page.width / 2, 48, name, 16, "center")
    fonds = "、".join(each["name"] for each in change.inventory["fonds"])
    page.text(_MARGIN, 72, f"{office}　{fonds}"[:60], 9)
    told = "，".join(
        f"{KIND_NAMES[kind]} {count}" for kind, count in change.inventory["counts"].items()
    )
    page.text(_MARGIN, 86, told, 9)
    page.text(_MARGIN, 100, f"移交人 {change.leaving_name}，接收人 {change.successor_name}", 9)
    return 112


def _footing(page: Page, change: ClerkChange, pages: tuple[int, int]) -> None:
    top = _BOTTOM + 28
    if change.has_left:
        page.text(_MARGIN, top, "移交人已离岗，由单位负责人代为移交。", 9)
    page.text(_MARGIN, top + 16, f"交接原因：{change.reason}"[:70], 9)
    for number, (role, called) in enumerate(ROLE_NAMES.items()):
        signed = change.signatures.get(role)
        told = f"{signed['name']}　{_local(signed['at'])}" if signed else "　　　　"
        page.text(_MARGIN, top + 38 + 18 * number, f"{called}：{told}", 10)
    page.text(_MARGIN, top + 100, f"摘要 {change.digest}", 7)
    page.text(page.width - _MARGIN, top + 114, f"第 {pages[0]} 页，共 {pages[1]} 页", 8, "right")


def _local(moment: str) -> str:
    return parse_utc(moment).astimezone(SHANGHAI).strftime("%Y年%m月%d日 %H:%M")
