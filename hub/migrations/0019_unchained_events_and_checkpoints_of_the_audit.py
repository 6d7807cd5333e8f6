"""unchained events and checkpoints of the audit"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
#: Of the events that there are: they stay as they were sealed, and take their numbers as ids.
_COPY = (
    "INSERT INTO audit_event (id, seq, form, time, actor_id, actor_name, role, place, action, "
    "subject, outcome, details, previous, digest) SELECT seq, seq, 1, time, actor_id, actor_name, "
    "'', '', action, subject, 'done', details, previous, digest FROM audit_event_before"
)
_COPY_BACK = (
    "INSERT INTO audit_event (seq, time, actor_id, actor_name, action, subject, details, previous, "
    "digest) SELECT seq, time, actor_id, actor_name, action, subject, details, previous, digest "
    "FROM audit_event_before WHERE form = 1"
)
_INDEXED = {"subject": "subject", "action": "action", "actor": "actor_id"}


def upgrade() -> None:
    """From 0018 to 0019."""
    for name in (*_INDEXED, "time"):
        op.drop_index(f"audit_event_{name}", table_name="audit_event")
    op.rename_table("audit_event", "audit_event_before")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX audit_event_pkey RENAME TO audit_event_before_pkey")
    op.create_table(
        "audit_event",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=True),
        sa.Column("form", sa.Integer(), nullable=False),
        sa.Column("time", sa.String(length=27), nullable=False),
        sa.Column("actor_id", sa.String(length=80), nullable=False),
        sa.Column("actor_name", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=200), nullable=False),
        sa.Column("place", sa.String(length=200), nullable=False),
        sa.Column("action", sa.String(length=80), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("before", sa.String(length=64), nullable=True),
        sa.Column("after", sa.String(length=64), nullable=True),
        sa.Column("count", sa.Integer(), nullable=True),
        sa.Column("root", sa.String(length=64), nullable=True),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.execute(_COPY)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "SELECT setval(pg_get_serial_sequence('audit_event', 'id'), "
            "(SELECT coalesce(max(id), 0) + 1 FROM audit_event), false)"
        )
    op.drop_table("audit_event_before")
    for name, column in _INDEXED.items():
        op.create_index(f"audit_event_{name}", "audit_event", [column, "id"], unique=False)
    op.create_index("audit_event_time", "audit_event", ["time"], unique=False)
    op.create_index("audit_event_outcome", "audit_event", ["outcome", "time"], unique=False)
    op.create_index("audit_event_seq", "audit_event", ["seq"], unique=True)
    op.create_table(
        "audit_checkpoint",
        sa.Column("last", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("public_key", sa.String(length=128), nullable=False),
        sa.Column("signature", sa.String(length=160), nullable=False),
        sa.PrimaryKeyConstraint("last"),
    )
    op.create_table(
        "audit_archive",
        sa.Column("last", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("since", sa.String(length=27), nullable=False),
        sa.Column("until", sa.String(length=27), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("last"),
    )
    with op.batch_alter_table("audit_witness", schema=None) as batch_op:
        batch_op.add_column(sa.Column("held_seq", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(
            sa.Column("held_digest", sa.String(length=64), server_default="0" * 64, nullable=False)
        )
        batch_op.add_column(
            sa.Column("unheld_seconds", sa.Integer(), server_default="0", nullable=False)
        )
        batch_op.add_column(sa.Column("lost_seq", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("lost_digest", sa.String(length=64), nullable=True))


def downgrade() -> None:
    """From 0020 back to 0015: what was written since leaves the log; the chain ends before."""
    with op.batch_alter_table("audit_witness", schema=None) as batch_op:
        for name in ("lost_digest", "lost_seq", "unheld_seconds", "held_digest", "held_seq"):
            batch_op.drop_column(name)
    op.drop_table("audit_archive")
    op.drop_table("audit_checkpoint")
    for name in (*_INDEXED, "time", "outcome", "seq"):
        op.drop_index(f"audit_event_{name}", table_name="audit_event")
    op.rename_table("audit_event", "audit_event_before")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX audit_event_pkey RENAME TO audit_event_before_pkey")
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
    op.execute(_COPY_BACK)
    op.drop_table("audit_event_before")
    for name, column in _INDEXED.items():
        op.create_index(f"audit_event_{name}", "audit_event", [column], unique=False)
    op.create_index("audit_event_time", "audit_event", ["time"], unique=False)
    op.execute(
        "UPDATE audit_head SET seq = coalesce((SELECT max(seq) FROM audit_event), 0), digest = "
        "coalesce((SELECT digest FROM audit_event ORDER BY seq DESC LIMIT 1), digest)"
    )
