from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.assessment import policies
from services.assessment.domain import case as cases
from services.assessment.domain import dealing, moments
from services.assessment.domain import obligation as obligations
from services.assessment.domain.case import ENDINGS, TABLE, Case, Ending, Feedback, State, Verb
from services.assessment.domain.directory import Directory
from services.assessment.domain.extension import Who
from services.assessment.domain.moments import CHINA, china_date
from services.assessment.domain.policy import LADDER
from services.assessment.domain.project import Project, fold
from services.assessment.domain.rules import NotNow, Rules
from services.assessment.domain.work import Work
from services.assessment.policies.document import read_policy
from shared.contracts.programme import LeavePlanned, OrganisationRecorded, PostAssumed, PostEstablished, Tier
from shared.contracts.projects import MilestonePlanned
from shared.contracts.supervision import CaseClosed, CaseEscalated, CaseEvent, CaseFeedbackSentBack, CaseRescheduled
from shared.kit.errors import Invalid
from shared.kit.working_days import YearTable, published
from tests.support.supervised import UNIT, named, person, planned, post, programme, recorded

DUE = date(2026, 3, 6)  # a Friday
RULES = Rules(read_policy(policies.read_file(None)), published(), date(2026, 1, 5))
OTHER_RULES = Rules(read_policy({**policies.read_file(None), "version": "other"}), published(), date(2026, 1, 5))
CALENDAR = RULES.calendar
DAY = timedelta(days=1)
BY_PEOPLE = frozenset(
    {
        Verb.ACKNOWLEDGE,
        Verb.GIVE_FEEDBACK,
        Verb.SEND_BACK,
        Verb.ASSIGN,
        Verb.SETTLE,
        Verb.MOVE_TO_POLICY,
        Verb.STRIKE_OFF,
        Verb.ARCHIVE,
        Verb.RESTORE,
    }
)
OFFICE = Who("督查室 <du>")
OTHER_UNIT = named("区自然资源局")
OTHER_HEAD = named("区自然资源局局长")


def morning(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 9, tzinfo=CHINA)


def knowing(vacant: list[Tier]) -> Directory:
    directory = Directory()
    for _, event in programme(vacant=vacant):
        directory.learn(event)
    directory.learn(OrganisationRecorded(organisation_id=OTHER_UNIT, name="区自然资源局"))
    directory.learn(
        PostEstablished(
            post_id=OTHER_HEAD, title="区自然资源局局长", tier=Tier.UNIT_HEAD, organisation_id=OTHER_UNIT, chain_ids=()
        )
    )
    directory.learn(PostAssumed(post_id=OTHER_HEAD, person_id=named("王五"), from_day=date(2025, 1, 1)))
    return directory


class Story:
    """One case, with the time that passes over it, as the handlers would move it."""

    def __init__(
        self,
        due_on: date = DUE,
        vacant: list[Tier] | None = None,
        *,
        opens_on: date | None = None,
        told_on: date | None = None,
    ) -> None:
        project = fold(None, recorded("a")[1])
        event = planned("a", "m", due_on)[1]
        assert project is not None
        assert isinstance(event, MilestonePlanned)
        self.project: Project = project
        self.obligation = obligations.opened(event, project)
        for planned_then in obligations.plan(self.obligation, project, RULES):
            self.obligation = obligations.evolve(self.obligation, planned_then, on=told_on or due_on)
        self.subject = obligations.subject_of(self.obligation, project)
        self.directory = knowing(vacant or [])
        self.now = morning(opens_on or obligations.miss_day(self.obligation, RULES))
        opened, *rest = cases.open_case(
            self.obligation, project, self.directory, RULES, number="督〔2026〕1号", now=self.now
        )
        self.case: Case = cases.begin(opened, at=self.now)  # type: ignore[arg-type]
        self.rungs: list[tuple[datetime, CaseEscalated]] = []
        self.take(rest)

    def take(self, events: list[Any]) -> None:
        for event in events:
            self.case = cases.evolve(self.case, event, RULES, on=china_date(self.now))
            if isinstance(event, CaseEscalated):
                self.rungs.append((self.now, event))

    def look(self) -> None:
        """What a timer does that fires now."""
        at = cases.climb_at(self.case, RULES)
        if at is not None and at <= self.now and RULES.working_morning(self.now) == self.now:
            self.take(
                cases.escalate(self.case, self.subject, self.directory, RULES, project=self.project, now=self.now)
            )

    def pass_days(self, days: int, *, watched: bool = True) -> None:
        """Morning by morning; unwatched: the service is down."""
        for _ in range(days):
            self.now += DAY
            if watched:
                self.look()

    def acknowledge(self) -> None:
        self.take(cases.acknowledge(self.case, RULES, by="甲", via="登录", now=self.now))

    def commit(self, day: date) -> None:
        self.take(cases.give_feedback(self.case, RULES, by="甲", text="在办", commitment_on=day, now=self.now))

    def send_back(self, number: int) -> None:
        world = self.obligation, self.project, self.directory, RULES
        self.take(cases.send_back(self.case, number, *world, by="督查室", reason="未说明措施", now=self.now))

    def deal(self, case: Case, do: Callable[[Case, Work], None]) -> list[Any]:
        """The events of the case that 督查室 brings about; its obligation is cancelled where the case is closed."""
        obligation = self.obligation
        if case.state is State.CLOSED:
            obligation = obligation._replace(state=obligations.State.CANCELLED)
        work = Work(self.now, china_date(self.now), RULES, {RULES.policy.version: RULES}, self.directory)
        work.projects[self.project.id] = self.project
        work.place(obligation)
        do(case, work)
        return [decided.event for decided in work.facts if isinstance(decided.event, CaseEvent)]

    def hold(self) -> None:
        self.take(cases.suspend(self.case, reason="停缓建"))

    def go_on(self) -> None:
        self.take(cases.resume(self.case, RULES, on=china_date(self.now)))


def in_state(state: State) -> Case:
    case = Story().case._replace(feedback=(Feedback(1),))
    if state is State.SUSPENDED:
        return case._replace(state=state, suspended_on=date(2026, 3, 9))
    return case._replace(state=state, closed_on=DUE, ending=Ending.COMPLETED) if state is State.CLOSED else case


def verbs() -> dict[Verb, Callable[[Case], list[Any]]]:
    story = Story()
    now = morning(date(2026, 3, 10))
    calendar = CALENDAR.with_year(YearTable(2026, frozenset({date(2026, 3, 11)}), frozenset()))
    other = Rules(RULES.policy, calendar, RULES.began_on)
    world = story.project, story.directory, RULES
    return {
        Verb.ESCALATE: lambda one: cases.escalate(
            one, story.subject, story.directory, RULES, project=story.project, now=now
        ),
        Verb.ACKNOWLEDGE: lambda one: cases.acknowledge(one, RULES, by="甲", via="登录", now=now),
        Verb.GIVE_FEEDBACK: lambda one: cases.give_feedback(
            one, RULES, by="甲", text="在办", commitment_on=date(2026, 3, 20), now=now
        ),
        Verb.SEND_BACK: lambda one: cases.send_back(
            one, 1, story.obligation, *world, by="督查室", reason="未说明措施", now=now
        ),
        Verb.SUSPEND: lambda one: cases.suspend(one, reason="停缓建"),
        Verb.RESUME: lambda one: cases.resume(one, RULES, on=date(2026, 3, 12)),
        Verb.RESCHEDULE: lambda one: cases.recount(one, other, now),
        Verb.EXTEND: lambda one: cases.extend(one, date(2026, 4, 10), RULES),
        Verb.CLOSE: lambda one: cases.close(one, story.obligation, *world, reason="节点已完成", on=DUE),
        Verb.REOPEN: lambda one: cases.reopen(one, story.obligation, *world, reason="更正", on=DUE),
        Verb.ASSIGN: lambda one: story.deal(
            one,
            lambda case, work: dealing.assign(
                case, work, lead_org_id=None, assisting_org_ids=[OTHER_UNIT], who=OFFICE, reason="用地"
            ),
        ),
        Verb.SETTLE: lambda one: story.deal(
            one._replace(restored=True), lambda case, work: dealing.settle(case, work, who=OFFICE, reason="已解决")
        ),
        Verb.MOVE_TO_POLICY: lambda one: cases.move_to_policy(
            one, RULES, OTHER_RULES, by="督查室", person_id=None, reason="规则已修订", on=DUE
        ),
        Verb.STRIKE_OFF: lambda one: story.deal(
            one, lambda case, work: dealing.strike_off(case, work, who=OFFICE, remark="已开工")
        ),
        Verb.ARCHIVE: lambda one: story.deal(
            one, lambda case, work: dealing.archive(case, work, who=OFFICE, remark="")
        ),
        Verb.RESTORE: lambda one: story.deal(
            one, lambda case, work: dealing.restore(case, work, who=OFFICE, reason="未办实")
        ),
    }


@pytest.mark.parametrize("ending", list(Ending))
@pytest.mark.parametrize("verb", list(Verb))
def test_every_verb_of_a_closed_case_goes_where_the_table_of_endings_says(ending: Ending, verb: Verb) -> None:
    case, do = in_state(State.CLOSED)._replace(ending=ending), verbs()[verb]
    if verb in ENDINGS[ending]:
        for event in do(case):
            case = cases.evolve(case, event, RULES, on=date(2026, 3, 10))
        target = ENDINGS[ending][verb]
        assert (case.ending, case.state) == (target, State.CLOSED if target else State.OPEN)
    elif verb in BY_PEOPLE:
        with pytest.raises(NotNow) as refused:
            do(case)
        assert isinstance(refused.value, cases.CaseIsArchived) is (ending is Ending.ARCHIVED)
    else:
        assert do(case) == []


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("verb", list(Verb))
def test_every_verb_in_every_state_goes_where_the_table_says(state: State, verb: Verb) -> None:
    case, do = in_state(state), verbs()[verb]
    target = TABLE[state].get(verb) if case.allows(verb) else None
    if target is None and verb in BY_PEOPLE:  # what people do is refused aloud
        with pytest.raises(NotNow):
            do(case)
    elif target is None:
        assert do(case) == []
    else:
        events = do(case)
        assert events
        for event in events:
            case = cases.evolve(case, event, RULES, on=date(2026, 3, 10))
        assert case.state is target


def test_it_climbs_on_the_working_days_of_the_ladder() -> None:
    story = Story()
    story.pass_days(40)
    reached = [china_date(at) for at, _ in story.rungs]
    assert reached == [CALENDAR.add(DUE, days).day for days in (1, 5, 10, 15, 20)]
    assert [rung.due_at for _, rung in story.rungs] == [at for at, _ in story.rungs]
    assert cases.climb_at(story.case, RULES) is None


def test_an_acknowledgement_stops_the_climb_for_three_working_days_once_for_each_rung() -> None:
    story = Story()
    before = cases.climb_at(story.case, RULES)
    story.acknowledge()
    after = cases.climb_at(story.case, RULES)
    assert before is not None
    assert after is not None
    assert CALENDAR.between(china_date(before), china_date(after)) == 3
    with pytest.raises(cases.AlreadyAcknowledged):
        story.acknowledge()
    story.pass_days(14)
    assert story.case.rung == 2
    story.acknowledge()


def test_a_commitment_holds_the_climb_until_the_morning_after_it() -> None:
    story = Story()
    story.commit(date(2026, 4, 3))
    assert cases.climb_at(story.case, RULES) == morning(date(2026, 4, 7))  # 6 April is a holiday
    story.pass_days(29)
    assert [china_date(at) for at, _ in story.rungs] == [date(2026, 3, 9), date(2026, 4, 7)]
    assert cases.climb_at(story.case, RULES) == morning(CALENDAR.add(date(2026, 4, 7), 5).day)


def test_a_commitment_that_ends_before_the_next_rung_changes_nothing() -> None:
    story = Story()
    before = cases.climb_at(story.case, RULES)
    story.commit(date(2026, 3, 10))
    assert cases.climb_at(story.case, RULES) == before


def test_an_acknowledgement_during_a_commitment_grants_no_second_stop() -> None:
    story = Story()
    story.commit(date(2026, 4, 3))
    before = cases.climb_at(story.case, RULES)
    story.acknowledge()
    assert cases.climb_at(story.case, RULES) == before


def test_a_commitment_given_before_takes_nothing_from_what_an_acknowledgement_grants() -> None:
    for day in (date(2026, 3, 9), date(2026, 3, 10), date(2026, 3, 12)):
        story, without = Story(), Story()
        story.commit(day)
        for one in (story, without):
            one.acknowledge()
        assert cases.climb_at(story.case, RULES) == cases.climb_at(without.case, RULES) == morning(date(2026, 3, 18))


def test_an_acknowledgement_while_a_commitment_holds_a_rung_back_holds_it_for_its_own_days() -> None:
    story = Story()
    story.commit(date(2026, 3, 16))
    story.pass_days(7)
    story.acknowledge()  # on Monday 16 March: the rung that was due on the 13th would be reached on the 17th
    assert cases.climb_at(story.case, RULES) == morning(date(2026, 3, 19))


@pytest.mark.parametrize("day", [date(2026, 3, 8), date(2027, 3, 8)], ids=["past", "too far"])
def test_a_commitment_must_lie_ahead_but_not_out_of_sight(day: date) -> None:
    with pytest.raises(Invalid):
        Story().commit(day)


def test_feedback_needs_words() -> None:
    story = Story()
    with pytest.raises(Invalid):
        cases.give_feedback(story.case, RULES, by="甲", text=" ", commitment_on=date(2026, 4, 1), now=story.now)


def test_feedback_that_is_sent_back_holds_no_longer_than_until_the_next_working_morning() -> None:
    story = Story()
    story.commit(date(2026, 4, 3))
    story.pass_days(11)  # Friday 20 March: the letter would have gone out on the 13th
    story.send_back(1)
    assert cases.climb_at(story.case, RULES) == morning(date(2026, 3, 23))
    assert story.case.held_until is None
    story.pass_days(3)
    assert china_date(story.rungs[-1][0]) == date(2026, 3, 23)


def test_sent_back_early_it_climbs_when_it_would_have_and_not_before() -> None:
    story, reference = Story(), Story()
    story.commit(date(2026, 4, 3))
    for one in (story, reference):
        one.pass_days(1)
        one.acknowledge()
    story.send_back(1)
    assert cases.climb_at(story.case, RULES) == cases.climb_at(reference.case, RULES)
    assert story.case.held_until == reference.case.held_until


def test_the_hold_of_other_feedback_stays() -> None:
    story = Story()
    story.commit(date(2026, 3, 20))
    story.commit(date(2026, 4, 3))
    story.send_back(2)
    assert cases.climb_at(story.case, RULES) == morning(date(2026, 3, 23))
    assert story.case.held_until == morning(date(2026, 3, 23))
    story.send_back(1)
    assert cases.climb_at(story.case, RULES) == morning(date(2026, 3, 13))


def test_feedback_of_a_lower_rung_is_sent_back_and_moves_nothing() -> None:
    story = Story()
    story.commit(date(2026, 3, 11))
    story.pass_days(7)
    assert story.case.rung == 2
    before = cases.climb_at(story.case, RULES)
    story.send_back(1)
    assert cases.climb_at(story.case, RULES) == before
    with pytest.raises(cases.AlreadySentBack):
        story.send_back(1)
    with pytest.raises(cases.NoSuchFeedback):
        story.send_back(2)


def test_whoever_gave_it_is_told_and_the_responsible_person_where_that_post_is_vacant() -> None:
    story = Story(vacant=[Tier.TASK_FORCE])
    for giver, told in ((Tier.UNIT_HEAD, Tier.UNIT_HEAD), (Tier.TASK_FORCE, Tier.OFFICER), (None, Tier.OFFICER)):
        given = story.case._replace(feedback=(Feedback(1, post(giver) if giver else None),))
        world = story.obligation, story.project, story.directory, RULES
        [event] = cases.send_back(given, 1, *world, by="督查室", reason="不实", now=story.now)
        assert isinstance(event, CaseFeedbackSentBack)
        assert [one.tier for one in event.addressees] == [told]


@settings(max_examples=150, deadline=None)
@given(
    commitment=st.integers(0, 40),
    acts=st.lists(
        st.one_of(
            st.tuples(st.just("days"), st.integers(1, 9)),
            st.tuples(st.just("down"), st.integers(1, 9)),
            st.tuples(st.just("acknowledge"), st.just(0)),
            st.tuples(st.just("hold"), st.just(0)),
            st.tuples(st.just("resume"), st.just(0)),
        ),
        max_size=8,
    ),
)
def test_sent_back_it_climbs_as_without_the_feedback_from_the_next_working_morning_on(
    commitment: int, acts: list[tuple[str, int]]
) -> None:
    story, without = Story(), Story()
    story.commit(china_date(story.now) + timedelta(days=commitment))
    for name, amount in acts:
        act(story, name, amount)
        act(without, name, amount)
    if not story.case.allows(Verb.SEND_BACK):
        return
    before = cases.climb_at(story.case, RULES)
    is_held = story.case.feedback[0].until is not None and RULES.next_morning(story.case.feedback[0].until) > story.now
    story.send_back(1)
    after, tomorrow = cases.climb_at(story.case, RULES), RULES.next_morning(china_date(story.now))
    if not is_held:
        assert after is not None or before is None
        return
    assert after is not None
    assert after >= tomorrow
    plainly = cases.climb_at(without.case, RULES)
    if without.case.rung == story.case.rung and plainly is not None:
        assert after == max(plainly, tomorrow)


def assigned(case: Case, **units: Any) -> Case:
    story = Story()
    given = {"lead_org_id": None, "assisting_org_ids": [], **units}
    [event] = story.deal(case, lambda one, work: dealing.assign(one, work, **given, who=OFFICE, reason="用地"))
    return cases.evolve(case, event, RULES, on=DUE)


def test_the_heads_of_assisting_units_get_copies_of_every_later_rung_and_of_the_end() -> None:
    story = Story()
    story.case = assigned(story.case, assisting_org_ids=[OTHER_UNIT])
    story.pass_days(10)
    for _, rung in story.rungs[1:]:
        assert [one.copy_only for one in rung.addressees if one.post_id == OTHER_HEAD] == [True]
    [closed] = cases.close(
        story.case, story.obligation, story.project, story.directory, RULES, reason="节点已完成", on=date(2026, 3, 20)
    )
    assert isinstance(closed, CaseClosed)
    assert OTHER_HEAD in {one.post_id for one in closed.addressees}


def test_the_head_of_the_lead_unit_hears_in_place_of_the_responsible_unit() -> None:
    case = assigned(Story().case, lead_org_id=OTHER_UNIT)
    story = Story()
    heard = cases.whom(
        case, story.obligation.post_id, story.project, story.directory, to=(Tier.UNIT_HEAD, Tier.OFFICER), on=DUE
    )
    assert [one.post_id for one in heard.addressees] == [OTHER_HEAD, post(Tier.OFFICER)]


@pytest.mark.parametrize(
    "units",
    [
        {"assisting_org_ids": [named("无此单位")]},
        {"lead_org_id": named("无此单位")},
        {"lead_org_id": OTHER_UNIT, "assisting_org_ids": [OTHER_UNIT]},
        {"assisting_org_ids": [UNIT]},
    ],
    ids=["unknown", "unknown lead", "leads and assists", "responsible and assists"],
)
def test_units_that_make_no_sense_are_refused(units: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        assigned(Story().case, **units)


def test_the_same_units_again_are_refused() -> None:
    case = assigned(Story().case, assisting_org_ids=[OTHER_UNIT])
    for same in (
        {"assisting_org_ids": [OTHER_UNIT, OTHER_UNIT]},
        {"lead_org_id": UNIT, "assisting_org_ids": [OTHER_UNIT]},
    ):
        with pytest.raises(dealing.NothingAssigned):
            assigned(case, **same)


@pytest.mark.parametrize("own", [person(Tier.OFFICER), named("代理人")], ids=["holder", "delegate"])
def test_nobody_strikes_off_what_they_answer_for(own: UUID) -> None:
    story, case = Story(), in_state(State.CLOSED)
    away = {"person_id": person(Tier.OFFICER), "leave_id": named("假"), "delegate_id": named("代理人")}
    story.directory.learn(LeavePlanned(**away, from_day=date(2026, 3, 1), until_day=date(2026, 3, 31)))
    with pytest.raises(dealing.OwnCase):
        story.deal(case, lambda one, work: dealing.strike_off(one, work, who=Who("甲 <a>", own), remark="已开工"))


def test_a_case_that_was_not_restored_is_not_settled_by_hand() -> None:
    story = Story()
    with pytest.raises(NotNow):
        story.deal(story.case, lambda one, work: dealing.settle(one, work, who=OFFICE, reason="已解决"))


def test_after_an_outage_it_goes_on_one_rung_a_working_morning_with_the_true_dates() -> None:
    story = Story()
    story.pass_days(21, watched=False)  # Monday 9 to Monday 30 March: rungs 2, 3 and 4 were due
    story.look()
    story.pass_days(9)
    reached = [(rung.rung, china_date(at), china_date(rung.due_at)) for at, rung in story.rungs]
    assert reached == [
        (1, date(2026, 3, 9), date(2026, 3, 9)),
        (2, date(2026, 3, 30), date(2026, 3, 13)),
        (3, date(2026, 3, 31), date(2026, 3, 20)),
        (4, date(2026, 4, 1), date(2026, 3, 27)),
        (5, date(2026, 4, 3), date(2026, 4, 3)),
    ]


def test_after_an_outage_the_next_morning_is_announced_and_not_a_day_that_is_past() -> None:
    story = Story()
    story.pass_days(21, watched=False)
    story.look()
    letter = story.rungs[-1][1]
    assert (letter.next_at, letter.reply_by) == (morning(date(2026, 3, 31)), date(2026, 3, 30))


def test_what_was_recorded_after_its_due_day_counts_its_ladder_from_the_opening() -> None:
    story = Story(opens_on=date(2026, 3, 30), told_on=date(2026, 3, 28))
    story.pass_days(40)
    days = [CALENDAR.add(date(2026, 3, 30), days).day for days in (0, 4, 9, 14, 19)]
    assert [china_date(at) for at, _ in story.rungs] == days
    assert [rung.due_at for _, rung in story.rungs] == [at for at, _ in story.rungs]
    assert [rung.working_days_late for _, rung in story.rungs] == [CALENDAR.between(DUE, day) for day in days]


def test_what_opens_late_because_of_an_outage_keeps_its_true_dates() -> None:
    story = Story(opens_on=date(2026, 3, 30))
    story.pass_days(2)
    assert [(china_date(at), china_date(rung.due_at)) for at, rung in story.rungs] == [
        (date(2026, 3, 30), date(2026, 3, 9)),
        (date(2026, 3, 31), date(2026, 3, 13)),
        (date(2026, 4, 1), date(2026, 3, 20)),
    ]


def test_nothing_is_reached_at_night_on_holidays_or_in_the_afternoon() -> None:
    for moment in (
        datetime(2026, 3, 13, 8, 59, tzinfo=CHINA),
        datetime(2026, 3, 13, 12, 0, tzinfo=CHINA),
        datetime(2026, 3, 14, 9, 0, tzinfo=CHINA),
        datetime(2026, 10, 1, 9, 0, tzinfo=CHINA),
    ):
        assert RULES.working_morning(moment) > moment
    busy = datetime(2026, 3, 13, 11, 59, tzinfo=CHINA)
    assert RULES.working_morning(busy) == busy
    assert RULES.working_morning(datetime(2026, 3, 13, 15, tzinfo=CHINA)) == morning(date(2026, 3, 16))


def test_a_hold_of_the_project_keeps_the_working_days_that_were_left() -> None:
    story = Story()
    story.pass_days(1)
    story.hold()
    story.pass_days(30)
    assert story.case.rung == 1
    story.go_on()
    following = cases.climb_at(story.case, RULES)
    assert following is not None
    assert CALENDAR.between(china_date(story.now), china_date(following)) == 3  # as on 10 March


def test_a_vacant_post_is_skipped_upward_and_the_rung_says_so() -> None:
    story = Story(vacant=[Tier.DEPUTY_CHIEF])
    story.pass_days(20)
    third = story.rungs[2][1]
    assert ([one.tier for one in third.addressees], third.skipped) == ([Tier.CHIEF], (Tier.DEPUTY_CHIEF,))


def test_the_letter_is_answered_before_the_next_rung_is_reached() -> None:
    story = Story()
    story.pass_days(4)
    letter = story.rungs[1][1]
    assert letter.next_at == morning(date(2026, 3, 20))
    assert letter.reply_by == date(2026, 3, 19)
    assert story.rungs[0][1].reply_by is None


def test_the_top_can_still_be_acknowledged_and_holds_nothing() -> None:
    story = Story()
    story.pass_days(40)
    events: list[Any] = cases.acknowledge(story.case, RULES, by="甲", via="登录", now=story.now)
    assert (events[0].rung, events[0].holds_until, events[0].next_at) == (5, None, None)


def test_a_case_in_a_year_not_yet_published_is_marked_and_counted_again() -> None:
    story = Story(due_on=date(2026, 12, 28))
    story.pass_days(6)
    letter = story.rungs[1][1]
    assert letter.provisional
    holidays = frozenset({date(2027, 1, 1), date(2027, 1, 8)})
    calendar = CALENDAR.with_year(YearTable(2027, holidays, frozenset({date(2027, 1, 9)})))
    rules = Rules(RULES.policy, calendar, RULES.began_on)
    events: list[Any] = cases.recount(story.case, rules, story.now)
    assert [(one.next_at, one.provisional) for one in events] == [
        (morning(calendar.add(china_date(letter.due_at), 5).day), False)
    ]


def test_a_rung_that_is_overdue_when_it_is_counted_again_is_announced_for_the_next_working_morning() -> None:
    story = Story(due_on=date(2026, 12, 28))
    story.pass_days(6)
    calendar = CALENDAR.with_year(YearTable(2027, frozenset({date(2027, 1, 8)}), frozenset()))
    rules = Rules(RULES.policy, calendar, RULES.began_on)
    back_on = date(2027, 1, 29)  # a Friday, after an outage
    [event] = cases.recount(story.case, rules, moments.at(back_on, time(13)))
    assert isinstance(event, CaseRescheduled)
    assert event.next_at == morning(date(2027, 2, 1))
    counted = cases.evolve(story.case, event, rules, on=back_on)
    assert counted.next_at == morning(calendar.add(china_date(story.rungs[1][1].due_at), 5).day)
    assert cases.recount(counted, rules, moments.at(back_on, time(13))) == []


def test_closing_tells_all_whom_a_rung_was_for_once_and_the_responsible_person() -> None:
    story = Story()
    story.pass_days(4)
    events: list[Any] = cases.close(
        story.case, story.obligation, story.project, story.directory, RULES, reason="节点已完成", on=date(2026, 3, 13)
    )
    assert [(one.tier, one.copy_only) for one in events[0].addressees] == [
        (Tier.TASK_FORCE_OFFICE, False),
        (Tier.UNIT_HEAD, False),
        (Tier.TASK_FORCE, False),
        (Tier.OFFICER, False),
        (Tier.DEPUTY_CHIEF, True),
    ]


def test_closing_at_the_top_tells_each_once() -> None:
    story = Story()
    story.pass_days(40)
    events: list[Any] = cases.close(
        story.case, story.obligation, story.project, story.directory, RULES, reason="节点已完成", on=date(2026, 4, 20)
    )
    assert sorted(one.tier for one in events[0].addressees) == sorted(Tier)
    assert not any(one.copy_only for one in events[0].addressees)


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("days"), st.integers(1, 12)),
        st.tuples(st.just("down"), st.integers(1, 20)),
        st.tuples(st.just("acknowledge"), st.just(0)),
        st.tuples(st.just("commit"), st.integers(0, 40)),
        st.tuples(st.just("send_back"), st.integers(1, 6)),
        st.tuples(st.just("hold"), st.just(0)),
        st.tuples(st.just("resume"), st.just(0)),
    ),
    max_size=25,
)


def act(story: Story, name: str, amount: int) -> None:
    match name:
        case "days" | "down":
            story.pass_days(amount, watched=name == "days")
        case "acknowledge":
            if story.case.allows(Verb.ACKNOWLEDGE) and not story.case.acknowledged:
                story.acknowledge()
        case "commit":
            if story.case.allows(Verb.GIVE_FEEDBACK):
                story.commit(china_date(story.now) + timedelta(days=amount))
        case "send_back":
            standing = {one.number for one in story.case.feedback if not one.sent_back}
            if story.case.allows(Verb.SEND_BACK) and amount in standing:
                story.send_back(amount)
        case "hold":
            story.hold()
        case "resume":
            story.go_on()


@settings(max_examples=150, deadline=None)
@given(
    due_on=st.dates(date(2026, 1, 5), date(2026, 9, 30)),
    acts=ACTS,
    vacant=st.lists(st.sampled_from(LADDER), unique=True),
)
def test_whatever_happens_the_ladder_keeps_its_promises(
    due_on: date, acts: list[tuple[str, int]], vacant: list[Tier]
) -> None:
    story = Story(due_on, vacant)
    for name, amount in acts:
        before = cases.climb_at(story.case, RULES)
        act(story, name, amount)
        after = cases.climb_at(story.case, RULES)
        if name in ("acknowledge", "commit") and before is not None:
            assert after is not None
            assert after >= before  # nothing that people do makes it climb sooner
    assert [rung.rung for _, rung in story.rungs] == list(range(1, len(story.rungs) + 1))
    days = [china_date(at) for at, _ in story.rungs]
    assert all(earlier < later for earlier, later in pairwise(days))
    for at, rung in story.rungs:
        if rung.next_at is not None:
            assert rung.next_at >= RULES.next_morning(china_date(at))
        if rung.reply_by is not None and rung.next_at is not None:
            assert china_date(at) <= rung.reply_by < china_date(rung.next_at)
        assert CALENDAR.is_working(china_date(at))
        assert at >= rung.due_at
        assert CALENDAR.between(due_on, china_date(at)) >= RULES.policy.rungs[rung.rung - 1].after_days
        for tier in rung.skipped:
            assert tier in vacant
        wanted = RULES.policy.rungs[rung.rung - 1]
        for tier in (*wanted.to, *wanted.copy):
            assert tier in vacant or tier in {one.tier for one in rung.addressees}


@settings(max_examples=100, deadline=None)
@given(before=st.integers(0, 10), held=st.integers(0, 60))
def test_pausing_and_resuming_never_shortens(before: int, held: int) -> None:
    story, reference = Story(), Story()
    for one in (story, reference):
        one.pass_days(before)
    story.hold()
    story.pass_days(held)
    story.go_on()
    paused, unpaused = cases.climb_at(story.case, RULES), cases.climb_at(reference.case, RULES)
    assert story.case.rung == reference.case.rung
    if paused is not None:
        assert unpaused is not None
        left = CALENDAR.between(china_date(reference.now), china_date(unpaused))
        assert CALENDAR.between(china_date(story.now), china_date(paused)) >= left
