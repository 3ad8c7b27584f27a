"""When an obligation was missed, what a due day that a hold moved was counted from, which month-ends a hold excused.

Without the former nobody could tell that a record heard late was made before the case had opened; without the latter a
due day within a year that is not yet published could not be counted again when the year's calendar comes. The
month-ends still do not count when a start is planned anew; for the same reason a light that is over keeps the day on
which its project was held.
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_COLUMNS = """
ALTER TABLE obligation
  ADD COLUMN missed_on date, ADD COLUMN counted_from date, ADD COLUMN counted_days integer NOT NULL DEFAULT 0
"""
_MISSED = """
UPDATE obligation SET missed_on = CAST(opened.at AT TIME ZONE 'Asia/Shanghai' AS date)
  FROM event_log opened
 WHERE opened.aggregate_id = obligation.id AND opened.type = 'cn.liandu.obligation.missed.v1'
"""
_LIGHT = """
ALTER TABLE light
  ADD COLUMN held_ends jsonb NOT NULL DEFAULT '[]',
  DROP CONSTRAINT light_check,
  ADD CONSTRAINT light_check CHECK (
    CASE state WHEN 'suspended' THEN suspended_on IS NOT NULL WHEN 'watching' THEN suspended_on IS NULL ELSE true END
  )
"""
_LIGHT_BEFORE = """
ALTER TABLE light
  DROP COLUMN held_ends,
  DROP CONSTRAINT light_check,
  ADD CONSTRAINT light_check CHECK ((state = 'suspended') = (suspended_on IS NOT NULL))
"""


def upgrade() -> None:
    op.execute(_COLUMNS)
    op.execute(_MISSED)
    op.execute(_LIGHT)


def downgrade() -> None:
    op.execute("UPDATE light SET suspended_on = NULL WHERE state = 'ended'")
    op.execute(_LIGHT_BEFORE)
    op.execute("ALTER TABLE obligation DROP COLUMN missed_on, DROP COLUMN counted_from, DROP COLUMN counted_days")
