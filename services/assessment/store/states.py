"""The states that decisions fold: projects, obligations, cases, lights; and the commendations they lead to."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Generic, NamedTuple, TypeVar, cast
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.domain.case import Case, Ending, Feedback, Plain
from services.assessment.domain.case import State as CaseState
from services.assessment.domain.commendation import Commendation, CommendationState
from services.assessment.domain.extension import Extension, Who
from services.assessment.domain.extension import State as ExtensionState
from services.assessment.domain.light import StartLight
from services.assessment.domain.light import State as LightState
from services.assessment.domain.moments import CHINA
from services.assessment.domain.obligation import Obligation
from services.assessment.domain.obligation import State as ObligationState
from services.assessment.domain.project import Project
from services.assessment.store.sets import Row, RowSet
from shared.contracts.projects import Stage
from shared.contracts.supervision import Light, ObligationKind
from shared.kit.database import fetch

T = TypeVar("T")


class Kept(NamedTuple, Generic[T]):
    """A state with its version: the last sequence of its aggregate. `is_new`: it was never written yet."""

    state: T
    version: int
    is_new: bool = False


class Units(NamedTuple):
    """`lead`: None for the unit that is responsible for the project."""

    lead: UUID | None
    assisting: tuple[UUID, ...]


_PROJECTS = RowSet(
    "project",
    key=("id",),
    columns={
        "id": "uuid",
        "code": "text",
        "name": "text",
        "chain_id": "uuid",
        "org_id": "uuid",
        "stage": "text",
        "held": "boolean",
        "ended": "boolean",
        "kind": "text",
        "post_id": "uuid",
        "reporter_id": "uuid",
    },
)
_OBLIGATIONS = RowSet(
    "obligation",
    key=("id",),
    columns={
        "id": "uuid",
        "milestone_id": "uuid",
        "project_id": "uuid",
        "name": "text",
        "due_on": "date",
        "planned_on": "date",
        "post_id": "uuid",
        "state": "text",
        "inner_state": "text",
        "suspended_on": "date",
        "supervised_from": "date",
        "told_late_on": "date",
        "reminded": "boolean",
        "provisional": "boolean",
        "asked_on": "date",
        "expected_on": "date",
        "delay_reason": "text",
        "met_on": "date",
        "working_days_early": "integer",
        "missed_on": "date",
        "counted_from": "date",
        "counted_days": "integer",
        "kind": "text",
        "org_id": "uuid",
        "extensions": "integer",
        "version": "bigint",
    },
    fixed=("milestone_id", "project_id", "name", "kind"),
)
_EXTENSIONS = RowSet(
    "extension",
    key=("obligation_id", "number"),
    columns={
        "obligation_id": "uuid",
        "number": "integer",
        "asked_at": "timestamptz",
        "asked_by": "text",
        "asked_by_person": "uuid",
        "reason": "text",
        "progress": "text",
        "due_before": "date",
        "due_on": "date",
        "granted_before": "integer",
        "state": "text",
        "reviewed_by": "text",
        "reviewed_by_person": "uuid",
        "reviewed_on": "date",
        "review": "text",
        "decided_by": "text",
        "decided_by_person": "uuid",
        "decided_on": "date",
        "decision": "text",
    },
)
_CASES = RowSet(
    "supervision_case",
    key=("id",),
    columns={
        "id": "uuid",
        "obligation_id": "uuid",
        "project_id": "uuid",
        "number": "text",
        "policy_version": "text",
        "due_on": "date",
        "opened_at": "timestamptz",
        "state": "text",
        "rung": "integer",
        "rung_on": "date",
        "next_at": "timestamptz",
        "anchor_on": "date",
        "anchor_days": "integer",
        "acknowledged": "boolean",
        "held_until": "timestamptz",
        "suspended_on": "date",
        "provisional": "boolean",
        "closed_on": "date",
        "close_reason": "text",
        "rule_set": "text",
        "ending": "text",
        "dealings": "jsonb",
        "version": "bigint",
    },
    fixed=("obligation_id", "project_id", "number", "opened_at"),
)
_LIGHTS = RowSet(
    "light",
    key=("id",),
    columns={
        "id": "uuid",
        "project_id": "uuid",
        "milestone_id": "uuid",
        "planned_on": "date",
        "state": "text",
        "light": "text",
        "shown": "boolean",
        "excused": "integer",
        "suspended_on": "date",
        "changed_on": "date",
        "inputs": "jsonb",
        "policy_version": "text",
        "held_ends": "jsonb",
        "version": "bigint",
    },
    fixed=("project_id",),
)
_COMMENDATIONS = RowSet(
    "commendation",
    key=("id",),
    columns={
        "id": "uuid",
        "obligation_id": "uuid",
        "project_id": "uuid",
        "state": "text",
        "met_on": "date",
        "working_days_early": "integer",
        "policy_version": "text",
        "proposed_at": "timestamptz",
        "decided_on": "date",
        "decided_by": "text",
        "decision": "text",
        "version": "bigint",
    },
)

_LIVE_OF_PROJECTS = """
SELECT id FROM obligation
 WHERE project_id = ANY ($1::uuid[]) AND state NOT IN ('met', 'cancelled')
"""
_ALL_OF_PROJECTS = "SELECT id FROM obligation WHERE project_id = ANY ($1::uuid[])"
_REPORTS_AND_REPLIES = """
SELECT id FROM obligation
 WHERE project_id = ANY ($1::uuid[]) AND kind IN ('report', 'reply') AND state NOT IN ('met', 'cancelled')
"""
_REPLIES = """
SELECT id FROM obligation WHERE milestone_id = $1 AND kind = 'reply' AND state NOT IN ('met', 'cancelled')
"""
_NEWEST_EXTENSIONS = """
SELECT one.* FROM extension one JOIN obligation ON obligation.id = obligation_id AND extensions = number
 WHERE obligation_id = ANY ($1::uuid[])
"""
_COMMENDED = """
SELECT obligation_id FROM commendation WHERE project_id = ANY ($1::uuid[]) AND state IN ('proposed', 'approved')
"""

_DEALINGS = Case._fields.index("feedback")
_NO_DEALINGS = tuple(Case._field_defaults[name] for name in Case._fields[_DEALINGS:])


async def projects(ids: Collection[UUID], *, conn: AsyncConnection) -> dict[UUID, Project]:
    return {row[0]: _project(row) for row in await _PROJECTS.by_id(ids, conn=conn)}


async def live_obligations_of(project_ids: Collection[UUID], *, conn: AsyncConnection) -> list[UUID]:
    """The ids of these projects' obligations that are neither met nor cancelled."""
    return [row[0] for row in await fetch(conn, _LIVE_OF_PROJECTS, list(project_ids))] if project_ids else []


async def obligations_of(project_ids: Collection[UUID], *, conn: AsyncConnection) -> list[UUID]:
    """The ids of all obligations of these."""
    return [row[0] for row in await fetch(conn, _ALL_OF_PROJECTS, list(project_ids))] if project_ids else []


async def reports_and_replies_of(project_ids: Collection[UUID], *, conn: AsyncConnection) -> list[UUID]:
    """The ids of the monthly reports and the replies that these projects still owe."""
    return [row[0] for row in await fetch(conn, _REPORTS_AND_REPLIES, list(project_ids))] if project_ids else []


async def replies_owed_in(case_id: UUID, *, conn: AsyncConnection) -> list[UUID]:
    """The ids of the replies that a case's letters still wait for."""
    return [row[0] for row in await fetch(conn, _REPLIES, case_id)]


async def obligations(ids: Collection[UUID], *, conn: AsyncConnection) -> dict[UUID, Kept[Obligation]]:
    rows = await _OBLIGATIONS.by_id(ids, conn=conn)
    newest = await _newest_extensions([row[0] for row in rows if row[-2]], conn)
    return {row[0]: Kept(_obligation(row, newest.get(row[0])), row[-1]) for row in rows}


async def cases(ids: Collection[UUID], *, conn: AsyncConnection) -> dict[UUID, Kept[Case]]:
    return {row[0]: Kept(_case(row), row[-1]) for row in await _CASES.by_id(ids, conn=conn)}


async def lights(ids: Collection[UUID], *, conn: AsyncConnection) -> dict[UUID, Kept[StartLight]]:
    return {row[0]: Kept(_light(row), row[-1]) for row in await _LIGHTS.by_id(ids, conn=conn)}


async def commendations(ids: Collection[UUID], *, conn: AsyncConnection) -> dict[UUID, Kept[Commendation]]:
    return {row[0]: Kept(_commendation(row), row[-1]) for row in await _COMMENDATIONS.by_id(ids, conn=conn)}


async def commended_of(project_ids: Collection[UUID], *, conn: AsyncConnection) -> list[UUID]:
    """The ids of these projects' obligations that a proposed or an approved commendation rests on."""
    return [row[0] for row in await fetch(conn, _COMMENDED, list(project_ids))] if project_ids else []


async def save_projects(states: Iterable[Project], *, conn: AsyncConnection) -> None:
    await _PROJECTS.upsert(list(states), conn=conn)


async def save_obligations(kept: Iterable[Kept[Obligation]], *, conn: AsyncConnection) -> None:
    written = list(kept)
    await _save(_OBLIGATIONS, ((one.is_new, _obligation_row(one.state, one.version)) for one in written), conn)
    await _EXTENSIONS.upsert([_extension_row(one.state) for one in written if one.state.extension], conn=conn)


async def save_extensions(extended: Iterable[Obligation], *, conn: AsyncConnection) -> None:
    """Write the extension that each of these has; the obligation itself is written elsewhere."""
    await _EXTENSIONS.upsert([_extension_row(one) for one in extended], conn=conn)


async def save_cases(kept: Iterable[Kept[Case]], *, conn: AsyncConnection) -> None:
    await _save(_CASES, ((one.is_new, _case_row(one.state, one.version)) for one in kept), conn)


async def save_lights(kept: Iterable[Kept[StartLight]], *, conn: AsyncConnection) -> None:
    await _save(_LIGHTS, ((one.is_new, _light_row(one.state, one.version)) for one in kept), conn)


async def save_commendations(kept: Iterable[Kept[Commendation]], *, conn: AsyncConnection) -> None:
    await _COMMENDATIONS.upsert([(*one.state, one.version) for one in kept], conn=conn)


async def _save(into: RowSet, rows: Iterable[tuple[bool, Row]], conn: AsyncConnection) -> None:
    new: list[Row] = []
    known: list[Row] = []
    for is_new, row in rows:
        (new if is_new else known).append(row)
    await into.insert(new, conn=conn)
    await into.update(known, conn=conn)


def _commendation(row: Sequence[Any]) -> Commendation:
    one = Commendation(*row[:-1])
    return one._replace(state=CommendationState(one.state))


def _project(row: Sequence[Any]) -> Project:
    one, code, name, chain_id, org_id, stage, *others = row
    return Project(one, code, name, chain_id, org_id, Stage(stage) if stage else None, *others)


async def _newest_extensions(ids: Collection[UUID], conn: AsyncConnection) -> dict[UUID, Extension]:
    rows = await fetch(conn, _NEWEST_EXTENSIONS, list(ids)) if ids else []
    return {row["obligation_id"]: _extension(row) for row in rows}


def _extension(row: Mapping[str, Any]) -> Extension:
    return Extension(
        number=row["number"],
        asked_at=row["asked_at"],
        asked=Who(row["asked_by"], row["asked_by_person"]),
        reason=row["reason"],
        progress=row["progress"],
        due_before=row["due_before"],
        due_on=row["due_on"],
        granted_before=row["granted_before"],
        state=ExtensionState(row["state"]),
        reviewed=_who(row["reviewed_by"], row["reviewed_by_person"]),
        reviewed_on=row["reviewed_on"],
        review=row["review"],
        decided=_who(row["decided_by"], row["decided_by_person"]),
        decided_on=row["decided_on"],
        decision=row["decision"],
    )


def _who(by: str | None, person_id: UUID | None) -> Who | None:
    return None if by is None else Who(by, person_id)


def _extension_row(obligation: Obligation) -> Row:
    one = obligation.extension
    assert one is not None
    reviewed, decided = one.reviewed or (None, None), one.decided or (None, None)
    asked = one.number, one.asked_at, *one.asked, one.reason, one.progress, one.due_before, one.due_on
    steps = *reviewed, one.reviewed_on, one.review, *decided, one.decided_on, one.decision
    return (obligation.id, *asked, one.granted_before, one.state, *steps)


def _obligation(row: Sequence[Any], extension: Extension | None) -> Obligation:
    state, inner = row[7:9]
    standing = ObligationState(state), ObligationState(inner) if inner else None
    return Obligation._make((*row[:7], *standing, *row[9:-4], ObligationKind(row[-4]), row[-3], extension))


def _obligation_row(one: Obligation, version: int) -> Row:
    return (*one[:-1], one.extension.number if one.extension else 0, version)


def _case(row: Sequence[Any]) -> Case:
    case = Case(*row[:-2])
    return case._replace(
        state=CaseState(case.state),
        ending=Ending(case.ending) if case.ending else None,
        next_at=_in_china(case.next_at),
        held_until=_in_china(case.held_until),
        **_read_dealings(row[-2]),
    )


def _case_row(one: Case, version: int) -> Row:
    return (*one[:_DEALINGS], _dealings(one), version)


def _dealings(one: Case) -> str | None:
    """What people did to a case, in one column: most cases have none of it."""
    if one[_DEALINGS:] == _NO_DEALINGS:
        return None
    dealings = dict(zip(Case._fields[_DEALINGS:], one[_DEALINGS:], strict=True))
    return orjson.dumps(dealings, default=_as_json).decode()


def _as_json(one: object) -> object:
    """The driver's UUIDs are a class of their own, as are named tuples."""
    return tuple(one) if isinstance(one, tuple) else str(one)


def _read_dealings(column: Any) -> dict[str, Any]:
    """What was not known yet when it was written is left out: it is as by default."""
    if column is None:
        return {}
    read = orjson.loads(column) if isinstance(column, str) else column
    lead = read.get("lead_org_id")
    return {
        "feedback": tuple([_feedback(*one) for one in read["feedback"]]),
        "plain": _plain(*read["plain"]) if read["plain"] else None,
        "lead_org_id": UUID(lead) if lead else None,
        "assisting_org_ids": tuple([UUID(one) for one in read.get("assisting_org_ids", ())]),
        "restored": read.get("restored", False),
    }


def units_of(column: Any) -> Units:
    """The units of a case, out of what people did to it."""
    dealings = _read_dealings(column)
    return Units(dealings.get("lead_org_id"), dealings.get("assisting_org_ids", ()))


def _feedback(number: int, post_id: str | None, until: str | None, sent_back: bool) -> Feedback:
    return Feedback(number, UUID(post_id) if post_id else None, _date(until), sent_back)


def _plain(anchor_on: str, anchor_days: int, held_on: str | None) -> Plain:
    return Plain(date.fromisoformat(anchor_on), anchor_days, _date(held_on))


def _date(read: str | None) -> date | None:
    return date.fromisoformat(read) if read else None


def _light(row: Sequence[Any]) -> StartLight:
    light = StartLight._make(row[:-1])
    inputs = orjson.loads(light.inputs) if isinstance(light.inputs, str) else light.inputs
    ends: Any = light.held_ends
    held_ends = tuple([date.fromisoformat(end) for end in (orjson.loads(ends) if isinstance(ends, str) else ends)])
    return light._replace(state=LightState(light.state), light=Light(light.light), inputs=inputs, held_ends=held_ends)


def _light_row(one: StartLight, version: int) -> tuple[Any, ...]:
    inputs = None if one.inputs is None else orjson.dumps(one.inputs).decode()
    held_ends = orjson.dumps(one.held_ends).decode()
    return (*one._replace(inputs=cast(Any, inputs), held_ends=cast(Any, held_ends)), version)


def _in_china(moment: datetime | None) -> datetime | None:
    return moment.astimezone(CHINA) if moment else None
