"""Support given to projects, and 要素保障 needs: raised, met, withdrawn."""

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.errors import RecordMissing, UnknownReference
from services.intake.domain.projects import support as domain
from services.intake.domain.projects.project import Project
from services.intake.domain.projects.support import Need, NewNeed, Support
from services.intake.domain.projects.timetable import Lines
from services.intake.handlers.projects.projects import holders_of, locked, save
from services.intake.handlers.standing import require_chains
from services.intake.handlers.writing import today
from services.intake.store.organisation import programme
from services.intake.store.projects import support as store
from shared.contracts.event import Event
from shared.contracts.project_records import ProjectNeedRaised
from shared.kit.web.http import By


async def give_support(
    support: Support, *, expected: int | None, conn: AsyncConnection, by: By
) -> tuple[Project, Support]:
    """Record support; its id is given here. Raises UnknownReference where a unit does not exist."""
    project = await _locked(support.project_id, expected=expected, conn=conn, by=by)
    known = await programme.organisations(conn=conn, ids=support.org_ids)
    for missing in set(support.org_ids) - set(known):
        raise UnknownReference("单位", missing, field="org_ids")
    given = replace(support, id=uuid4())
    events = domain.give(project, given, today=today(by))
    return await save(project, events, beside=store.rows([given]), conn=conn, by=by), given


async def raise_need(
    project_id: UUID, new: NewNeed, *, expected: int | None, conn: AsyncConnection, by: By
) -> tuple[Project, Need]:
    """Raise a need; the person is whoever holds the post today."""
    project = await _locked(project_id, expected=expected, conn=conn, by=by)
    post_id = new.responsible_post_id
    holders = await holders_of({post_id} if post_id else (), conn=conn, day=today(by))
    if post_id and post_id not in holders:
        raise UnknownReference("责任岗位", post_id, field="responsible_post_id")
    person_id = holders[post_id] if post_id else None
    events = domain.raise_need(project, new, need_id=uuid4(), responsible_person_id=person_id, today=today(by))
    (event,) = events
    assert isinstance(event, ProjectNeedRaised)
    need = domain.raised(event)
    return await save(project, events, beside=store.rows([need]), conn=conn, by=by), need


async def settle_need(
    project_id: UUID,
    need_id: UUID,
    decide: Callable[[Need], list[Event]],
    *,
    expected: int | None,
    conn: AsyncConnection,
    by: By,
) -> tuple[Project, Need]:
    """Meet a need or withdraw it. Raises RecordMissing, NeedNotOpen."""
    project = await _locked(project_id, expected=expected, conn=conn, by=by)
    need = await store.need(need_id, conn=conn)
    if need is None or need.project_id != project_id:
        raise RecordMissing("要素保障需求", need_id)
    (event,) = decide(need)
    after = domain.evolve(need, event)
    return await save(project, [event], beside=store.rows([after]), conn=conn, by=by), after


async def _locked(project_id: UUID, *, expected: int | None, conn: AsyncConnection, by: By) -> Project:
    project = await locked(project_id, expected=expected, lines=Lines(), conn=conn)
    await require_chains({project.chain_id}, conn=conn, by=by)
    return project
