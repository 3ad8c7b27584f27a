"""Particulars of projects: set anew, emptied."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.projects import profile as domain
from services.intake.domain.projects.profile import Profile
from services.intake.domain.projects.project import Project
from services.intake.domain.projects.timetable import Lines
from services.intake.handlers.projects.projects import locked, require_particulars, save
from services.intake.handlers.standing import require_chains
from services.intake.handlers.writing import lock_register, today
from services.intake.store.projects import profiles as store
from shared.contracts.project_records import ProjectProfiled
from shared.kit.web.http import By


async def revise_profile(
    project_id: UUID, changes: Mapping[str, Any], *, expected: int | None, conn: AsyncConnection, by: By
) -> tuple[Project, Profile]:
    """Set particulars anew; None empties a field.

    Raises:
        UnknownReference: a park, organisation, post or parent does not exist.
        NotYourChain, ValueNotAllowed, AmountNotAllowed, DateNotAllowed, ProjectNotActive.
    """
    parent_id = changes.get("parent_project_id")
    if parent_id:
        await lock_register(conn=conn)  # two projects that become each other's parent at once
    project = await locked(project_id, expected=expected, lines=Lines(), conn=conn)
    await require_chains({project.chain_id}, conn=conn, by=by)
    await require_particulars([changes], conn=conn)
    if parent_id:
        domain.require_no_circle(project_id, await store.ancestors(parent_id, conn=conn))
    profile = await store.load(project_id, conn=conn)
    events = domain.revise(project, profile, changes, today=today(by))
    for event in events:
        assert isinstance(event, ProjectProfiled)
        profile = domain.evolve(profile, event)
    return await save(project, events, beside=store.rows([profile]), conn=conn, by=by), profile
