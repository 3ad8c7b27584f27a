"""What the facts of enterprise requests and common problems say, in Chinese."""

from services.intake.api.projects.wording import Names
from services.intake.api.subject_history import Sentences
from services.intake.domain.requests.requests import SATISFACTION_NAMES
from services.intake.domain.terms import SOURCE_NAMES
from shared.contracts.requests import (
    ProblemAnswered,
    ProblemGathered,
    ProblemJoined,
    ProblemReassigned,
    RequestAnswered,
    RequestAssigned,
    RequestConfirmed,
    RequestRaised,
    RequestSentBack,
    RequestWithdrawn,
)


def _raised(event: RequestRaised, names: Names) -> str:
    how = "提出诉求" if event.by_enterprise else "的诉求由工作人员代为登记"
    return f"{event.enterprise_name}（{event.uscc}）{how}“{event.title}”，产业链：{names[event.chain_id]}"


def _assigned(event: RequestAssigned, names: Names) -> str:
    post, org = names[event.responsible_post_id], names[event.responsible_org_id]
    document = event.source_document and f"（{event.source_document}）"
    source = f"，来源：{SOURCE_NAMES[event.source]}{document}"
    reason = event.reason and f"，{event.reason}"
    return f"交{org}办理，责任岗位：{post}，{event.due_on}前答复{source}{reason}"


def _confirmed(event: RequestConfirmed, _: Names) -> str:
    comment = event.comment and f"：{event.comment}"
    return f"{event.confirmed_on}企业确认，{SATISFACTION_NAMES[event.satisfaction]}{comment}"


def _gathered(event: ProblemGathered, names: Names) -> str:
    post = names[event.responsible_post_id]
    count = len(event.request_ids)
    return f"{count}件诉求合并为共性问题“{event.title}”，交{post}办理，{event.due_on}前答复"


SENTENCES: Sentences = {
    RequestRaised: _raised,
    RequestAssigned: _assigned,
    RequestAnswered: lambda event, _: f"{event.answered_on}答复：{event.answer}",
    RequestSentBack: lambda event, _: f"{event.sent_back_on}企业退回：{event.reason}",
    RequestConfirmed: _confirmed,
    RequestWithdrawn: lambda event, _: f"{event.withdrawn_on}企业撤回：{event.reason}",
    ProblemGathered: _gathered,
    ProblemJoined: lambda event, _: f"并入{len(event.request_ids)}件诉求，{event.due_on}前答复",
    ProblemReassigned: lambda event, names: f"改由{names[event.responsible_post_id]}办理：{event.reason}",
    ProblemAnswered: lambda event, _: (
        f"{event.answered_on}答复：{event.answer}，同时答复{len(event.request_ids)}件诉求"
    ),
}
