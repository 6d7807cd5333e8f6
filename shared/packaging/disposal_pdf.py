"""电子档案销毁清册 / 鉴定处置清册 as PDF (GB/T 18894-2016, appendix A), of a sealed list.

An archive's list and a unit's look the same: who appraised, approved and watched, and the seal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from shared.kernel.clock import SHANGHAI, parse_utc
from shared.packaging.pdf import Column, Page, draw_counted, table, wrap
from shared.records.retention import OPINION_NAMES, Opinion, retention_name

_A4_LYING = (841.89, 595.28)
_MARGIN, _BOTTOM = 40.0, 470.0
_SHOWN_SIGNATURE = 96
_COLUMNS = (
    Column("序号", 4, "center"),
    Column("档号", 19),
    Column("题名", 30),
    Column("日期", 8, "center"),
    Column("保管期限", 7, "center"),
    Column("鉴定意见", 11, "center"),
    Column("理由", 21),
)


def list_pdf(document: Mapping[str, Any], seal: Mapping[str, str], *, keeper: str) -> bytes:
    """The decision list as PDF, with the four names and the value of the seal on each page.

    `seal` is the signature over the list (`sign_document`), `keeper` the name of whose it is. Only
    for a list whose seal was verified when it was made or restored. Same input, same bytes.
    """
    destroyed = sum(line["is_destroyed"] for line in document["lines"])
    name = "电子档案销毁清册" if destroyed else "电子档案鉴定处置清册"

    def paint(page: Page, pages: int) -> int:
        return table(
            page,
            _COLUMNS,
            _rows(document),
            heading=lambda page, number: _heading(
                page, name, f"{keeper}　{document['title']}", (len(document["lines"]), destroyed)
            ),
            footing=lambda page, number: _footing(page, document, seal, (number, pages)),
            margin=_MARGIN,
            bottom=_BOTTOM,
            size=8.5,
        )

    return draw_counted(_A4_LYING, name, paint)


def _rows(document: Mapping[str, Any]) -> Iterable[tuple[str, ...]]:
    for number, line in enumerate(document["lines"], 1):
        opinion = OPINION_NAMES[Opinion(line["opinion"])]
        if line["opinion"] == Opinion.EXTEND:
            opinion = f"续存至{retention_name(line['longer'])}"
        if line["problem"]:
            opinion = "未执行"
        yield (
            str(number),
            line["code"] or "",
            line["title"],
            (line["date"] or "").replace("-", ""),
            retention_name(line["retention"]),
            opinion,
            line["problem"] or line["reason"],
        )


def _heading(page: Page, name: str, about: str, counts: tuple[int, int]) -> float:
    page.text(page.width / 2, 48, name, 16, "center")
    page.text(_MARGIN, 68, about[:80], 9)
    told = f"共 {counts[0]} 件，其中销毁 {counts[1]} 件"
    page.text(page.width - _MARGIN, 68, told, 9, "right")
    return 76.0


def _footing(
    page: Page, document: Mapping[str, Any], seal: Mapping[str, str], numbers: tuple[int, int]
) -> None:
    y = _BOTTOM + 18
    people = [
        ("鉴定", document["drawn"]),
        ("批准", document["approved"]),
        *(("监销", each) for each in document["witnesses"]),
    ]
    width = (page.width - 2 * _MARGIN) / len(people)
    for at, (what, person) in enumerate(people):
        moment = parse_utc(person["at"]).astimezone(SHANGHAI)
        page.text(_MARGIN + at * width, y, f"{what}：{person['name']}　{moment:%Y-%m-%d %H:%M}", 9)
    value = f"印章（SM2，SM3）公钥标识 {seal['key']}，签名值 "
    value += seal["signature"][:_SHOWN_SIGNATURE] + "…"
    for at, line in enumerate(wrap(value, page.width - 2 * _MARGIN, 8, most=3)):
        page.text(_MARGIN, y + 18 + 12 * at, line, 8)
    page.text(_MARGIN, page.height - 24, f"清册编号 {document['list_id']}", 8)
    page.text(
        page.width - _MARGIN,
        page.height - 24,
        f"第 {numbers[0]} 页　共 {numbers[1]} 页",
        8,
        "right",
    )
