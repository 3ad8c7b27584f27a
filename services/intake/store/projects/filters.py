"""What a list of projects is narrowed to.

Whatever stands in another table is asked for as a set of projects, once for the whole list, never joined row by row.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, literal_column, select

from services.intake.domain.terms import ENDED, LISTS, HoldStatus, ProjectList
from services.intake.store import search, sets, tables
from services.intake.store.projects import tables as project_tables
from shared.contracts.project_records import CapitalSource
from shared.contracts.projects import ProjectKind, Stage

PROJECT, CHAIN, DAY = tables.project.c, tables.chain.c, tables.project_stage_day.c
PROFILE = project_tables.project_profile.c
NAMES: ColumnElement[str] = literal_column("project.search_text", Text)
"""Code and name; the database computes it."""
PROFILE_NAMES: ColumnElement[str] = literal_column("project_profile.search_text", Text)
"""项目代码, the investor's name and 统一社会信用代码."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFilter:
    """`words`, in the form of `domain.words`: each stands in the name, the code, the 项目代码, the investor's name or
    统一社会信用代码. `chain` is a code; amounts are whole 万元; amounts and days include both ends. Terminated projects
    stand in none of the three lists."""

    words: tuple[str, ...] = ()
    stage: Stage | None = None
    chain: str | None = None
    responsible_org_id: UUID | None = None
    hold_status: HoldStatus | None = None
    in_list: ProjectList | None = None
    kind: ProjectKind | None = None
    capital_source: CapitalSource | None = None
    park_id: UUID | None = None
    lead_org_id: UUID | None = None
    assisting_org_id: UUID | None = None
    parent_project_id: UUID | None = None
    investment_from_wan: int | None = None
    investment_to_wan: int | None = None
    signed_from: date | None = None
    signed_until: date | None = None
    started_from: date | None = None
    started_until: date | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Of a query of projects with their chains."""
        return [
            *self._own(),
            *self._particulars(),
            *_reached(Stage.SIGNED, self.signed_from, self.signed_until),
            *_reached(Stage.STARTED, self.started_from, self.started_until),
            *map(named, self.words),
        ]

    def _own(self) -> Iterator[ColumnElement[bool]]:
        yield from _equal(
            (PROJECT.stage, self.stage),
            (CHAIN.code, self.chain),
            (PROJECT.responsible_org_id, self.responsible_org_id),
            (PROJECT.hold_status, self.hold_status),
            (PROJECT.kind, self.kind),
        )
        yield from _between(PROJECT.total_investment_wan, self.investment_from_wan, self.investment_to_wan)
        if self.in_list:
            yield PROJECT.stage.in_(LISTS[self.in_list])
            yield PROJECT.hold_status.not_in(ENDED)

    def _particulars(self) -> Iterator[ColumnElement[bool]]:
        wanted = _equal(
            (PROFILE.capital_source, self.capital_source),
            (PROFILE.park_id, self.park_id),
            (PROFILE.lead_org_id, self.lead_org_id),
            (PROFILE.parent_project_id, self.parent_project_id),
        )
        if self.assisting_org_id:
            wanted.append(sets.having(PROFILE.assisting_org_ids, self.assisting_org_id))
        if wanted:
            yield PROJECT.id.in_(select(PROFILE.project_id).where(*wanted))


def named(word: str) -> ColumnElement[bool]:
    """A project bears the word, itself or in its particulars."""
    wanted = search.pattern(word)
    return NAMES.like(wanted) | PROJECT.id.in_(select(PROFILE.project_id).where(PROFILE_NAMES.like(wanted)))


def _reached(stage: Stage, earliest: date | None, latest: date | None) -> Iterator[ColumnElement[bool]]:
    within = _between(DAY.reached_on, earliest, latest)
    if within:
        yield PROJECT.id.in_(select(DAY.project_id).where(DAY.stage == stage, *within))


def _between(column: ColumnElement[Any], least: object, most: object) -> list[ColumnElement[bool]]:
    return ([column >= least] if least is not None else []) + ([column <= most] if most is not None else [])


def _equal(*wanted: tuple[ColumnElement[Any], object]) -> list[ColumnElement[bool]]:
    return [column == value for column, value in wanted if value is not None]
