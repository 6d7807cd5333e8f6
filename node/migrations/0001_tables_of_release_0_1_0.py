"""Tables of release 0.1.0"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """From nothing to 0001."""
    op.create_table(
        "audit_event",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("time", sa.String(length=27), nullable=False),
        sa.Column("actor_id", sa.String(length=80), nullable=False),
        sa.Column("actor_name", sa.String(length=200), nullable=False),
        sa.Column("action", sa.String(length=80), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    with op.batch_alter_table("audit_event", schema=None) as batch_op:
        batch_op.create_index("audit_event_action", ["action"], unique=False)
        batch_op.create_index("audit_event_actor", ["actor_id"], unique=False)
        batch_op.create_index("audit_event_subject", ["subject"], unique=False)
        batch_op.create_index("audit_event_time", ["time"], unique=False)

    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "filing_category",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("level", sa.String(length=10), nullable=False),
        sa.Column("class_code", sa.String(length=50), nullable=False),
        sa.Column("subclass", sa.String(length=50), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("retention", sa.String(length=50), nullable=False),
        sa.Column("organ", sa.String(length=50), nullable=False),
        sa.Column("project_number", sa.String(length=50), nullable=False),
        sa.Column("catalogue_number", sa.String(length=50), nullable=False),
        sa.Column("parent_id", sa.String(length=36), nullable=False),
        sa.Column("highest", sa.Integer(), nullable=False),
        sa.Column("closed_at", sa.String(length=27), nullable=True),
        sa.Column("closed_by", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(
            "fonds_id",
            "class_code",
            "subclass",
            "year",
            "retention",
            "organ",
            "project_number",
            "catalogue_number",
            "parent_id",
            "level",
            name="filing_category_once",
        ),
    )
    op.create_table(
        "filing_closed_class",
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("class_code", sa.String(length=50), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("closed_at", sa.String(length=27), nullable=False),
        sa.Column("closed_by", sa.String(length=200), nullable=False),
        sa.Column("closed_by_id", sa.String(length=80), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("fonds_id", "class_code", "year"),
    )
    op.create_table(
        "filing_held",
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("record_id"),
    )
    op.create_table(
        "filing_objection",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=True),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.Column("code", sa.String(length=50), nullable=True),
        sa.Column("field", sa.String(length=50), nullable=True),
        sa.Column("problem", sa.String(length=1000), nullable=False),
        sa.Column("remedy", sa.String(length=1000), nullable=True),
        sa.Column("seq", sa.Integer(), nullable=True),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("settled_at", sa.String(length=27), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("filing_objection", schema=None) as batch_op:
        batch_op.create_index("filing_objection_record", ["record_id", "settled_at"], unique=False)

    op.create_table(
        "filing_place",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name", name="filing_place_once"),
    )
    op.create_table(
        "identity_account",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("login", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("must_change", sa.Boolean(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.String(length=27), nullable=True),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.Column("last_sign_in", sa.String(length=27), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("login"),
    )
    op.create_table(
        "intake",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("sheet", sa.Integer(), nullable=False),
        sa.Column("sheet_name", sa.String(length=255), nullable=False),
        sa.Column("header_row", sa.Integer(), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("mapping", sa.JSON(), nullable=False),
        sa.Column("vocabulary", sa.String(length=20), nullable=False),
        sa.Column("defaults", sa.JSON(), nullable=False),
        sa.Column("files_folder", sa.String(length=1000), nullable=True),
        sa.Column("expected", sa.Integer(), nullable=False),
        sa.Column("read", sa.Integer(), nullable=False),
        sa.Column("finished_reading", sa.Boolean(), nullable=False),
        sa.Column("job_id", sa.String(length=36), nullable=True),
        sa.Column("by_id", sa.String(length=80), nullable=False),
        sa.Column("by_name", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.Column("finished_at", sa.String(length=27), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("intake", schema=None) as batch_op:
        batch_op.create_index("intake_list", ["fonds_id", "created_at"], unique=False)

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
    with op.batch_alter_table("intake_row", schema=None) as batch_op:
        batch_op.create_index("intake_row_code", ["fonds_id", "code"], unique=False)
        batch_op.create_index("intake_row_key", ["fonds_id", "key"], unique=False)
        batch_op.create_index("intake_row_state", ["intake_id", "state", "number"], unique=False)

    op.create_table(
        "kernel_job",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("owner", sa.String(length=80), nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.Column("finished_at", sa.String(length=27), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("kernel_job", schema=None) as batch_op:
        batch_op.create_index("kernel_job_open", ["state", "kind"], unique=False)

    op.create_table(
        "messaging_dead_letter",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("queue", sa.String(length=200), nullable=False),
        sa.Column("claimed_sender", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.String(length=60), nullable=False),
        sa.Column("detail", sa.String(length=500), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("arrived_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "messaging_incoming_stream",
        sa.Column("peer", sa.String(length=80), nullable=False),
        sa.Column("recipient", sa.String(length=80), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("applied_at", sa.String(length=27), nullable=True),
        sa.PrimaryKeyConstraint("peer"),
    )
    op.create_table(
        "messaging_outgoing_entry",
        sa.Column("peer", sa.String(length=80), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("peer", "epoch", "seq"),
    )
    with op.batch_alter_table("messaging_outgoing_entry", schema=None) as batch_op:
        batch_op.create_index("messaging_outgoing_entry_subject", ["subject"], unique=False)

    op.create_table(
        "messaging_outgoing_stream",
        sa.Column("peer", sa.String(length=80), nullable=False),
        sa.Column("sender", sa.String(length=80), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("base_seq", sa.Integer(), nullable=False),
        sa.Column("base_digest", sa.String(length=64), nullable=False),
        sa.Column("acked", sa.Integer(), nullable=False),
        sa.Column("durable", sa.Integer(), nullable=False),
        sa.Column("acked_at", sa.String(length=27), nullable=True),
        sa.Column("unsure", sa.Boolean(), nullable=False),
        sa.Column("lost_after", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("peer"),
    )
    op.create_table(
        "office",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("instance_id", sa.String(length=36), nullable=False),
        sa.Column("node_id", sa.String(length=36), nullable=True),
        sa.Column("hub_id", sa.String(length=36), nullable=True),
        sa.Column("hub_name", sa.String(length=200), nullable=True),
        sa.Column("hub_url", sa.String(length=500), nullable=True),
        sa.Column("hub_public_key", sa.String(length=128), nullable=True),
        sa.Column("link", sa.String(length=500), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("inline_limit", sa.Integer(), nullable=False),
        sa.Column("archives", sa.JSON(), nullable=False),
        sa.Column("adopting", sa.Boolean(), nullable=False),
        sa.Column("last_contact", sa.String(length=27), nullable=True),
        sa.Column("clock_offset_ms", sa.Integer(), nullable=True),
        sa.Column("notice", sa.String(length=1000), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "office_fonds",
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kept", sa.Boolean(), nullable=False),
        sa.Column("wire", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("fonds_id"),
    )
    op.create_table(
        "registry_document",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("direction", sa.String(length=10), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("doc_no", sa.String(length=100), nullable=True),
        sa.Column("author", sa.String(length=200), nullable=True),
        sa.Column("counterpart", sa.String(length=200), nullable=True),
        sa.Column("date", sa.String(length=10), nullable=True),
        sa.Column("registered_on", sa.String(length=10), nullable=False),
        sa.Column("security", sa.String(length=20), nullable=False),
        sa.Column("urgency", sa.String(length=20), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=True),
        sa.Column("remark", sa.String(length=1000), nullable=True),
        sa.Column("handler", sa.String(length=200), nullable=True),
        sa.Column("record_id", sa.String(length=36), nullable=True),
        sa.Column("registered_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.Column("changed_at", sa.String(length=27), nullable=False),
        sa.Column("closed_at", sa.String(length=27), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(
            "fonds_id", "year", "direction", "serial", name="registry_document_serial_once"
        ),
    )
    with op.batch_alter_table("registry_document", schema=None) as batch_op:
        batch_op.create_index(
            "registry_document_list", ["fonds_id", "state", "direction"], unique=False
        )

    op.create_table(
        "registry_serial",
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("direction", sa.String(length=10), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("fonds_id", "year", "direction"),
    )
    op.create_table(
        "sync_reconciliation",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.String(length=27), nullable=False),
        sa.Column("answered_at", sa.String(length=27), nullable=True),
        sa.Column("groups", sa.Integer(), nullable=False),
        sa.Column("differing", sa.JSON(), nullable=False),
        sa.Column("told_again", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("seq", "epoch"),
    )
    op.create_table(
        "transfer_batch",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("created_by_id", sa.String(length=80), nullable=False),
        sa.Column("corrects", sa.String(length=36), nullable=True),
        sa.Column("inspected_at", sa.String(length=27), nullable=True),
        sa.Column("job_id", sa.String(length=36), nullable=True),
        sa.Column("approved_by", sa.String(length=200), nullable=True),
        sa.Column("approved_by_id", sa.String(length=80), nullable=True),
        sa.Column("approved_at", sa.String(length=27), nullable=True),
        sa.Column("offering", sa.Boolean(), nullable=False),
        sa.Column("offered_by", sa.String(length=200), nullable=True),
        sa.Column("offered_by_id", sa.String(length=80), nullable=True),
        sa.Column("offered_at", sa.String(length=27), nullable=True),
        sa.Column("closing", sa.JSON(), nullable=True),
        sa.Column("held_epoch", sa.Integer(), nullable=False),
        sa.Column("withdraw_reason", sa.String(length=500), nullable=True),
        sa.Column("withdraw_by", sa.String(length=200), nullable=True),
        sa.Column("withdraw_answer", sa.String(length=500), nullable=True),
        sa.Column("verdict_id", sa.String(length=36), nullable=True),
        sa.Column("concluded_at", sa.String(length=27), nullable=True),
        sa.Column("form", sa.JSON(), nullable=True),
        sa.Column("confirmation", sa.JSON(), nullable=True),
        sa.Column("signed_by", sa.String(length=200), nullable=True),
        sa.Column("signed_at", sa.String(length=27), nullable=True),
        sa.Column("receipt_id", sa.String(length=36), nullable=True),
        sa.Column("received_at", sa.String(length=27), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("transfer_batch", schema=None) as batch_op:
        batch_op.create_index(
            "transfer_batch_list", ["fonds_id", "state", "created_at"], unique=False
        )

    op.create_table(
        "transfer_notice",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("batch_id", sa.String(length=36), nullable=True),
        sa.Column("code", sa.String(length=60), nullable=False),
        sa.Column("message", sa.String(length=1000), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("seen_at", sa.String(length=27), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "transfer_paper",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("batch_id", sa.String(length=36), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("down_seq", sa.Integer(), nullable=False),
        sa.Column("arrived_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("transfer_paper", schema=None) as batch_op:
        batch_op.create_index("transfer_paper_batch", ["batch_id"], unique=False)

    op.create_table(
        "filing_box",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.String(length=50), nullable=False),
        sa.Column("place_id", sa.String(length=36), nullable=True),
        sa.ForeignKeyConstraint(
            ["place_id"],
            ["filing_place.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("fonds_id", "number", name="filing_box_once"),
    )
    op.create_table(
        "identity_grant",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("archive_code", sa.String(length=40), nullable=True),
        sa.Column("fonds_id", sa.String(length=36), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["identity_account.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("identity_grant", schema=None) as batch_op:
        batch_op.create_index("identity_grant_account", ["account_id"], unique=False)

    op.create_table(
        "identity_token",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.Column("expires_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["identity_account.id"],
        ),
        sa.PrimaryKeyConstraint("digest"),
    )
    with op.batch_alter_table("identity_token", schema=None) as batch_op:
        batch_op.create_index("identity_token_account", ["account_id"], unique=False)
        batch_op.create_index("identity_token_expiry", ["expires_at"], unique=False)

    op.create_table(
        "registry_file",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("document_id", sa.String(length=36), nullable=False),
        sa.Column("role", sa.String(length=50), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("format", sa.String(length=50), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("order", sa.Integer(), nullable=False),
        sa.Column("added_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["registry_document.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("registry_file", schema=None) as batch_op:
        batch_op.create_index("registry_file_document", ["document_id", "order"], unique=False)

    op.create_table(
        "transfer_batch_record",
        sa.Column("offer_id", sa.String(length=36), nullable=False),
        sa.Column("batch_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("heads", sa.Boolean(), nullable=False),
        sa.Column("inspected_version", sa.Integer(), nullable=True),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("errors", sa.Integer(), nullable=False),
        sa.Column("warnings", sa.Integer(), nullable=False),
        sa.Column("record_version", sa.Integer(), nullable=True),
        sa.Column("record_digest", sa.String(length=64), nullable=True),
        sa.Column("package_sha256", sa.String(length=64), nullable=True),
        sa.Column("package_size", sa.Integer(), nullable=False),
        sa.Column("inline", sa.Boolean(), nullable=False),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.Column("uploaded", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.String(length=12), nullable=True),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"],
            ["transfer_batch.id"],
        ),
        sa.PrimaryKeyConstraint("offer_id"),
    )
    with op.batch_alter_table("transfer_batch_record", schema=None) as batch_op:
        batch_op.create_index("transfer_batch_record_order", ["batch_id", "position"], unique=True)
        batch_op.create_index("transfer_batch_record_record", ["record_id"], unique=False)
        batch_op.create_index("transfer_batch_record_upload", ["uploaded", "told"], unique=False)

    op.create_table(
        "filing_record",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("level", sa.String(length=10), nullable=False),
        sa.Column("parent_id", sa.String(length=36), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("category_id", sa.String(length=36), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("class_code", sa.String(length=50), nullable=False),
        sa.Column("subclass", sa.String(length=50), nullable=True),
        sa.Column("year", sa.Integer(), nullable=True),
        sa.Column("retention", sa.String(length=50), nullable=True),
        sa.Column("organ", sa.String(length=50), nullable=True),
        sa.Column("organ_name", sa.String(length=200), nullable=True),
        sa.Column("catalogue_number", sa.String(length=50), nullable=True),
        sa.Column("project_number", sa.String(length=50), nullable=True),
        sa.Column("volume_number", sa.Integer(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("number_given", sa.Boolean(), nullable=False),
        sa.Column("code", sa.String(length=100), nullable=True),
        sa.Column("former_codes", sa.JSON(), nullable=False),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("doc_no", sa.String(length=100), nullable=True),
        sa.Column("author", sa.String(length=200), nullable=True),
        sa.Column("date", sa.String(length=10), nullable=True),
        sa.Column("security", sa.String(length=20), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=True),
        sa.Column("remark", sa.String(length=1000), nullable=True),
        sa.Column("holding", sa.String(length=20), nullable=False),
        sa.Column("box_id", sa.String(length=36), nullable=True),
        sa.Column("place_id", sa.String(length=36), nullable=True),
        sa.Column("opening_opinion", sa.String(length=20), nullable=True),
        sa.Column("opening_reason", sa.String(length=500), nullable=True),
        sa.Column("publicity_attribute", sa.String(length=20), nullable=True),
        sa.Column("publicity_basis", sa.String(length=500), nullable=True),
        sa.Column("security_change", sa.String(length=500), nullable=True),
        sa.Column("void_reason", sa.String(length=500), nullable=True),
        sa.Column("source_key", sa.String(length=80), nullable=True),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("changed_at", sa.String(length=27), nullable=False),
        sa.CheckConstraint("number IS NULL OR number > 0", name="filing_record_number_positive"),
        sa.ForeignKeyConstraint(
            ["box_id"],
            ["filing_box.id"],
        ),
        sa.ForeignKeyConstraint(
            ["category_id"],
            ["filing_category.id"],
        ),
        sa.ForeignKeyConstraint(
            ["place_id"],
            ["filing_place.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("category_id", "number", name="filing_record_number_once"),
        sa.UniqueConstraint("fonds_id", "code", name="filing_record_code_once"),
        sa.UniqueConstraint("fonds_id", "source_key", name="filing_record_source_once"),
    )
    with op.batch_alter_table("filing_record", schema=None) as batch_op:
        batch_op.create_index(
            "filing_record_class", ["fonds_id", "class_code", "year", "state"], unique=False
        )
        batch_op.create_index(
            "filing_record_list", ["fonds_id", "state", "year", "position"], unique=False
        )
        batch_op.create_index("filing_record_order", ["category_id", "position"], unique=False)
        batch_op.create_index("filing_record_parent", ["parent_id"], unique=False)

    op.create_table(
        "filing_divergence",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("local", sa.JSON(), nullable=False),
        sa.Column("held", sa.JSON(), nullable=False),
        sa.Column("noticed_at", sa.String(length=27), nullable=False),
        sa.Column("settled_at", sa.String(length=27), nullable=True),
        sa.Column("settled_by", sa.String(length=200), nullable=True),
        sa.Column("choice", sa.String(length=10), nullable=True),
        sa.ForeignKeyConstraint(
            ["record_id"],
            ["filing_record.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("filing_divergence", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_filing_divergence_record_id"), ["record_id"], unique=False
        )

    op.create_table(
        "filing_document",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("role", sa.String(length=50), nullable=False),
        sa.Column("title", sa.String(length=500), nullable=True),
        sa.Column("order", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["record_id"],
            ["filing_record.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("filing_document", schema=None) as batch_op:
        batch_op.create_index("filing_document_record", ["record_id", "order"], unique=False)

    op.create_table(
        "filing_event",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("action", sa.String(length=50), nullable=False),
        sa.Column("time", sa.String(length=27), nullable=False),
        sa.Column("agent", sa.String(length=200), nullable=False),
        sa.Column("agent_unit", sa.String(length=200), nullable=False),
        sa.Column("basis", sa.String(length=500), nullable=True),
        sa.Column("description", sa.String(length=1000), nullable=True),
        sa.ForeignKeyConstraint(
            ["record_id"],
            ["filing_record.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("filing_event", schema=None) as batch_op:
        batch_op.create_index("filing_event_record", ["record_id", "time", "id"], unique=False)

    op.create_table(
        "filing_record_version",
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["record_id"],
            ["filing_record.id"],
        ),
        sa.PrimaryKeyConstraint("record_id", "version", "digest"),
    )
    op.create_table(
        "filing_file",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("document_id", sa.String(length=36), nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("format", sa.String(length=50), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("order", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["filing_document.id"],
        ),
        sa.ForeignKeyConstraint(
            ["record_id"],
            ["filing_record.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("filing_file", schema=None) as batch_op:
        batch_op.create_index("filing_file_digest", ["sha256"], unique=False)
        batch_op.create_index("filing_file_document", ["document_id", "order"], unique=False)
        batch_op.create_index(batch_op.f("ix_filing_file_record_id"), ["record_id"], unique=False)


def downgrade() -> None:
    """From 0001 back to nothing."""
    with op.batch_alter_table("filing_file", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_filing_file_record_id"))
        batch_op.drop_index("filing_file_document")
        batch_op.drop_index("filing_file_digest")

    op.drop_table("filing_file")
    op.drop_table("filing_record_version")
    with op.batch_alter_table("filing_event", schema=None) as batch_op:
        batch_op.drop_index("filing_event_record")

    op.drop_table("filing_event")
    with op.batch_alter_table("filing_document", schema=None) as batch_op:
        batch_op.drop_index("filing_document_record")

    op.drop_table("filing_document")
    with op.batch_alter_table("filing_divergence", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_filing_divergence_record_id"))

    op.drop_table("filing_divergence")
    with op.batch_alter_table("filing_record", schema=None) as batch_op:
        batch_op.drop_index("filing_record_parent")
        batch_op.drop_index("filing_record_order")
        batch_op.drop_index("filing_record_list")
        batch_op.drop_index("filing_record_class")

    op.drop_table("filing_record")
    with op.batch_alter_table("transfer_batch_record", schema=None) as batch_op:
        batch_op.drop_index("transfer_batch_record_upload")
        batch_op.drop_index("transfer_batch_record_record")
        batch_op.drop_index("transfer_batch_record_order")

    op.drop_table("transfer_batch_record")
    with op.batch_alter_table("registry_file", schema=None) as batch_op:
        batch_op.drop_index("registry_file_document")

    op.drop_table("registry_file")
    with op.batch_alter_table("identity_token", schema=None) as batch_op:
        batch_op.drop_index("identity_token_expiry")
        batch_op.drop_index("identity_token_account")

    op.drop_table("identity_token")
    with op.batch_alter_table("identity_grant", schema=None) as batch_op:
        batch_op.drop_index("identity_grant_account")

    op.drop_table("identity_grant")
    op.drop_table("filing_box")
    with op.batch_alter_table("transfer_paper", schema=None) as batch_op:
        batch_op.drop_index("transfer_paper_batch")

    op.drop_table("transfer_paper")
    op.drop_table("transfer_notice")
    with op.batch_alter_table("transfer_batch", schema=None) as batch_op:
        batch_op.drop_index("transfer_batch_list")

    op.drop_table("transfer_batch")
    op.drop_table("sync_reconciliation")
    op.drop_table("registry_serial")
    with op.batch_alter_table("registry_document", schema=None) as batch_op:
        batch_op.drop_index("registry_document_list")

    op.drop_table("registry_document")
    op.drop_table("office_fonds")
    op.drop_table("office")
    op.drop_table("messaging_outgoing_stream")
    with op.batch_alter_table("messaging_outgoing_entry", schema=None) as batch_op:
        batch_op.drop_index("messaging_outgoing_entry_subject")

    op.drop_table("messaging_outgoing_entry")
    op.drop_table("messaging_incoming_stream")
    op.drop_table("messaging_dead_letter")
    with op.batch_alter_table("kernel_job", schema=None) as batch_op:
        batch_op.drop_index("kernel_job_open")

    op.drop_table("kernel_job")
    with op.batch_alter_table("intake_row", schema=None) as batch_op:
        batch_op.drop_index("intake_row_state")
        batch_op.drop_index("intake_row_key")
        batch_op.drop_index("intake_row_code")

    op.drop_table("intake_row")
    with op.batch_alter_table("intake", schema=None) as batch_op:
        batch_op.drop_index("intake_list")

    op.drop_table("intake")
    op.drop_table("identity_account")
    op.drop_table("filing_place")
    with op.batch_alter_table("filing_objection", schema=None) as batch_op:
        batch_op.drop_index("filing_objection_record")

    op.drop_table("filing_objection")
    op.drop_table("filing_held")
    op.drop_table("filing_closed_class")
    op.drop_table("filing_category")
    op.drop_table("audit_head")
    with op.batch_alter_table("audit_event", schema=None) as batch_op:
        batch_op.drop_index("audit_event_time")
        batch_op.drop_index("audit_event_subject")
        batch_op.drop_index("audit_event_actor")
        batch_op.drop_index("audit_event_action")

    op.drop_table("audit_event")
