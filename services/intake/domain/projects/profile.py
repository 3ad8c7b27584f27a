"""A project's particulars: who invests, from where, in what currency, in which park, beside whom, added to what.

They change neither stage nor timetable, so they are kept beside the project and loaded only where they are asked for.
Money in whole 万元; a foreign project keeps its own currency, rate and day beside it.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

from services.intake.domain import uscc
from services.intake.domain.errors import AmountNotAllowed, DateNotAllowed, ValueNotAllowed
from services.intake.domain.projects.project import Project, require_changeable
from shared.contracts.event import Event
from shared.contracts.project_records import AnnualPlan, CapitalSource, OriginalAmount, ProjectProfiled
from shared.contracts.projects import ProjectKind

NATIONAL_CODE = re.compile(r"(\d{4})-\d{6}-\d{2}-\d{2}-\d{5}[\dX]")
"""项目代码 (GB/T 40058): time, region, central department, type, random signs with the check sign."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A project's particulars as its events leave them; the names are those of the event."""

    project_id: UUID
    national_code: str | None = None
    investor_name: str | None = None
    investor_uscc: str | None = None
    capital_source: CapitalSource | None = None
    original: OriginalAmount | None = None
    fixed_asset_investment_wan: int | None = None
    annual_plans: tuple[AnnualPlan, ...] = ()
    parent_project_id: UUID | None = None
    park_id: UUID | None = None
    lead_org_id: UUID | None = None
    assisting_org_ids: tuple[UUID, ...] = ()
    reporting_post_id: UUID | None = None
    statistics_registered_on: date | None = None

    @property
    def converted_wan(self) -> int | None:
        """The original amount in whole 万元 at its own rate, half up."""
        return None if self.original is None else converted_wan(self.original)

    def plan_of(self, year: int) -> int | None:
        """年度计划投资 of a year, whole 万元."""
        return next((plan.amount_wan for plan in self.annual_plans if plan.year == year), None)


FIELDS = tuple(item.name for item in fields(Profile) if item.name != "project_id")
MANY = frozenset({"annual_plans", "assisting_org_ids"})
"""Fields that are empty as () and not as None."""

REFERENCES: Mapping[str, tuple[str, str]] = {
    "parent_project_id": ("project", "原项目"),
    "park_id": ("organisation", "园区"),
    "lead_org_id": ("organisation", "牵头单位"),
    "assisting_org_ids": ("organisation", "配合单位"),
    "reporting_post_id": ("post", "报送岗位"),
}
"""What these fields name: the kind of record, and what officials call it."""


def revise(project: Project, profile: Profile, changes: Mapping[str, Any], *, today: date) -> list[Event]:
    """Set particulars anew; None (or nothing in a list) empties a field. Nothing when all of it stands so already.

    Raises:
        ValueNotAllowed: a code that is none, a currency without foreign capital, a parent of a project that is no 增资.
        AmountNotAllowed, DateNotAllowed.
        ProjectNotActive: the project is terminated or struck off.
    """
    require_changeable(project)
    wanted = replace(profile, **{name: _kept(name, value) for name, value in changes.items()})
    changed = [name for name in FIELDS if getattr(wanted, name) != getattr(profile, name)]
    if not changed:
        return []
    require_sound(wanted, project, today=today)
    cleared = tuple(name for name in changed if not getattr(wanted, name))
    given = {name: getattr(wanted, name) for name in changed if name not in cleared}
    return [ProjectProfiled(project_id=project.id, cleared=cleared, **given)]


def give_reports(profile: Profile, post_id: UUID) -> ProjectProfiled:
    """Another post makes the monthly reports; whatever else stands there is not judged anew."""
    return ProjectProfiled(project_id=profile.project_id, reporting_post_id=post_id)


def evolve(profile: Profile, event: ProjectProfiled) -> Profile:
    """The particulars after one more of these events."""
    changes: dict[str, Any] = {name: value for name in FIELDS if (value := getattr(event, name)) is not None}
    changes |= {name: () if name in MANY else None for name in event.cleared}
    return replace(profile, **changes)


def require_sound(profile: Profile, project: Project, *, today: date) -> None:
    """Whatever must hold of particulars, whoever set them."""
    _require_codes(profile)
    _require_capital(profile, today=today)
    _require_amounts(profile, total_wan=project.total_investment_wan)
    if profile.parent_project_id and project.kind is not ProjectKind.EXPANSION:
        raise ValueNotAllowed("只有增资项目有原项目，新建项目不填", field="parent_project_id")
    if profile.parent_project_id == project.id:
        raise ValueNotAllowed("原项目不能是本项目", field="parent_project_id")
    registered_on = profile.statistics_registered_on
    if registered_on and registered_on > today:
        raise DateNotAllowed(
            f"纳统入库日期{registered_on}不能晚于今天{today}", what="纳统入库日期", day=registered_on, limit=today
        )


def named_by(particulars: Mapping[str, Any]) -> Iterator[tuple[str, UUID]]:
    """The records that these fields name, as (field, id)."""
    for field in REFERENCES:
        value = particulars.get(field) or ()
        for id in value if isinstance(value, tuple) else (value,):
            yield field, id


def require_no_circle(project_id: UUID, ancestors: Collection[UUID]) -> None:
    """`ancestors`: the parent that was asked for, and what stands above it. Raises ValueNotAllowed."""
    if project_id in ancestors:
        raise ValueNotAllowed("原项目本身是本项目的增资，不能互为原项目", field="parent_project_id")


def code_trouble(code: str) -> str:
    """Why this is no 项目代码, in Chinese; empty for one that may be.

    The first four digits are a year, or since 2020 a year and a month. The check sign is not computed.
    """
    match = NATIONAL_CODE.fullmatch(code)
    if match is None:
        return "项目代码应为24位，形如2601-370211-04-01-123456"
    time = match[1]
    if not 2000 <= int(time) <= 2100 and not 1 <= int(time[2:]) <= 12:
        return f"项目代码的前四位{time}不是年份，也不是年月"
    return ""


def converted_wan(original: OriginalAmount) -> int:
    yuan = Decimal(original.amount) * Decimal(original.rate)
    return int((yuan / 10000).quantize(Decimal(1), ROUND_HALF_UP))


def _kept(name: str, value: Any) -> Any:
    if name in MANY:
        return tuple(value or ())
    if name in ("national_code", "investor_uscc") and value is not None:
        return uscc.normal(value) or None
    return value


def _require_codes(profile: Profile) -> None:
    if profile.national_code and (trouble := code_trouble(profile.national_code)):
        raise ValueNotAllowed(trouble, field="national_code")
    if profile.investor_uscc and (trouble := uscc.trouble(profile.investor_uscc)):
        raise ValueNotAllowed(trouble, field="investor_uscc")


def _require_capital(profile: Profile, *, today: date) -> None:
    original = profile.original
    if original is None:
        return
    if profile.capital_source is not CapitalSource.FOREIGN:
        raise ValueNotAllowed("只有外资项目填写原币金额", field="original")
    if original.rate_on > today:
        day = original.rate_on
        raise DateNotAllowed(f"汇率日期{day}不能晚于今天{today}", what="汇率日期", day=day, limit=today)


def _require_amounts(profile: Profile, *, total_wan: int) -> None:
    fixed = profile.fixed_asset_investment_wan
    if fixed is not None and fixed > total_wan:
        message = f"固定资产投资{fixed}万元不能超过总投资{total_wan}万元"
        raise AmountNotAllowed(message, field="fixed_asset_investment_wan", value=fixed)
    years = [plan.year for plan in profile.annual_plans]
    if len(set(years)) < len(years):
        raise ValueNotAllowed("同一年度的计划投资填了两次", field="annual_plans")
    for plan in profile.annual_plans:
        if plan.amount_wan > total_wan:
            message = f"{plan.year}年度计划投资{plan.amount_wan}万元不能超过总投资{total_wan}万元"
            raise AmountNotAllowed(message, field="annual_plans", value=plan.amount_wan)
