"""A project as its routes answer it, and its history."""

import json
from collections.abc import Iterable
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake import reference
from services.intake.api.access import Reader
from services.intake.api.answers import FactShown, ProjectShown
from services.intake.api.projects.wording import Names, sentence
from services.intake.domain.errors import RecordMissing
from services.intake.domain.projects.project import Project
from services.intake.domain.projects.timetable import Lines
from services.intake.store import views
from services.intake.store.projects import projects as store
from shared.contracts.projects import Stage
from shared.contracts.topics import EVENT_TYPES
from shared.kit.log import eventlog
from shared.kit.web.http import Answer

REFERENCES = (
    "chain_id",
    "responsible_org_id",
    "responsible_post_id",
    "responsible_person_id",
    "park_id",
    "lead_org_id",
    "reporting_post_id",
    "post_id",
)
LISTS_OF_REFERENCES = ("assisting_org_ids", "org_ids")


async def one_project(project_id: UUID, conn: Reader) -> Project:
    """The project of a route's path, without its timetable. Raises RecordMissing."""
    project = (await store.load_many([project_id], Lines(), conn=conn)).get(project_id)
    if project is None:
        raise RecordMissing("项目", project_id)
    return project


OneProject = Annotated[Project, Depends(one_project)]


async def project_shown(project_id: UUID, *, conn: AsyncConnection) -> ProjectShown:
    """Raises RecordMissing."""
    project = (await store.load_many([project_id], conn=conn)).get(project_id)
    if project is None:
        raise RecordMissing("项目", project_id)
    return await _shown(project, conn=conn)


async def answer_with(project: Project, *, conn: AsyncConnection, status: int = 200) -> Answer:
    """The answer of a write: the project as it now stands, its version as the ETag."""
    shown = await _shown(project, conn=conn)
    return Answer(shown, status=status, version=shown.version, location=f"/v1/projects/{shown.id}")


async def _shown(project: Project, *, conn: AsyncConnection) -> ProjectShown:
    row = await views.project(project.id, conn=conn)
    return ProjectShown.of_project(row, project, next_stages(project))


def next_stages(project: Project) -> tuple[Stage, ...]:
    """The stages that the project may reach next."""
    return reference.lifecycle_rules().routes[project.kind].following(project.stage)


async def history_shown(project_id: UUID, *, conn: AsyncConnection, after: int, limit: int) -> list[FactShown]:
    """The project's facts in order: when, who, what.

    Raises:
        RecordMissing: there is no such project.
    """
    project = (await store.load_many([project_id], conn=conn)).get(project_id)
    if project is None:
        raise RecordMissing("项目", project_id)
    facts = await eventlog.history(project_id, conn=conn, after=after, limit=limit)
    data = [json.loads(fact.data) for fact in facts]
    known = await views.names({found for item in data for found in _references(item)}, conn=conn)
    parents = await _parents(data, conn=conn)
    names = Names({**known, **parents, **{line.id: line.name for line in project.milestones.values()}})
    return [
        FactShown(
            seq=fact.seq,
            at=fact.at,
            actor=fact.actor,
            type=fact.type,
            text=sentence(EVENT_TYPES[fact.type].model_validate(item), names),
            data=item,
        )
        for fact, item in zip(facts, data, strict=True)
    ]


async def _parents(data: Iterable[dict[str, Any]], *, conn: AsyncConnection) -> dict[UUID, str]:
    """What the projects are called that a 增资 was said to add to."""
    ids = {UUID(item["parent_project_id"]) for item in data if item.get("parent_project_id")}
    found = await store.load_many(ids, Lines(), conn=conn) if ids else {}
    return {id: f"{parent.code} {parent.name}" for id, parent in found.items()}


def _references(data: dict[str, Any]) -> set[UUID]:
    """The records that a fact of a project refers to."""
    found = {UUID(data[field]) for field in REFERENCES if data.get(field)}
    return found | {UUID(id) for field in LISTS_OF_REFERENCES for id in data.get(field) or ()}
