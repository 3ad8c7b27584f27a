"""A project's particulars: investor, capital, park, units, parent, codes."""

from datetime import date
from typing import Any, Self
from uuid import UUID

from fastapi import APIRouter, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import Clerk, Reader
from services.intake.api.answers import Shown
from services.intake.api.bodies import ProfileBody
from services.intake.api.projects.showing import OneProject
from services.intake.domain import terms
from services.intake.domain.projects.profile import Profile
from services.intake.domain.projects.project import Project
from services.intake.handlers.projects import profiles as handlers
from services.intake.store import views
from services.intake.store.projects import profiles as store
from shared.contracts.project_records import AnnualPlan, CapitalSource, OriginalAmount
from shared.contracts.projects import Stage
from shared.kit.web.http import Answer, By, reply

router = APIRouter(tags=["projects"])
PROFILE = "/v1/projects/{project_id}/profile"


class IncrementShown(Shown):
    """A 增资 of this project; its total is the increment."""

    id: UUID
    code: str
    name: str
    stage: Stage
    total_investment_wan: int


class ProfileShown(Shown):
    """`converted_wan`: the original amount at its rate, whole 万元, beside the project's own total; `notices` say in
    Chinese what does not fit together."""

    project_id: UUID
    national_code: str | None
    investor_name: str | None
    investor_uscc: str | None
    capital_source: CapitalSource | None
    capital_source_name: str | None
    original: OriginalAmount | None
    converted_wan: int | None
    total_investment_wan: int
    fixed_asset_investment_wan: int | None
    annual_plans: tuple[AnnualPlan, ...]
    parent_project_id: UUID | None
    increments: tuple[IncrementShown, ...]
    park_id: UUID | None
    park_name: str | None
    lead_org_id: UUID | None
    lead_org_name: str | None
    assisting_org_ids: tuple[UUID, ...]
    assisting_org_names: tuple[str, ...]
    reporting_post_id: UUID | None
    reporting_post_title: str | None
    statistics_registered_on: date | None
    notices: tuple[str, ...]
    version: int

    @classmethod
    def of(cls, project: Project, profile: Profile, *, names: dict[UUID, str], increments: Any) -> Self:
        source = profile.capital_source
        plain = {name: getattr(profile, name) for name in cls.model_fields if hasattr(profile, name)}
        return cls(
            **plain,
            capital_source_name=terms.CAPITAL_NAMES[source] if source else None,
            total_investment_wan=project.total_investment_wan,
            increments=tuple(IncrementShown(**row) for row in increments),
            park_name=_name(profile.park_id, names),
            lead_org_name=_name(profile.lead_org_id, names),
            assisting_org_names=tuple(names.get(id, "未知") for id in profile.assisting_org_ids),
            reporting_post_title=_name(profile.reporting_post_id, names),
            notices=tuple(_notices(project, profile)),
            version=project.version,
        )


@router.get(PROFILE, response_model=ProfileShown)
async def show_profile(project: OneProject, conn: Reader) -> Response:
    """The particulars, with the 增资 that add to this project."""
    # Without the request, so never a 304: the names that it shows change without it.
    return reply(await _answer(project, await store.load(project.id, conn=conn), conn=conn))


@router.patch(PROFILE, response_model=ProfileShown)
async def revise_profile(project_id: UUID, body: ProfileBody, write: Clerk) -> Response:
    """Set particulars; what is not named stays, null empties a field. Needs If-Match with the project's version."""
    expected = write.require_version()

    async def work(conn: AsyncConnection, by: By) -> Answer:
        project, profile = await handlers.revise_profile(
            project_id, body.particulars(), expected=expected, conn=conn, by=by
        )
        return await _answer(project, profile, conn=conn)

    return await write(work)


async def _answer(project: Project, profile: Profile, *, conn: AsyncConnection) -> Answer:
    named = {profile.park_id, profile.lead_org_id, profile.reporting_post_id, *profile.assisting_org_ids} - {None}
    names = await views.names({id for id in named if id}, conn=conn) if named else {}
    increments = await store.increments(project.id, conn=conn)
    return Answer(ProfileShown.of(project, profile, names=names, increments=increments), version=project.version)


def _name(id: UUID | None, names: dict[UUID, str]) -> str | None:
    return names.get(id, "未知") if id else None


def _notices(project: Project, profile: Profile) -> list[str]:
    total, fixed, converted = project.total_investment_wan, profile.fixed_asset_investment_wan, profile.converted_wan
    found = []
    if converted is not None and converted != total:
        found.append(f"原币金额按汇率折合{converted}万元，与总投资{total}万元不一致")
    if fixed is not None and fixed > total:
        found.append(f"固定资产投资{fixed}万元超过总投资{total}万元")
    return found
