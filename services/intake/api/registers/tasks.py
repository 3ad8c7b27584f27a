"""What is due of measures and filings, on one list."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import Page, Reader, Today
from services.intake.api.answers import Shown
from services.intake.domain.registers.tasks import KIND_NAMES, Task, TaskStatus
from services.intake.domain.terms import MILESTONE_NAMES, SOURCE_NAMES
from services.intake.store import views
from services.intake.store.registers import tasks as store
from services.intake.store.registers.tasks import TaskFilter
from shared.contracts.projects import Source
from shared.contracts.registers import TaskKind
from shared.kit.web.http import page

router = APIRouter(tags=["tasks"])


class TaskShown(Shown):
    """`late`: open on a day after its due day; whether that is supervised is not said here."""

    id: UUID
    subject_id: UUID
    subject_name: str
    kind: TaskKind
    kind_name: str
    name: str
    chain_id: UUID | None
    due_on: date
    responsible_org_id: UUID
    responsible_org_name: str
    responsible_post_id: UUID
    responsible_post_title: str
    responsible_person_id: UUID | None
    source: Source
    source_name: str
    source_document: str
    status: TaskStatus
    status_name: str
    met_on: date | None
    reason: str
    late: bool

    @classmethod
    def of(cls, task: Task, *, names: Mapping[UUID, str], today: date) -> Self:
        return cls(
            **{name: getattr(task, name) for name in cls.model_fields if hasattr(task, name)},
            kind_name=KIND_NAMES[task.kind],
            responsible_org_name=names[task.responsible_org_id],
            responsible_post_title=names[task.responsible_post_id],
            source_name=SOURCE_NAMES[task.source],
            status_name=MILESTONE_NAMES[task.status],
            late=task.status is TaskStatus.OPEN and task.due_on < today,
        )


@router.get("/v1/tasks")
async def list_tasks(
    conn: Reader,
    paging: Page,
    today: Today,
    status: TaskStatus | None = None,
    kind: TaskKind | None = None,
    post_id: UUID | None = None,
    organisation_id: UUID | None = None,
    chain_id: UUID | None = None,
    due_until: Annotated[date | None, Query(description="due on this day or before")] = None,
) -> dict[str, Any]:
    """Measures, the steps of their timetables and filings, in order of their due days."""
    wanted = TaskFilter(status, kind, post_id, organisation_id, chain_id, due_until)
    found = await store.tasks(wanted, conn=conn, after=paging.start(tuple[date, UUID]), limit=paging.limit)
    shown = await tasks_shown(found, today=today, conn=conn)
    return page(shown, (found[-1].due_on, found[-1].id) if len(found) == paging.limit else None)


async def tasks_shown(tasks: Iterable[Task], *, today: date, conn: AsyncConnection) -> list[TaskShown]:
    found = list(tasks)
    named = {id for task in found for id in (task.responsible_org_id, task.responsible_post_id)}
    names = await views.names(named, conn=conn)
    return [TaskShown.of(task, names=names, today=today) for task in found]
