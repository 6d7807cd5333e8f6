"""The page of the gap list 断号表 of a fonds, and its spreadsheet."""

from __future__ import annotations

from flask import Response, render_template, request, url_for

from node.filing import service as filing
from node.transfer import service as transfer
from node.transfer.pages import blueprint
from shared.identity import current_actor, with_roles
from shared.kernel.errors import NotFound
from shared.records.fonds import Fonds
from shared.records.gaps import Run
from shared.web import current_database
from shared.web.gap_list import NAMES, gap_counts, gap_download, gap_page

_HINT = "档案馆已接收的件号中间缺哪些，以及哪些件号没有档案；最后一个已接收件号以后的不列。"


@blueprint.get("/gaps/<fonds_id>")
@with_roles(*transfer.SEEING)
def gaps(fonds_id: str) -> str:
    """What the archive lacks of a fonds."""
    fonds, runs = _asked(fonds_id)
    return render_template(
        "gaps.html",
        fonds=fonds,
        page=gap_page(runs, request.args),
        counts=gap_counts(runs),
        back=url_for("filing.classes"),
        endpoint=".gaps_file",
        hint=_HINT,
        **NAMES,
    )


@blueprint.get("/gaps/<fonds_id>.<form>")
@with_roles(*transfer.SEEING)
def gaps_file(fonds_id: str, form: str) -> Response:
    """The same as a spreadsheet, with what the page shows."""
    fonds, runs = _asked(fonds_id)
    return gap_download(runs, request.args, form, f"{fonds.name}断号表")


def _asked(fonds_id: str) -> tuple[Fonds, list[Run]]:
    actor = current_actor()
    with current_database().read() as session:
        seen = {each.id: each for each in filing.fonds_seen(actor, session=session)}
        if fonds_id not in seen:
            raise NotFound("没有这个全宗，或您无权查看。", "请回到移交页面。")
        return seen[fonds_id], transfer.gaps_of(actor, fonds_id, session=session)
