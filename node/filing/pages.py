"""What the pages of filing share: the blueprint, names for values, and who sees which fonds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, request, url_for
from sqlalchemy.orm import Session

from node.filing import service as filing
from node.office.service import fonds_written
from node.registry.edge import refuse_early
from shared.identity import current_actor
from shared.kernel.actor import Role
from shared.kernel.errors import Invalid
from shared.records.classes import class_name, load_classes
from shared.records.holdings import FILE_KIND_NAMES, HOLDING_NAMES
from shared.records.record import FIELD_NAMES, LEVEL_NAMES, OPENING_NAMES, PUBLICITY_NAMES
from shared.records.retention import retention_name, retention_periods
from shared.records.roles import DOCUMENT_ROLES
from shared.records.security import SECURITY_NAMES
from shared.records.states import RECORD
from shared.web import local_path

blueprint = Blueprint(
    "filing",
    __name__,
    url_prefix="/filing",
    template_folder="templates",
    static_folder="static",
)

SEEING = (Role.CLERK, Role.LEADER)
STATE_COLOURS = {
    "collected": "yellow",
    "arranging": "blue",
    "filed": "green",
    "offered": "purple",
    "received": "teal",
    "void": "secondary",
    "disposed": "secondary",
}
CLASSES = {code: f"{code} {each.name}" for code, each in load_classes().items()}
SUBCLASSES = [
    (sub.code, f"{each.code}·{sub.code} {sub.name}")
    for each in load_classes().values()
    for sub in each.subclasses
]
RETENTIONS = {period.code: period.name for period in retention_periods()}
NAMES: dict[str, Any] = {
    "CLASSES": CLASSES,
    "SUBCLASSES": SUBCLASSES,
    "RETENTIONS": RETENTIONS,
    "HOLDINGS": {str(each): name for each, name in HOLDING_NAMES.items()},
    "SECURITIES": {str(each): name for each, name in SECURITY_NAMES.items()},
    "LEVELS": {str(each): name for each, name in LEVEL_NAMES.items()},
    "OPENINGS": OPENING_NAMES,
    "PUBLICITIES": PUBLICITY_NAMES,
    "KINDS": {str(kind): name for kind, name in FILE_KIND_NAMES.items()},
    "ROLES": [(role, role) for role in DOCUMENT_ROLES],
    "STATES": RECORD.states,
    "STATE_COLOURS": STATE_COLOURS,
    "FIELDS": FIELD_NAMES,
    "class_name": class_name,
    "retention_name": retention_name,
}


def fonds_names(session: Session, *roles: Role, in_part: bool = False) -> dict[str, str]:
    """The fonds that the reader may see (or write into in one of the roles), by id.

    `in_part` also those of which it sees some records only.
    """
    actor = current_actor()
    if roles:
        found = fonds_written(actor, *roles, in_part=in_part, session=session)
    else:
        found = filing.fonds_seen(actor, in_part=in_part, session=session)
    return {each.id: f"{each.number} {each.name}" if each.number else each.name for each in found}


def classes_of(fonds_id: str, *roles: Role) -> dict[str, str]:
    """The classes of a fonds for which the reader holds one of the roles, by code."""
    actor = current_actor()
    return {
        code: name
        for code, name in CLASSES.items()
        if actor.may(*roles, fonds=fonds_id, class_code=code)
    }


def back(default: str) -> str:
    """Where a small action leads to: the page that it was asked on (`next`), or the default."""
    target = request.form.get("next", "")
    if target.startswith("?"):
        return url_for("filing.index") + target
    return local_path(target, default)


def category_name(category: filing.Category, organs: Mapping[str, str]) -> str:
    """A category in words: `文书 2023年度 30年 办公室`; `organs` has the names of organs."""
    parts = (
        [class_name(category.class_code, category.subclass or None)] if category.class_code else []
    )
    parts += [f"{category.year}年度"] if category.year else []
    parts += [retention_name(category.retention)] if category.retention else []
    organ = organs.get(category.organ, category.organ)
    parts += [each for each in (organ, category.project_number) if each]
    parts += [f"目录{category.catalogue_number}"] if category.catalogue_number else []
    return " ".join(parts) or "卷内文件"


NAMES["category_name"] = category_name


def ticked() -> list[str]:
    """The ids of the rows that were ticked in a list. Raises Invalid when none was."""
    ids = request.form.getlist("ids")
    if not ids:
        raise Invalid("ids", "没有选择文件。", "请先在表中勾选要办理的文件。")
    return ids


def record_for_form(record_id: str, session: Session) -> filing.Record:
    """A record that a form is about to change. Raises NotFound; early, what forbids the change."""
    record = filing.record_of(current_actor(), record_id, session=session)
    refuse_early(record.fonds_id, session)
    if request.method == "GET":
        filing.require_open(record)
    return record
