"""年度招商项目计划清单: each chain's targets and planned projects of a year (S7).

Both are registers (`investment_targets`, `investment_plan`), written as registers are; here they stand side by side.
"""

from collections.abc import Sequence
from uuid import UUID

from fastapi import APIRouter

from services.intake.api.access import Reader
from services.intake.api.answers import Shown
from services.intake.api.registers.registers import YearOf
from services.intake.domain.registers.filings import FilingStatus
from services.intake.store.registers import plans as store
from services.intake.store.registers.plans import ChainPlan
from shared.contracts.registers import Target

router = APIRouter(tags=["registers"])


class PlannedShown(Shown):
    """Planned projects: how many, in whole 万元, and how many of them name a project that is recorded by now."""

    count: int
    amount_wan: int
    begun: int


class ChainPlanShown(Shown):
    """`targets`: null where the chain has none yet. The filings' states: null where they were not called for."""

    chain_id: UUID
    chain_code: str
    chain_name: str
    targets_entry_id: UUID | None
    targets: dict[Target, int] | None
    targets_filing: FilingStatus | None
    planned: PlannedShown
    plan_filing: FilingStatus | None


class YearPlanShown(Shown):
    """`targets`: the sum over the chains; counts of projects and whole 万元."""

    year: int
    targets: dict[Target, int]
    planned: PlannedShown
    chains: tuple[ChainPlanShown, ...]


@router.get("/v1/plans/{year}", response_model=YearPlanShown)
async def show_plan(year: YearOf, conn: Reader) -> YearPlanShown:
    """All chains' targets and planned projects of a year; there are few chains, so it is one page."""
    plans = await store.plans(year, conn=conn)
    return YearPlanShown(
        year=year,
        targets={target: sum((plan.targets or {}).get(target, 0) for plan in plans) for target in Target},
        planned=_planned(plans),
        chains=tuple(_shown(plan) for plan in plans),
    )


def _shown(plan: ChainPlan) -> ChainPlanShown:
    return ChainPlanShown(
        chain_id=plan.chain_id,
        chain_code=plan.chain_code,
        chain_name=plan.chain_name,
        targets_entry_id=plan.targets_id,
        targets=plan.targets,
        targets_filing=FilingStatus(plan.targets_filing) if plan.targets_filing else None,
        planned=_planned([plan]),
        plan_filing=FilingStatus(plan.plan_filing) if plan.plan_filing else None,
    )


def _planned(plans: Sequence[ChainPlan]) -> PlannedShown:
    return PlannedShown(
        count=sum(plan.count for plan in plans),
        amount_wan=sum(plan.amount_wan for plan in plans),
        begun=sum(plan.begun for plan in plans),
    )
