"""accounts kept elsewhere, second factors, single sign-on"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """From 0007 to 0008."""
    op.create_table(
        "identity_factor",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("handle", sa.String(length=400), nullable=True),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("counter", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.String(length=27), nullable=False),
        sa.Column("used_at", sa.String(length=27), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["identity_account.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("identity_factor", schema=None) as batch_op:
        batch_op.create_index("identity_factor_account", ["account_id"], unique=False)
        batch_op.create_index("identity_factor_handle", ["handle"], unique=True)

    with op.batch_alter_table("identity_account", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("last_place", sa.String(length=60), server_default="", nullable=False)
        )
        batch_op.add_column(
            sa.Column("failed_since", sa.Integer(), server_default="0", nullable=False)
        )
        batch_op.add_column(sa.Column("locks", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("issuer", sa.String(length=500), nullable=True))
        batch_op.add_column(sa.Column("subject", sa.String(length=255), nullable=True))
        batch_op.add_column(sa.Column("waiting", sa.Boolean(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("proposal", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("confirmed_at", sa.String(length=27), nullable=True))
        batch_op.add_column(sa.Column("signed_out_at", sa.String(length=27), nullable=True))
        batch_op.add_column(sa.Column("issuer_ended_at", sa.String(length=27), nullable=True))
        batch_op.add_column(
            sa.Column("emergency", sa.Boolean(), server_default="0", nullable=False)
        )
        batch_op.add_column(sa.Column("opening_asked_by", sa.String(length=36), nullable=True))
        batch_op.add_column(
            sa.Column("opening_reason", sa.String(length=500), server_default="", nullable=False)
        )
        batch_op.add_column(sa.Column("open_until", sa.String(length=27), nullable=True))
        batch_op.create_unique_constraint("identity_account_subject", ["issuer", "subject"])

    with op.batch_alter_table("identity_token", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("awaits_factor", sa.Boolean(), server_default="0", nullable=False)
        )
        batch_op.add_column(
            sa.Column("place", sa.String(length=60), server_default="", nullable=False)
        )
        batch_op.add_column(
            sa.Column("agent", sa.String(length=200), server_default="", nullable=False)
        )
        batch_op.add_column(
            sa.Column("way", sa.String(length=10), server_default="password", nullable=False)
        )
        batch_op.add_column(sa.Column("provider_session", sa.String(length=255), nullable=True))
        batch_op.add_column(sa.Column("id_token", sa.Text(), nullable=True))
        batch_op.create_index("identity_token_session", ["provider_session"], unique=False)


def downgrade() -> None:
    """From 0008 back to 0007."""
    with op.batch_alter_table("identity_token", schema=None) as batch_op:
        batch_op.drop_index("identity_token_session")
        batch_op.drop_column("id_token")
        batch_op.drop_column("provider_session")
        batch_op.drop_column("way")
        batch_op.drop_column("agent")
        batch_op.drop_column("place")
        batch_op.drop_column("awaits_factor")

    with op.batch_alter_table("identity_account", schema=None) as batch_op:
        batch_op.drop_constraint("identity_account_subject", type_="unique")
        batch_op.drop_column("open_until")
        batch_op.drop_column("opening_reason")
        batch_op.drop_column("opening_asked_by")
        batch_op.drop_column("emergency")
        batch_op.drop_column("issuer_ended_at")
        batch_op.drop_column("signed_out_at")
        batch_op.drop_column("confirmed_at")
        batch_op.drop_column("proposal")
        batch_op.drop_column("waiting")
        batch_op.drop_column("subject")
        batch_op.drop_column("issuer")
        batch_op.drop_column("locks")
        batch_op.drop_column("failed_since")
        batch_op.drop_column("last_place")

    with op.batch_alter_table("identity_factor", schema=None) as batch_op:
        batch_op.drop_index("identity_factor_handle")
        batch_op.drop_index("identity_factor_account")

    op.drop_table("identity_factor")
