"""The audit and the events of one site are read in order, without sorting those of all."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = ("audit", "event")


def upgrade() -> None:
    """One index over site and id in place of one over the site."""
    for table in TABLES:
        op.create_index(f"{table}_of_site", table, ["site_id", "id"])
        op.drop_index(f"ix_{table}_site_id", table)


def downgrade() -> None:
    """Back again."""
    for table in TABLES:
        op.create_index(f"ix_{table}_site_id", table, ["site_id"])
        op.drop_index(f"{table}_of_site", table)
