"""A row of a project list, to a draft.

Asked of every row: name, chain, responsible unit, total investment, stage. A planned date becomes a line of the
任务时间表 under the project's 责任人. Where a list has no column for 项目类型, or leaves it empty, the project is 新建,
unless its name says 增资 or 扩建: that is refused until the type is filled in.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from itertools import pairwise

from services.intake.domain.drafts import Field, MilestoneDraft, ProjectDraft, RowNames
from services.intake.domain.terms import KIND_NAMES, STAGE_NAMES, EvidenceKind
from services.intake.workbook import dates, money
from services.intake.workbook.entries import Entry, note, words
from services.intake.workbook.headings import REQUIRED, STEPS, Column, ListKind
from services.intake.workbook.lists import Cell, FoundList, Line
from services.intake.workbook.money import UnitStated
from services.intake.workbook.problems import Unreadable
from services.intake.workbook.results import ReadRow, Reason, row_key
from services.intake.workbook.text import Raw, compact
from shared.contracts.projects import Evidence, ProjectKind, Source, Stage

STAGE_WORDS = {
    Stage.LEAD: ("线索", "项目线索"),
    Stage.NEGOTIATING: ("在谈", "洽谈", "洽谈中", "在谈中"),
    Stage.SIGNED: ("签约", "已签约"),
    Stage.REGISTERED: ("注册", "已注册"),
    Stage.APPROVED: ("立项", "已立项", "备案", "已备案"),
    Stage.STARTED: ("开工", "已开工", "新开工"),
    Stage.BUILDING: ("在建", "建设中", "在建中"),
    Stage.COMPLETED: ("竣工", "已竣工"),
    Stage.PRODUCING: ("投产", "已投产"),
    Stage.FULL_CAPACITY: ("达产", "已达产"),
}
_STAGES = {word: stage for stage, found in STAGE_WORDS.items() for word in found}
_KINDS = {
    **dict.fromkeys(("新建", "新设", "新引进", "新建项目"), ProjectKind.NEW),
    **dict.fromkeys(("增资", "增资扩产", "增资扩建", "增资项目"), ProjectKind.EXPANSION),
}
_LOOKS_EXPANDED = re.compile(r"增资|扩建|扩产|技改")
_STEP_STAGES = {
    "签约": Stage.SIGNED,
    "开工": Stage.STARTED,
    "竣工": Stage.COMPLETED,
    "投产": Stage.PRODUCING,
    "达产": Stage.FULL_CAPACITY,
}
_OWN_FIELDS = {Stage.SIGNED: Field.SIGNED_ON, Stage.STARTED: Field.STARTED_ON}
_ACTUAL = {stage: STEPS[step][0] for step, stage in _STEP_STAGES.items()}
_EVIDENCE = {kind: Column[kind.name] for kind in EvidenceKind}
_EVIDENCE_DAYS = {
    EvidenceKind.FORMAL_CONTRACT: Stage.SIGNED,
    EvidenceKind.FRAMEWORK_AGREEMENT: Stage.SIGNED,
    EvidenceKind.LETTER_OF_INTENT: Stage.SIGNED,
    EvidenceKind.CONSTRUCTION_CONTRACT: Stage.STARTED,
    EvidenceKind.SITE_PHOTOGRAPH: Stage.STARTED,
    EvidenceKind.ACCEPTANCE: Stage.PRODUCING,
    EvidenceKind.FIRST_INVOICE: Stage.PRODUCING,
    EvidenceKind.OUTPUT_REPORT: Stage.FULL_CAPACITY,
}
_AMOUNTS = (Column.TOTAL, Column.SIGNED_AMOUNT)
_RATIO = re.compile(r"(\d+(?:\.\d+)?)(倍|%)?")
_BETWEEN_STEPS = re.compile(r"[;；]")
_OF_STEP = re.compile(rf"({'|'.join(_STEP_STAGES)})[:：](.+)")
PLACES = {
    Field.CODE: Column.CODE,
    Field.NAME: Column.NAME,
    Field.CHAIN: Column.CHAIN,
    Field.RESPONSIBLE_ORG: Column.ORG,
    Field.RESPONSIBLE_POST: Column.RESPONSIBLE,
    Field.KIND: Column.KIND,
    Field.TOTAL_INVESTMENT: Column.TOTAL,
    Field.SIGNED_AMOUNT: Column.SIGNED_AMOUNT,
    Field.STAGE: Column.STAGE,
    Field.SIGNED_ON: Column.SIGNED_ON,
    Field.STARTED_ON: Column.STARTED_ON,
    Field.REACHED_ON: Column.REACHED_ON,
    Field.OUTPUT_RATIO: Column.OUTPUT_RATIO,
    Field.EVIDENCE: Column.FORMAL_CONTRACT,
    Field.REPLAN_REASON: Column.REPLAN_REASON,
}
"""Where each field of a draft stands; a row locates those that its sheet has a column for."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What holds for a whole list: the units of its columns of money by heading, and how its dates count."""

    units: Mapping[str, UnitStated]
    deadline: Callable[[Raw], date]
    happened: Callable[[Raw], date]

    def amount(self, cell: Cell) -> int:
        return money.wan(cell.value, stated=self.units[cell.heading])


def reading_of(found: FoundList, *, epoch_1904: bool) -> Reading:
    amounts = (heading.text for column in _AMOUNTS for heading in found.columns.get(column, ()))
    return Reading(
        {heading: money.unit_of(heading, found.title_units) for heading in amounts},
        deadline=partial(dates.day, deadline=True, epoch_1904=epoch_1904),
        happened=partial(dates.day, deadline=False, epoch_1904=epoch_1904),
    )


def read_project(line: Line, reading: Reading) -> ReadRow:
    """A draft, or every reason why there is none."""
    entry = Entry(line)
    if line.continues:
        entry.refuse(Column.NAME, "项目名称单元格与上一行合并，一个项目请只占一行")
        return ReadRow(line.sheet, line.number, "project", reasons=tuple(entry.reasons))
    draft = _draft(entry, reading)
    if draft is None:
        return _unread(line, tuple(entry.reasons))
    for field, column in PLACES.items():
        if column in line.cells:
            entry.locate(field, column)
    _locate_by_stage(entry, draft)
    return ReadRow(line.sheet, line.number, "project", project=draft, places=entry.places)


def _unread(line: Line, reasons: tuple[Reason, ...]) -> ReadRow:
    """The row with the names that can be read; its reasons stay as they are."""
    entry = Entry(line)
    planned = any(line.filled(column) for _, column in STEPS.values())
    post, told = entry.take(Column.RESPONSIBLE, words) or "", len(entry.reasons)
    names = RowNames(
        entry.take(Column.CHAIN, words) or "",
        entry.take(Column.ORG, words) or "",
        post if planned and not told and not _by_step(post) else None,
    )
    for field in (Field.CHAIN, Field.RESPONSIBLE_ORG, Field.RESPONSIBLE_POST):
        entry.locate(field, PLACES[field])
    return ReadRow(line.sheet, line.number, "project", reasons=reasons, places=entry.places, names=names)


def _draft(entry: Entry, reading: Reading) -> ProjectDraft | None:
    entry.need(*REQUIRED[ListKind.PROJECTS])
    name = entry.take(Column.NAME, words)
    chain = entry.take(Column.CHAIN, words)
    org = entry.take(Column.ORG, words)
    total = entry.take_cell(Column.TOTAL, reading.amount)
    stage = entry.take(Column.STAGE, stage_of)
    kind = _kind(entry, name or "")
    days = {stage: entry.take(column, reading.happened) for stage, column in _ACTUAL.items()}
    reached_on = entry.take(Column.REACHED_ON, reading.happened)
    responsible = entry.take(Column.RESPONSIBLE, words) or ""
    by_step = _by_step(responsible)
    milestones = _milestones(entry, reading, by_step)
    details = {
        "code": entry.take(Column.CODE, words),
        "responsible_post": "" if by_step else responsible,
        "signed_amount_wan": entry.take_cell(Column.SIGNED_AMOUNT, reading.amount),
        "output_ratio": entry.take(Column.OUTPUT_RATIO, ratio),
        "replan_reason": entry.take(Column.REPLAN_REASON, note) or "",
        "evidence": _evidence(entry, days, stage, reached_on),
    }
    if entry.reasons or name is None or chain is None or org is None or total is None or stage is None:
        return None
    return ProjectDraft(
        row=row_key(entry.line.sheet, entry.line.number),
        name=name,
        chain=chain,
        responsible_org=org,
        total_investment_wan=total,
        stage=stage,
        kind=kind,
        signed_on=days[Stage.SIGNED],
        started_on=days[Stage.STARTED],
        reached_on=days.get(stage) or reached_on,
        milestones=milestones,
        **details,  # type: ignore[arg-type]
    )


def stage_of(value: Raw) -> Stage:
    """A stage by its word; raises Unreadable for words that stand for none or for several."""
    stage = _STAGES.get(compact(value))
    if stage is None:
        raise Unreadable(f"阶段不能识别，可填：{'、'.join(STAGE_NAMES.values())}")
    return stage


def kind_of(value: Raw) -> ProjectKind:
    kind = _KINDS.get(compact(value))
    if kind is None:
        raise Unreadable(f"项目类型不能识别，可填：{'、'.join(KIND_NAMES.values())}")
    return kind


def ratio(value: Raw) -> str:
    """Output against the design as a decimal string: 2, 2.0倍 and 200% are 2."""
    found = _RATIO.fullmatch(compact(value))
    if found is None:
        raise Unreadable("达产倍数不能识别，请填数字，如2.0")
    number = Decimal(found[1]) / (100 if found[2] == "%" else 1)
    return f"{number.normalize():f}"


def _kind(entry: Entry, name: str) -> ProjectKind:
    kind = entry.take(Column.KIND, kind_of)
    if kind is None and not entry.line.filled(Column.KIND) and _LOOKS_EXPANDED.search(name):
        entry.refuse(Column.KIND, "项目名称像是增资或扩建，请填写项目类型：新建或增资")
    return kind or ProjectKind.NEW


def _by_step(responsible: str) -> dict[str, str]:
    """Who answers for each step, where a cell says `签约：甲岗；开工：乙单位/乙岗`; none where it names one for all."""
    parts = [part.strip() for part in _BETWEEN_STEPS.split(responsible) if part.strip()]
    found = [_OF_STEP.fullmatch(part) for part in parts]
    return {item[1]: item[2].strip() for item in found if item} if all(found) else {}


def _milestones(entry: Entry, reading: Reading, by_step: Mapping[str, str]) -> tuple[MilestoneDraft, ...]:
    document = entry.take(Column.SOURCE_DOCUMENT, note) or ""
    lines = []
    for step, stage in _STEP_STAGES.items():
        planned = STEPS[step][1]
        if due_on := entry.take(planned, reading.deadline):
            lines.append(MilestoneDraft(step, due_on, stage, by_step.get(step, ""), _source(document), document))
            entry.locate(Field.MILESTONE, planned, milestone=step)
    _refuse_disorder(entry, lines)
    return tuple(lines)


def _refuse_disorder(entry: Entry, lines: Sequence[MilestoneDraft]) -> None:
    """Refuse a row that plans a later step for a day before an earlier one's."""
    for before, after in pairwise(lines):
        if before.due_on and after.due_on and after.due_on < before.due_on:
            earlier, column = STEPS[before.name][1], STEPS[after.name][1]
            cell, other = entry.line.place(column), entry.line.place(earlier)
            told = f"{column.value}（{cell.ref}，{after.due_on}）早于{earlier.value}（{other.ref}，{before.due_on}）"
            entry.refuse(column, f"{told}，请核对")


def _source(document: str) -> Source:
    if "批示" in document:
        return Source.INSTRUCTION
    return Source.CONFERENCE if "会议" in document else Source.PLAN


def _evidence(
    entry: Entry, days: dict[Stage, date | None], stage: Stage | None, reached_on: date | None
) -> tuple[Evidence, ...]:
    """Evidence is dated by the day of the stage that it belongs to."""
    found = []
    for kind, column in _EVIDENCE.items():
        reference = entry.take(column, note)
        if not reference:
            continue
        on = days.get(_EVIDENCE_DAYS.get(kind, stage or Stage.LEAD)) or reached_on
        if on is None:
            entry.refuse(column, "填写了凭证，但没有填写相应的日期")
        else:
            found.append(Evidence(kind=kind, on=on, reference=reference))
    return tuple(found)


def _locate_by_stage(entry: Entry, draft: ProjectDraft) -> None:
    """Where the stage has a column of its own, a refusal of its day or its evidence points there."""
    own = _ACTUAL.get(draft.stage)
    if own and draft.stage not in _OWN_FIELDS and entry.line.cells.get(own):
        entry.locate(Field.REACHED_ON, own)
    columns = [_EVIDENCE[kind] for kind, stage in _EVIDENCE_DAYS.items() if stage is draft.stage]
    standing = [column for column in columns if entry.line.cells.get(column)]
    if wanted := next(iter(standing or columns), None):
        entry.locate(Field.EVIDENCE, wanted)
