"""Projects: recorded, revised, moved on, held, resumed, terminated."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake import reference
from services.intake.domain.errors import AlreadyExists, RecordMissing, UnknownReference
from services.intake.domain.projects import project as domain
from services.intake.domain.projects.operations import Record, enter, posts_named, profiles_of, require_files
from services.intake.domain.projects.profile import REFERENCES as PARTICULARS
from services.intake.domain.projects.project import Changes, Project, Step
from services.intake.domain.projects.timetable import Lines
from services.intake.handlers.standing import require_chains
from services.intake.handlers.writing import append, lock_names, lock_register, require_version, today
from services.intake.store import sets
from services.intake.store.organisation import programme as programme_store
from services.intake.store.projects import evidence, profiles
from services.intake.store.projects import projects as store
from shared.contracts.event import Event
from shared.kit.web.http import By

REFERENCES = {"chain": ("产业链", "chain_id"), "organisation": ("责任单位", "responsible_org_id")}
Decide = Callable[[Project], Sequence[Event]]


async def record_project(recording: Record, *, conn: AsyncConnection, by: By) -> Project:
    """Enter one project."""
    return (await record_projects([recording], conn=conn, by=by))[0]


async def record_projects(recordings: Sequence[Record], *, conn: AsyncConnection, by: By) -> list[Project]:
    """Enter projects, all or none, in a constant number of statements.

    Raises:
        AlreadyExists: a code, or a name with its responsible organisation, is recorded already.
        UnknownReference: a chain, organisation or post does not exist.
        NotYourChain: the caller holds posts of other chains only.
    """
    await require_chains({item.project.chain_id for item in recordings}, conn=conn, by=by)
    await _lock_for(recordings, conn=conn)
    await _require_recordable(recordings, conn=conn)
    holders = await holders_of(posts_named(recordings), conn=conn, day=today(by))
    numbered = await _numbered(recordings, conn=conn, by=by)
    decided = [enter(recording, holders=holders, today=today(by), new_id=uuid4) for recording in numbered]
    projects = [domain.fold(None, events) for events in decided]
    events = [(project.id, events) for project, events in zip(projects, decided, strict=True)]
    more = profiles.rows(profiles_of(decided))
    await append(events, beside=store.states([(None, project) for project in projects], more), conn=conn, by=by)
    return projects


async def revise_project(
    project_id: UUID, changes: Changes, *, expected: int, conn: AsyncConnection, by: By
) -> Project:
    """Change master data. Names are unique for each responsible organisation; a project moves to another chain by the
    hand of whoever may write for both."""
    await lock_register(conn=conn)
    project = await locked(project_id, expected=expected, conn=conn)
    await require_chains({project.chain_id, changes.chain_id or project.chain_id}, conn=conn, by=by)
    wanted = (changes.name or project.name, changes.responsible_org_id or project.responsible_org_id)
    namesakes = await store.find(codes=[], names=[wanted], conn=conn)
    if set(namesakes) - {project_id}:
        raise AlreadyExists("该责任单位已有同名项目", id=namesakes[0])
    await _require_references(changes, conn=conn)
    return await save(project, domain.revise(project, changes, today=today(by)), conn=conn, by=by)


async def advance_project(project_id: UUID, step: Step, *, expected: int, conn: AsyncConnection, by: By) -> Project:
    """Move a project on to a stage, and settle what the stage settles of its timetable, in the same transaction."""
    rules = reference.lifecycle_rules()
    require_files(project_id, step, await evidence.owners(step.files, conn=conn))
    return await change(
        project_id,
        lambda project: domain.advance(project, step, rules=rules, today=today(by)),
        expected=expected,
        conn=conn,
        by=by,
    )


async def hold_project(
    project_id: UUID, *, reason: str, on: date, expected: int, conn: AsyncConnection, by: By
) -> Project:
    return await change(
        project_id,
        lambda project: domain.hold(project, reason=reason, on=on, today=today(by)),
        expected=expected,
        conn=conn,
        by=by,
    )


async def resume_project(project_id: UUID, *, on: date, expected: int, conn: AsyncConnection, by: By) -> Project:
    return await change(
        project_id,
        lambda project: domain.resume(project, on=on, today=today(by)),
        expected=expected,
        conn=conn,
        by=by,
    )


async def terminate_project(
    project_id: UUID, *, reason: str, on: date, expected: int, conn: AsyncConnection, by: By
) -> Project:
    return await change(
        project_id,
        lambda project: domain.terminate(project, reason=reason, on=on, today=today(by)),
        expected=expected,
        conn=conn,
        by=by,
    )


async def change(project_id: UUID, decide: Decide, *, expected: int | None, conn: AsyncConnection, by: By) -> Project:
    """Lock a project, decide about it, and write what was decided. `expected`: the version its caller read."""
    project = await locked(project_id, expected=expected, conn=conn)
    await require_chains({project.chain_id}, conn=conn, by=by)
    return await save(project, decide(project), conn=conn, by=by)


async def locked(
    project_id: UUID, *, expected: int | None, lines: Lines | None = None, conn: AsyncConnection
) -> Project:
    """The project, locked until the transaction ends. `lines`: those in question, where not its whole timetable is.

    Raises:
        RecordMissing: there is none.
        VersionConflict: somebody changed it since its caller read it.
    """
    project = (await store.lock_many([project_id], lines, conn=conn)).get(project_id)
    if project is None:
        raise RecordMissing("项目", project_id)
    require_version(project_id, expected=expected, actual=project.version)
    return project


async def save(
    project: Project,
    events: Sequence[Event],
    *,
    beside: Mapping[Table, Sequence[sets.Row]] = store.NONE,
    conn: AsyncConnection,
    by: By,
) -> Project:
    """The project after these events, written with them; untouched where there are none.

    `beside`: rows of what is kept beside the project, written in the same statement."""
    if not events:
        return project
    after = domain.fold(project, events)
    await append([(project.id, events)], beside=store.states([(project, after)], beside), conn=conn, by=by)
    return after


async def holders_of(posts: Collection[UUID], *, conn: AsyncConnection, day: date) -> dict[UUID, UUID | None]:
    """Who holds these posts on a day, as far as they exist."""
    if not posts:
        return {}
    return await programme_store.holders(posts, on=day, conn=conn)


async def _lock_for(recordings: Sequence[Record], *, conn: AsyncConnection) -> None:
    """Those that are to be given numbers meet at their names only, and at the year's numbers, which are drawn last. A
    code of the caller's own could be one that is being drawn: then nobody else records meanwhile."""
    if any(item.project.code for item in recordings):
        await lock_register(conn=conn)
    else:
        await lock_names([(item.project.name, item.project.responsible_org_id) for item in recordings], conn=conn)


async def _require_recordable(recordings: Sequence[Record], *, conn: AsyncConnection) -> None:
    codes = [item.project.code for item in recordings if item.project.code]
    names = [(item.project.name, item.project.responsible_org_id) for item in recordings]
    if len(set(codes)) < len(codes) or len(set(names)) < len(names):
        raise AlreadyExists("同一批次中有重复的项目")
    chains = {item.project.chain_id for item in recordings}
    organisations = {item.project.responsible_org_id for item in recordings}
    found = await store.obstacles(codes=codes, names=names, chains=chains, organisations=organisations, conn=conn)
    for what, id in found:
        if what == "project":
            present = (await store.load_many([id], Lines(), conn=conn))[id]
            raise AlreadyExists(f"已有项目 {present.code}（{present.name}）", id=id, code=present.code)
        _refuse_reference(what, id)
    await require_particulars([item.particulars for item in recordings], conn=conn)


async def require_particulars(particulars: Sequence[Mapping[str, Any]], *, conn: AsyncConnection) -> None:
    """Raises UnknownReference where they name a record that does not exist."""
    for field, id in await profiles.unknown(particulars, conn=conn):
        raise UnknownReference(PARTICULARS[field][1], id, field=field)


async def _require_references(changes: Changes, *, conn: AsyncConnection) -> None:
    chains = {changes.chain_id} if changes.chain_id else set()
    organisations = {changes.responsible_org_id} if changes.responsible_org_id else set()
    if not chains and not organisations:
        return
    for what, id in await store.unknown_references(chains=chains, organisations=organisations, conn=conn):
        _refuse_reference(what, id)


def _refuse_reference(what: str, id: UUID) -> None:
    word, field = REFERENCES[what]
    raise UnknownReference(word, id, field=field)


async def _numbered(recordings: Sequence[Record], *, conn: AsyncConnection, by: By) -> list[Record]:
    """The recordings, those without a code with a number of the present year."""
    without = sum(not item.project.code for item in recordings)
    numbers = iter(await store.take_numbers(without, year=today(by).year, conn=conn))
    return [
        item if item.project.code else replace(item, project=replace(item.project, code=next(numbers)))
        for item in recordings
    ]
