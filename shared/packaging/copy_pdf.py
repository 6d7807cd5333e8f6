"""档案复制件证明 as PDF: what an archive certifies of a record, its seal, code and QR code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from shared.kernel.clock import SHANGHAI, parse_utc
from shared.packaging.pdf import Column, Page, draw_counted, table, wrap

NAME = "档案复制件证明"
_A4 = (595.28, 841.89)
_LEFT, _BOTTOM = 57.0, 640.0
_LABEL = 96.0
_QR = 84.0
_COLUMNS = (
    Column("序号", 5, "center"),
    Column("电子文件", 30),
    Column("字节数", 12, "right"),
    Column("SHA-256 摘要", 38),
)


def copy_pdf(statement: Mapping[str, Any], seal: Mapping[str, str], *, address: str) -> bytes:
    """The copy as PDF; same input, same bytes.

    `seal` is the archive's signature over the statement (`sign_document`), `address` the page of
    verification, which the QR code leads to with the copy's code.
    """
    link = f"{address}?code={statement['copy_id']}"

    def paint(page: Page, pages: int) -> int:
        return table(
            page,
            _COLUMNS,
            _rows(statement),
            heading=lambda page, number: _heading(page, statement, number),
            footing=lambda page, number: _footing(page, statement, seal, link, (number, pages)),
            margin=_LEFT,
            bottom=_BOTTOM,
            size=8,
        )

    return draw_counted(_A4, NAME, paint)


def _rows(statement: Mapping[str, Any]) -> Iterable[tuple[str, ...]]:
    for number, file in enumerate(statement["files"], 1):
        yield str(number), file["name"], f"{file['size']:,}", file["sha256"]


def _heading(page: Page, statement: Mapping[str, Any], number: int) -> float:
    page.text(page.width / 2, 72, NAME, 18, "center")
    page.text(page.width / 2, 92, statement["archive_name"], 11, "center")
    y = 112.0
    if number > 1:
        return y
    lines = (
        ("全宗", statement["fonds_name"]),
        ("档号", statement["code"]),
        ("题名", statement["title"]),
        ("文号", statement["doc_no"]),
        ("责任者", statement["author"]),
        ("日期", statement["date"]),
        ("页数", statement["pages"]),
        ("利用者", statement["reader"]),
        ("用途", statement["purpose"]),
        ("利用依据", statement["basis"]),
    )
    for label, value in lines:
        y = _line(page, y, label, "—" if value is None else str(value))
    y += 20
    page.text(
        _LEFT, y, "兹证明：上列档案由本馆保管，所附复制件与馆藏一致；电子文件以下列摘要为准。", 10
    )
    return y + 12


def _line(page: Page, y: float, label: str, text: str) -> float:
    width = page.width - 2 * _LEFT
    lines = wrap(text, width - _LABEL - 8, 10, most=5)
    height = max(22.0, len(lines) * 13.5 + 8)
    page.cell(_LEFT, y, _LABEL, height, [label])
    page.cell(_LEFT + _LABEL, y, width - _LABEL, height, lines)
    return y + height


def _footing(
    page: Page,
    statement: Mapping[str, Any],
    seal: Mapping[str, str],
    link: str,
    numbers: tuple[int, int],
) -> None:
    y = _BOTTOM + 16
    day = parse_utc(statement["at"]).astimezone(SHANGHAI)
    page.qr(page.width - _LEFT - _QR, y, _QR, link)
    said = (
        f"{statement['archive_name']}（电子印章）　经办：{statement['by']}　{day:%Y年%m月%d日}",
        f"核验码 {statement['copy_id']}",
        f"核验网址 {link.partition('?')[0]}，或扫右边的二维码；撤回的证明核验时会显示。",
        f"印章（SM2，SM3）公钥标识 {seal['key']}，签名值 {seal['signature']}",
    )
    width = page.width - 2 * _LEFT - _QR - 12
    for text in said:
        for line in wrap(text, width, 8.5, most=4):
            page.text(_LEFT, y + 9, line, 8.5)
            y += 12
        y += 3
    page.text(
        page.width - _LEFT, page.height - 30, f"第 {numbers[0]} 页　共 {numbers[1]} 页", 8, "right"
    )
