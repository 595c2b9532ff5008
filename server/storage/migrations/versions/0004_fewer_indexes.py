"""Two indexes less: each message had to keep them, and no query needs them."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.drop_index("ix_messages_rev", table_name="messages")
    op.drop_index("ix_threads_activity_at", table_name="threads")


def downgrade() -> None:
    """Take back."""
    op.create_index("ix_threads_activity_at", "threads", ["activity_at", "id"], unique=False)
    op.create_index("ix_messages_rev", "messages", ["thread_id", "rev"], unique=False)
