"""What an import brings and what becomes of it: the meeting point of the workbook's reading and record keeping.

A draft is one row, read and typed, with names as the office writes them; looking the names up and deciding what
changes is record keeping's (see `importing`). A row is taken whole or refused whole; one row never stops another.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from shared.contracts.projects import Evidence, ProjectKind, Source, Stage


class Field(StrEnum):
    """The part of a draft that a refusal points at; the workbook knows which column each one came from."""

    CODE = "code"
    NAME = "name"
    CHAIN = "chain"
    RESPONSIBLE_ORG = "responsible_org"
    RESPONSIBLE_POST = "responsible_post"
    KIND = "kind"
    TOTAL_INVESTMENT = "total_investment"
    SIGNED_AMOUNT = "signed_amount"
    STAGE = "stage"
    SIGNED_ON = "signed_on"
    STARTED_ON = "started_on"
    REACHED_ON = "reached_on"
    OUTPUT_RATIO = "output_ratio"
    EVIDENCE = "evidence"
    MILESTONE = "milestone"
    REPLAN_REASON = "replan_reason"


@dataclass(frozen=True, slots=True)
class MilestoneDraft:
    """A line of the 任务时间表. `stage`: the stage that meets it, if one does (计划开工 → started).

    `responsible_post`: a post's title or its holder's name; empty means the project's own.
    """

    name: str
    due_on: date | None
    stage: Stage | None = None
    responsible_post: str = ""
    source: Source = Source.PLAN
    source_document: str = ""


@dataclass(frozen=True, slots=True)
class ProjectDraft:
    """One project as a list names it. Money in whole 万元, dates as Asia/Shanghai dates.

    row: where it stands in the workbook, e.g. `在建项目!12`; given back with the outcome.
    code: the office's own number; without one the project is known by (name, responsible_org).
    chain: a chain's code or name. responsible_org: an organisation's full name.
    responsible_post: 责任人, a post's title or its holder's name; needed as soon as there are milestones.
    reached_on: the day the stage was reached, for stages that have no column of their own.
    evidence: needed where a known project moves on to a stage that asks for it (not when it is first recorded).
    replan_reason: needed where a known milestone gets another due day.
    """

    row: str
    name: str
    chain: str
    responsible_org: str
    total_investment_wan: int
    stage: Stage
    kind: ProjectKind = ProjectKind.NEW
    code: str | None = None
    responsible_post: str = ""
    signed_amount_wan: int | None = None
    signed_on: date | None = None
    started_on: date | None = None
    reached_on: date | None = None
    output_ratio: str | None = None
    evidence: tuple[Evidence, ...] = ()
    milestones: tuple[MilestoneDraft, ...] = ()
    replan_reason: str = ""


@dataclass(frozen=True, slots=True)
class RowNames:
    """What a row names whose other cells cannot be read: looked up all the same, so that all its reasons come at once.

    Empty: not given, or not readable. `responsible_post` is None where the row has no timetable, which needs none.
    """

    chain: str
    responsible_org: str
    responsible_post: str | None


class Verdict(StrEnum):
    RECORDED = "recorded"
    UNCHANGED = "unchanged"
    CHANGED = "changed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a row is refused: `message` is what the clerk reads (Chinese); `milestone` names the line, if it is one's."""

    field: Field
    message: str
    milestone: str | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that changes, `name` as officials call it, from `old` to `new` (Chinese; empty: nothing)."""

    field: Field
    name: str
    old: str
    new: str
    milestone: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a draft. Refused: with refusals and nothing written; otherwise the project's id and code.

    `differences`: of a project that was known, what changes.
    """

    row: str
    verdict: Verdict
    project_id: UUID | None = None
    code: str | None = None
    refusals: tuple[Refusal, ...] = ()
    differences: tuple[Difference, ...] = ()
