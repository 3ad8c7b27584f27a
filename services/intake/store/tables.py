"""Record keeping's tables as SQLAlchemy knows them; the migrations make them."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

FIXED = {"fixed": True}
"""A column that stays as the first row had it: an upsert leaves it out of what it sets."""

organisation = Table(
    "organisation",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("version", BigInteger),
    Column("name", Text, info=FIXED),
    Column("parent_id", Uuid),
    Column("kind", Text),
)
organisation_former = Table(
    "organisation_former",
    metadata,
    Column("organisation_id", Uuid, primary_key=True),
    Column("until_day", Date, primary_key=True),
    Column("name", Text),
)
task_force = Table(
    "task_force",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", Text),
    Column("chain_ids", ARRAY(Uuid)),
    Column("members", JSONB),
    Column("set_up_on", Date),
    Column("dissolved_from", Date),
)
park = Table(
    "park",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("chain_ids", ARRAY(Uuid)),
    Column("address", Text),
)
person = Table(
    "person",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("version", BigInteger),
    Column("name", Text),
    Column("organisation_id", Uuid),
)
leave = Table(
    "leave",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("person_id", Uuid, info=FIXED),
    Column("from_day", Date),
    Column("until_day", Date),
    Column("delegate_id", Uuid),
    Column("post_ids", ARRAY(Uuid)),
    Column("reason", Text),
    Column("cancelled", Boolean),
)
chain = Table(
    "chain",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("version", BigInteger),
    Column("code", Text, info=FIXED),
    Column("name", Text),
    Column("category", Text),
    Column("since", Date),
    Column("opened_from", Date),
    Column("closed_from", Date),
    Column("successor_ids", ARRAY(Uuid)),
)
chain_former = Table(
    "chain_former",
    metadata,
    Column("chain_id", Uuid, primary_key=True),
    Column("until_day", Date, primary_key=True),
    Column("name", Text),
    Column("category", Text),
)
enterprise = Table(
    "enterprise",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("version", BigInteger),
    Column("uscc", Text, info=FIXED),
    Column("name", Text),
    Column("chain_ids", ARRAY(Uuid)),
)
anchor = Table(
    "anchor",
    metadata,
    Column("enterprise_id", Uuid, primary_key=True),
    Column("chain_id", Uuid, primary_key=True),
    Column("from_day", Date, primary_key=True),
    Column("until_day", Date),
)
chain_map = Table(
    "chain_map",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("version", BigInteger),
    Column("chain_id", Uuid, info=FIXED),
)
segment = Table(
    "segment",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("map_id", Uuid, info=FIXED),
    Column("name", Text),
    Column("position", Text),
    Column("parent_id", Uuid),
    Column("supplies", ARRAY(Uuid)),
    Column("strengths", ARRAY(Text)),
    Column("gaps", ARRAY(Text)),
    Column("target_firms", JSONB),
    Column("removed", Boolean),
)
post = Table(
    "post",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("version", BigInteger),
    Column("title", Text, info=FIXED),
    Column("tier", Text),
    Column("organisation_id", Uuid, info=FIXED),
    Column("chain_ids", ARRAY(Uuid)),
    Column("established_on", Date),
)
post_former = Table(
    "post_former",
    metadata,
    Column("post_id", Uuid, primary_key=True),
    Column("until_day", Date, primary_key=True),
    Column("chain_ids", ARRAY(Uuid)),
)
post_term = Table(
    "post_term",
    metadata,
    Column("post_id", Uuid, primary_key=True),
    Column("from_day", Date, primary_key=True),
    Column("until_day", Date),
    Column("person_id", Uuid),
)
project_number = Table(
    "project_number",
    metadata,
    Column("year", Integer, primary_key=True),
    Column("last", Integer),
)
project = Table(
    "project",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("version", BigInteger),
    Column("code", Text, info=FIXED),
    Column("name", Text),
    Column("chain_id", Uuid),
    Column("responsible_org_id", Uuid),
    Column("kind", Text),
    Column("total_investment_wan", BigInteger),
    Column("entered_stage", Text),
    Column("stage", Text),
    Column("signed_amount_wan", BigInteger),
    Column("output_ratio", Numeric),
    Column("hold_status", Text),
    Column("hold_status_on", Date),
    Column("chain_since", Date),
)
project_former_chain = Table(
    "project_former_chain",
    metadata,
    Column("project_id", Uuid, primary_key=True),
    Column("until_day", Date, primary_key=True),
    Column("chain_id", Uuid),
)
project_stage_day = Table(
    "project_stage_day",
    metadata,
    Column("project_id", Uuid, primary_key=True),
    Column("stage", Text, primary_key=True),
    Column("reached_on", Date),
)
milestone = Table(
    "milestone",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("project_id", Uuid),
    Column("name", Text),
    Column("due_on", Date),
    Column("responsible_post_id", Uuid),
    Column("responsible_person_id", Uuid),
    Column("stage", Text),
    Column("source", Text),
    Column("source_document", Text),
    Column("status", Text),
    Column("met_on", Date),
    Column("expected_on", Date),
    Column("delay_reason", Text),
)
register_entry = Table(
    "register_entry",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("version", BigInteger),
    Column("register_key", Text, info=FIXED),
    Column("year", Integer, info=FIXED),
    Column("chain_id", Uuid, info=FIXED),
    Column("identity", Text),
    Column("fields", JSONB),
    Column("status", Text),
    Column("authors", ARRAY(Text)),
    Column("nominating_post_id", Uuid, info=FIXED),
    Column("reviewed_on", Date),
    Column("reviewed_by", Text),
    Column("reason", Text),
)
register_freeze = Table(
    "register_freeze",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("version", BigInteger),
    Column("register_key", Text, info=FIXED),
    Column("year", Integer, info=FIXED),
    Column("frozen_on", Date),
    Column("actor", Text),
    Column("entries", JSONB),
)
register_filing = Table(
    "register_filing",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("version", BigInteger),
    Column("register_key", Text, info=FIXED),
    Column("year", Integer, info=FIXED),
    Column("chain_id", Uuid, ForeignKey("chain.id"), info=FIXED),
    Column("status", Text),
    Column("filed_on", Date),
    Column("entries", Integer),
    Column("reason", Text),
)
measure = Table(
    "measure",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("version", BigInteger),
    Column("number", Integer, info=FIXED),
    Column("aspect", Text),
    Column("text", Text),
    Column("source", Text),
    Column("source_document", Text, info=FIXED),
)
task = Table(
    "task",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("subject_id", Uuid, info=FIXED),
    Column("kind", Text, info=FIXED),
    Column("name", Text),
    Column("subject_name", Text),
    Column("chain_id", Uuid),
    Column("due_on", Date),
    Column("responsible_org_id", Uuid),
    Column("responsible_post_id", Uuid),
    Column("responsible_person_id", Uuid),
    Column("source", Text),
    Column("source_document", Text),
    Column("status", Text),
    Column("met_on", Date),
    Column("reason", Text),
)
