"""What is due of measures and filings: never without a day and a post, replanned with a reason, met, cancelled."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from services.intake import reference
from services.intake.domain.errors import (
    DateNotAllowed,
    FieldMissing,
    MilestoneNotAllowed,
    MilestoneNotOpen,
    RecordMissing,
)
from services.intake.domain.organisation.programme import Post
from services.intake.domain.registers import filings, measures, tasks
from services.intake.domain.registers.filings import Call, Filing, FilingNotOpen, FilingStatus
from services.intake.domain.registers.measures import Measure, NewMeasure, StepsOpen
from services.intake.domain.registers.tasks import NewTask, Responsible, Task, TaskStatus
from shared.contracts.event import Event
from shared.contracts.programme import Tier
from shared.contracts.projects import Source
from shared.contracts.registers import (
    Aspect,
    FilingCalledOff,
    FilingFiled,
    TaskCancelled,
    TaskKind,
    TaskMet,
    TaskReassigned,
    TaskReplanned,
)
from tests.unit.intake.factories import AUTO, BUREAU, DISPLAY, HEAD, LI, OFFICER, TODAY, ZHANG, an_id

REGISTER = reference.registers()["key_technologies"]
OFFICE = Responsible.of(OFFICER, TODAY)
DUE = date(2026, 6, 30)


def a_measure(*steps: str) -> Measure:
    new = NewMeasure(1, Aspect.INNOVATION, "试点措施", DUE, OFFICE, Source.CONFERENCE, "《运行机制》")
    measure = measures.fold(None, measures.record(an_id("measure"), new))
    for step in steps:
        task = NewTask(step, DUE, OFFICE)
        measure = measures.fold(measure, measures.plan_step(measure, an_id(step), task))
    return measure


def a_filing() -> Filing:
    return filings.fold(None, filings.call(REGISTER, DISPLAY, Call(2026), OFFICE))


def a_task(**changes: Any) -> Task:
    return replace(a_measure().task, **changes)


def test_the_person_is_whoever_holds_the_post_on_the_day() -> None:
    assert Responsible(OFFICER.id, BUREAU.id, ZHANG.id) == OFFICE
    assert Responsible.of(HEAD, date(2024, 1, 1)).person_id is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"due_on": None}, "due_on"), ({"responsible": None}, "responsible_post_id"), ({"name": " "}, "name")],
)
def test_a_task_without_a_name_a_day_or_a_post_is_refused(changes: dict[str, Any], field: str) -> None:
    new = replace(NewTask("印发方案", DUE, OFFICE), **changes)
    with pytest.raises(FieldMissing) as missing:
        tasks.plan({}, an_id("t"), new, subject_id=an_id("m"), subject_name="措施", kind=TaskKind.STEP)
    assert missing.value.details["field"] == field


def test_each_verb_fits_open_tasks_only() -> None:
    verbs: dict[type[Event], Callable[[tasks.Tasks, Any], list[Event]]] = {
        TaskReplanned: lambda all, id: tasks.replan(all, id, due_on=DUE + timedelta(1), reason="等待批复"),
        TaskReassigned: lambda all, id: tasks.reassign(all, id, Responsible(HEAD.id, BUREAU.id, LI.id)),
        TaskMet: lambda all, id: tasks.meet(all, id, met_on=TODAY, today=TODAY),
        TaskCancelled: lambda all, id: tasks.cancel(all, id, reason="并入他项"),
    }
    for status in TaskStatus:
        task = a_task(status=status)
        for kind, verb in verbs.items():
            if status is TaskStatus.OPEN:
                (event,) = verb({task.id: task}, task.id)
                assert type(event) is kind
            else:
                with pytest.raises(MilestoneNotOpen):
                    verb({task.id: task}, task.id)
    with pytest.raises(RecordMissing):
        tasks.meet({}, an_id("none"), met_on=TODAY, today=TODAY)


def test_what_changes_nothing_says_nothing_and_reasons_are_needed() -> None:
    task = a_task()
    all_of = {task.id: task}
    assert tasks.replan(all_of, task.id, due_on=DUE, reason="") == []
    assert tasks.reassign(all_of, task.id, OFFICE) == []
    with pytest.raises(FieldMissing):
        tasks.replan(all_of, task.id, due_on=TODAY, reason=" ")
    with pytest.raises(FieldMissing):
        tasks.cancel(all_of, task.id, reason="")
    with pytest.raises(DateNotAllowed):
        tasks.meet(all_of, task.id, met_on=TODAY + timedelta(1), today=TODAY)


def test_a_measure_as_a_whole_has_its_id_and_is_done_after_its_steps() -> None:
    measure = a_measure("印发方案", "开展评估")
    assert (measure.task.kind, measure.version) == (TaskKind.MEASURE, 4)
    assert [step.name for step in measure.steps] == ["印发方案", "开展评估"]
    with pytest.raises(MilestoneNotAllowed):
        measures.plan_step(measure, an_id("again"), NewTask("印发方案", DUE, OFFICE))
    with pytest.raises(StepsOpen, match="2个节点"):
        measures.meet(measure, measure.id, met_on=TODAY, today=TODAY)
    measure = measures.fold(measure, measures.meet(measure, an_id("印发方案"), met_on=TODAY, today=TODAY))
    measure = measures.fold(measure, measures.cancel(measure, an_id("开展评估"), reason="不再需要"))
    measure = measures.fold(measure, measures.meet(measure, measure.id, met_on=TODAY, today=TODAY))
    assert (measure.task.status, measure.task.met_on) == (TaskStatus.MET, TODAY)
    with pytest.raises(MilestoneNotOpen):
        measures.revise(measure, aspect=None, text="别的")
    with pytest.raises(MilestoneNotOpen):
        measures.plan_step(measure, an_id("late"), NewTask("补做", DUE, OFFICE))


def test_a_cancelled_measure_takes_its_open_steps_along() -> None:
    measure = a_measure("印发方案", "开展评估")
    measure = measures.fold(measure, measures.meet(measure, an_id("印发方案"), met_on=TODAY, today=TODAY))
    events = measures.cancel(measure, measure.id, reason="并入他项")
    assert [event.task_id for event in events if isinstance(event, TaskCancelled)] == [an_id("开展评估"), measure.id]


def test_what_is_due_of_a_measure_bears_the_name_it_has_now() -> None:
    before = a_measure("方案")
    after = measures.fold(before, measures.revise(before, aspect=None, text="修订后的措施"))
    (step,) = after.steps
    assert (after.task.name, after.task.subject_name) == ("修订后的措施", "第1项措施：修订后的措施")
    assert (step.name, step.subject_name) == ("方案", "第1项措施：修订后的措施")


def test_a_measure_needs_its_text_and_its_document() -> None:
    new = NewMeasure(1, Aspect.INNOVATION, "试点措施", DUE, OFFICE, Source.CONFERENCE, "《运行机制》")
    for changes in ({"text": " "}, {"source_document": ""}, {"due_on": None}, {"responsible": None}):
        with pytest.raises(FieldMissing):
            measures.record(an_id("m"), replace(new, **changes))


def test_a_filing_is_due_on_the_registers_day_and_answered_for_by_the_one_post_of_its_tier() -> None:
    office = Post(an_id("office"), "显示专班办公室", Tier.TASK_FORCE_OFFICE, BUREAU.id, (DISPLAY.id,))
    assert filings.answering(REGISTER, DISPLAY, [OFFICER, office]) == office
    assert filings.answering(REGISTER, AUTO, [OFFICER, office]) is None
    assert filings.answering(REGISTER, DISPLAY, [office, replace(office, id=an_id("second"))]) is None
    filing = a_filing()
    assert (filing.task.due_on, filing.task.kind, filing.task.chain_id) == (
        date(2026, 3, 31),
        TaskKind.FILING,
        DISPLAY.id,
    )
    assert filing.task.subject_name == "新型显示：2026年度技术攻关项目库申报"


def test_filing_nothing_needs_a_reason() -> None:
    with pytest.raises(FieldMissing, match="零申报"):
        filings.file(a_filing(), entries=0, reason=" ", on=TODAY)
    filed, met = filings.file(a_filing(), entries=0, reason="没有需求", on=TODAY)
    assert isinstance(filed, FilingFiled)
    assert isinstance(met, TaskMet)
    assert filed.entries == 0


def test_each_verb_fits_called_filings_only() -> None:
    verbs: list[Callable[[Filing], list[Event]]] = [
        lambda filing: filings.file(filing, entries=2, reason="", on=TODAY),
        lambda filing: filings.call_off(filing, reason="产业链调整"),
        lambda filing: filings.revise(filing, due_on=DUE, reason="等待指南", responsible=None),
    ]
    for status in FilingStatus:
        for verb in verbs:
            filing = replace(a_filing(), status=status)
            if status is FilingStatus.CALLED:
                assert verb(filing)
            else:
                with pytest.raises(FilingNotOpen):
                    verb(filing)
    off = filings.fold(a_filing(), filings.call_off(a_filing(), reason="产业链调整"))
    assert (off.status, off.task.status) == (FilingStatus.CALLED_OFF, TaskStatus.CANCELLED)
    assert isinstance(filings.call_off(a_filing(), reason="产业链调整")[0], FilingCalledOff)
