"""At which rev a receipt was told and a notification was made, so that what was missed can be told again exactly."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_COLUMNS = (("participants", "read_rev"), ("participants", "delivered_rev"), ("notifications", "created_rev"))


def upgrade() -> None:
    """Apply."""
    for table, name in _COLUMNS:
        op.add_column(table, sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False))


def downgrade() -> None:
    """Take back."""
    for table, name in _COLUMNS:
        op.drop_column(table, name)
