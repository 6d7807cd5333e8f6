"""Nobody of one fonds crosses into another on a node that keeps several (村档乡管)."""

from __future__ import annotations

from sqlalchemy import insert, select

from node.app import ROLES, make_node_app
from node.clerks.models import ClerkChange
from node.corrections.models import Correction
from node.custody.models import HandOver
from node.filing.models import (
    Box,
    ComputerFile,
    DisposalList,
    Divergence,
    Document,
    Objection,
    Record,
    Step,
)
from node.intake.models import Intake
from node.registry.models import Registered, RegisteredFile
from node.submission.models import Submission
from node.transfer.models import Batch, BatchRecord, Notice
from shared.kernel.actor import ADMINISTRATORS, Actor, Grant, Openness, Role
from shared.kernel.database import Model
from shared.kernel.identifiers import new_id
from shared.kernel.jobs import Job
from tests.crossings import Matrix
from tests.described import without_limits
from tests.node.conftest import VILLAGE, Node
from tests.node.crossings.routes import DOORS, LISTS, OF_ALL, OWN, THINGS

#: What only people of the town may read.
SECRET = "镇里绝不外传"


def furnished(node: Node, clerk: Actor) -> dict[str, str]:
    """One of everything of the town, by the name of the parameter that asks for it."""
    (record,) = node.collect(clerk, 1, title=f"{SECRET}的事项")
    ids = {name: new_id() for name in _ROWS}
    names = {f"{name}_id": each for name, each in ids.items()}
    names |= {"record_id": record, "fonds_id": node.fonds}
    with node.database.write() as session:
        for name, model in _ROWS.items():
            key = "offer_id" if model is BatchRecord else "id"
            session.execute(insert(model).values(_row(model, {**names, key: ids[name]})))
        category = session.scalars(select(Record.category_id).where(Record.id == record)).one()
    return {**ids, "record": record, "fonds": node.fonds, "category": category or new_id()}


_ROWS: dict[str, type[Model]] = {
    "change": ClerkChange,
    "document": Registered,
    "paper": RegisteredFile,
    "submission": Submission,
    "correction": Correction,
    "hand_over": HandOver,
    "box": Box,
    "file_document": Document,
    "file": ComputerFile,
    "list": DisposalList,
    "divergence": Divergence,
    "objection": Objection,
    "step": Step,
    "intake": Intake,
    "job": Job,
    "batch": Batch,
    "offer": BatchRecord,
    "notice": Notice,
}


def _row(model: type[Model], names: dict[str, str]) -> dict[str, object]:
    """A row whose columns are filled: by the things they name, else with whatever may stand."""
    if model is ComputerFile:
        names = {**names, "document_id": names["file_document_id"]}
    row: dict[str, object] = {}
    for column in model.__table__.columns:
        if column.key in names:
            row[column.key] = names[column.key]
        elif column.key == "inventory":
            row[column.key] = {"fonds": [{"id": names["fonds_id"], "name": SECRET}]}
        elif model is Step and column.key == "records":
            row[column.key] = {names["record_id"]: {"parent_id": None, "number": None}}
        elif column.key == "owner":
            row[column.key] = "somebody of the town"
        elif not column.nullable and column.default is None:
            kind = column.type.python_type
            row[column.key] = kind() if kind in (int, bool, dict, list) else SECRET
    return row


def test_no_role_of_another_fonds_or_class_crosses_on_any_route(node: Node, clerk: Actor) -> None:
    matrix = Matrix(
        without_limits(make_node_app(node.folder)), furnished(node, clerk), (SECRET,),
        DOORS, OWN, OF_ALL, {}, LISTS, THINGS, {"fonds": new_id()},
    )  # fmt: skip
    assert matrix.out_of_place() == set(), "enter it in tests/node/crossings/routes.py"
    # Roles that a node does not know get no further than nobody's.
    people = [
        Actor("stranger", "村文书", (Grant(role, fonds_id=VILLAGE),))
        for role in (*ROLES, Role.ARCHIVIST)
        if role not in ADMINISTRATORS  # theirs is the whole node
    ]
    # Of the same fonds, but of another class, or of what is open: the town's record is neither.
    people += [
        Actor("stranger", "科技档案员", (Grant(role, None, node.fonds, *limit),))
        for role in (Role.CLERK, Role.LEADER)
        for limit in (("KJ",), (None, Openness.OPEN))
    ]
    found = [each for person in (None, *people) for each in matrix.crossings(person)]
    assert not found, "\n".join(found)
