"""The page of the gap list 断号表 of a fonds, and its spreadsheet."""

from __future__ import annotations

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue

from hub.federation import service as federation
from hub.receiving import service as receiving
from hub.receiving.numbers import SEEING
from hub.receiving.views import blueprint
from shared.identity import current_actor, with_roles
from shared.web import current_database
from shared.web.gap_list import NAMES, gap_counts, gap_download, gap_page

_HINT = "各批、各年已接收的档案中间缺哪些件号，逐段说明去向；最后一个已接收件号以后的不列。"


@blueprint.get("/gaps/<fonds_id>")
@with_roles(*SEEING)
def gaps(fonds_id: str) -> ResponseReturnValue:
    """What the archives lack of a fonds."""
    with current_database().read() as session:
        runs = receiving.gaps_of(current_actor(), fonds_id, session=session)
        fonds = federation.fonds_of(fonds_id, session)
        return render_template(
            "gaps.html",
            fonds=fonds,
            page=gap_page(runs, request.args),
            counts=gap_counts(runs),
            back=url_for("fonds.show", fonds_id=fonds.id),
            endpoint=".gaps_file",
            hint=_HINT,
            **NAMES,
        )


@blueprint.get("/gaps/<fonds_id>.<form>")
@with_roles(*SEEING)
def gaps_file(fonds_id: str, form: str) -> ResponseReturnValue:
    """The same as a spreadsheet, with what the page shows."""
    with current_database().read() as session:
        runs = receiving.gaps_of(current_actor(), fonds_id, session=session)
        name = federation.fonds_of(fonds_id, session).name
    return gap_download(runs, request.args, form, f"{name}断号表")
