"""Projects with their timetables as rows of the workbook that an import takes: to be edited and sent back.

What came with a stage (its evidence, the day of the present stage) is left empty: a project that moves on in the list
must bring its own. Lines of the timetable beyond the five steps have no column; an import leaves them as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.imports.directory import Directory
from services.intake.domain.organisation.programme import Organisation, Post
from services.intake.domain.projects import timetable
from services.intake.domain.projects.project import Project
from services.intake.domain.projects.timetable import Milestone
from services.intake.domain.terms import KIND_NAMES, STAGE_NAMES
from services.intake.handlers.imports.project_list import directory_on
from services.intake.store import views
from services.intake.store.organisation import programme
from services.intake.store.projects import projects as store
from services.intake.store.projects.filters import ProjectFilter
from services.intake.workbook.headings import STEPS, Column
from services.intake.workbook.money import as_cell
from services.intake.workbook.template import ProjectRow
from shared.contracts.projects import Stage
from shared.kit.errors import Invalid

MOST_ROWS = 20_000
_AT_ONCE = 1000


class TooManyProjects(Invalid):
    """More projects than one workbook is made of; they are to be narrowed down."""


@dataclass(frozen=True, slots=True)
class _Around:
    """What a project's row names beside the project."""

    directory: Directory
    organisations: Mapping[UUID, Organisation]
    posts: Mapping[UUID, Post]


async def workbook_rows(wanted: ProjectFilter, *, today: date, conn: AsyncConnection) -> list[ProjectRow]:
    """The projects in order of their codes.

    Raises:
        TooManyProjects.
    """
    around = _Around(
        await directory_on(today, conn=conn), await programme.organisations(conn=conn), await programme.posts(conn=conn)
    )
    rows: list[ProjectRow] = []
    after: str | None = None
    while True:
        page = await views.projects(wanted, conn=conn, after=after, limit=_AT_ONCE)
        if len(rows) + len(page) > MOST_ROWS:
            raise TooManyProjects(f"一次最多导出{MOST_ROWS}个项目供修改，请按产业链、阶段或责任单位分别导出")
        found = await store.load_many([row.id for row in page], conn=conn)
        rows += [_row(found[row.id], row.chain_name, around) for row in page]
        if len(page) < _AT_ONCE:
            return rows
        after = page[-1].code


def _row(project: Project, chain_name: str, around: _Around) -> ProjectRow:
    organisation = around.organisations[project.responsible_org_id]
    lines = {step: line for step in STEPS if (line := timetable.named(project.milestones, step))}
    return {
        Column.CODE: project.code,
        Column.NAME: project.name,
        Column.CHAIN: chain_name,
        Column.ORG: organisation.name,
        Column.RESPONSIBLE: _responsible(lines, organisation, around),
        Column.KIND: KIND_NAMES[project.kind],
        Column.TOTAL: as_cell(project.total_investment_wan),
        Column.STAGE: STAGE_NAMES[project.stage],
        Column.SIGNED_ON: project.reached.get(Stage.SIGNED),
        Column.SIGNED_AMOUNT: project.signed_amount_wan and as_cell(project.signed_amount_wan),
        Column.STARTED_ON: project.reached.get(Stage.STARTED),
        Column.OUTPUT_RATIO: f"{project.output_ratio.normalize():f}" if project.output_ratio else None,
        **{STEPS[step][1]: line.due_on for step, line in lines.items()},
        Column.SOURCE_DOCUMENT: _shared([line.source_document for line in lines.values()]),
    }


def _responsible(lines: Mapping[str, Milestone], organisation: Organisation, around: _Around) -> str | None:
    """The post that answers for all of these lines, or each line's."""
    posts = {step: around.posts[line.responsible_post_id] for step, line in lines.items()}
    names = {step: around.directory.name_of(post, organisation) for step, post in posts.items()}
    if len(set(names.values())) < 2:
        return next(iter(names.values()), None)
    return "；".join(f"{step}：{name}" for step, name in names.items())


def _shared(texts: list[str]) -> str | None:
    return texts[0] if len(set(texts)) == 1 else None
