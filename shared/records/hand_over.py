"""The hand-over of a whole fonds 全宗交接, as both nodes and the hub write and sign it.

One *statement* 交接清单 says what is handed over: who to whom, the digest of the inventory, the
bundles that carry everything, counts, and the sums of the catalogue. The giving unit's seal and
the taking unit's seal sign its canonical JSON; the hub's key signs the state of the hand-over as it
tells it down (entry `hand_over`).
"""

from __future__ import annotations

from collections.abc import Mapping

from shared.records import wire
from shared.records.text import NAME_LENGTH, REASON_LENGTH

#: Name and version of the statement.
STATEMENT_FORMAT = "danglian-hand-over/1"
#: A statement rides in one entry of a stream, so the number of its bundles is bounded.
MOST_BUNDLES = 1000
MOST_BUNDLE = 1 << 42
#: The steps as pages show them, and at which of them a state stands (`HAND_OVER`).
STEP_NAMES = ("提出", "停写", "清点签字", "上传", "接管方核对签字", "并入", "办结")
STEP_OF = {
    "asked": 0,
    "proposed": 1,
    "frozen": 2,
    "given": 3,
    "arrived": 4,
    "assigned": 5,
    "done": 7,
    "called_off": 0,
}
STATE_COLOURS = {"asked": "yellow", "done": "green", "called_off": "secondary"}
#: What a statement counts, as people read it.
_COUNT_NAMES = {
    "records": "档案（件、卷）",
    "filed": "其中已归档",
    "drafts": "其中未定号",
    "void": "空号",
    "received": "已进馆（只读副本）",
    "documents": "收发文登记",
    "batches": "移交批次",
    "imports": "导入",
    "files": "电子文件",
}


def counted(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """What a statement counts, as pairs of words and number."""
    return [(text, counts[name]) for name, text in _COUNT_NAMES.items()]


_MOST_GROUPS = 500
_MOST_COUNT = (1 << 53) - 1
_SIGNATURE = 400


class SignedSchema(wire.WireSchema):
    """What `sign_document` makes."""

    key = wire.Text(64, required=True)
    public_key = wire.Text(128, required=True)
    signature = wire.Text(_SIGNATURE, required=True)


class BundleSchema(wire.WireSchema):
    """One bundle: its id in the hub's staging, and its bytes."""

    id = wire.Id(required=True)
    sha256 = wire.Digest(required=True)
    size = wire.Int(1, MOST_BUNDLE, required=True)


class StatementSchema(wire.WireSchema):
    """The statement that both sides sign."""

    format = wire.Choice([STATEMENT_FORMAT], required=True)
    hub_id = wire.Id(required=True)
    hand_over_id = wire.Id(required=True)
    fonds_id = wire.Id(required=True)
    from_node = wire.Id(required=True)
    to_node = wire.Id(required=True)
    inventory = wire.Digest(required=True)
    bundles = wire.List(wire.Nested(BundleSchema), most=MOST_BUNDLES, least=1, required=True)
    counts = wire.Map(wire.Text(40), wire.Int(0, _MOST_COUNT), most=20, required=True)
    sums = wire.Map(wire.Text(60), wire.Digest(), most=_MOST_GROUPS, required=True)
    by = wire.Text(NAME_LENGTH, required=True)
    at = wire.Text(40, required=True)


class AskedSchema(wire.WireSchema):
    """Entry `hand_over_asked`: the unit's leader asks for a hand-over."""

    hand_over_id = wire.Id(required=True)
    fonds_id = wire.Id(required=True)
    wish = wire.Text(NAME_LENGTH, required=True)
    reason = wire.Text(REASON_LENGTH, required=True)
    by = wire.Text(NAME_LENGTH, required=True)


class FrozenSchema(wire.WireSchema):
    """Entries `hand_over_frozen` and `hand_over_settled`: a step that needs no signature."""

    hand_over_id = wire.Id(required=True)
    by = wire.Text(NAME_LENGTH, required=True)


class SignedStatementSchema(wire.WireSchema):
    """Entries `hand_over_given` and `hand_over_taken`: the statement with one side's seal."""

    hand_over_id = wire.Id(required=True)
    statement = wire.Nested(StatementSchema, required=True)
    by = wire.Text(NAME_LENGTH, required=True)
    signed = wire.Nested(SignedSchema, required=True)


class CalledOffSchema(wire.WireSchema):
    """Entry `hand_over_called_off`: a side does not want it (any more); the hub answers."""

    hand_over_id = wire.Id(required=True)
    by = wire.Text(NAME_LENGTH, required=True)
    reason = wire.Text(REASON_LENGTH, required=True)
