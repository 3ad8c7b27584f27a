"""What callers get: the words that officials read beside the names that programs read."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Row

from services.assessment.api import explaining, wording
from services.assessment.domain import light as lights
from services.assessment.domain.case import Case, Ending, State, climb_at
from services.assessment.domain.directory import Directory
from services.assessment.domain.extension import State as ExtensionState
from services.assessment.domain.obligation import State as ObligationState
from services.assessment.domain.policy import Policy
from services.assessment.domain.rules import Rules
from services.assessment.handlers.known import Known
from services.assessment.store.states import units_of
from shared.contracts.case_documents import Talk
from shared.contracts.programme import Tier
from shared.contracts.supervision import (
    Addressed,
    Addressee,
    CaseEscalated,
    CaseFeedbackGiven,
    CaseFeedbackSentBack,
    Document,
    Light,
    ObligationKind,
)


class Shown(BaseModel):
    model_config = ConfigDict(frozen=True)


class MatterShown(Shown):
    """What it is about. `project_id`, `project_name`: see `Subject`; `project_code`: empty for what is no project.
    `chain_code`, names: null while their own facts have not come, and for what belongs to no chain."""

    kind: ObligationKind
    kind_name: str
    project_id: UUID
    project_code: str
    project_name: str
    chain_id: UUID | None
    chain_code: str | None
    chain_name: str | None
    organisation_name: str | None
    milestone_name: str
    responsible_post_id: UUID
    responsible_post_title: str | None

    @classmethod
    def of(cls, row: Row[Any], milestone_name: str) -> Self:
        return cls(
            kind=row.obligation_kind,
            kind_name=wording.OBLIGATION_KINDS[row.obligation_kind],
            project_id=row.project_id,
            project_code=row.project_code,
            project_name=row.project_name,
            chain_id=row.chain_id,
            chain_code=row.chain_code,
            chain_name=row.chain_name,
            organisation_name=row.organisation_name,
            milestone_name=milestone_name,
            responsible_post_id=row.post_id,
            responsible_post_title=row.post_title,
        )


class ResponsibleShown(Shown):
    """Who answers today. `vacant`: nobody holds the post. `delegate`: who stands in; null where nobody does."""

    post_id: UUID
    vacant: bool
    holder: str | None
    away_until: date | None
    delegate: str | None
    note: str

    @classmethod
    def of(cls, post_id: UUID, directory: Directory, today: date) -> Self:
        answering = directory.answering(post_id, today)
        holder, delegate = (_name(one, directory) for one in (answering.holder_id, answering.delegate_id))
        away_until = answering.leave.until_day if answering.leave else None
        return cls(
            post_id=post_id,
            vacant=answering.holder_id is None,
            holder=holder,
            away_until=away_until,
            delegate=delegate,
            note=wording.standing(answering.holder_id is None, away_until, delegate),
        )


def _name(person_id: UUID | None, directory: Directory) -> str | None:
    """Somebody's name; while their own facts have not come, their id."""
    if person_id is None:
        return None
    person = directory.people.get(person_id)
    return person.name if person else str(person_id)


class UnitShown(Shown):
    """`head`: who answers for it; null where it has no such post."""

    id: UUID
    name: str | None
    head: ResponsibleShown | None

    @classmethod
    def of(cls, organisation_id: UUID, directory: Directory, today: date) -> Self:
        organisation = directory.organisations.get(organisation_id)
        posts = directory.heads(organisation_id)
        return cls(
            id=organisation_id,
            name=organisation.name if organisation else None,
            head=ResponsibleShown.of(posts[0], directory, today) if posts else None,
        )


class LightShown(Shown):
    """A light with the rule that gave it, the rule's version and its inputs; `sentence`: what they come to."""

    light: Light
    light_name: str
    rule: str
    policy_version: str
    inputs: dict[str, str]
    sentence: str

    @classmethod
    def of(cls, light: Light, *, rule: str, policy: Policy, inputs: dict[str, str]) -> Self:
        return cls(
            light=light,
            light_name=wording.LIGHTS[light],
            rule=rule,
            policy_version=policy.version,
            inputs=inputs,
            sentence=explaining.light(light, rule, inputs, policy),
        )


class ObligationShown(Shown):
    """`baseline`: due before supervision began, not climbing. `light`: null when nothing is due any more. `extension`:
    how the newest 延期 stands."""

    id: UUID
    version: int
    milestone_id: UUID
    matter: MatterShown
    responsible: ResponsibleShown
    due_on: date
    planned_on: date
    state: ObligationState
    state_name: str
    baseline: bool
    provisional: bool
    light: LightShown | None
    confirmed_on: date | None
    asked_on: date | None
    expected_on: date | None
    delay_reason: str
    met_on: date | None
    working_days_early: int | None
    extension: ExtensionState | None
    extension_name: str
    case_id: UUID | None
    case_number: str | None
    case_rung: int | None

    @classmethod
    def of(cls, row: Row[Any], known: Known, today: date) -> Self:
        state = ObligationState(row.state)
        extension = ExtensionState(row.extension_state) if row.extension_state else None
        return cls(
            id=row.id,
            version=row.version,
            milestone_id=row.milestone_id,
            matter=MatterShown.of(row, row.name),
            responsible=ResponsibleShown.of(row.post_id, known.directory, today),
            due_on=row.due_on,
            planned_on=row.planned_on,
            state=state,
            state_name=wording.OBLIGATION_STATES[state],
            baseline=ObligationState.BASELINE in (row.state, row.inner_state),
            provisional=row.provisional,
            light=_ticket(row, state, _rules_for(row, known), today),
            confirmed_on=row.supervised_from,
            asked_on=row.asked_on,
            expected_on=row.expected_on,
            delay_reason=row.delay_reason,
            met_on=row.met_on,
            working_days_early=row.working_days_early,
            extension=extension,
            extension_name=wording.EXTENSION_STATES[extension] if extension else "",
            case_id=row.case_id,
            case_number=row.case_number,
            case_rung=row.case_rung,
        )


class ExtensionShown(Shown):
    """延期. `due_on`: the day asked for; `due_now`: the day that counts. `decision`: what was said at its end."""

    obligation_id: UUID
    obligation_version: int
    number: int
    matter: MatterShown
    state: ExtensionState
    state_name: str
    asked_by: str
    asked_at: datetime
    reason: str
    progress: str
    due_before: date
    due_on: date
    due_now: date
    reviewed_by: str | None
    reviewed_on: date | None
    review: str
    decided_by: str | None
    decided_on: date | None
    decision: str

    @classmethod
    def of(cls, row: Row[Any]) -> Self:
        state = ExtensionState(row.state)
        return cls(
            obligation_id=row.obligation_id,
            obligation_version=row.version,
            number=row.number,
            matter=MatterShown.of(row, row.milestone_name),
            state=state,
            state_name=wording.EXTENSION_STATES[state],
            asked_by=row.asked_by,
            asked_at=row.asked_at,
            reason=row.reason,
            progress=row.progress,
            due_before=row.due_before,
            due_on=row.due_on,
            due_now=row.due_now,
            reviewed_by=row.reviewed_by,
            reviewed_on=row.reviewed_on,
            review=row.review,
            decided_by=row.decided_by,
            decided_on=row.decided_on,
            decision=row.decision,
        )


class AddresseeShown(Shown):
    post_id: UUID
    tier: Tier
    tier_name: str
    copy_only: bool


class AcknowledgementShown(Shown):
    by: str
    via: str
    at: datetime
    holds_until: datetime | None


class FeedbackState(StrEnum):
    ACCEPTED = "accepted"
    SENT_BACK = "sent_back"


class SendingBackShown(Shown):
    by: str
    reason: str
    at: datetime


class FeedbackShown(Shown):
    """反馈. `state`: accepted unless 督查室 sent it back. `holds_until`: as when it was given."""

    number: int
    by: str
    post_id: UUID | None
    text: str
    commitment_on: date
    at: datetime
    holds_until: datetime
    state: FeedbackState = FeedbackState.ACCEPTED
    state_name: str = "已接收"
    sending_back: SendingBackShown | None = None

    @classmethod
    def of(cls, event: CaseFeedbackGiven, number: int, at: datetime) -> Self:
        """`number`: its place among all of the case, for those that were recorded without one."""
        return cls(
            number=event.feedback or number,
            by=event.by,
            post_id=event.post_id,
            text=event.text,
            commitment_on=event.commitment_on,
            at=at,
            holds_until=event.holds_until,
        )

    def sent_back(self, event: CaseFeedbackSentBack, at: datetime) -> Self:
        back = SendingBackShown(by=event.by, reason=event.reason, at=at)
        return self.model_copy(update={"state": FeedbackState.SENT_BACK, "state_name": "已退办", "sending_back": back})


class SignatureShown(Shown):
    by: str
    on: date


class RungShown(Shown):
    """`due_at`: when the ladder had it due; `at`: when it was reached. `talk`, `signature`: of its document."""

    rung: int
    document: Document
    document_name: str
    document_number: str | None
    due_at: datetime
    at: datetime
    addressees: tuple[AddresseeShown, ...]
    skipped: tuple[Tier, ...]
    working_days_late: int
    reply_by: date | None
    raised_by_light: bool
    provisional: bool
    acknowledgement: AcknowledgementShown | None = None
    talk: Talk | None = None
    signature: SignatureShown | None = None

    @classmethod
    def of(cls, event: CaseEscalated, at: datetime) -> Self:
        return cls(
            rung=event.rung,
            document=event.document,
            document_name=wording.DOCUMENTS[event.document],
            document_number=event.document_number,
            due_at=event.due_at,
            at=at,
            addressees=_heard(event.addressees),
            skipped=event.skipped,
            working_days_late=event.working_days_late,
            reply_by=event.reply_by,
            raised_by_light=event.raised_by_light,
            provisional=event.provisional,
        )

    def addressed(self, event: Addressed) -> Self:
        """The same with those who heard of it later, when nobody was there at first."""
        return self.model_copy(update={"addressees": _heard(event.addressees), "skipped": event.skipped})


def _heard(addressees: tuple[Addressee, ...]) -> tuple[AddresseeShown, ...]:
    return tuple(
        AddresseeShown(post_id=one.post_id, tier=one.tier, tier_name=wording.TIERS[one.tier], copy_only=one.copy_only)
        for one in addressees
    )


class CaseShown(Shown):
    """`next_at`: when the next rung is reached if nothing happens; `next_step` says so in words. `ending`: how far a
    closed one has come. `lead`: the unit that leads it; `assisting`: those that 督查室 named beside it."""

    id: UUID
    version: int
    number: str
    obligation_id: UUID
    matter: MatterShown
    responsible: ResponsibleShown
    lead: UnitShown
    assisting: tuple[UnitShown, ...]
    policy_version: str
    rule_set: str
    due_on: date
    opened_at: datetime
    state: State
    ending: Ending | None
    state_name: str
    rung: int
    rung_name: str
    rung_on: date
    acknowledged: bool
    held_until: datetime | None
    next_at: datetime | None
    next_step: str
    provisional: bool
    expected_on: date | None
    delay_reason: str
    closed_on: date | None
    close_reason: str

    @classmethod
    def of(cls, row: Row[Any], known: Known, today: date) -> Self:
        return cls(**cls.fields_of(row, known, today))

    @staticmethod
    def fields_of(row: Row[Any], known: Known, today: date) -> dict[str, Any]:
        rules, directory = known.by_version[row.policy_version].named(row.rule_set), known.directory
        state, ending = State(row.state), Ending(row.ending) if row.ending else None
        units = units_of(row.dealings)
        rung, above = rules.policy.rung(row.rung), rules.policy.rung(row.rung + 1)
        climbs_at = _climb_at(row, state, rules)
        return {
            "id": row.id,
            "version": row.version,
            "number": row.number,
            "obligation_id": row.obligation_id,
            "matter": MatterShown.of(row, row.milestone_name),
            "responsible": ResponsibleShown.of(row.post_id, directory, today),
            "lead": UnitShown.of(units.lead or row.org_id, directory, today),
            "assisting": tuple(UnitShown.of(unit, directory, today) for unit in units.assisting),
            "policy_version": row.policy_version,
            "rule_set": row.rule_set,
            "due_on": row.due_on,
            "opened_at": row.opened_at,
            "state": state,
            "ending": ending,
            "state_name": wording.ENDINGS[ending] if ending else wording.CASE_STATES[state],
            "rung": row.rung,
            "rung_name": wording.DOCUMENTS[rung.document] if rung else "",
            "rung_on": row.rung_on,
            "acknowledged": row.acknowledged,
            "held_until": row.held_until,
            "next_at": climbs_at,
            "next_step": wording.next_step(state, climbs_at, above, ending=ending, provisional=row.provisional),
            "provisional": row.provisional,
            "expected_on": row.expected_on,
            "delay_reason": row.delay_reason,
            "closed_on": row.closed_on,
            "close_reason": row.close_reason,
        }


class DealingShown(Shown):
    """What 督查室 did with the case: 交办, 销号, 归档, 恢复督办, 办结."""

    kind: str
    kind_name: str
    by: str
    text: str
    at: datetime


class CaseInFull(CaseShown):
    rungs: tuple[RungShown, ...]
    feedback: tuple[FeedbackShown, ...]
    dealings: tuple[DealingShown, ...]


class ProjectLightShown(Shown):
    """A project's light by the rule set `start`. `watched`: it has a start that is planned and not reached."""

    project_id: UUID
    project_code: str
    project_name: str
    chain_id: UUID
    chain_code: str | None
    chain_name: str | None
    light: LightShown
    watched: bool
    suspended: bool
    planned_start_on: date | None
    since: date | None

    @classmethod
    def of(cls, row: Row[Any], known: Known) -> Self:
        inputs = row.inputs or {"stage": row.stage}
        version, rule_set = row.policy_version or known.current.policy.version, inputs.get("rule_set")
        policy = explaining.policy_of(version, rule_set, known.by_version, known.current)
        light = LightShown.of(Light(row.light or Light.GREEN), rule=lights.START, policy=policy, inputs=inputs)
        return cls(
            project_id=row.project_id,
            project_code=row.project_code,
            project_name=row.project_name,
            chain_id=row.chain_id,
            chain_code=row.chain_code,
            chain_name=row.chain_name,
            light=light,
            watched=row.state == lights.State.WATCHING,
            suspended=row.state == lights.State.SUSPENDED,
            planned_start_on=row.planned_on,
            since=row.changed_on,
        )


class ProjectLightInFull(ProjectLightShown):
    obligations: tuple[ObligationShown, ...]


class CommendationShown(Shown):
    """`sentence`: why it is proposed. `decision`: the remark with which it was approved, or why it was declined."""

    id: UUID
    version: int
    state: str
    state_name: str
    matter: MatterShown
    obligation_id: UUID
    planned_on: date
    met_on: date
    working_days_early: int
    policy_version: str
    sentence: str
    proposed_at: datetime
    decided_on: date | None
    decided_by: str | None
    decision: str | None

    @classmethod
    def of(cls, row: Row[Any], known: Known) -> Self:
        rules = known.by_version.get(row.policy_version, known.current)
        policy = rules.for_(known.directory.category_of(row.chain_id), row.kind, row.obligation_kind).policy
        return cls(
            id=row.id,
            version=row.version,
            state=row.state,
            state_name=wording.COMMENDATION_STATES[row.state],
            matter=MatterShown.of(row, row.milestone_name),
            obligation_id=row.obligation_id,
            planned_on=row.planned_on,
            met_on=row.met_on,
            working_days_early=row.working_days_early,
            policy_version=row.policy_version,
            sentence=explaining.commendation(row.planned_on, row.met_on, row.working_days_early, policy),
            proposed_at=row.proposed_at,
            decided_on=row.decided_on,
            decided_by=row.decided_by and wording.signed(row.decided_by, ""),
            decision=row.decision,
        )


class SupervisionShown(Shown):
    """`baseline`: obligations that were due before `began_on` and wait for 督查室."""

    began_on: date
    began_by: str
    baseline: int
    policy_version: str
    calendar_version: str


class YearShown(Shown):
    year: int
    published: bool
    source: str | None


class CalendarShown(Shown):
    version: str
    years: tuple[YearShown, ...]
    provisional: tuple[int, ...]


class YearInFull(YearShown):
    holidays: tuple[date, ...]
    make_up_days: tuple[date, ...]


def _rules_for(row: Row[Any], known: Known) -> Rules:
    return known.current.for_(known.directory.category_of(row.chain_id), row.kind, row.obligation_kind)


def _ticket(row: Row[Any], state: ObligationState, rules: Rules, today: date) -> LightShown | None:
    if state not in (ObligationState.OPEN, ObligationState.MISSED, ObligationState.BASELINE):
        return None
    ticket = lights.ticket(row.due_on, today, rules.policy, rules.calendar)
    return LightShown.of(ticket.light, rule=ticket.rule, policy=rules.policy, inputs=ticket.inputs)


def _climb_at(row: Row[Any], state: State, rules: Rules) -> datetime | None:
    case = Case(
        row.id,
        row.obligation_id,
        row.project_id,
        row.number,
        row.policy_version,
        row.due_on,
        row.opened_at,
        state,
        row.rung,
        row.rung_on,
        row.next_at,
    )
    return climb_at(case, rules)
