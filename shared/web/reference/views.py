"""The pages of the reference: what there is, each group with its operations, what changed."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, render_template, request
from flask.typing import ResponseReturnValue

from shared.identity import public
from shared.kernel.errors import NotFound
from shared.web.reference.described import Group, changes, groups_of

blueprint = Blueprint("reference", __name__, url_prefix="/developers")
#: The extension that is the API which is described.
API = "danglian.api"


@blueprint.get("/")
@public
def index() -> ResponseReturnValue:
    """All operations, or those that have the words in their name, path or summary."""
    wanted = request.args.get("q", "").strip()[:200]
    groups = [
        (group, found) for group in _groups() if (found := _matching(group, wanted.casefold()))
    ]
    return render_template("reference/index.html", groups=groups, wanted=wanted, changes=changes())


@blueprint.get("/<group_id>")
@public
def group(group_id: str) -> ResponseReturnValue:
    """The operations of one capability, with parameters, bodies, answers and examples."""
    groups = _groups()
    for each in groups:
        if each.id == group_id:
            return render_template("reference/group.html", group=each, groups=groups)
    raise NotFound("没有这一组接口。", "请回到接口说明首页查看。")


def _groups() -> list[Group]:
    api: Any = current_app.extensions[API]
    return groups_of(api.spec.to_dict())


def _matching(group: Group, words: str) -> list[Any]:
    return [
        each
        for each in group.operations
        if words in f"{each.name} {each.method} {each.path} {each.about} {group.name}".casefold()
    ]
