"""three administrators, acts of two people"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

_ROLE_HAS_DUTY = (
    "duty = CASE role WHEN 'system_administrator' THEN 'system' "
    "WHEN 'security_administrator' THEN 'security' WHEN 'auditor' THEN 'audit' "
    "ELSE 'business' END"
)


def upgrade() -> None:
    """From 0017 to 0018."""
    op.create_table(
        "identity_proposed_act",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("archive_code", sa.String(length=40), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("proposed_by", sa.String(length=36), nullable=False),
        sa.Column("proposed_name", sa.String(length=60), nullable=False),
        sa.Column("proposed_at", sa.String(length=27), nullable=False),
        sa.Column("until", sa.String(length=27), nullable=False),
        sa.Column("decided_by", sa.String(length=36), nullable=True),
        sa.Column("decided_name", sa.String(length=60), nullable=True),
        sa.Column("decided_at", sa.String(length=27), nullable=True),
        sa.Column("answer", sa.String(length=500), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("identity_proposed_act", schema=None) as batch_op:
        batch_op.create_index("identity_proposed_act_state", ["state", "proposed_at"], unique=False)

    with op.batch_alter_table("identity_account", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("duty", sa.String(length=10), server_default="business", nullable=False)
        )
        batch_op.add_column(sa.Column("archive_code", sa.String(length=40), nullable=True))
        batch_op.create_unique_constraint("identity_account_duty", ["id", "duty"])

    with op.batch_alter_table("identity_grant", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("duty", sa.String(length=10), server_default="business", nullable=False)
        )
        batch_op.alter_column(
            "role",
            existing_type=sa.VARCHAR(length=20),
            type_=sa.String(length=40),
            existing_nullable=False,
        )

    _split_administrators()
    with op.batch_alter_table("identity_grant", schema=None) as batch_op:
        batch_op.create_check_constraint("identity_grant_one_duty", _ROLE_HAS_DUTY)
        batch_op.create_foreign_key(
            "identity_grant_of_account", "identity_account", ["account_id", "duty"], ["id", "duty"]
        )

    with op.batch_alter_table("signon_node_sign_in", schema=None) as batch_op:
        batch_op.add_column(sa.Column("session_digest", sa.String(length=64), nullable=True))


def downgrade() -> None:
    """From 0018 back to 0017."""
    with op.batch_alter_table("signon_node_sign_in", schema=None) as batch_op:
        batch_op.drop_column("session_digest")

    with op.batch_alter_table("identity_grant", schema=None) as batch_op:
        batch_op.drop_constraint("identity_grant_of_account", type_="foreignkey")
        batch_op.drop_constraint("identity_grant_one_duty", type_="check")

    op.execute("DELETE FROM identity_grant WHERE role IN ('security_administrator', 'auditor')")
    op.execute(
        "UPDATE identity_grant SET role = 'administrator' WHERE role = 'system_administrator'"
    )
    with op.batch_alter_table("identity_grant", schema=None) as batch_op:
        batch_op.alter_column(
            "role",
            existing_type=sa.String(length=40),
            type_=sa.VARCHAR(length=20),
            existing_nullable=False,
        )
        batch_op.drop_column("duty")

    with op.batch_alter_table("identity_account", schema=None) as batch_op:
        batch_op.drop_constraint("identity_account_duty", type_="unique")
        batch_op.drop_column("archive_code")
        batch_op.drop_column("duty")

    with op.batch_alter_table("identity_proposed_act", schema=None) as batch_op:
        batch_op.drop_index("identity_proposed_act_state")

    op.drop_table("identity_proposed_act")


def _split_administrators() -> None:
    """Let an administrator be 系统管理员; who does business as well keeps that alone."""
    others = "SELECT account_id FROM identity_grant WHERE role <> 'administrator'"
    op.execute(
        f"DELETE FROM identity_grant WHERE role = 'administrator' AND account_id IN ({others})"
    )
    held = "SELECT account_id FROM identity_grant WHERE role = 'administrator'"
    op.execute(f"UPDATE identity_account SET duty = 'system' WHERE id IN ({held})")
    op.execute(
        "UPDATE identity_grant SET role = 'system_administrator', duty = 'system' "
        "WHERE role = 'administrator'"
    )
