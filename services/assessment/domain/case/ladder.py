"""The ladder: a case opens at the first rung and climbs; to whom each rung is, and when the next is due."""

from datetime import date, datetime
from uuid import UUID

from services.assessment.domain import moments
from services.assessment.domain.case.state import Case, Events, State, Verb, begin
from services.assessment.domain.directory import Directory, Found
from services.assessment.domain.obligation import Obligation, first_rung_at, subject_of
from services.assessment.domain.policy import Policy, Rung
from services.assessment.domain.project import Project
from services.assessment.domain.rules import Rules
from shared.contracts.programme import Tier
from shared.contracts.supervision import Addressee, CaseEscalated, CaseOpened, Subject


def climb_at(case: Case, rules: Rules) -> datetime | None:
    """When the next rung is reached if nothing happens: when it is due, but never on the morning of the one before."""
    if case.next_at is None or case.state is not State.OPEN:
        return None
    return stands_at(case, rules)


def open_case(
    obligation: Obligation, project: Project, directory: Directory, rules: Rules, *, number: str, now: datetime
) -> Events:
    """Open the case of a missed obligation, at the first rung."""
    subject = subject_of(obligation, project)
    opened = CaseOpened(
        case_id=obligation.case_id,
        obligation_id=obligation.id,
        number=number,
        subject=subject,
        policy_version=rules.policy.version,
        rule_set=rules.policy.rule_set,
    )
    case = begin(opened, at=now)
    case = case._replace(next_at=first_rung_at(obligation, rules, on=moments.china_date(now)))
    return [opened, *escalate(case, subject, directory, rules, project=project, now=now)]


def escalate(
    case: Case,
    subject: Subject,
    directory: Directory,
    rules: Rules,
    *,
    project: Project,
    now: datetime,
    document_number: str | None = None,
    by_light: bool = False,
) -> Events:
    """Reach the next rung; to whom is settled now, from the directory of today. Nothing at the top or while held."""
    rung = rules.policy.rung(case.rung + 1)
    if rung is None or case.next_at is None or not case.allows(Verb.ESCALATE):
        return []
    on = moments.china_date(now)
    found = whom(case, subject.responsible_post_id, project, directory, to=rung.to, copy=rung.copy, on=on)
    following, provisional = due_after(rung, case.next_at, rules)
    if following is not None:
        following = max(following, rules.next_morning(on))
    return [
        CaseEscalated(
            case_id=case.id,
            number=case.number,
            rung=rung.number,
            document=rung.document,
            document_number=document_number,
            subject=subject,
            addressees=found.addressees,
            skipped=found.skipped,
            working_days_late=max(0, rules.calendar.between(case.due_on, on)),
            reply_by=_reply_by(rung, on, following, rules),
            due_at=case.next_at,
            next_at=following,
            raised_by_light=by_light,
            provisional=provisional or rules.calendar.is_provisional(moments.china_date(case.next_at)),
        )
    ]


def whom(
    case: Case,
    post_id: UUID,
    project: Project,
    directory: Directory,
    *,
    to: tuple[Tier, ...],
    copy: tuple[Tier, ...] = (),
    on: date,
) -> Found:
    """Who hears of the case: the tiers of its chain and of its lead unit; copies go to the heads of assisting units."""
    asked = project.asked(post_id)
    if case.lead_org_id is not None:
        asked = asked._replace(organisation_id=case.lead_org_id)
    found = directory.find(asked, to=to, copy=copy, on=on)
    if not case.assisting_org_ids:
        return found
    heard = {one.post_id: one for one in found.addressees}
    for head in assisting_heads(case, directory, on):
        heard.setdefault(head, Addressee(post_id=head, tier=Tier.UNIT_HEAD, copy_only=True))
    return Found(tuple(heard.values()), found.skipped)


def assisting_heads(case: Case, directory: Directory, on: date) -> list[UUID]:
    """The posts of the heads of the units that assist, where they are held."""
    return [head for unit in case.assisting_org_ids for head in directory.heads_of(unit, on)]


def needs_letter_number(case: Case, policy: Policy) -> bool:
    rung = policy.rung(case.rung + 1)
    return rung is not None and rung.numbered


def stands_at(case: Case, rules: Rules) -> datetime:
    """When the next rung would be reached as things stand."""
    assert case.next_at is not None
    if case.rung_on is None:
        return case.next_at
    return max(case.next_at, rules.next_morning(case.rung_on))


def due_after(rung: Rung, due_at: datetime, rules: Rules) -> tuple[datetime | None, bool]:
    above = rules.policy.rung(rung.number + 1)
    if above is None:
        return None, False
    counted = rules.calendar.add(moments.china_date(due_at), above.after_days - rung.after_days)
    return rules.morning(counted.day), counted.provisional


def _reply_by(rung: Rung, on: date, next_at: datetime | None, rules: Rules) -> date | None:
    """Within the days that the policy grants, and before the next rung's morning: the last working day before it."""
    if not rung.reply_within_days:
        return None
    granted = rules.calendar.add(on, rung.reply_within_days).day
    if next_at is None:
        return granted
    return min(granted, rules.calendar.add(moments.china_date(next_at), -1).day)
