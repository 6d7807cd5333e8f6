"""What the pages of transfer have in common: their blueprint, and the names they show."""

from __future__ import annotations

from flask import Blueprint
from sqlalchemy.orm import Session

from node.filing import service as filing
from node.transfer.desk import batch_tasks
from shared.identity import current_actor
from shared.inspection.finding import SEVERITY_NAMES
from shared.records.classes import class_name
from shared.records.holdings import HOLDING_NAMES
from shared.records.record import FIELD_NAMES, OPENING_NAMES, PUBLICITY_NAMES
from shared.records.retention import retention_name
from shared.records.security import SECURITY_NAMES
from shared.records.states import NODE_BATCH

blueprint = Blueprint("transfer", __name__, url_prefix="/transfer", template_folder="templates")
blueprint.add_app_template_global(batch_tasks)

COLOURS = {
    "preparing": "yellow",
    "approved": "blue",
    "offered": "blue",
    "withdrawing": "yellow",
    "returned": "red",
    "accepted": "green",
    "corrected": "orange",
    "signed": "green",
    "received": "green",
    "withdrawn": "secondary",
}
OUTCOMES = {
    "accepted": "通过",
    "returned": "退回",
    "received": "已接收",
    "withdrawn": "已撤回",
}
STEPS = ["准备", "负责人批准", "提交", "档案馆检验审核", "单位签字", "档案馆接收"]
NAMES = {
    "STATES": NODE_BATCH.states,
    "COLOURS": COLOURS,
    "OUTCOMES": OUTCOMES,
    "STEPS": STEPS,
    "OPENINGS": OPENING_NAMES,
    "PUBLICITIES": PUBLICITY_NAMES,
    "SHOWN": {
        "security": {str(each): name for each, name in SECURITY_NAMES.items()},
        "holding": {str(each): name for each, name in HOLDING_NAMES.items()},
    },
    "class_name": class_name,
    "SEVERITIES": {str(each): name for each, name in SEVERITY_NAMES.items()},
    "FIELD_NAMES": FIELD_NAMES,
    "retention_name": retention_name,
}


def fonds_names(session: Session) -> dict[str, str]:
    """The fonds that the reader may see, by id."""
    return {each.id: each.name for each in filing.fonds_seen(current_actor(), session=session)}
