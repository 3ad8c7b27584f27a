"""The histories of entries, filings and measures: every fact with what it says, in Chinese."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.answers import FactShown
from services.intake.api.projects.wording import Names
from services.intake.domain.fields import REFERENCES, FieldRule
from services.intake.domain.registers.measures import ASPECT_NAMES
from services.intake.domain.registers.registers import Register
from services.intake.domain.registers.tasks import Task
from services.intake.domain.terms import SOURCE_NAMES
from services.intake.store import views
from services.intake.store.registers import registers as store
from shared.contracts.event import Event
from shared.contracts.registers import (
    EntryAccepted,
    EntryRecorded,
    EntryRefused,
    EntryRevised,
    EntryWithdrawn,
    FieldValue,
    FilingCalled,
    FilingCalledOff,
    FilingFiled,
    MeasureRecorded,
    MeasureRevised,
    RegisterFrozen,
    TaskCancelled,
    TaskKind,
    TaskMet,
    TaskPlanned,
    TaskReassigned,
    TaskReplanned,
)
from shared.contracts.topics import EVENT_TYPES
from shared.kit.log import eventlog
from shared.kit.web.http import page


async def history_page(
    aggregate_id: UUID,
    *,
    register: Register | None = None,
    tasks: Iterable[Task] = (),
    conn: AsyncConnection,
    after: int,
    limit: int,
) -> dict[str, Any]:
    """A page of an aggregate's facts in order. `register`: whose fields an entry's are; `tasks`: the aggregate's."""
    facts = await eventlog.history(aggregate_id, conn=conn, after=after, limit=limit)
    data = [json.loads(fact.data) for fact in facts]
    names = Names(await _names(data, register, conn=conn))
    told = Told(names, {task.id: task.name for task in tasks}, register)
    shown = [
        FactShown(
            seq=fact.seq,
            at=fact.at,
            actor=fact.actor,
            type=fact.type,
            text=sentence(EVENT_TYPES[fact.type].model_validate(item), told),
            data=item,
        )
        for fact, item in zip(facts, data, strict=True)
    ]
    return page(shown, (facts[-1].seq,) if len(facts) == limit else None)


@dataclass(frozen=True, slots=True)
class Told:
    """What the sentences refer to: records and tasks by their names, the register whose fields are told."""

    names: Names
    tasks: Mapping[UUID, str]
    register: Register | None

    def task(self, id: UUID) -> str:
        return f"“{self.tasks[id]}”" if id in self.tasks else "该任务"

    def fields(self, fields: Mapping[str, FieldValue]) -> str:
        rules = self.register.by_key if self.register else {}
        known = [(rules[key], value) for key, value in fields.items() if key in rules]
        return "，".join(f"{rule.name}：{self._value(rule, value)}" for rule, value in known)

    def _value(self, rule: FieldRule, value: FieldValue) -> str:
        if rule.type in REFERENCES:
            return self.names[UUID(str(value))]
        if isinstance(value, tuple):
            return "、".join(partner.name for partner in value)
        return f"{value}{rule.unit}"


def sentence(event: Event, told: Told) -> str:
    return SENTENCES[type(event)](event, told)


async def _names(
    data: Sequence[Mapping[str, Any]], register: Register | None, *, conn: AsyncConnection
) -> dict[UUID, str]:
    wanted = {UUID(value) for item in data for key, value in item.items() if key.endswith("_id") and value}
    if register:
        wanted.update(id for item in data for _, id in register.references(item.get("fields", {})))
    projects = await store.projects(wanted, conn=conn)
    names = await views.names(wanted, conn=conn)
    return {**names, **{id: f"{row['code']} {row['name']}" for id, row in projects.items()}}


def _recorded(event: EntryRecorded, told: Told) -> str:
    name = told.register.name if told.register else event.register_key
    year = f"{event.year}年度" if event.year else ""
    chain = told.names[event.chain_id]
    verb = f"由{told.names[event.nominating_post_id]}提名" if event.nominating_post_id else "登记"
    return f"{verb}{year}{name}条目，产业链：{chain}，{told.fields(event.fields)}"


def _measure(event: MeasureRecorded, told: Told) -> str:
    source = f"{SOURCE_NAMES[event.source]}（{event.source_document}）"
    org = told.names[event.responsible_org_id]
    aspect = ASPECT_NAMES[event.aspect]
    return f"登记第{event.number}项措施（{aspect}）：{event.text}，责任单位：{org}，来源：{source}"


def _measure_revised(event: MeasureRevised, _: Told) -> str:
    parts = [event.aspect and f"方面改为{ASPECT_NAMES[event.aspect]}", event.text and f"内容改为：{event.text}"]
    return "，".join(part for part in parts if part)


def _planned(event: TaskPlanned, told: Told) -> str:
    word = "列入时间表" if event.kind is TaskKind.STEP else "确定时限"
    post = told.names[event.responsible_post_id]
    document = f"（{event.source_document}）" if event.source_document else ""
    source = f"{SOURCE_NAMES[event.source]}{document}"
    return f"{word}：“{event.name}”，{event.due_on}前完成，责任岗位：{post}，来源：{source}"


def _filed(event: FilingFiled, _: Told) -> str:
    if event.entries == 0:
        return f"{event.filed_on}零申报：{event.reason}"
    return f"{event.filed_on}申报，共{event.entries}条{event.reason and f'：{event.reason}'}"


SENTENCES: Mapping[type[Event], Callable[[Any, Told], str]] = {
    EntryRecorded: _recorded,
    EntryRevised: lambda event, told: f"修改为：{told.fields(event.fields)}",
    EntryWithdrawn: lambda event, _: f"撤回：{event.reason}",
    EntryAccepted: lambda event, _: f"{event.reviewed_on}审核同意入库{event.opinion and f'：{event.opinion}'}",
    EntryRefused: lambda event, _: f"{event.reviewed_on}审核不予入库：{event.reason}",
    RegisterFrozen: lambda event, _: f"{event.frozen_on}定库，共{len(event.entries)}项",
    FilingCalled: lambda event, told: (
        f"要求{told.names[event.chain_id]}产业链申报{event.year}年度{event.register_name}"
    ),
    FilingFiled: _filed,
    FilingCalledOff: lambda event, _: f"取消申报：{event.reason}",
    MeasureRecorded: _measure,
    MeasureRevised: _measure_revised,
    TaskPlanned: _planned,
    TaskReplanned: lambda event, told: f"{told.task(event.task_id)}时限调整为{event.due_on}：{event.reason}",
    TaskReassigned: lambda event, told: (
        f"{told.task(event.task_id)}责任岗位改为{told.names[event.responsible_post_id]}"
    ),
    TaskMet: lambda event, told: f"{told.task(event.task_id)}于{event.met_on}完成",
    TaskCancelled: lambda event, told: f"{told.task(event.task_id)}取消：{event.reason}",
}
