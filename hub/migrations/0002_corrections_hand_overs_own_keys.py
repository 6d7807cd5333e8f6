"""Corrections, hand-overs of fonds, the hub's own keys; uploads are of offers or of bundles"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """From 0001 to 0002."""
    op.create_table(
        "correcting_correction",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("archive_code", sa.String(length=20), nullable=False),
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("code", sa.String(length=100), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("request", sa.Text(), nullable=True),
        sa.Column("began_at", sa.String(length=27), nullable=False),
        sa.Column("document", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("decided_by", sa.String(length=200), nullable=True),
        sa.Column("decided_at", sa.String(length=27), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("record_id", "version"),
        info={"origin": "nodes"},
    )
    with op.batch_alter_table("correcting_correction", schema=None) as batch_op:
        batch_op.create_index(
            "correcting_correction_desk", ["archive_code", "state", "began_at"], unique=False
        )
        batch_op.create_index("correcting_correction_fonds", ["fonds_id"], unique=False)
        batch_op.create_index("correcting_correction_record", ["record_id", "state"], unique=False)
        batch_op.create_index("correcting_correction_state", ["state", "version"], unique=False)

    op.create_table(
        "federation_own_key",
        sa.Column("holder", sa.String(length=60), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("key_id", sa.String(length=32), nullable=False),
        sa.Column("public_key", sa.String(length=128), nullable=False),
        sa.Column("statement", sa.Text(), nullable=True),
        sa.Column("letter", sa.LargeBinary(), nullable=True),
        sa.Column("registered_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("holder", "serial"),
        info={"origin": "repository"},
    )
    op.create_table(
        "repository_description",
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("archive_code", sa.String(length=20), nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("stored_at", sa.String(length=27), nullable=False),
        sa.Column("verified_at", sa.String(length=27), nullable=True),
        sa.Column("intact", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
        info={"origin": "repository"},
    )
    with op.batch_alter_table("repository_description", schema=None) as batch_op:
        batch_op.create_index(
            "repository_description_archive", ["archive_code", "verified_at"], unique=False
        )
        batch_op.create_index(
            "repository_description_record", ["record_id", "version"], unique=False
        )

    op.create_table(
        "federation_hub_key_range",
        sa.Column("node_id", sa.String(length=36), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("from_seq", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["node_id"],
            ["federation_node.id"],
        ),
        sa.PrimaryKeyConstraint("node_id", "serial"),
        info={"origin": "backup"},
    )
    op.create_table(
        "custody_hand_over",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("from_node", sa.String(length=36), nullable=False),
        sa.Column("to_node", sa.String(length=36), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("wish", sa.String(length=200), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("begun_by", sa.String(length=200), nullable=False),
        sa.Column("statement", sa.Text(), nullable=True),
        sa.Column("from_signed", sa.Text(), nullable=True),
        sa.Column("to_signed", sa.Text(), nullable=True),
        sa.Column("ended", sa.Text(), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("heard_from", sa.Integer(), nullable=False),
        sa.Column("heard_to", sa.Integer(), nullable=False),
        sa.Column("told", sa.Text(), nullable=True),
        sa.Column("mend", sa.Boolean(), nullable=False),
        sa.Column("cleared", sa.Boolean(), nullable=False),
        sa.Column("begun_at", sa.String(length=27), nullable=False),
        sa.Column("changed_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(
            ["fonds_id"],
            ["federation_fonds.id"],
        ),
        sa.ForeignKeyConstraint(
            ["from_node"],
            ["federation_node.id"],
        ),
        sa.ForeignKeyConstraint(
            ["to_node"],
            ["federation_node.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        info={"origin": "nodes"},
    )
    with op.batch_alter_table("custody_hand_over", schema=None) as batch_op:
        batch_op.create_index("custody_hand_over_fonds", ["fonds_id", "state"], unique=False)
        batch_op.create_index("custody_hand_over_state", ["state", "changed_at"], unique=False)

    op.create_table(
        "federation_tally_check",
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("checked_at", sa.String(length=27), nullable=False),
        sa.Column("corrected_at", sa.String(length=27), nullable=True),
        sa.ForeignKeyConstraint(
            ["fonds_id"],
            ["federation_fonds.id"],
        ),
        sa.PrimaryKeyConstraint("fonds_id"),
        info={"origin": "derived"},
    )
    op.create_table(
        "custody_bundle",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("hand_over_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("arrived", sa.Boolean(), nullable=False),
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.String(length=27), nullable=True),
        sa.ForeignKeyConstraint(
            ["hand_over_id"],
            ["custody_hand_over.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        info={"origin": "nodes"},
    )
    with op.batch_alter_table("custody_bundle", schema=None) as batch_op:
        batch_op.create_index("custody_bundle_order", ["hand_over_id", "number"], unique=True)

    _make_uploads_anew("offer_id", "id", offers_only=False)


def downgrade() -> None:
    """From 0002 back to 0001."""
    _make_uploads_anew("id", "offer_id", offers_only=True)
    with op.batch_alter_table("custody_bundle", schema=None) as batch_op:
        batch_op.drop_index("custody_bundle_order")

    op.drop_table("custody_bundle")
    op.drop_table("federation_tally_check")
    with op.batch_alter_table("custody_hand_over", schema=None) as batch_op:
        batch_op.drop_index("custody_hand_over_state")
        batch_op.drop_index("custody_hand_over_fonds")

    op.drop_table("custody_hand_over")
    op.drop_table("federation_hub_key_range")
    with op.batch_alter_table("repository_description", schema=None) as batch_op:
        batch_op.drop_index("repository_description_record")
        batch_op.drop_index("repository_description_archive")

    op.drop_table("repository_description")
    op.drop_table("federation_own_key")
    with op.batch_alter_table("correcting_correction", schema=None) as batch_op:
        batch_op.drop_index("correcting_correction_state")
        batch_op.drop_index("correcting_correction_record")
        batch_op.drop_index("correcting_correction_fonds")
        batch_op.drop_index("correcting_correction_desk")

    op.drop_table("correcting_correction")


def _make_uploads_anew(before: str, after: str, *, offers_only: bool) -> None:
    """Bring grants and their parts over under the other name of their key."""
    part_before, part_after = ("offer_id", "upload_id") if before == "offer_id" else (
        "upload_id", "offer_id"
    )  # fmt: skip
    op.execute("CREATE TEMPORARY TABLE kept_upload AS SELECT * FROM receiving_upload")
    op.execute("CREATE TEMPORARY TABLE kept_part AS SELECT * FROM receiving_upload_part")
    op.drop_table("receiving_upload_part")
    op.drop_table("receiving_upload")
    if offers_only:
        offers = "(SELECT id FROM receiving_offer)"
        op.execute(f"DELETE FROM kept_part WHERE {part_before} NOT IN {offers}")
        op.execute(f"DELETE FROM kept_upload WHERE {before} NOT IN {offers}")
    keys: list[sa.Constraint] = [sa.PrimaryKeyConstraint(after)]
    if offers_only:
        keys.insert(0, sa.ForeignKeyConstraint([after], ["receiving_offer.id"]))
    op.create_table(
        "receiving_upload",
        sa.Column(after, sa.String(length=36), nullable=False),
        sa.Column("node_id", sa.String(length=36), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("granted_at", sa.String(length=27), nullable=False),
        sa.Column("expires_at", sa.String(length=27), nullable=False),
        *keys,
        info={"origin": "nodes"},
    )
    op.create_index("receiving_upload_expiry", "receiving_upload", ["expires_at"])
    op.create_index("receiving_upload_node", "receiving_upload", ["node_id"])
    op.create_table(
        "receiving_upload_part",
        sa.Column(part_after, sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint([part_after], [f"receiving_upload.{after}"]),
        sa.PrimaryKeyConstraint(part_after, "number"),
        info={"origin": "nodes"},
    )
    rest = "node_id, sha256, size, token_digest, granted_at, expires_at"
    op.execute(
        f"INSERT INTO receiving_upload ({after}, {rest}) SELECT {before}, {rest} FROM kept_upload"
    )
    rest = "number, sha256, size"
    op.execute(
        f"INSERT INTO receiving_upload_part ({part_after}, {rest}) "
        f"SELECT {part_before}, {rest} FROM kept_part"
    )
    op.execute("DROP TABLE kept_part")
    op.execute("DROP TABLE kept_upload")
