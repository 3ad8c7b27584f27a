"""The histories of organisations, people, posts, chains, enterprises and maps: what each fact says, in Chinese."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.projects.wording import Names
from services.intake.api.subject_history import Sentences, history_page
from services.intake.domain.errors import RecordMissing
from services.intake.domain.organisation.groups import FORCE_NAMES
from services.intake.domain.terms import CATEGORY_NAMES, ORGANISATION_KIND_NAMES, POSITION_NAMES, TIER_NAMES
from shared.contracts.event import Event
from shared.contracts.programme import (
    AnchorNamed,
    AnchorReleased,
    ChainMerged,
    ChainRecorded,
    ChainSplit,
    EnterpriseRecorded,
    LeaveCancelled,
    LeaveEnded,
    LeavePlanned,
    OrganisationRecorded,
    ParkRecorded,
    PersonRecorded,
    PostAssumed,
    PostChainsAssigned,
    PostEstablished,
    PostTermsCorrected,
    PostVacated,
    SegmentRecorded,
    SegmentRemoved,
    TaskForceDissolved,
    TaskForceRecorded,
    TermOfOffice,
)
from shared.contracts.topics import EVENT_TYPES
from shared.kit.log import eventlog
from shared.kit.web.http import Paging


async def programme_history(aggregate_id: UUID, what: str, paging: Paging, *, conn: AsyncConnection) -> dict[str, Any]:
    """A page of a record's facts in order: when, who, what.

    Raises:
        RecordMissing: there is no such record (`what`, in Chinese), or it is of another kind.
    """
    first = await eventlog.history(aggregate_id, conn=conn, limit=1)
    if not (first and EVENT_TYPES[first[0].type] in SUBJECTS[what]):
        raise RecordMissing(what, aggregate_id)
    return await history_page(aggregate_id, SENTENCES, paging=paging, conn=conn)


def _all(ids: Iterable[UUID], names: Names) -> str:
    return "、".join(names[id] for id in ids) or "无"


def _reason(reason: str) -> str:
    return f"：{reason}" if reason else ""


def _organisation(event: OrganisationRecorded, names: Names) -> str:
    parts = [f"登记为“{event.name}”"]
    if event.since:
        parts = [f"{event.since}起更名为“{event.name}”"]
    if event.kind:
        parts.append(f"类别：{ORGANISATION_KIND_NAMES[event.kind]}")
    if event.parent_id:
        parts.append(f"上级单位：{names[event.parent_id]}")
    return "，".join(parts)


def _task_force(event: TaskForceRecorded, names: Names) -> str:
    members = [
        names[member.organisation_id]
        + (names[member.person_id] if member.person_id else "")
        + (f"（{member.role}）" if member.role else "")
        for member in event.members
    ]
    chains = f"，产业链：{_all(event.chain_ids, names)}" if event.chain_ids else ""
    return f"{FORCE_NAMES[event.kind]}，{event.set_up_on}成立{chains}，成员：{'、'.join(members) or '无'}"


def _leave(event: LeavePlanned, names: Names) -> str:
    posts = f"（{_all(event.post_ids, names)}）" if event.post_ids else ""
    delegate = names[event.delegate_id]
    return f"{event.from_day}至{event.until_day}请假，由{delegate}代理{posts}{_reason(event.reason)}"


def _chain(event: ChainRecorded, _: Names) -> str:
    since = f"{event.since}起" if event.since else ""
    return f"{since}产业链{event.code}：{event.name}（{CATEGORY_NAMES[event.category]}）"


def _split(event: ChainSplit, names: Names) -> str:
    left = "，本链撤销" if event.closed else ""
    return f"{event.from_day}起拆分出{_all(event.into, names)}{left}{_reason(event.reason)}"


def _post(event: PostEstablished, names: Names) -> str:
    chains = f"，负责产业链：{_all(event.chain_ids, names)}" if event.chain_ids else ""
    since = f"{event.on}起" if event.on else ""
    return f"{since}设立岗位“{event.title}”（{TIER_NAMES[event.tier]}），单位：{names[event.organisation_id]}{chains}"


def _term(term: TermOfOffice, names: Names) -> str:
    return f"{names[term.person_id]}{term.from_day}至{term.until_day or '今'}"


def _segment(event: SegmentRecorded, _: Names) -> str:
    parts = [f"环节“{event.name}”（{POSITION_NAMES[event.position]}）"]
    firms = [firm.name for firm in event.target_firms]
    for word, items in (("优势", event.strengths), ("短板", event.gaps), ("目标企业", firms)):
        if items:
            parts.append(f"{word}：{'、'.join(items)}")
    return "，".join(parts)


SENTENCES: Sentences = {
    OrganisationRecorded: _organisation,
    TaskForceRecorded: _task_force,
    TaskForceDissolved: lambda event, _: f"{event.from_day}起撤销：{event.reason}",
    ParkRecorded: lambda event, names: (
        f"专业园区，产业链：{_all(event.chain_ids, names)}，地址：{event.address or '未填'}"
    ),
    PersonRecorded: lambda event, names: f"{event.name}，单位：{names[event.organisation_id]}",
    LeavePlanned: _leave,
    LeaveEnded: lambda event, _: f"请假止日改为{event.until_day}",
    LeaveCancelled: lambda event, _: f"取消请假{_reason(event.reason)}",
    ChainRecorded: _chain,
    ChainSplit: _split,
    ChainMerged: lambda event, names: f"{event.from_day}起并入{names[event.into]}{_reason(event.reason)}",
    EnterpriseRecorded: lambda event, names: f"{event.name}（{event.uscc}），产业链：{_all(event.chain_ids, names)}",
    AnchorNamed: lambda event, names: f"{event.from_day}起为{names[event.chain_id]}产业链的链主企业",
    AnchorReleased: lambda event, names: (
        f"{event.from_day}起不再是{names[event.chain_id]}产业链的链主企业{_reason(event.reason)}"
    ),
    SegmentRecorded: _segment,
    SegmentRemoved: lambda event, _: "删去一个环节",
    PostEstablished: _post,
    PostChainsAssigned: lambda event, names: (
        f"{event.from_day}起负责产业链：{_all(event.chain_ids, names)}{_reason(event.reason)}"
    ),
    PostAssumed: lambda event, names: f"{event.from_day}起由{names[event.person_id]}任职",
    PostVacated: lambda event, names: f"{names[event.person_id]}自{event.from_day}起不再任职，岗位空缺",
    PostTermsCorrected: lambda event, names: (
        f"更正任期为：{'；'.join(_term(term, names) for term in event.terms) or '无'}{_reason(event.reason)}"
    ),
}
SUBJECTS: Mapping[str, tuple[type[Event], ...]] = {
    "单位": (OrganisationRecorded,),
    "人员": (PersonRecorded,),
    "产业链": (ChainRecorded,),
    "岗位": (PostEstablished,),
    "企业": (EnterpriseRecorded,),
    "招商图谱": (SegmentRecorded,),
}
"""What a record's first fact is."""
