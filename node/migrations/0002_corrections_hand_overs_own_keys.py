"""Corrections, hand-overs of fonds, the hub's keys; imports of several sheets; undo"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

#: What an import said of its only sheet: name, type, and what stands there without a sheet.
_OF_THE_SHEET = (
    ("sheet", sa.Integer(), "0"),
    ("sheet_name", sa.String(length=255), ""),
    ("header_row", sa.Integer(), "1"),
    ("columns", sa.JSON(), "[]"),
    ("mapping", sa.JSON(), "{}"),
    ("expected", sa.Integer(), "0"),
    ("read", sa.Integer(), "0"),
    ("finished_reading", sa.Boolean(), "0"),
)
_OF_A_ROW = (
    'intake_id, number, fonds_id, state, "key", code, "values", problems, cells, files, record_id'
)


def upgrade() -> None:
    """From 0001 to 0002."""
    op.create_table(
        "corrections_correction",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("code", sa.String(length=100), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("request", sa.JSON(), nullable=True),
        sa.Column("began_at", sa.String(length=27), nullable=False),
        sa.Column("told_seq", sa.Integer(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=True),
        sa.Column("down_seq", sa.Integer(), nullable=False),
        sa.Column("down_epoch", sa.Integer(), nullable=False),
        sa.Column("answered_at", sa.String(length=27), nullable=True),
        sa.Column("problem", sa.String(length=1000), nullable=True),
        sa.Column("remedy", sa.String(length=500), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("corrections_correction", schema=None) as batch_op:
        batch_op.create_index(
            "corrections_correction_list", ["fonds_id", "state", "began_at"], unique=False
        )
        batch_op.create_index(
            "corrections_correction_record", ["record_id", "began_at"], unique=False
        )

    op.create_table(
        "filing_note",
        sa.Column("subject_id", sa.String(length=36), nullable=False),
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("situation", sa.String(length=1000), nullable=True),
        sa.Column("arranged_by", sa.String(length=200), nullable=True),
        sa.Column("arranged_on", sa.String(length=10), nullable=True),
        sa.Column("checked_by", sa.String(length=200), nullable=True),
        sa.Column("checked_on", sa.String(length=10), nullable=True),
        sa.Column("changed_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("subject_id"),
    )
    op.create_table(
        "filing_step",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("what", sa.String(length=200), nullable=False),
        sa.Column("records", sa.JSON(), nullable=False),
        sa.Column("made_by", sa.String(length=200), nullable=False),
        sa.Column("made_at", sa.String(length=27), nullable=False),
        sa.Column("undone_at", sa.String(length=27), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("filing_step", schema=None) as batch_op:
        batch_op.create_index("filing_step_fonds", ["fonds_id", "made_at"], unique=False)

    op.create_table(
        "hand_over",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("fonds_name", sa.String(length=200), nullable=False),
        sa.Column("leaving", sa.Boolean(), nullable=False),
        sa.Column("counterpart", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("asked_by", sa.String(length=200), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("document", sa.JSON(), nullable=True),
        sa.Column("called_off", sa.String(length=500), nullable=True),
        sa.Column("refused", sa.String(length=1000), nullable=True),
        sa.Column("job_id", sa.String(length=36), nullable=True),
        sa.Column("frozen_at", sa.String(length=27), nullable=True),
        sa.Column("frozen_by", sa.String(length=200), nullable=True),
        sa.Column("inventory", sa.JSON(), nullable=True),
        sa.Column("signed_at", sa.String(length=27), nullable=True),
        sa.Column("signed_by", sa.String(length=200), nullable=True),
        sa.Column("signed_body", sa.JSON(), nullable=True),
        sa.Column("taken_in_at", sa.String(length=27), nullable=True),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("hand_over", schema=None) as batch_op:
        batch_op.create_index("hand_over_fonds", ["fonds_id", "state"], unique=False)

    op.create_table(
        "office_hub_key",
        sa.Column("key_id", sa.String(length=32), nullable=False),
        sa.Column("public_key", sa.String(length=128), nullable=False),
        sa.Column("statement", sa.JSON(), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=True),
        sa.Column("from_seq", sa.Integer(), nullable=True),
        sa.Column("learnt_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("key_id"),
    )
    op.create_table(
        "hand_over_bundle",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("hand_over_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("moved", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["hand_over_id"],
            ["hand_over.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("hand_over_bundle", schema=None) as batch_op:
        batch_op.create_index("hand_over_bundle_order", ["hand_over_id", "number"], unique=True)

    op.create_table(
        "intake_file",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("intake_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=1000), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("wanted", sa.Boolean(), nullable=False),
        sa.Column("problem", sa.String(length=500), nullable=True),
        sa.ForeignKeyConstraint(
            ["intake_id"],
            ["intake.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("intake_file", schema=None) as batch_op:
        batch_op.create_index("intake_file_list", ["intake_id", "name"], unique=False)

    op.create_table(
        "intake_sheet",
        sa.Column("intake_id", sa.String(length=36), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("level", sa.String(length=10), nullable=True),
        sa.Column("spooled", sa.String(length=36), nullable=False),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("sheet", sa.Integer(), nullable=False),
        sa.Column("sheet_name", sa.String(length=255), nullable=False),
        sa.Column("header_row", sa.Integer(), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("mapping", sa.JSON(), nullable=False),
        sa.Column("expected", sa.Integer(), nullable=False),
        sa.Column("read", sa.Integer(), nullable=False),
        sa.Column("finished", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["intake_id"],
            ["intake.id"],
        ),
        sa.PrimaryKeyConstraint("intake_id", "part"),
    )
    _add("filing_record_version", sa.Column("state", sa.String(length=20)), "")
    # What was told differently is found by the next comparison with the hub, and told again.
    op.execute(
        "UPDATE filing_record_version SET state = (SELECT told.state FROM filing_record AS told "
        "WHERE told.id = filing_record_version.record_id)"
    )
    op.execute(
        "INSERT INTO intake_sheet (intake_id, part, level, spooled, file_name, sheet, sheet_name,"
        ' header_row, "columns", mapping, expected, "read", finished)'
        " SELECT id, 1, 'record', id, file_name, sheet, sheet_name,"
        ' header_row, "columns", mapping, expected, "read", finished_reading FROM intake'
    )
    _add("intake", sa.Column("linked_to", sa.String(length=64)), "")
    with op.batch_alter_table("intake") as batch_op:
        for name, _, _ in _OF_THE_SHEET:
            batch_op.drop_column(name)

    op.execute("CREATE TEMPORARY TABLE kept_row AS SELECT * FROM intake_row")
    op.drop_table("intake_row")
    op.create_table(
        "intake_row",
        sa.Column("intake_id", sa.String(length=36), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("level", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=True),
        sa.Column("code", sa.String(length=100), nullable=True),
        sa.Column("group", sa.String(length=64), nullable=True),
        sa.Column("links", sa.JSON(), nullable=False),
        sa.Column("values", sa.JSON(), nullable=False),
        sa.Column("problems", sa.JSON(), nullable=False),
        sa.Column("cells", sa.JSON(), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("same_as", sa.String(length=300), nullable=True),
        sa.Column("record_id", sa.String(length=36), nullable=True),
        sa.PrimaryKeyConstraint("intake_id", "part", "number"),
    )
    op.create_index("intake_row_key", "intake_row", ["fonds_id", "key"])
    op.create_index("intake_row_code", "intake_row", ["fonds_id", "code"])
    op.create_index("intake_row_state", "intake_row", ["intake_id", "state", "turn"])
    op.create_index("intake_row_group", "intake_row", ["intake_id", "group"])
    op.execute(
        f"INSERT INTO intake_row ({_OF_A_ROW}, part, level, turn, links, same_as) "
        f"SELECT {_OF_A_ROW}, 1, 'record', number, '{{}}', '第 ' || same_as || ' 行' FROM kept_row"
    )
    op.execute("DROP TABLE kept_row")
    _add("office_fonds", sa.Column("standing", sa.String(length=10)), "open")
    _add("office_fonds", sa.Column("counterpart", sa.String(length=200)), "")


def downgrade() -> None:
    """From 0002 back to 0001."""
    with op.batch_alter_table("office_fonds", schema=None) as batch_op:
        batch_op.drop_column("counterpart")
        batch_op.drop_column("standing")

    op.execute("CREATE TEMPORARY TABLE kept_row AS SELECT * FROM intake_row WHERE part = 1")
    op.drop_table("intake_row")
    op.create_table(
        "intake_row",
        sa.Column("intake_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=True),
        sa.Column("code", sa.String(length=100), nullable=True),
        sa.Column("values", sa.JSON(), nullable=False),
        sa.Column("problems", sa.JSON(), nullable=False),
        sa.Column("cells", sa.JSON(), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("same_as", sa.Integer(), nullable=True),
        sa.Column("record_id", sa.String(length=36), nullable=True),
        sa.PrimaryKeyConstraint("intake_id", "number"),
    )
    op.create_index("intake_row_code", "intake_row", ["fonds_id", "code"])
    op.create_index("intake_row_key", "intake_row", ["fonds_id", "key"])
    op.create_index("intake_row_state", "intake_row", ["intake_id", "state", "number"])
    op.execute(f"INSERT INTO intake_row ({_OF_A_ROW}) SELECT {_OF_A_ROW} FROM kept_row")
    op.execute("DROP TABLE kept_row")
    for name, kind, empty in _OF_THE_SHEET:
        _add("intake", sa.Column(name, kind), empty)
        there = "finished" if name == "finished_reading" else name
        op.execute(
            f'UPDATE intake SET "{name}" = sheet_1."{there}" FROM intake_sheet AS sheet_1 '
            "WHERE sheet_1.intake_id = intake.id AND sheet_1.part = 1"
        )
    with op.batch_alter_table("intake") as batch_op:
        batch_op.drop_column("linked_to")

    with op.batch_alter_table("filing_record_version", schema=None) as batch_op:
        batch_op.drop_column("state")

    op.drop_table("intake_sheet")
    with op.batch_alter_table("intake_file", schema=None) as batch_op:
        batch_op.drop_index("intake_file_list")

    op.drop_table("intake_file")
    with op.batch_alter_table("hand_over_bundle", schema=None) as batch_op:
        batch_op.drop_index("hand_over_bundle_order")

    op.drop_table("hand_over_bundle")
    op.drop_table("office_hub_key")
    with op.batch_alter_table("hand_over", schema=None) as batch_op:
        batch_op.drop_index("hand_over_fonds")

    op.drop_table("hand_over")
    with op.batch_alter_table("filing_step", schema=None) as batch_op:
        batch_op.drop_index("filing_step_fonds")

    op.drop_table("filing_step")
    op.drop_table("filing_note")
    with op.batch_alter_table("corrections_correction", schema=None) as batch_op:
        batch_op.drop_index("corrections_correction_record")
        batch_op.drop_index("corrections_correction_list")

    op.drop_table("corrections_correction")


def _add(table: str, column: sa.Column[Any], value: str) -> None:
    """Add a column that must have a value; the rows that are there get this one."""
    column.nullable, column.server_default = False, sa.DefaultClause(value)
    with op.batch_alter_table(table) as batch_op:
        batch_op.add_column(column)
    with op.batch_alter_table(table) as batch_op:
        batch_op.alter_column(column.name, server_default=None)
