"""The marks of classification that a computer file bears, asked at every door (design, rule 6)."""

from __future__ import annotations

from typing import BinaryIO

from shared.inspection.formats import identify
from shared.inspection.formats.examination import Mark
from shared.inspection.formats.sandbox import NoAnswer, mark_on_first_page
from shared.kernel.errors import Classified, Invalid


def refuse_marked(stream: BinaryIO) -> None:
    """Raise Classified when a computer file bears a mark of classification on its first page.

    Every door asks this before it keeps a byte. What has no words that a program reads (a picture)
    or cannot be opened (a password, damage) is let in here; people look at it before it is handed
    over. A file that ended the process which read it has not been looked at: Invalid. Raises
    Unavailable when no process can be started.
    """
    kind = identify(stream)
    if kind is None or not kind.has_words:
        return
    try:
        mark = mark_on_first_page(stream)
    except NoAnswer:
        raise Invalid(
            "file",
            "检查这个文件首页的程序意外终止或超过了时间、内存限制，不能确认它没有密级标志，没有保存。",
            "请用制作该文件的软件另存为 PDF 或 OFD 后再试；仍不行的，请联系系统管理员。",
            code="file_not_examined",
        ) from None
    if mark is Mark.MARKED:
        raise Classified("file")
