"""What a message says, in the officials' words: what, since when, until when, what is asked, who, how late."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

from services.notification.domain.messages import chinese_date
from services.notification.domain.routing import Listener
from shared.contracts.programme import Tier
from shared.contracts.supervision import (
    CaseClosed,
    CaseEscalated,
    CommendationProposed,
    Document,
    ObligationReminded,
    Subject,
)

# The field's dates are Asia/Shanghai dates; the kit's clock holds the same zone but also reads time.
CHINA = ZoneInfo("Asia/Shanghai")

Told = ObligationReminded | CaseEscalated | CaseClosed | CommendationProposed
TOLD: tuple[type[Told], ...] = (ObligationReminded, CaseEscalated, CaseClosed, CommendationProposed)

TIER_NAMES = {
    Tier.CHIEF_GENERAL: "总链长",
    Tier.CHIEF: "链长",
    Tier.DEPUTY_CHIEF: "副链长",
    Tier.TASK_FORCE: "工作专班",
    Tier.TASK_FORCE_OFFICE: "专班办公室",
    Tier.UNIT_HEAD: "责任单位负责人",
    Tier.OFFICER: "责任人",
}
DOCUMENT_NAMES = {
    Document.REMINDER: "提醒",
    Document.URGE: "催办",
    Document.LETTER: "督办函",
    Document.TALK: "约谈",
    Document.TALK_CHIEF: "约谈（链长）",
    Document.CIRCULAR: "通报（拟稿）",
}
PERHAPS_REPEATED = "（可能重复）"
_INTERNAL_NOTICE = "说明：本消息为内部督办提示，正式文书以签发件为准"


@dataclass(frozen=True, slots=True)
class Post:
    """A post as it stands at sending time; no holder: vacant."""

    title: str
    tier: Tier
    organisation: str
    holder: str | None
    mobile: str | None = None


@dataclass(frozen=True, slots=True)
class Names:
    """What the directory calls those whom a message names. Whoever it does not know yet is called by tier."""

    posts: Mapping[UUID, Post] = field(default_factory=dict)
    chains: Mapping[UUID, str] = field(default_factory=dict)
    organisations: Mapping[UUID, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Button:
    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A message before a channel gives it its form. `lines` may be cut to fit, `tail` never."""

    title: str
    lines: tuple[str, ...]
    tail: str
    number: int
    button: Button | None = None
    mentions: tuple[str, ...] = ()


def render(
    event: Told,
    listeners: Sequence[Listener],
    names: Names,
    *,
    number: int,
    decided_on: date,
    link: str | None = None,
    repeat: bool = False,
) -> Draft:
    """The message of an event for those of its addressees that one robot reaches.

    `decided_on` is the day of the event: what is said of delay holds for that day, however late the message leaves.
    `link`: the signed address behind 签收. `repeat`: an earlier attempt may have shown it already.
    """
    title, lines = _say(event, names, decided_on)
    return Draft(
        title=(PERHAPS_REPEATED if repeat else "") + title,
        lines=(*_addressed(listeners, names), *lines),
        tail=_tail(number),
        number=number,
        button=Button("签收", link) if link else None,
        mentions=_mentions(listeners, names),
    )


def render_test(*, number: int, robot: str, repeat: bool = False) -> Draft:
    """What an operator sends to see whether a robot works."""
    return Draft(
        title=(PERHAPS_REPEATED if repeat else "") + "【测试】消息通道测试",
        lines=(f"通道：{_line(robot)}", "收到本消息说明通道可用，无需处理。"),
        tail=_tail(number),
        number=number,
    )


def title_of(event: Told) -> str:
    """What a message of this event is headed with."""
    return _say(event, Names(), event.subject.due_on)[0]


def asks_acknowledgement(event: Told, listeners: Sequence[Listener]) -> bool:
    """A rung asks those it is addressed to for 签收; whoever hears it for information is not asked."""
    return isinstance(event, CaseEscalated) and any(not listener.copy_only for listener in listeners)


def _say(event: Told, names: Names, decided_on: date) -> tuple[str, tuple[str, ...]]:
    match event:
        case ObligationReminded():
            return _reminder(event, names)
        case CaseEscalated():
            return _escalation(event, names, decided_on)
        case CaseClosed():
            return _closing(event, names)
        case CommendationProposed():
            return _commendation(event, names)


def _reminder(event: ObligationReminded, names: Names) -> tuple[str, tuple[str, ...]]:
    left = f"还有{event.working_days_left}个工作日到期" if event.working_days_left > 0 else "今日到期"
    return f"【提醒】{_matter(event.subject)}{left}", (
        *_about(event.subject, names),
        f"期限：{chinese_date(event.subject.due_on)}（{left}）",
        "要求：请抓紧推进；如确需延期，请于到期前说明理由、进展和新的完成日期并提出申请",
    )


def _escalation(event: CaseEscalated, names: Names, decided_on: date) -> tuple[str, tuple[str, ...]]:
    late = f"逾期{event.working_days_late}个工作日" if event.working_days_late > 0 else "红灯预警"
    head = f"【{DOCUMENT_NAMES[event.document]}】{event.document_number or event.number} {_matter(event.subject)}{late}"
    lines = [
        *_about(event.subject, names),
        f"期限：{chinese_date(event.subject.due_on)}，截至{chinese_date(decided_on)}{_standing(event)}",
        f"要求：{_asked(event)}",
    ]
    if event.next_at:
        lines.append(f"升级：如未按要求办理，将于{chinese_date(event.next_at.astimezone(CHINA).date())}上报上一级")
    if event.raised_by_light:
        lines.append("说明：项目连续亮红灯，依规提前升级")
    if event.skipped:
        lines.append(f"说明：{'、'.join(TIER_NAMES[tier] for tier in event.skipped)}岗位空缺，依次报上一级")
    if event.provisional:
        lines.append("说明：相关年度放假安排尚未公布，日期按暂定工作日推算")
    if event.rung > 1:
        lines.append(_INTERNAL_NOTICE)
    return head, tuple(lines)


def _standing(event: CaseEscalated) -> str:
    late = event.working_days_late
    return f"逾期{late}个工作日" if late > 0 else "尚未逾期，项目已亮红灯"


def _asked(event: CaseEscalated) -> str:
    by = f"于{chinese_date(event.reply_by)}前" if event.reply_by else "尽快"
    match event.document:
        case Document.TALK | Document.TALK_CHIEF:
            return f"请约谈责任单位，督促其{by}反馈整改措施和完成时限"
        case Document.CIRCULAR:
            return f"请审定通报，并督促责任单位{by}反馈办理情况"
    return f"请签收，并{by}反馈办理情况、存在问题和预计完成时间"


def _closing(event: CaseClosed, names: Names) -> tuple[str, tuple[str, ...]]:
    return f"【办结】{_matter(event.subject)}督办件已办结", (
        *_about(event.subject, names),
        f"原定期限：{chinese_date(event.subject.due_on)}；办结日期：{chinese_date(event.closed_on)}",
        f"办结原因：{_line(event.reason)}",
        "要求：督办件予以销号，无需再办",
    )


def _commendation(event: CommendationProposed, names: Names) -> tuple[str, tuple[str, ...]]:
    early = f"提前{event.working_days_early}个工作日完成"
    return f"【激励建议】{_matter(event.subject)}{early}", (
        *_about(event.subject, names),
        f"期限：{chinese_date(event.subject.due_on)}；完成：{chinese_date(event.met_on)}（{early}）",
        "要求：请研究是否列入激励名单；本建议须经审批后生效",
    )


def _about(subject: Subject, names: Names) -> tuple[str, ...]:
    chain = names.chains.get(subject.chain_id)
    of_chain = f"（产业链：{_line(chain)}）" if chain else ""
    organisation = names.organisations.get(subject.responsible_org_id)
    answers = f"责任岗位：{_called(names.posts.get(subject.responsible_post_id), Tier.OFFICER)}"
    return (
        f"事项：{_line(subject.project_name)}——{_line(subject.milestone_name)}{of_chain}",
        f"责任单位：{_line(organisation)}；{answers}" if organisation else answers,
    )


def _addressed(listeners: Sequence[Listener], names: Names) -> tuple[str, ...]:
    to = [_called(names.posts.get(one.post_id), one.tier) for one in listeners if not one.copy_only]
    copies = [_called(names.posts.get(one.post_id), one.tier) for one in listeners if one.copy_only]
    return (*((f"主送：{'、'.join(to)}",) if to else ()), *((f"抄送：{'、'.join(copies)}",) if copies else ()))


def _called(post: Post | None, tier: Tier) -> str:
    if post is None:
        return TIER_NAMES[tier]
    return f"{_line(post.title)} {_line(post.holder)}" if post.holder else f"{_line(post.title)}（空缺）"


def _mentions(listeners: Sequence[Listener], names: Names) -> tuple[str, ...]:
    posts = (names.posts.get(one.post_id) for one in listeners if one.mention)
    return tuple(dict.fromkeys(post.mobile for post in posts if post and post.mobile))


def _matter(subject: Subject) -> str:
    return f"{_line(subject.project_name)}“{_line(subject.milestone_name)}”"


def _tail(number: int) -> str:
    return f"链督 消息编号 {number}"


def _line(text: str) -> str:
    """A name from a workbook stays in its line."""
    return " ".join(text.split())
