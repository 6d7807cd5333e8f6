"""What the pages of intake share: the blueprint, names for values, and the spool."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from node.intake.models import ROW_LABELS, STATE_LABELS, IntakeState
from node.intake.spool import Spool
from node.registry.edge import current_folder
from shared.records.classes import load_classes
from shared.records.record import LEVEL_NAMES
from shared.records.retention import retention_periods

blueprint = Blueprint("intake", __name__, url_prefix="/intake", template_folder="templates")

_HOLDINGS = {
    "electronic": "电子（单套）",
    "both": "电子和纸质（双套）",
    "paper": "纸质",
    "paper_with_copy": "纸质（有数字化副本）",
}
_COLOURS = {
    IntakeState.UPLOADED: "yellow",
    IntakeState.CHECKING: "blue",
    IntakeState.CHECKED: "yellow",
    IntakeState.TAKING: "blue",
    IntakeState.TAKEN: "green",
    IntakeState.DISCARDED: "secondary",
}
STEPS = ["上传表格", "核对列名", "逐行检查", "确认导入"]


def names() -> dict[str, Any]:
    """Names and choices for the templates."""
    return {
        "CLASSES": {code: f"{each.name}（{code}）" for code, each in load_classes().items()},
        "RETENTIONS": {each.code: each.name for each in retention_periods()},
        "HOLDINGS": _HOLDINGS,
        "STATES": STATE_LABELS,
        "COLOURS": _COLOURS,
        "ROW_STATES": ROW_LABELS,
        "STEPS": STEPS,
        "LEVELS": [("", "不导入"), *((str(each), name) for each, name in LEVEL_NAMES.items())],
        "LEVEL_NAMES": LEVEL_NAMES,
    }


def spool() -> Spool:
    """Where sheets and files lie while an import of this node is under way."""
    return Spool(current_folder().path)
