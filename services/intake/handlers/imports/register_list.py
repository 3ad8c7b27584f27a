"""A register's workbook: its list taken row by row in one transaction, its entries written out to be edited."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any, Protocol, TypeVar
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.drafts import Verdict
from services.intake.domain.fields import FieldRule, FieldType
from services.intake.domain.imports.directory import directory_of
from services.intake.domain.imports.register_list import CHAIN, ID, POST, YEAR, Names, RegisterList, Row, RowOutcome
from services.intake.domain.organisation.programme import Chain, Organisation, Post
from services.intake.domain.registers.entries import Entry
from services.intake.domain.registers.registers import Register
from services.intake.domain.terms import STAGE_NAMES
from services.intake.handlers.imports.imports import OUTCOMES, RowChange, RowKind, Upload
from services.intake.handlers.imports.imports import RowOutcome as Outcome
from services.intake.handlers.registers.registers import lock_registers, partners_text, save_entries
from services.intake.handlers.standing import own_chains
from services.intake.handlers.writing import today
from services.intake.store import imports
from services.intake.store.imports import Accepted, Status
from services.intake.store.organisation import programme
from services.intake.store.registers import registers as store
from services.intake.workbook.register_lists import FieldRow, FieldRows, Layout
from services.intake.workbook.results import Place, Reason, row_key
from shared.contracts.event import Event
from shared.contracts.registers import FieldValue, FrozenProject, RegisterFrozen
from shared.kit.errors import Invalid
from shared.kit.log.eventlog import lock_heads
from shared.kit.web.http import By

MOST_ROWS = 5000
Cells = Mapping[str, Any]
"""A record as a row of its workbook, by the keys of its columns."""
Edits = Mapping[UUID | None, tuple[Cells, Cells]]


class Record(Protocol):
    @property
    def id(self) -> UUID: ...


R = TypeVar("R", bound=Record)


class TooManyRows(Invalid):
    """A register's list is taken in one transaction; one of more rows is to be split."""


async def import_register(
    register: Register,
    layout: Layout,
    upload: Upload,
    read: FieldRows,
    *,
    dry_run: bool,
    moved_at: datetime,
    conn: AsyncConnection,
    by: By,
) -> UUID:
    """Take every sound row of a register's list, and keep the file with what became of each; the import's id.

    `dry_run`: say what would become of the rows, and take none. `moved_at`: real time.

    Raises:
        TooManyRows.
    """
    require_few(read)
    if not dry_run:
        await lock_registers(conn=conn)
    present = [entry for _, entry in await store.list_entries(store.live_of(register.key), conn=conn)]
    taking = RegisterList(
        register,
        await names_of(_projects(register, read.rows), conn=conn, by=by),
        present,
        await own_chains(conn=conn, by=by),
        by.principal.subject,
        uuid4,
    )
    outcomes = await asyncio.to_thread(taking.take, [row_of(row) for row in read.rows])
    if not dry_run:
        # Read before their heads were locked: whoever else changes entries holds the registers' lock, as this does.
        await lock_heads([entry.id for entry, _ in taking.decided], conn=conn)
        await save_entries(register, taking.decided, conn=conn, by=by)
    edits = await edits_of(outcomes, present, taking.decided, partial(rows_of, register, conn=conn))
    results = results_of(register.key, layout, read.rows, outcomes, edits, dry_run=dry_run)
    return await keep(upload, read, results, dry_run=dry_run, moved_at=moved_at, conn=conn, by=by)


def require_few(read: FieldRows) -> None:
    """Raises TooManyRows."""
    if len(read.rows) > MOST_ROWS:
        raise TooManyRows(f"一次最多导入{MOST_ROWS}行，请拆分后导入", rows=len(read.rows))


async def rows_of(register: Register, entries: Sequence[Entry], *, conn: AsyncConnection) -> list[dict[str, Any]]:
    """Entries as rows of the register's workbook, by the keys of its columns; records by names that lead back."""
    chains = await programme.chains(conn=conn)
    organisations = await programme.organisations(conn=conn)
    posts = await programme.posts(conn=conn)
    named = {id for entry in entries for rule, id in register.references(entry.fields) if rule.key == "project"}
    names: dict[str, str] = {
        **{str(chain.id): chain.name for chain in chains.values()},
        **{str(organisation.id): organisation.name for organisation in organisations.values()},
        **{str(post.id): post_name(post, organisations) for post in posts.values()},
        **{str(id): row["code"] for id, row in (await store.projects(named, conn=conn)).items()},
    }
    return [
        {
            ID: str(entry.id),
            YEAR: entry.year,
            CHAIN: names[str(entry.chain_id)],
            POST: names.get(str(entry.nominating_post_id)),
            **{key: _cell(register.by_key[key].type, value, names) for key, value in entry.fields.items()},
        }
        for entry in entries
    ]


def frozen_rows(event: RegisterFrozen) -> list[dict[str, Any]]:
    """A frozen list as rows of `frozen_layout`: what was decided, whatever became of it since."""
    return [
        {
            CHAIN: entry.chain_name,
            **entry.texts,
            **(_frozen_project(entry.project) if entry.project else {}),
        }
        for entry in event.entries
    ]


def frozen_layout(register: Register) -> Layout:
    """The columns of a register's frozen list, with those of the projects that it names."""
    about = (("_code", "项目编号"), ("_name", "项目名称"), ("_org", "责任单位"), ("_stage", "项目阶段"))
    of_project = (
        *(FieldRule(key, name, FieldType.TEXT) for key, name in about),
        FieldRule("_total", "总投资", FieldType.INT_WAN, unit="万元"),
    )
    own = (FieldRule(rule.key, rule.name, FieldType.TEXT) for rule in register.fields if rule.key != "project")
    chain = FieldRule(CHAIN, "所属产业链", FieldType.TEXT)
    return (chain, *(of_project if "project" in register.by_key else ()), *own)


def _frozen_project(project: FrozenProject) -> dict[str, Any]:
    return {
        "_code": project.code,
        "_name": project.name,
        "_org": project.responsible_org_name,
        "_stage": STAGE_NAMES[project.stage],
        "_total": project.total_investment_wan,
    }


async def offered(register: Register, *, conn: AsyncConnection) -> dict[FieldType, list[str]]:
    """The names that a register's workbook offers to choose from."""
    organisations = await programme.organisations(conn=conn)
    posts = (await programme.posts(conn=conn)).values()
    chains = await open_chains(conn=conn)
    return {
        FieldType.CHAIN: [chain.name for chain in chains if chain.category in register.categories],
        FieldType.ORG: sorted(organisation.name for organisation in organisations.values()),
        FieldType.POST: sorted(post_name(post, organisations) for post in posts),
    }


async def open_chains(*, conn: AsyncConnection) -> list[Chain]:
    """The chains that a workbook offers to choose from, by category."""
    chains = [chain for chain in (await programme.chains(conn=conn)).values() if chain.closed_from is None]
    return sorted(chains, key=lambda chain: (chain.category, chain.code))


def post_name(post: Post, organisations: Mapping[UUID, Organisation]) -> str:
    """A post as one text: `单位/岗位`."""
    return f"{organisations[post.organisation_id].name}/{post.title}"


def _cell(kind: FieldType, value: FieldValue, names: Mapping[str, str]) -> FieldValue:
    if isinstance(value, tuple):
        return partners_text(value)
    return names[str(value)] if kind in (FieldType.CHAIN, FieldType.ORG, FieldType.POST, FieldType.PROJECT) else value


async def names_of(projects: Collection[str], *, conn: AsyncConnection, by: By) -> Names:
    """What the names in a list may mean; `projects`: codes and names that it has."""
    organisations = await programme.organisations(conn=conn)
    posts: dict[str, list[Post]] = {}
    for post in (await programme.posts(conn=conn)).values():
        for text in {post_name(post, organisations), post.title}:
            posts.setdefault(text, []).append(post)
    directory = directory_of(
        chains=(await programme.chains(conn=conn)).values(),
        organisations=organisations.values(),
        posts=(),
        people=(),
        today=today(by),
    )
    by_text = {text: tuple(found) for text, found in posts.items()}
    return Names(directory, by_text, await store.projects_named(projects, conn=conn))


def _projects(register: Register, rows: Iterable[FieldRow]) -> Collection[str]:
    keys = [rule.key for rule in register.fields if rule.type is FieldType.PROJECT]
    texts = {text for row in rows for key in keys if (text := row.values.get(key))}
    return texts | {text.split(" ")[0] for text in texts}


def row_of(row: FieldRow) -> Row:
    """A row as the domain takes it."""
    unreadable = frozenset(key for key in row.places if key not in row.values)
    return Row(row_key(row.sheet, row.row), row.values, unreadable)


async def edits_of(
    outcomes: Iterable[RowOutcome],
    present: Iterable[R],
    decided: Iterable[tuple[R, Sequence[Event]]],
    cells_of: Callable[[Sequence[R]], Awaitable[Sequence[Cells]]],
) -> Edits:
    """The records that rows change: their cells before and after. `cells_of`: how records are written out."""
    ids = {outcome.entry_id for outcome in outcomes if outcome.verdict is Verdict.CHANGED}
    after = {record.id: record for record, _ in decided if record.id in ids}
    before = [record for record in present if record.id in after]
    if not before:
        return {}
    old, new = await cells_of(before), await cells_of([after[record.id] for record in before])
    return {record.id: (was, becomes) for record, was, becomes in zip(before, old, new, strict=True)}


def results_of(
    list_key: str,
    layout: Layout,
    rows: Iterable[FieldRow],
    outcomes: Iterable[RowOutcome],
    edits: Edits,
    *,
    dry_run: bool,
) -> list[dict[str, Any]]:
    """What became of each row, JSON-able. `list_key`: the register's; `edits`: of the records that change."""
    return [
        _result(list_key, layout, row, outcome, dry_run=dry_run)
        | _edited(layout, row, *edits.get(outcome.entry_id, ({}, {})))
        for row, outcome in zip(rows, outcomes, strict=True)
    ]


def _edited(layout: Layout, row: FieldRow, old: Cells, new: Cells) -> dict[str, Any]:
    changes = [
        RowChange(rule.name, place.cell if (place := row.places.get(rule.key)) else "", *texts)
        for rule in layout
        if (texts := (_told(rule, old.get(rule.key)), _told(rule, new.get(rule.key))))[0] != texts[1]
    ]
    if not changes:
        return {}
    return {"changed": [change.name for change in changes], "changes": [asdict(change) for change in changes]}


def _told(rule: FieldRule, value: Any) -> str:
    return "" if value is None else f"{value}{rule.unit}"


def _result(list_key: str, layout: Layout, row: FieldRow, outcome: RowOutcome, *, dry_run: bool) -> dict[str, Any]:
    """A dry run gives no ids to what it would record."""
    names = {rule.key: rule.name for rule in layout}
    refusals = (
        _reason(row.places.get(refusal.key), names.get(refusal.key, ""), refusal.message)
        for refusal in outcome.refusals
    )
    reasons = [*row.reasons, *refusals]
    found = OUTCOMES[outcome.verdict]
    given = outcome.entry_id is not None and not (dry_run and found is Outcome.IMPORTED)
    return {
        "sheet": row.sheet,
        "row": row.row,
        "kind": RowKind.ENTRY,
        "register": list_key,
        "outcome": found,
        **({"entry_id": str(outcome.entry_id)} if given else {}),
        "reasons": [
            {"cell": item.cell, "column": item.column, "value": item.value, "reason": item.reason} for item in reasons
        ],
    }


def _reason(place: Place | None, name: str, message: str) -> Reason:
    if place is None:
        return Reason("", name, "", f"{message}；请增加“{name}”列填写" if name else message)
    return Reason(place.cell, place.column, place.value, message)


async def keep(
    upload: Upload,
    read: FieldRows,
    results: Sequence[dict[str, Any]],
    *,
    dry_run: bool,
    moved_at: datetime,
    conn: AsyncConnection,
    by: By,
) -> UUID:
    """Keep a list's file with what became of its rows, as an import that is done; its id."""
    accepted = Accepted(
        id=uuid4(),
        at=by.now,
        actor=by.actor,
        subject=by.principal.subject,
        traceparent=by.traceparent,
        file_name=upload.name,
        dry_run=dry_run,
        total=len(results),
    )
    await imports.accept(accepted, upload.content, moved_at=moved_at, conn=conn)
    await imports.advance(await imports.lock(accepted.id, conn=conn), results, moved_at=moved_at, conn=conn)
    await imports.end(accepted.id, Status.DONE, notices=read.notices, conn=conn)
    return accepted.id
