"""Many operations on projects in one transaction, each with an outcome of its own."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake import reference
from services.intake.domain.projects.operations import (
    Advance,
    Books,
    Change,
    Done,
    Operation,
    Record,
    Revise,
    Surroundings,
    lines_in_question,
    posts_named,
    profiles_of,
)
from services.intake.domain.projects.profile import REFERENCES as PARTICULARS
from services.intake.domain.projects.project import Changes, NewProject, Project
from services.intake.domain.projects.timetable import Lines
from services.intake.handlers.projects.projects import REFERENCES, holders_of
from services.intake.handlers.standing import own_chains
from services.intake.handlers.writing import append, lock_register, today
from services.intake.store.projects import evidence, profiles
from services.intake.store.projects import projects as store
from shared.kit.errors import DomainError
from shared.kit.web.http import By

_AT_A_TIME = 100
"""Operations that are decided before others get their turn."""


async def carry_out(
    operations: Sequence[Operation], *, atomic: bool, conn: AsyncConnection, by: By
) -> list[Done | DomainError]:
    """Decide the operations in their order, each on what those before it left, and write what they came to.

    A constant number of statements, however many operations. The outcomes stand in the operations' order.
    `atomic`: where one is refused, nothing is written.
    """
    if any(isinstance(item, Record) or isinstance(item.verb, Revise) for item in operations):
        await lock_register(conn=conn)
    books = await _books(operations, conn=conn, by=by)
    outcomes: list[Done | DomainError] = []
    for first in range(0, len(operations), _AT_A_TIME):
        outcomes += [_outcome(books, operation) for operation in operations[first : first + _AT_A_TIME]]
        await asyncio.sleep(0)
    if atomic and any(isinstance(outcome, DomainError) for outcome in outcomes):
        return outcomes
    new = books.without_code()
    for project_id, code in zip(new, await store.take_numbers(len(new), year=today(by).year, conn=conn), strict=True):
        books.give_code(project_id, code)
    more = profiles.rows(profiles_of(books.events.values()))
    await append(books.events.items(), beside=store.states(books.changed(), more), conn=conn, by=by)
    return [_numbered(books, outcome) for outcome in outcomes]


def _outcome(books: Books, operation: Operation) -> Done | DomainError:
    try:
        return books.take(operation)
    except DomainError as refused:
        return refused


def _numbered(books: Books, outcome: Done | DomainError) -> Done | DomainError:
    """The project as the operation left it, with the number that it was given in the end."""
    if isinstance(outcome, DomainError) or outcome.project.code:
        return outcome
    code = books.now(outcome.project.id).code
    return Done(replace(outcome.project, code=code), outcome.milestone_id)


async def _books(operations: Sequence[Operation], *, conn: AsyncConnection, by: By) -> Books:
    changes = [item for item in operations if isinstance(item, Change)]
    records = [item.project for item in operations if isinstance(item, Record)]
    codes = {item.project for item in changes if isinstance(item.project, str)}
    by_code = await store.ids_of(codes, conn=conn)
    ids = {item.project for item in changes if isinstance(item.project, UUID)}.union(by_code.values())
    known = await store.lock_many(ids, lines_in_question(changes, by_code), conn=conn)
    names = [(new.name, new.responsible_org_id) for new in records] + list(_new_names(changes, known))
    if names:
        in_the_way = await store.find(codes=[new.code for new in records if new.code], names=names, conn=conn)
        known |= await store.load_many([id for id in in_the_way if id not in known], Lines(), conn=conn)
    return Books(known.values(), await _surroundings(operations, records, conn=conn, by=by))


def _new_names(changes: Sequence[Change], known: Mapping[UUID, Project]) -> Iterator[tuple[str, UUID]]:
    """Every name at every organisation that the revisions of a project may lead it to."""
    by_code = {project.code: project for project in known.values()}
    revisions: dict[UUID, list[Changes]] = {}
    for change in changes:
        named = change.project
        project = known.get(named) if isinstance(named, UUID) else by_code.get(named)
        if project and isinstance(change.verb, Revise):
            revisions.setdefault(project.id, []).append(change.verb.changes)
    for id, found in revisions.items():
        names = {known[id].name, *(changes.name for changes in found if changes.name)}
        orgs = {known[id].responsible_org_id, *(each.responsible_org_id for each in found if each.responsible_org_id)}
        yield from product(names, orgs)


async def _surroundings(
    operations: Sequence[Operation], records: Sequence[NewProject], *, conn: AsyncConnection, by: By
) -> Surroundings:
    revisions = [item.verb.changes for item in operations if isinstance(item, Change) and isinstance(item.verb, Revise)]
    unknown: dict[UUID, tuple[str, str]] = {}
    referring: list[NewProject | Changes] = [*records, *revisions]
    if referring:
        chains = {item.chain_id for item in referring if item.chain_id}
        organisations = {item.responsible_org_id for item in referring if item.responsible_org_id}
        found = await store.unknown_references(chains=chains, organisations=organisations, conn=conn)
        unknown = {id: REFERENCES[what] for what, id in found}
    particulars = [item.particulars for item in operations if isinstance(item, Record) and item.particulars]
    for field, id in await profiles.unknown(particulars, conn=conn):
        unknown[id] = PARTICULARS[field][1], field
    return Surroundings(
        rules=reference.lifecycle_rules(),
        today=today(by),
        holders=await holders_of(posts_named(operations), conn=conn, day=today(by)),
        new_id=uuid4,
        unknown=unknown,
        own_chains=await own_chains(conn=conn, by=by),
        files=await evidence.owners(_files(operations), conn=conn),
    )


def _files(operations: Sequence[Operation]) -> set[UUID]:
    """The evidence files that steps rest on."""
    verbs = [item.verb for item in operations if isinstance(item, Change)]
    return {file for verb in verbs if isinstance(verb, Advance) for file in verb.step.files}
