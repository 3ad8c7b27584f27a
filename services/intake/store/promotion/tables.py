"""The tables of visits, promotion events, agreements, leads and contacts as SQLAlchemy knows them."""

from sqlalchemy import BigInteger, Column, Date, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from services.intake.store.tables import FIXED, metadata

promotion_record = Table(
    "promotion_record",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("version", BigInteger),
    Column("kind", Text, info=FIXED),
    Column("day", Date),
    Column("chain_ids", ARRAY(Uuid)),
    Column("org_ids", ARRAY(Uuid)),
    Column("occasion_id", Uuid),
    Column("lead_id", Uuid),
    Column("project_id", Uuid),
    Column("status", Text),
    Column("reason", Text),
    Column("recorded_by", Text, info=FIXED),
    Column("content", JSONB),
)
contact_number = Table(
    "contact_number",
    metadata,
    Column("contact_id", Uuid, primary_key=True),
    Column("mobile", Text),
)
