"""A list of measures, row by row: a measure is known by its document and number (S1).

The same list again changes nothing. Another due day needs its reason beside it; a day left empty stays.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from services.intake.domain.drafts import Verdict
from services.intake.domain.errors import FieldMissing
from services.intake.domain.fields import FieldType
from services.intake.domain.imports.register_list import Names, Row, RowOutcome, RowRefusal, repeated, too_long
from services.intake.domain.organisation.programme import Post
from services.intake.domain.registers import measures, tasks
from services.intake.domain.registers.measures import ASPECT_NAMES, Measure, NewMeasure
from services.intake.domain.registers.tasks import Responsible
from services.intake.domain.terms import SOURCE_NAMES
from shared.contracts.event import Event
from shared.contracts.projects import Source
from shared.contracts.registers import Aspect
from shared.kit.errors import DomainError

NUMBER, ASPECT, TEXT, ORG, POST = "number", "aspect", "text", "responsible_org", "responsible_post"
DUE_ON, REASON, SOURCE, DOCUMENT = "due_on", "reason", "source", "source_document"
NEEDED = {NUMBER: "没有填写编号", ASPECT: "没有填写方面", TEXT: "没有填写措施内容", DOCUMENT: "没有填写出处文件"}
NUMBERS = range(1, 10_000)
LONGEST: Mapping[str, int] = {TEXT: 2000, DOCUMENT: 200, REASON: 2000}
_ASPECTS = {name: aspect for aspect, name in ASPECT_NAMES.items()}
_SOURCES = {name: source for source, name in SOURCE_NAMES.items()}

Key = tuple[str, int]


@dataclass(slots=True)
class MeasureList:
    """The taking of a list. `decided`: what is to be written: the measure after it, and the events."""

    names: Names
    present: Mapping[Key, Measure]
    today: date
    new_id: Callable[[], UUID]
    decided: list[tuple[Measure, list[Event]]] = field(default_factory=list)
    _taken: dict[Key, str] = field(default_factory=dict)

    def take(self, rows: Iterable[Row]) -> list[RowOutcome]:
        return [self._take(row) for row in rows]

    def _take(self, row: Row) -> RowOutcome:
        refusals = [RowRefusal(key, why) for key, why in NEEDED.items() if self._lacks(row, key)]
        refusals += too_long(row, LONGEST)
        if (number := row.values.get(NUMBER)) is not None and number not in NUMBERS:
            refusals.append(RowRefusal(NUMBER, f"编号应在{NUMBERS[0]}至{NUMBERS[-1]}之间"))
        post = self._post(row, refusals)
        before = self._present(row, refusals)
        self._require_unit(row, post, before, refusals)
        self._require_source(row, before, refusals)
        if refusals or row.unreadable:
            return RowOutcome(row.key, Verdict.REFUSED, refusals=tuple(refusals))
        try:
            events = self._revised(before, row.values, post) if before else self._recorded(row.values, post)
        except DomainError as error:
            refusal = RowRefusal(_column(error), error.message)
            return RowOutcome(row.key, Verdict.REFUSED, refusals=(refusal,))
        self._taken[_key(row.values)] = row.key
        if not events:
            assert before is not None
            return RowOutcome(row.key, Verdict.UNCHANGED, before.id)
        after = measures.fold(before, events)
        self.decided.append((after, events))
        return RowOutcome(row.key, Verdict.CHANGED if before else Verdict.RECORDED, after.id)

    def _lacks(self, row: Row, key: str) -> bool:
        return row.values.get(key) is None and key not in row.unreadable

    def _present(self, row: Row, refusals: list[RowRefusal]) -> Measure | None:
        if not row.values.get(DOCUMENT) or row.values.get(NUMBER) is None:
            return None
        key = _key(row.values)
        if above := self._taken.get(key):
            refusals.append(RowRefusal(NUMBER, repeated(above, "措施")))
        return self.present.get(key)

    def _post(self, row: Row, refusals: list[RowRefusal]) -> Post | None:
        text, org = row.values.get(POST), row.values.get(ORG)
        if not text:
            return None
        post = self.names.find_post(f"{org}/{text}" if org and "/" not in text else text)
        if isinstance(post, str):
            refusals.append(RowRefusal(POST, post))
            return None
        return post

    def _require_unit(self, row: Row, post: Post | None, before: Measure | None, refusals: list[RowRefusal]) -> None:
        """The unit is its post's; another one beside it would come to nothing, unseen."""
        text = row.values.get(ORG)
        named = self.names.find(FieldType.ORG, text) if text else None
        own = post.organisation_id if post else before.task.responsible_org_id if before else None
        if isinstance(named, UUID) and own not in (None, named):
            refusals.append(RowRefusal(ORG, "与责任岗位所在的单位不一致，请一并改责任岗位"))

    def _require_source(self, row: Row, before: Measure | None, refusals: list[RowRefusal]) -> None:
        text = row.values.get(SOURCE)
        if text and before and _SOURCES[text] is not before.source:
            refusals.append(RowRefusal(SOURCE, f"来源已登记为{SOURCE_NAMES[before.source]}，不能更改"))

    def _recorded(self, values: Mapping[str, Any], post: Post | None) -> list[Event]:
        document, number = _key(values)
        new = NewMeasure(
            number=number,
            aspect=_ASPECTS[values[ASPECT]],
            text=values[TEXT],
            due_on=_day(values),
            responsible=Responsible.of(post, self.today) if post else None,
            source=_SOURCES[values[SOURCE]] if values.get(SOURCE) else Source.CONFERENCE,
            source_document=document,
        )
        return measures.record(self.new_id(), new)

    def _revised(self, measure: Measure, values: Mapping[str, Any], post: Post | None) -> list[Event]:
        if _stands(measure, values, post):
            return []
        events = measures.revise(measure, aspect=_ASPECTS[values[ASPECT]], text=values[TEXT])
        if due_on := _day(values):
            events += tasks.replan(measure.tasks, measure.id, due_on=due_on, reason=values.get(REASON) or "")
        if post and post.id != measure.task.responsible_post_id:
            events += tasks.reassign(measure.tasks, measure.id, Responsible.of(post, self.today))
        return events


def _stands(measure: Measure, values: Mapping[str, Any], post: Post | None) -> bool:
    """Whether the measure says all this already; so that a list with measures that are done comes back unchanged."""
    task = measure.task
    return (
        (measure.aspect, measure.text) == (_ASPECTS[values[ASPECT]], values[TEXT])
        and (_day(values) or task.due_on) == task.due_on
        and (post is None or post.id == task.responsible_post_id)
    )


def _key(values: Mapping[str, Any]) -> Key:
    return values[DOCUMENT].strip(), values[NUMBER]


def _day(values: Mapping[str, Any]) -> date | None:
    return date.fromisoformat(values[DUE_ON]) if values.get(DUE_ON) else None


def _column(error: DomainError) -> str:
    field = str(error.details.get("field", NUMBER)) if isinstance(error, FieldMissing) else NUMBER
    return POST if field == "responsible_post_id" else field


ASPECTS: tuple[str, ...] = tuple(ASPECT_NAMES[aspect] for aspect in Aspect)
SOURCES: tuple[str, ...] = tuple(SOURCE_NAMES[source] for source in Source)
