"""Who is connected to which process, for processes that share a PostgreSQL and no Redis."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    # Not logged: written often, and worth nothing after a crash. SQLite has no such tables, and one process.
    prefixes = ["UNLOGGED"] if op.get_bind().dialect.name == "postgresql" else []
    op.create_table(
        "presence_processes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("alive_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_presence_processes")),
        prefixes=prefixes,
    )
    op.create_table(
        "presence_states",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("process_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "process_id", name=op.f("pk_presence_states")),
        prefixes=prefixes,
    )
    op.create_index("ix_presence_states_process_id", "presence_states", ["process_id"], unique=False)
    op.create_table(
        "presence_seen",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_presence_seen")),
        prefixes=prefixes,
    )
    op.create_index("ix_presence_seen_seen_at", "presence_seen", ["seen_at"], unique=False)


def downgrade() -> None:
    """Take back."""
    for name in ("presence_seen", "presence_states", "presence_processes"):
        op.drop_table(name)
