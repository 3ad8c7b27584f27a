"""A project list as offices keep it, many rows at once.

What is decided row by row is decided in a thread, so that a long list does not keep others waiting.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake import reference
from services.intake.domain.drafts import Field, Outcome, ProjectDraft, Refusal, RowNames, Verdict
from services.intake.domain.imports.additions import Addition, extended, missing
from services.intake.domain.imports.differences import differences
from services.intake.domain.imports.directory import Directory, directory_of
from services.intake.domain.imports.project_list import (
    Context,
    Known,
    Located,
    Refused,
    Taken,
    locate,
    reconcile,
    unknown,
    with_code,
)
from services.intake.domain.organisation.programme import Organisation, Person, Post
from services.intake.domain.projects import project as domain
from services.intake.domain.projects.project import Project
from services.intake.handlers.standing import own_chains
from services.intake.handlers.writing import append, lock_register, today
from services.intake.store.organisation import programme as programme_store
from services.intake.store.projects import projects as store
from shared.kit.web.http import By


async def import_projects(
    drafts: Sequence[ProjectDraft], *, conn: AsyncConnection, by: By, create_missing: bool = False
) -> list[Outcome]:
    """Record, change or refuse each draft, in one transaction and a constant number of statements.

    The outcomes stand in the drafts' order. `create_missing`: organisations, people and posts that are named and not
    yet known are recorded with the projects; otherwise the row is refused, with the nearest known names.
    """
    await lock_register(conn=conn)
    directory = await read_directory(conn=conn, by=by)
    additions = missing(drafts, directory, today=today(by), new_id=uuid4) if create_missing else []
    own = await own_chains(conn=conn, by=by)
    context = _context(extended(directory, additions, today=today(by)), own, by)
    located = await asyncio.to_thread(_locate_all, drafts, context.directory)
    ids = await _find(located, conn=conn)
    known = _known((await store.lock_many(ids, conn=conn)).values())
    results = await asyncio.to_thread(_reconcile_all, located, known, context)
    numbered = await _number(results, conn=conn, by=by)
    await _write(numbered, _used(additions, located, numbered), conn=conn, by=by)
    return [_outcome(draft, result, context.directory) for draft, result in zip(drafts, numbered, strict=True)]


async def rehearse_projects(
    drafts: Sequence[ProjectDraft], directory: Directory, *, conn: AsyncConnection, by: By
) -> list[Outcome]:
    """What recording these drafts would come to; nothing is locked and nothing written."""
    context = _context(directory, await own_chains(conn=conn, by=by), by)
    located = await asyncio.to_thread(_locate_all, drafts, directory)
    found = await store.load_many(await _find(located, conn=conn), conn=conn)
    results = await asyncio.to_thread(_reconcile_all, located, _known(found.values()), context)
    return [_outcome(draft, result, directory) for draft, result in zip(drafts, results, strict=True)]


def check_names(names: Sequence[RowNames], directory: Directory) -> list[tuple[Refusal, ...]]:
    """For each row that is refused already, what else its names would be refused for."""
    return [tuple(unknown(item, directory)) for item in names]


async def read_directory(*, conn: AsyncConnection, by: By) -> Directory:
    """Who and what there is today."""
    return await directory_on(today(by), conn=conn)


async def directory_on(day: date, *, conn: AsyncConnection) -> Directory:
    """Who and what there is on a day."""
    return directory_of(
        chains=(await programme_store.chains(conn=conn)).values(),
        organisations=(await programme_store.organisations(conn=conn)).values(),
        posts=(await programme_store.posts(conn=conn)).values(),
        people=(await programme_store.people(conn=conn)).values(),
        today=day,
    )


@dataclass(slots=True)
class _Seen:
    """The rows that name each project so far: the second one is refused."""

    rows: dict[object, str] = field(default_factory=dict)

    def require_first(self, located: Located) -> None:
        keys: list[object] = [located.names, *([located.draft.code] if located.draft.code else [])]
        if before := next((self.rows[key] for key in keys if key in self.rows), None):
            raise Refused(Refusal(Field.NAME, f"与 {before} 行重复"))
        self.rows.update(dict.fromkeys(keys, located.draft.row))


def _locate_all(drafts: Sequence[ProjectDraft], directory: Directory) -> list[Located | Refused]:
    seen = _Seen()
    located: list[Located | Refused] = []
    for draft in drafts:
        try:
            item = locate(draft, directory)
            seen.require_first(item)
            located.append(item)
        except Refused as refused:
            located.append(refused)
    return located


async def _find(located: Sequence[Located | Refused], *, conn: AsyncConnection) -> list[UUID]:
    """The projects that these drafts may be about."""
    sound = [item for item in located if isinstance(item, Located)]
    codes = [item.draft.code for item in sound if item.draft.code]
    return await store.find(codes=codes, names=[item.names for item in sound], conn=conn)


def _known(projects: Collection[Project]) -> Known:
    return Known(
        by_code={project.code: project for project in projects},
        by_names={(project.name, project.responsible_org_id): project for project in projects},
    )


def _context(directory: Directory, own: Collection[UUID] | None, by: By) -> Context:
    return Context(directory, reference.lifecycle_rules(), today(by), uuid4, own)


def _reconcile_all(located: Sequence[Located | Refused], known: Known, context: Context) -> list[Taken | Refused]:
    return [_reconcile(item, known, context) for item in located]


def _reconcile(item: Located | Refused, known: Known, context: Context) -> Taken | Refused:
    if isinstance(item, Refused):
        return item
    try:
        return reconcile(item, known, context)
    except Refused as refused:
        return refused


async def _number(results: Sequence[Taken | Refused], *, conn: AsyncConnection, by: By) -> list[Taken | Refused]:
    """The results, new projects without a code with a number of the present year."""
    without = [item for item in results if isinstance(item, Taken) and item.needs_code]
    numbers = iter(await store.take_numbers(len(without), year=today(by).year, conn=conn))
    return [with_code(item, next(numbers)) if isinstance(item, Taken) and item.needs_code else item for item in results]


def _used(
    additions: Iterable[Addition], located: Sequence[Located | Refused], results: Sequence[Taken | Refused]
) -> list[Addition]:
    """The additions that a draft which was taken refers to."""
    taken = [
        item
        for item, result in zip(located, results, strict=True)
        if isinstance(item, Located) and isinstance(result, Taken) and result.events
    ]
    about = {item.organisation.id for item in taken}
    about |= {post.id for item in taken for post in item.posts}
    about |= {post.organisation_id for item in taken for post in item.posts}
    return [addition for addition in additions if addition.about in about]


async def _write(
    results: Iterable[Taken | Refused], additions: Sequence[Addition], *, conn: AsyncConnection, by: By
) -> None:
    changed = [item for item in results if isinstance(item, Taken) and item.events]
    decided = chain(
        ((addition.record.id, addition.events) for addition in additions),
        ((item.project_id, item.events) for item in changed),
    )
    await append(decided, conn=conn, by=by)
    await _save_additions(additions, conn=conn)
    await store.save_many([(item.before, domain.fold(item.before, item.events)) for item in changed], conn=conn)


async def _save_additions(additions: Collection[Addition], *, conn: AsyncConnection) -> None:
    records = [addition.record for addition in additions]
    await programme_store.save_organisations([item for item in records if isinstance(item, Organisation)], conn=conn)
    await programme_store.save_people([item for item in records if isinstance(item, Person)], conn=conn)
    await programme_store.save_posts([item for item in records if isinstance(item, Post)], conn=conn)


def _outcome(draft: ProjectDraft, result: Taken | Refused, directory: Directory) -> Outcome:
    if isinstance(result, Refused):
        return Outcome(draft.row, Verdict.REFUSED, refusals=result.refusals)
    if result.before is None:
        return Outcome(draft.row, Verdict.RECORDED, result.project_id, result.code)
    if not result.events:
        return Outcome(draft.row, Verdict.UNCHANGED, result.project_id, result.code)
    after = domain.fold(result.before, result.events)
    changes = differences(result.before, after, directory)
    return Outcome(draft.row, Verdict.CHANGED, result.project_id, result.code, differences=changes)
