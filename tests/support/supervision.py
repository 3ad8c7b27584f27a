"""A small programme and what supervision says about it: events for tests of whoever listens."""

from datetime import date, datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from shared.contracts.event import Event
from shared.contracts.programme import (
    ChainCategory,
    ChainRecorded,
    OrganisationRecorded,
    PersonRecorded,
    PostAssumed,
    PostEstablished,
    Tier,
)
from shared.contracts.supervision import (
    Addressee,
    CaseClosed,
    CaseEscalated,
    CaseFeedbackSentBack,
    CaseReopened,
    CommendationApproved,
    CommendationProposed,
    CommendationStruckOff,
    CommendationWithdrawn,
    Document,
    ExtensionGranted,
    ExtensionRefused,
    ObligationReminded,
    Subject,
)
from shared.kit.clock import CHINA
from shared.kit.consuming.consumer import Fact


def some_id(name: str) -> UUID:
    """The same id for the same name."""
    return uuid5(NAMESPACE_URL, name)


CHAIN = some_id("新型显示")
UNIT = some_id("区工业和信息化局")
TITLES = {
    Tier.CHIEF_GENERAL: "总链长",
    Tier.CHIEF: "新型显示产业链链长",
    Tier.DEPUTY_CHIEF: "新型显示产业链副链长",
    Tier.TASK_FORCE: "新型显示产业链工作专班负责人",
    Tier.TASK_FORCE_OFFICE: "新型显示产业链专班办公室主任",
    Tier.UNIT_HEAD: "区工业和信息化局局长",
    Tier.OFFICER: "新型显示项目专员",
}
HOLDERS = {
    Tier.CHIEF_GENERAL: "王建国",
    Tier.CHIEF: "李明",
    Tier.DEPUTY_CHIEF: "周强",
    Tier.TASK_FORCE: "吴磊",
    Tier.TASK_FORCE_OFFICE: "郑洁",
    Tier.UNIT_HEAD: "孙伟",
    Tier.OFFICER: "钱芳",
}


def post(tier: Tier) -> UUID:
    return some_id(f"post {tier}")


def person(tier: Tier) -> UUID:
    return some_id(f"person {tier}")


def to(*tiers: Tier, copy: tuple[Tier, ...] = ()) -> tuple[Addressee, ...]:
    return (
        *(Addressee(post_id=post(tier), tier=tier) for tier in tiers),
        *(Addressee(post_id=post(tier), tier=tier, copy_only=True) for tier in copy),
    )


def programme() -> list[Event]:
    """The chain, the unit, a post for each tier and its holder."""
    facts: list[Event] = [
        OrganisationRecorded(organisation_id=UNIT, name="区工业和信息化局"),
        ChainRecorded(chain_id=CHAIN, code="XXXS", name="新型显示", category=ChainCategory.EMERGING_MANUFACTURING),
    ]
    for tier in Tier:
        facts += [
            PersonRecorded(person_id=person(tier), name=HOLDERS[tier], organisation_id=UNIT),
            PostEstablished(
                post_id=post(tier), title=TITLES[tier], tier=tier, organisation_id=UNIT, chain_ids=(CHAIN,)
            ),
            PostAssumed(post_id=post(tier), person_id=person(tier), from_day=date(2025, 1, 1)),
        ]
    return facts


def subject(project: str = "安迈铝业增资", *, milestone: str = "开工", due_on: date = date(2026, 3, 2)) -> Subject:
    return Subject(
        project_id=some_id(f"project {project}"),
        project_name=project,
        chain_id=CHAIN,
        milestone_id=some_id(f"milestone {project} {milestone}"),
        milestone_name=milestone,
        due_on=due_on,
        responsible_org_id=UNIT,
        responsible_post_id=post(Tier.OFFICER),
    )


def reminded(**changes: Any) -> ObligationReminded:
    values: dict[str, Any] = {
        "obligation_id": some_id("obligation"),
        "subject": subject(),
        "addressees": to(Tier.OFFICER),
        "working_days_left": 3,
    }
    return ObligationReminded(**{**values, **changes})


def extended(**changes: Any) -> ExtensionGranted:
    values: dict[str, Any] = {
        "obligation_id": some_id("obligation"),
        "number": 1,
        "subject": subject(due_on=date(2026, 4, 10)),
        "addressees": to(Tier.OFFICER, copy=(Tier.UNIT_HEAD,)),
        "due_before": date(2026, 3, 2),
        "due_on": date(2026, 4, 10),
        "by": "督查室 <supervisor-1>",
        "remark": "同意，倒排工期",
    }
    return ExtensionGranted(**{**values, **changes})


def not_extended(**changes: Any) -> ExtensionRefused:
    values: dict[str, Any] = {
        "obligation_id": some_id("obligation"),
        "number": 1,
        "subject": subject(),
        "addressees": to(Tier.OFFICER, copy=(Tier.UNIT_HEAD,)),
        "due_on": date(2026, 4, 10),
        "by": "督查室 <supervisor-1>",
        "reason": "理由不充分",
    }
    return ExtensionRefused(**{**values, **changes})


def escalated(**changes: Any) -> CaseEscalated:
    values: dict[str, Any] = {
        "case_id": some_id("case"),
        "number": "督〔2026〕12号",
        "rung": 2,
        "document": Document.LETTER,
        "document_number": "督函〔2026〕5号",
        "subject": subject(),
        "addressees": to(Tier.TASK_FORCE, copy=(Tier.DEPUTY_CHIEF,)),
        "working_days_late": 5,
        "reply_by": date(2026, 3, 16),
        "due_at": datetime.fromisoformat("2026-03-09T09:00+08:00"),
        "next_at": datetime.fromisoformat("2026-03-16T09:00+08:00"),
    }
    return CaseEscalated(**{**values, **changes})


def sent_back(**changes: Any) -> CaseFeedbackSentBack:
    values: dict[str, Any] = {
        "case_id": some_id("case"),
        "feedback": 1,
        "number": "督〔2026〕12号",
        "rung": 2,
        "subject": subject(),
        "addressees": to(Tier.OFFICER),
        "by": "督查室 <supervisor-1>",
        "reason": "未说明整改措施",
        "next_at": datetime(2026, 3, 12, 9, tzinfo=CHINA),
    }
    return CaseFeedbackSentBack(**{**values, **changes})


def closed(**changes: Any) -> CaseClosed:
    values: dict[str, Any] = {
        "case_id": some_id("case"),
        "reason": "节点已完成",
        "subject": subject(),
        "addressees": to(Tier.TASK_FORCE),
        "closed_on": date(2026, 3, 11),
        "number": "督〔2026〕12号",
    }
    return CaseClosed(**{**values, **changes})


def reopened(**changes: Any) -> CaseReopened:
    values: dict[str, Any] = {
        "case_id": some_id("case"),
        "number": "督〔2026〕12号",
        "rung": 2,
        "subject": subject(),
        "addressees": to(Tier.TASK_FORCE),
        "reason": "原记录已更正",
        "reopened_on": date(2026, 3, 12),
        "next_at": datetime(2026, 3, 17, 9, tzinfo=CHINA),
    }
    return CaseReopened(**{**values, **changes})


def withdrawn(**changes: Any) -> CommendationWithdrawn:
    values: dict[str, Any] = {
        "commendation_id": some_id("commendation"),
        "obligation_id": some_id("obligation"),
        "subject": subject(),
        "addressees": to(Tier.CHIEF),
        "reason": "原记录已更正",
    }
    return CommendationWithdrawn(**{**values, **changes})


def approved(**changes: Any) -> CommendationApproved:
    values: dict[str, Any] = {
        "commendation_id": some_id("commendation"),
        "obligation_id": some_id("obligation"),
        "subject": subject(),
        "addressees": to(Tier.CHIEF),
        "by": "王处 <ducha>",
        "remark": "情况属实",
        "approved_on": date(2026, 2, 24),
    }
    return CommendationApproved(**{**values, **changes})


def commendation_struck_off() -> CommendationStruckOff:
    return CommendationStruckOff(**withdrawn().model_dump())


def commended(**changes: Any) -> CommendationProposed:
    values: dict[str, Any] = {
        "commendation_id": some_id("commendation"),
        "obligation_id": some_id("obligation"),
        "subject": subject(),
        "addressees": to(Tier.CHIEF),
        "met_on": date(2026, 2, 20),
        "working_days_early": 5,
        "policy_version": "2026.1",
    }
    return CommendationProposed(**{**values, **changes})


def fact(event: Event, *, at: datetime, seq: int = 1) -> Fact:
    """The event as a consumer gets it, under an id of its own."""
    return Fact(
        topic=event.topic,
        source="/liandu/tests",
        aggregate_id=uuid4(),
        seq=seq,
        event_id=uuid4(),
        at=at,
        event=event,
    )
