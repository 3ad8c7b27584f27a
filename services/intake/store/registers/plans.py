"""The yearly plan of each chain: what the registers `investment_targets` and `investment_plan` hold (S7)."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.registers import Target
from shared.kit.database import fetch

BY_CHAIN = """
    SELECT chain.id, chain.code, chain.name, targets.id AS targets_id, targets.fields::text AS targets,
           targets_filing.status AS targets_filing, plan_filing.status AS plan_filing,
           coalesce(planned.count, 0) AS count, coalesce(planned.amount_wan, 0)::bigint AS amount_wan,
           coalesce(planned.begun, 0) AS begun
      FROM chain
      LEFT JOIN register_entry AS targets ON targets.chain_id = chain.id AND targets.year = $1
            AND targets.register_key = 'investment_targets' AND targets.status IN ('nominated', 'standing')
      LEFT JOIN register_filing AS targets_filing ON targets_filing.chain_id = chain.id AND targets_filing.year = $1
            AND targets_filing.register_key = 'investment_targets'
      LEFT JOIN register_filing AS plan_filing ON plan_filing.chain_id = chain.id AND plan_filing.year = $1
            AND plan_filing.register_key = 'investment_plan'
      LEFT JOIN (SELECT chain_id, count(*) AS count, sum((fields ->> 'amount')::bigint) AS amount_wan,
                        count(fields ->> 'project') AS begun
                   FROM register_entry
                  WHERE register_key = 'investment_plan' AND year = $1 AND status IN ('nominated', 'standing')
                  GROUP BY chain_id) AS planned ON planned.chain_id = chain.id
     ORDER BY chain.code
"""


@dataclass(frozen=True, slots=True)
class ChainPlan:
    """`targets`: None where the chain has none yet, with `targets_id` its entry. `count`, `amount_wan`: of the planned
    projects, of which `begun` name a project that is recorded. Filings: their states, None where not called for."""

    chain_id: UUID
    chain_code: str
    chain_name: str
    targets_id: UUID | None
    targets: dict[Target, int] | None
    targets_filing: str | None
    plan_filing: str | None
    count: int
    amount_wan: int
    begun: int


async def plans(year: int, *, conn: AsyncConnection) -> list[ChainPlan]:
    """Every chain's plan for a year, by the chains' codes."""
    return [_plan(row) for row in await fetch(conn, BY_CHAIN, year)]


def _plan(row: Any) -> ChainPlan:
    fields = orjson.loads(row["targets"]) if row["targets"] is not None else None
    targets = {target: fields[target] for target in Target if target in fields} if fields is not None else None
    known = {name: row[name] for name in ("targets_id", "targets_filing", "plan_filing")}
    planned = {name: row[name] for name in ("count", "amount_wan", "begun")}
    return ChainPlan(row["id"], row["code"], row["name"], targets=targets, **known, **planned)
