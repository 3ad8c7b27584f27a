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

# The field's dates are Asia/Shanghai dates; the kit's clock holds the same zone but also reads time.
CHINA = ZoneInfo("Asia/Shanghai")

Told = (
    ObligationReminded
    | ExtensionGranted
    | ExtensionRefused
    | CaseEscalated
    | CaseFeedbackSentBack
    | CaseClosed
    | CaseReopened
    | CommendationProposed
    | CommendationWithdrawn
    | CommendationApproved
    | CommendationStruckOff
)
TOLD: tuple[type[Told], ...] = (
    ObligationReminded,
    ExtensionGranted,
    ExtensionRefused,
    CaseEscalated,
    CaseFeedbackSentBack,
    CaseClosed,
    CaseReopened,
    CommendationProposed,
    CommendationWithdrawn,
    CommendationApproved,
    CommendationStruckOff,
)

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
    Document.TALK: "提请约谈",
    Document.TALK_CHIEF: "提请链长约谈",
    Document.CIRCULAR: "通报（拟稿）",
}
PERHAPS_REPEATED = "（可能重复）"
_INTERNAL_NOTICE = "本消息为内部督办提示，正式文书以签发件为准"
_FOR_INFORMATION = "以上情况供掌握"
_WEEKDAYS = "一二三四五六日"
# What comes after a rung of the default ladder. An event says when, not what: another ladder's rungs are not named.
_NEXT_STEPS = {
    (1, Document.URGE): "向工作专班发督办函",
    (2, Document.LETTER): "报请副链长约谈",
    (3, Document.TALK): "报请链长约谈",
    (4, Document.TALK_CHIEF): "报请总链长通报",
}


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
    belated_on: date | None = None,
) -> Draft:
    """The message of an event for those of its addressees that one robot reaches.

    `decided_on` is the day of the event: what is said of delay holds for that day, however late the message leaves.
    `link`: the signed address behind 签收. `repeat`: an earlier attempt may have shown it already.
    `belated_on`: the day it leaves, when that is long after the event.
    """
    title, lines = _say(event, names, decided_on, informed=_informed(event, listeners))
    belated = f"（补发，原定{_near(decided_on, belated_on)}）" if belated_on else ""
    return Draft(
        title=belated + (PERHAPS_REPEATED if repeat else "") + title,
        lines=(*_addressed(event, listeners, names), *filter(None, lines)),
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


def _informed(event: Told, listeners: Sequence[Listener]) -> str | None:
    """What stands instead of a demand where all hear it for information; None where somebody is addressed."""
    if not listeners or any(not one.copy_only for one in listeners):
        return None
    if isinstance(event, CommendationProposed) and any(one.tier is Tier.OFFICER for one in listeners):
        return "特此告知，待审批后生效"
    return _FOR_INFORMATION


def _say(event: Told, names: Names, decided_on: date, *, informed: str | None = None) -> tuple[str, tuple[str, ...]]:
    match event:
        case ObligationReminded():
            return _reminder(event, names, informed)
        case ExtensionGranted():
            return _extension(event, names, informed)
        case ExtensionRefused():
            return _no_extension(event, names, informed)
        case CaseEscalated():
            return _escalation(event, names, decided_on, informed)
        case CaseFeedbackSentBack():
            return _sending_back(event, names, decided_on, informed)
        case CaseClosed():
            return _closing(event, names, informed)
        case CaseReopened():
            return _reopening(event, names, decided_on, informed)
        case CommendationProposed():
            return _commendation(event, names, informed)
        case CommendationWithdrawn():
            return _withdrawal(event, names)
        case CommendationApproved():
            return _praise(event, names)
        case CommendationStruckOff():
            return _praise_taken_back(event, names)


def _reminder(event: ObligationReminded, names: Names, informed: str | None) -> tuple[str, tuple[str, ...]]:
    left = f"还有{event.working_days_left}个工作日到期" if event.working_days_left > 0 else "今日到期"
    return f"【提醒】{_matter(event.subject)}{left}", (
        *_about(event.subject, names),
        f"期限：{chinese_date(event.subject.due_on)}（{left}）",
        informed or "要求：请抓紧推进；如确需延期，请于到期前说明理由、进展和新的完成日期并提出申请",
    )


def _extension(event: ExtensionGranted, names: Names, informed: str | None) -> tuple[str, tuple[str, ...]]:
    until = chinese_date(event.due_on)
    return f"【延期批复】{_matter(event.subject)}期限延至{until}", (
        *_about(event.subject, names),
        f"原期限：{chinese_date(event.due_before)}；新期限：{until}",
        f"批复意见：{_line(event.remark)}" if event.remark else "",
        informed or "要求：请按新的期限推进",
    )


def _no_extension(event: ExtensionRefused, names: Names, informed: str | None) -> tuple[str, tuple[str, ...]]:
    return f"【延期批复】{_matter(event.subject)}延期申请未批准", (
        *_about(event.subject, names),
        f"期限：{chinese_date(event.subject.due_on)}（拟延至{chinese_date(event.due_on)}，未批准）",
        f"理由：{_line(event.reason)}",
        informed or "要求：请按原期限推进；逾期的按督办程序办理",
    )


def _escalation(
    event: CaseEscalated, names: Names, decided_on: date, informed: str | None
) -> tuple[str, tuple[str, ...]]:
    late = f"逾期{event.working_days_late}个工作日" if event.working_days_late > 0 else "红灯预警"
    head = f"【{DOCUMENT_NAMES[event.document]}】{event.document_number or event.number} {_matter(event.subject)}{late}"
    number = (f"督办件：{event.number}",) if event.document_number else ()
    climb = _climb(event, decided_on)
    return head, (
        *number,
        *_about(event.subject, names),
        f"期限：{chinese_date(event.subject.due_on)}，截至{chinese_date(decided_on)}{_standing(event)}",
        *((climb, informed) if informed else (_asked(event, decided_on), climb)),
        _remarks(event),
    )


def _standing(event: CaseEscalated) -> str:
    late = event.working_days_late
    return f"逾期{late}个工作日" if late > 0 else "尚未逾期，项目已亮红灯"


def _asked(event: CaseEscalated, today: date) -> str:
    match event.document:
        case Document.TALK | Document.TALK_CHIEF:
            return f"拟办意见：建议对责任单位进行约谈，督促其{_by(event.reply_by, today)}反馈整改措施和完成时限"
        case Document.CIRCULAR:
            reply = f"，并督促责任单位{_by(event.reply_by, today)}反馈办理情况" if event.reply_by else ""
            return f"拟办意见：现拟予通报{reply}，妥否，请批示"
    by = _by(event.reply_by, today) or "尽快"
    return f"要求：请签收，并请{by}反馈办理情况、存在问题和预计完成时间"


def _by(day: date | None, today: date) -> str:
    return f"于{_near(day, today)}（星期{_WEEKDAYS[day.weekday()]}）下班前" if day else ""


def _climb(event: CaseEscalated, today: date) -> str:
    """What follows if nobody answers; empty at the top."""
    if event.next_at is None:
        return ""
    on = event.next_at.astimezone(CHINA).date()
    # After an outage the next rung can come before the day until which a reply is asked for.
    unanswered = "逾期未反馈的" if event.reply_by and event.reply_by <= on else "如仍未反馈"
    step = _NEXT_STEPS.get((event.rung, event.document), "进入下一级督办")
    return f"{unanswered}，将于{_near(on, today)}{step}"


def _remarks(event: CaseEscalated) -> str:
    remarks = ["项目连续亮红灯，依规提前升级"] if event.raised_by_light else []
    remarks += _vacancies(event)
    if event.provisional:
        remarks.append("相关年度放假安排尚未公布，日期按暂定工作日推算")
    if event.rung > 1:
        remarks.append(_INTERNAL_NOTICE)
    if len(remarks) < 2:
        return "".join(f"说明：{remark}" for remark in remarks)
    return "说明：" + " ".join(f"{index}.{remark}" for index, remark in enumerate(remarks, start=1))


def _vacancies(event: CaseEscalated) -> list[str]:
    """Which posts are vacant, and who was addressed instead: the nearest tier above. A copy merely falls away."""
    upward = tuple(reversed(TIER_NAMES))
    addressed = [one.tier for one in event.addressees if not one.copy_only]
    skipped: dict[Tier | None, list[str]] = {}
    for tier in event.skipped:
        above = (other for other in upward[upward.index(tier) + 1 :] if other in addressed)
        skipped.setdefault(next(above, None), []).append(TIER_NAMES[tier])
    return [
        f"因{'、'.join(tiers)}岗位空缺，直接报{TIER_NAMES[instead]}" if instead else f"{'、'.join(tiers)}岗位空缺"
        for instead, tiers in skipped.items()
    ]


def _sending_back(
    event: CaseFeedbackSentBack, names: Names, decided_on: date, informed: str | None
) -> tuple[str, tuple[str, ...]]:
    following = ""
    if event.next_at is not None:
        following = f"如仍未完成，将于{_near(event.next_at.astimezone(CHINA).date(), decided_on)}进入下一级督办"
    return f"【退办】{event.number} {_matter(event.subject)}反馈已退回", (
        *_about(event.subject, names),
        f"退办理由：{_line(event.reason)}",
        following,
        informed or "要求：请重新反馈办理情况、整改措施和预计完成时间",
    )


def _closing(event: CaseClosed, names: Names, informed: str | None) -> tuple[str, tuple[str, ...]]:
    number = f"{event.number} " if event.number else ""
    return f"【办结】{number}{_matter(event.subject)}督办件已办结", (
        *_about(event.subject, names),
        f"原定期限：{chinese_date(event.subject.due_on)}；办结日期：{chinese_date(event.closed_on)}",
        f"办结原因：{_line(event.reason)}",
        "待督查室核实后销号",
        informed or "",
    )


def _reopening(
    event: CaseReopened, names: Names, decided_on: date, informed: str | None
) -> tuple[str, tuple[str, ...]]:
    following = ""
    if event.next_at is not None:
        following = f"如仍未完成，将于{_near(event.next_at.astimezone(CHINA).date(), decided_on)}进入下一级督办"
    return f"【恢复督办】{event.number} {_matter(event.subject)}督办件恢复办理", (
        *_about(event.subject, names),
        f"原定期限：{chinese_date(event.subject.due_on)}；恢复日期：{chinese_date(event.reopened_on)}",
        f"恢复原因：{_line(event.reason)}，此前的办结不再有效",
        following,
        informed or "要求：请继续推进，并反馈办理情况、存在问题和预计完成时间",
    )


def _withdrawal(event: CommendationWithdrawn, names: Names) -> tuple[str, tuple[str, ...]]:
    return f"【撤回激励建议】{_matter(event.subject)}", (
        *_about(event.subject, names),
        f"撤回原因：{_line(event.reason)}",
        "此前的激励建议不再有效",
    )


def _commendation(event: CommendationProposed, names: Names, informed: str | None) -> tuple[str, tuple[str, ...]]:
    early = f"提前{event.working_days_early}个工作日完成"
    return f"【激励建议】{_matter(event.subject)}{early}", (
        *_about(event.subject, names),
        f"期限：{chinese_date(event.subject.due_on)}；完成：{chinese_date(event.met_on)}（{early}）",
        informed or "要求：请研究是否列入激励名单；本建议须经审批后生效",
    )


def _praise(event: CommendationApproved, names: Names) -> tuple[str, tuple[str, ...]]:
    return f"【表扬】{_matter(event.subject)}", (
        *_about(event.subject, names),
        f"审批意见：{_line(event.remark)}" if event.remark else "",
        f"经审批，自{chinese_date(event.approved_on)}起列入红榜，特予表扬",
    )


def _praise_taken_back(event: CommendationStruckOff, names: Names) -> tuple[str, tuple[str, ...]]:
    return f"【撤销表扬】{_matter(event.subject)}", (
        *_about(event.subject, names),
        f"撤销原因：{_line(event.reason)}",
        "此前的表扬不再有效，已从红榜撤下",
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


def _addressed(event: Told, listeners: Sequence[Listener], names: Names) -> tuple[str, ...]:
    """A line for each way of being addressed: what asks for a decision, and whatever the 总链长 gets, is 呈."""
    draft = isinstance(event, CaseEscalated) and event.document is Document.CIRCULAR
    ways: dict[str, list[str]] = {"呈": [], "主送": [], "抄送": []}
    for one in listeners:
        upward = draft or one.tier is Tier.CHIEF_GENERAL
        way = "抄送" if one.copy_only else "呈" if upward else "主送"
        ways[way].append(_called(names.posts.get(one.post_id), one.tier))
    return tuple(f"{way}：{'、'.join(called)}" for way, called in ways.items() if called)


def _called(post: Post | None, tier: Tier) -> str:
    if post is None:
        return TIER_NAMES[tier]
    return f"{_line(post.title)} {_line(post.holder)}" if post.holder else f"{_line(post.title)}（空缺）"


def _mentions(listeners: Sequence[Listener], names: Names) -> tuple[str, ...]:
    posts = (names.posts.get(one.post_id) for one in listeners if one.mention)
    return tuple(dict.fromkeys(post.mobile for post in posts if post and post.mobile))


def _matter(subject: Subject) -> str:
    return f"{_line(subject.project_name)}“{_line(subject.milestone_name)}”"


def _near(day: date, today: date) -> str:
    """A day as one says it: without its year in the same year."""
    return f"{day.month}月{day.day}日" if day.year == today.year else chinese_date(day)


def _tail(number: int) -> str:
    return f"链督 消息编号 {number}"


def _line(text: str) -> str:
    """A name from a workbook stays in its line."""
    return " ".join(text.split())
