"""What a fresh schema holds."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.intake.store import tables
from shared.contracts.ids import chain_id
from shared.contracts.programme import ChainRecorded
from shared.kit.database import transaction
from shared.kit.log import eventlog


async def test_the_17_chains_come_with_the_schema_each_with_exactly_one_fact(engine: AsyncEngine) -> None:
    async with transaction(engine) as conn:
        counts = await conn.execute(text("SELECT category, count(*) FROM chain GROUP BY category"))
        heads = await conn.execute(text("SELECT aggregate_id, seq FROM aggregate_head"))
        (fact,) = await eventlog.history(chain_id("DISPLAY"), conn=conn)
    assert {row[0]: row[1] for row in counts} == {
        "traditional_manufacturing": 5,
        "emerging_manufacturing": 5,
        "modern_service": 7,
    }
    assert [row.seq for row in heads] == [1] * 17
    event = ChainRecorded.model_validate_json(fact.data)
    assert (event.chain_id, event.name, fact.topic) == (chain_id("DISPLAY"), "新型显示", "liandu.programme")


async def test_the_code_knows_every_column_of_its_tables(engine: AsyncEngine) -> None:
    columns = text(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = 'intake' AND is_identity = 'NO' AND is_generated = 'NEVER'"  # those it fills in itself
    )
    async with transaction(engine) as conn:
        present = {(row.table_name, row.column_name) for row in await conn.execute(columns)}
    known = {(table.name, column.name) for table in tables.metadata.sorted_tables for column in table.columns}
    ours = {name for name, _ in known}
    assert known == {(table, column) for table, column in present if table in ours}
