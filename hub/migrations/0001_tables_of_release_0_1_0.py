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
        "catalogue_record",
        sa.Column(
            "row",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("node_id", sa.String(length=36), nullable=False),
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("told_state", sa.String(length=20), nullable=False),
        sa.Column("wire", sa.Text(), nullable=True),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("reviewing_archive", sa.String(length=20), nullable=True),
        sa.Column("receiving_archive", sa.String(length=20), nullable=True),
        sa.Column("supervisor", sa.String(length=36), nullable=True),
        sa.Column("disclosure", sa.String(length=10), nullable=False),
        sa.Column("level", sa.String(length=10), nullable=False),
        sa.Column("parent_id", sa.String(length=36), nullable=True),
        sa.Column("class_code", sa.String(length=2), nullable=False),
        sa.Column("subclass", sa.String(length=3), nullable=True),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("retention", sa.String(length=50), nullable=False),
        sa.Column("organ", sa.String(length=4), nullable=True),
        sa.Column("code", sa.String(length=100), nullable=True),
        sa.Column("code_key", sa.String(length=100), nullable=True),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("doc_no", sa.String(length=100), nullable=True),
        sa.Column("date", sa.String(length=10), nullable=True),
        sa.Column("security", sa.String(length=20), nullable=False),
        sa.Column("holding", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("custody", sa.String(length=50), nullable=False),
        sa.Column("received", sa.Boolean(), nullable=False),
        sa.Column("receipt_id", sa.String(length=36), nullable=True),
        sa.Column("arrived_at", sa.String(length=27), nullable=False),
        sa.Column("updated_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("row"),
        sa.UniqueConstraint("id"),
        info={"origin": "nodes"},
    )
    with op.batch_alter_table("catalogue_record", schema=None) as batch_op:
        batch_op.create_index("catalogue_record_any_code", ["code_key"], unique=False)
        batch_op.create_index(
            "catalogue_record_class", ["fonds_id", "year", "class_code", "retention"], unique=False
        )
        batch_op.create_index("catalogue_record_code", ["fonds_id", "code_key"], unique=True)
        batch_op.create_index("catalogue_record_date", ["date"], unique=False)
        batch_op.create_index("catalogue_record_parent", ["parent_id"], unique=False)
        batch_op.create_index(
            "catalogue_record_receiving", ["receiving_archive", "code_key"], unique=False
        )
        batch_op.create_index("catalogue_record_updated", ["updated_at"], unique=False)

    op.create_table(
        "catalogue_tally",
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("class_code", sa.String(length=2), nullable=False),
        sa.Column("retention", sa.String(length=50), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("level", sa.String(length=10), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("sum", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("fonds_id", "year", "class_code", "retention", "state", "level"),
        info={"origin": "derived"},
    )
    op.create_table(
        "federation_archive",
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("level", sa.String(length=10), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("seal_public", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("code"),
        sa.UniqueConstraint("division_code"),
        info={"origin": "derived"},
    )
    op.create_table(
        "federation_division",
        sa.Column("code", sa.String(length=12), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("level", sa.String(length=10), nullable=False),
        sa.Column("parent_code", sa.String(length=12), nullable=True),
        sa.Column("path", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("code"),
        info={"origin": "derived"},
    )
    with op.batch_alter_table("federation_division", schema=None) as batch_op:
        batch_op.create_index("federation_division_path", ["path"], unique=False)

    op.create_table(
        "federation_enrolment_attempt",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        info={"origin": "backup"},
    )
    with op.batch_alter_table("federation_enrolment_attempt", schema=None) as batch_op:
        batch_op.create_index("federation_enrolment_attempt_when", ["address", "at"], unique=False)

    op.create_table(
        "federation_hub",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hub_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("city", sa.String(length=12), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("restore_suspected", sa.String(length=500), nullable=True),
        sa.Column("made_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        info={"origin": "backup"},
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
        "receiving_batch",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("batch_id", sa.String(length=36), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("node_id", sa.String(length=36), nullable=False),
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("fonds_name", sa.String(length=200), nullable=False),
        sa.Column("reviewing_archive", sa.String(length=20), nullable=False),
        sa.Column("receiving_archive", sa.String(length=20), nullable=False),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("listed", sa.Text(), nullable=True),
        sa.Column("listed_digest", sa.String(length=64), nullable=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("checked", sa.Integer(), nullable=False),
        sa.Column("findings", sa.Integer(), nullable=False),
        sa.Column("errors", sa.Integer(), nullable=False),
        sa.Column("arrived_at", sa.String(length=27), nullable=False),
        sa.Column("reviewable_at", sa.String(length=27), nullable=True),
        sa.Column("concluded_at", sa.String(length=27), nullable=True),
        sa.Column("form", sa.Text(), nullable=True),
        sa.Column("form_digest", sa.String(length=64), nullable=True),
        sa.Column("unit_signature", sa.Text(), nullable=True),
        sa.Column("early_confirmation", sa.Text(), nullable=True),
        sa.Column("unit_signed_at", sa.String(length=27), nullable=True),
        sa.Column("received_at", sa.String(length=27), nullable=True),
        sa.Column("withdrawn_reason", sa.String(length=500), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("batch_id", "round"),
        info={"origin": "nodes"},
    )
    with op.batch_alter_table("receiving_batch", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_receiving_batch_fonds_id"), ["fonds_id"], unique=False)
        batch_op.create_index("receiving_batch_node", ["node_id", "state"], unique=False)
        batch_op.create_index(
            "receiving_batch_receive", ["receiving_archive", "state"], unique=False
        )
        batch_op.create_index(
            "receiving_batch_review", ["reviewing_archive", "state"], unique=False
        )
        batch_op.create_index("receiving_batch_state", ["state"], unique=False)

    op.create_table(
        "repository_package",
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("archive_code", sa.String(length=20), nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("receipt_sha256", sa.String(length=64), nullable=False),
        sa.Column("receipt_size", sa.Integer(), nullable=False),
        sa.Column("stored_at", sa.String(length=27), nullable=False),
        sa.Column("verified_at", sa.String(length=27), nullable=True),
        sa.Column("intact", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
        info={"origin": "repository"},
    )
    with op.batch_alter_table("repository_package", schema=None) as batch_op:
        batch_op.create_index(
            "repository_package_archive", ["archive_code", "verified_at"], unique=False
        )
        batch_op.create_index("repository_package_record", ["record_id"], unique=False)

    op.create_table(
        "repository_paper",
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("made_at", sa.String(length=27), nullable=False),
        sa.Column("stored_at", sa.String(length=27), nullable=True),
        sa.Column("refused", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        info={"origin": "repository"},
    )
    with op.batch_alter_table("repository_paper", schema=None) as batch_op:
        batch_op.create_index("repository_paper_waiting", ["stored_at"], unique=False)

    op.create_table(
        "review_decision",
        sa.Column("offer_id", sa.String(length=36), nullable=False),
        sa.Column("batch_id", sa.String(length=36), nullable=False),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.String(length=200), nullable=False),
        sa.Column("decided_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("offer_id"),
        info={"origin": "backup"},
    )
    with op.batch_alter_table("review_decision", schema=None) as batch_op:
        batch_op.create_index("review_decision_batch", ["batch_id"], unique=False)

    op.create_table(
        "federation_agreement",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("reviewing_archive", sa.String(length=20), nullable=False),
        sa.Column("receiving_archive", sa.String(length=20), nullable=False),
        sa.Column("fonds_ids", sa.Text(), nullable=True),
        sa.Column("basis", sa.String(length=500), nullable=False),
        sa.Column("since", sa.String(length=10), nullable=False),
        sa.Column("made_by", sa.String(length=200), nullable=False),
        sa.Column("made_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(
            ["receiving_archive"],
            ["federation_archive.code"],
        ),
        sa.ForeignKeyConstraint(
            ["reviewing_archive"],
            ["federation_archive.code"],
        ),
        sa.PrimaryKeyConstraint("id"),
        info={"origin": "backup"},
    )
    op.create_table(
        "federation_node",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("device_public", sa.String(length=128), nullable=True),
        sa.Column("seal_public", sa.String(length=128), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("instance_id", sa.String(length=36), nullable=True),
        sa.Column("asking_instance", sa.String(length=36), nullable=True),
        sa.Column("asked_at", sa.String(length=27), nullable=True),
        sa.Column("asked_epoch", sa.Integer(), nullable=False),
        sa.Column("asked_reason", sa.String(length=500), nullable=False),
        sa.Column("software_version", sa.String(length=50), nullable=False),
        sa.Column("last_contact", sa.String(length=27), nullable=True),
        sa.Column("backlog", sa.Integer(), nullable=True),
        sa.Column("clock_offset_ms", sa.Integer(), nullable=True),
        sa.Column("quota_bytes", sa.BigInteger(), nullable=False),
        sa.Column("notes", sa.String(length=2000), nullable=False),
        sa.Column("compared_at", sa.String(length=27), nullable=True),
        sa.Column("compared_groups", sa.Integer(), nullable=False),
        sa.Column("compared_differing", sa.Integer(), nullable=False),
        sa.Column("invited_at", sa.String(length=27), nullable=False),
        sa.Column("enrolled_at", sa.String(length=27), nullable=True),
        sa.ForeignKeyConstraint(
            ["division_code"],
            ["federation_division.code"],
        ),
        sa.PrimaryKeyConstraint("id"),
        info={"origin": "backup"},
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
        "receiving_offer",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("batch_id", sa.String(length=36), nullable=False),
        sa.Column("node_id", sa.String(length=36), nullable=False),
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("record_version", sa.Integer(), nullable=False),
        sa.Column("record_digest", sa.String(length=64), nullable=False),
        sa.Column("package_sha256", sa.String(length=64), nullable=False),
        sa.Column("package_size", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(length=100), nullable=True),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("class_code", sa.String(length=2), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("retention", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("inline", sa.LargeBinary(), nullable=True),
        sa.Column("arrived", sa.Boolean(), nullable=False),
        sa.Column("staged", sa.Boolean(), nullable=False),
        sa.Column("checked_at", sa.String(length=27), nullable=True),
        sa.Column("report", sa.Text(), nullable=True),
        sa.Column("findings", sa.Integer(), nullable=False),
        sa.Column("errors", sa.Integer(), nullable=False),
        sa.Column("sound", sa.Boolean(), nullable=False),
        sa.Column("finding_codes", sa.Text(), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("ready", sa.Boolean(), nullable=False),
        sa.Column("offered_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"],
            ["receiving_batch.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        info={"origin": "nodes"},
    )
    with op.batch_alter_table("receiving_offer", schema=None) as batch_op:
        batch_op.create_index("receiving_offer_batch", ["batch_id", "code", "id"], unique=False)
        batch_op.create_index(
            "receiving_offer_one_open",
            ["record_id"],
            unique=True,
            sqlite_where=sa.text("state IN ('open', 'accepted')"),
            postgresql_where=sa.text("state IN ('open', 'accepted')"),
        )
        batch_op.create_index("receiving_offer_record", ["record_id"], unique=False)
        batch_op.create_index("receiving_offer_staged", ["staged", "state"], unique=False)
        batch_op.create_index(
            "receiving_offer_unchecked", ["checked_at", "state", "arrived"], unique=False
        )

    op.create_table(
        "receiving_receipt",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("batch_id", sa.String(length=36), nullable=False),
        sa.Column("archive_code", sa.String(length=20), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("made_by", sa.String(length=200), nullable=False),
        sa.Column("made_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"],
            ["receiving_batch.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("batch_id"),
        info={"origin": "repository"},
    )
    with op.batch_alter_table("receiving_receipt", schema=None) as batch_op:
        batch_op.create_index(
            "receiving_receipt_archive", ["archive_code", "made_at"], unique=False
        )

    op.create_table(
        "receiving_verdict",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("batch_id", sa.String(length=36), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("made_by", sa.String(length=200), nullable=False),
        sa.Column("made_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"],
            ["receiving_batch.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("batch_id"),
        info={"origin": "repository"},
    )
    op.create_table(
        "federation_enrolment_code",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("node_id", sa.String(length=36), nullable=False),
        sa.Column("made_by", sa.String(length=200), nullable=False),
        sa.Column("made_at", sa.String(length=27), nullable=False),
        sa.Column("expires_at", sa.String(length=27), nullable=False),
        sa.Column("used_at", sa.String(length=27), nullable=True),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["node_id"],
            ["federation_node.id"],
        ),
        sa.PrimaryKeyConstraint("digest"),
        info={"origin": "backup"},
    )
    op.create_table(
        "federation_fonds",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("number", sa.String(length=4), nullable=True),
        sa.Column("forming_unit", sa.String(length=200), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("level", sa.String(length=10), nullable=False),
        sa.Column("reviewing_archive", sa.String(length=20), nullable=True),
        sa.Column("receiving_archive", sa.String(length=20), nullable=True),
        sa.Column("keeping_node", sa.String(length=36), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("supervisor", sa.String(length=36), nullable=True),
        sa.Column("disclosure", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("wire", sa.Text(), nullable=False),
        sa.Column("registered_at", sa.String(length=27), nullable=False),
        sa.Column("closed_at", sa.String(length=27), nullable=True),
        sa.ForeignKeyConstraint(
            ["division_code"],
            ["federation_division.code"],
        ),
        sa.ForeignKeyConstraint(
            ["keeping_node"],
            ["federation_node.id"],
        ),
        sa.ForeignKeyConstraint(
            ["receiving_archive"],
            ["federation_archive.code"],
        ),
        sa.ForeignKeyConstraint(
            ["reviewing_archive"],
            ["federation_archive.code"],
        ),
        sa.PrimaryKeyConstraint("id"),
        info={"origin": "backup"},
    )
    with op.batch_alter_table("federation_fonds", schema=None) as batch_op:
        batch_op.create_index("federation_fonds_division", ["division_code"], unique=False)
        batch_op.create_index("federation_fonds_node", ["keeping_node"], unique=False)
        batch_op.create_index("federation_fonds_receiving", ["receiving_archive"], unique=False)
        batch_op.create_index("federation_fonds_reviewing", ["reviewing_archive"], unique=False)

    op.create_table(
        "federation_node_key",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("node_id", sa.String(length=36), nullable=False),
        sa.Column("purpose", sa.String(length=10), nullable=False),
        sa.Column("key_id", sa.String(length=32), nullable=False),
        sa.Column("public_key", sa.String(length=128), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("from_seq", sa.Integer(), nullable=False),
        sa.Column("registered_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(
            ["node_id"],
            ["federation_node.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        info={"origin": "backup"},
    )
    with op.batch_alter_table("federation_node_key", schema=None) as batch_op:
        batch_op.create_index("federation_node_key_key", ["key_id"], unique=False)
        batch_op.create_index(
            "federation_node_key_node", ["node_id", "purpose", "epoch", "from_seq"], unique=False
        )

    op.create_table(
        "receiving_accession",
        sa.Column("receipt_id", sa.String(length=36), nullable=False),
        sa.Column("archive_code", sa.String(length=20), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.String(length=36), nullable=False),
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("fonds_name", sa.String(length=200), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(
            ["receipt_id"],
            ["receiving_receipt.id"],
        ),
        sa.PrimaryKeyConstraint("receipt_id"),
        sa.UniqueConstraint("archive_code", "year", "number"),
        info={"origin": "repository"},
    )
    with op.batch_alter_table("receiving_accession", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_receiving_accession_batch_id"), ["batch_id"], unique=False
        )

    op.create_table(
        "receiving_upload",
        sa.Column("offer_id", sa.String(length=36), nullable=False),
        sa.Column("node_id", sa.String(length=36), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("granted_at", sa.String(length=27), nullable=False),
        sa.Column("expires_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(
            ["offer_id"],
            ["receiving_offer.id"],
        ),
        sa.PrimaryKeyConstraint("offer_id"),
        info={"origin": "nodes"},
    )
    with op.batch_alter_table("receiving_upload", schema=None) as batch_op:
        batch_op.create_index("receiving_upload_expiry", ["expires_at"], unique=False)
        batch_op.create_index("receiving_upload_node", ["node_id"], unique=False)

    op.create_table(
        "federation_fonds_number",
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("archive_code", sa.String(length=20), nullable=False),
        sa.Column("number", sa.String(length=4), nullable=False),
        sa.Column("given_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(
            ["archive_code"],
            ["federation_archive.code"],
        ),
        sa.ForeignKeyConstraint(
            ["fonds_id"],
            ["federation_fonds.id"],
        ),
        sa.PrimaryKeyConstraint("fonds_id", "archive_code"),
        sa.UniqueConstraint("archive_code", "number"),
        info={"origin": "backup"},
    )
    op.create_table(
        "receiving_upload_part",
        sa.Column("offer_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["offer_id"],
            ["receiving_upload.offer_id"],
        ),
        sa.PrimaryKeyConstraint("offer_id", "number"),
        info={"origin": "nodes"},
    )
    if op.get_bind().dialect.name == "sqlite":
        op.execute("CREATE VIRTUAL TABLE catalogue_text USING fts5(tokens, tokenize='ascii')")
    else:
        op.execute(
            "CREATE TABLE catalogue_text (rowid bigint PRIMARY KEY, tokens tsvector NOT NULL)"
        )
        op.execute("CREATE INDEX catalogue_text_tokens ON catalogue_text USING gin (tokens)")


def downgrade() -> None:
    """From 0001 back to nothing."""
    op.execute("DROP TABLE catalogue_text")
    op.drop_table("receiving_upload_part")
    op.drop_table("federation_fonds_number")
    with op.batch_alter_table("receiving_upload", schema=None) as batch_op:
        batch_op.drop_index("receiving_upload_node")
        batch_op.drop_index("receiving_upload_expiry")

    op.drop_table("receiving_upload")
    with op.batch_alter_table("receiving_accession", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_receiving_accession_batch_id"))

    op.drop_table("receiving_accession")
    with op.batch_alter_table("federation_node_key", schema=None) as batch_op:
        batch_op.drop_index("federation_node_key_node")
        batch_op.drop_index("federation_node_key_key")

    op.drop_table("federation_node_key")
    with op.batch_alter_table("federation_fonds", schema=None) as batch_op:
        batch_op.drop_index("federation_fonds_reviewing")
        batch_op.drop_index("federation_fonds_receiving")
        batch_op.drop_index("federation_fonds_node")
        batch_op.drop_index("federation_fonds_division")

    op.drop_table("federation_fonds")
    op.drop_table("federation_enrolment_code")
    op.drop_table("receiving_verdict")
    with op.batch_alter_table("receiving_receipt", schema=None) as batch_op:
        batch_op.drop_index("receiving_receipt_archive")

    op.drop_table("receiving_receipt")
    with op.batch_alter_table("receiving_offer", schema=None) as batch_op:
        batch_op.drop_index("receiving_offer_unchecked")
        batch_op.drop_index("receiving_offer_staged")
        batch_op.drop_index("receiving_offer_record")
        batch_op.drop_index(
            "receiving_offer_one_open",
            sqlite_where=sa.text("state IN ('open', 'accepted')"),
            postgresql_where=sa.text("state IN ('open', 'accepted')"),
        )
        batch_op.drop_index("receiving_offer_batch")

    op.drop_table("receiving_offer")
    with op.batch_alter_table("identity_token", schema=None) as batch_op:
        batch_op.drop_index("identity_token_expiry")
        batch_op.drop_index("identity_token_account")

    op.drop_table("identity_token")
    with op.batch_alter_table("identity_grant", schema=None) as batch_op:
        batch_op.drop_index("identity_grant_account")

    op.drop_table("identity_grant")
    op.drop_table("federation_node")
    op.drop_table("federation_agreement")
    with op.batch_alter_table("review_decision", schema=None) as batch_op:
        batch_op.drop_index("review_decision_batch")

    op.drop_table("review_decision")
    with op.batch_alter_table("repository_paper", schema=None) as batch_op:
        batch_op.drop_index("repository_paper_waiting")

    op.drop_table("repository_paper")
    with op.batch_alter_table("repository_package", schema=None) as batch_op:
        batch_op.drop_index("repository_package_record")
        batch_op.drop_index("repository_package_archive")

    op.drop_table("repository_package")
    with op.batch_alter_table("receiving_batch", schema=None) as batch_op:
        batch_op.drop_index("receiving_batch_state")
        batch_op.drop_index("receiving_batch_review")
        batch_op.drop_index("receiving_batch_receive")
        batch_op.drop_index("receiving_batch_node")
        batch_op.drop_index(batch_op.f("ix_receiving_batch_fonds_id"))

    op.drop_table("receiving_batch")
    op.drop_table("messaging_outgoing_stream")
    with op.batch_alter_table("messaging_outgoing_entry", schema=None) as batch_op:
        batch_op.drop_index("messaging_outgoing_entry_subject")

    op.drop_table("messaging_outgoing_entry")
    op.drop_table("messaging_incoming_stream")
    op.drop_table("messaging_dead_letter")
    with op.batch_alter_table("kernel_job", schema=None) as batch_op:
        batch_op.drop_index("kernel_job_open")

    op.drop_table("kernel_job")
    op.drop_table("identity_account")
    op.drop_table("federation_hub")
    with op.batch_alter_table("federation_enrolment_attempt", schema=None) as batch_op:
        batch_op.drop_index("federation_enrolment_attempt_when")

    op.drop_table("federation_enrolment_attempt")
    with op.batch_alter_table("federation_division", schema=None) as batch_op:
        batch_op.drop_index("federation_division_path")

    op.drop_table("federation_division")
    op.drop_table("federation_archive")
    op.drop_table("catalogue_tally")
    with op.batch_alter_table("catalogue_record", schema=None) as batch_op:
        batch_op.drop_index("catalogue_record_updated")
        batch_op.drop_index("catalogue_record_receiving")
        batch_op.drop_index("catalogue_record_parent")
        batch_op.drop_index("catalogue_record_date")
        batch_op.drop_index("catalogue_record_code")
        batch_op.drop_index("catalogue_record_class")
        batch_op.drop_index("catalogue_record_any_code")

    op.drop_table("catalogue_record")
    op.drop_table("audit_head")
    with op.batch_alter_table("audit_event", schema=None) as batch_op:
        batch_op.drop_index("audit_event_time")
        batch_op.drop_index("audit_event_subject")
        batch_op.drop_index("audit_event_actor")
        batch_op.drop_index("audit_event_action")

    op.drop_table("audit_event")
