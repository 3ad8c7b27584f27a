"""The topics: who writes, who reads, what stands in them, for how long. None is compacted: facts are not states."""

from dataclasses import dataclass
from datetime import timedelta

from shared.contracts import (
    case_documents,
    deliveries,
    programme,
    project_records,
    projects,
    promotion,
    registers,
    requests,
    scores,
    statistics,
    supervision,
)
from shared.contracts.event import Event


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic's record key is always the aggregate's id; `events` are all the types that may stand in it."""

    name: str
    producer: str
    consumers: tuple[str, ...]
    retention: timedelta
    events: tuple[type[Event], ...]
    partitions: int = 4


PROGRAMME = Topic(
    programme.PROGRAMME,
    producer="intake",
    consumers=("assessment", "notification"),
    retention=timedelta(days=90),
    events=(
        programme.OrganisationRecorded,
        programme.TaskForceRecorded,
        programme.TaskForceDissolved,
        programme.ParkRecorded,
        programme.PersonRecorded,
        programme.LeavePlanned,
        programme.LeaveEnded,
        programme.LeaveCancelled,
        programme.ChainRecorded,
        programme.ChainSplit,
        programme.ChainMerged,
        programme.EnterpriseRecorded,
        programme.AnchorNamed,
        programme.AnchorReleased,
        programme.SegmentRecorded,
        programme.SegmentRemoved,
        programme.PostEstablished,
        programme.PostChainsAssigned,
        programme.PostAssumed,
        programme.PostVacated,
        programme.PostTermsCorrected,
    ),
)
PROJECTS = Topic(
    projects.PROJECTS,
    producer="intake",
    consumers=("assessment",),
    retention=timedelta(days=90),
    events=(
        projects.ProjectRecorded,
        projects.ProjectRevised,
        projects.ProjectNegotiating,
        projects.ProjectSigned,
        projects.ProjectRegistered,
        projects.ProjectApproved,
        projects.ProjectStarted,
        projects.ProjectBuilding,
        projects.ProjectCompleted,
        projects.ProjectProducing,
        projects.ProjectFullCapacity,
        projects.ProjectDelayed,
        projects.ProjectHeld,
        projects.ProjectResumed,
        projects.ProjectTerminated,
        projects.MilestonePlanned,
        projects.MilestoneReplanned,
        projects.MilestoneReassigned,
        projects.MilestoneMet,
        projects.MilestoneCancelled,
        project_records.ProjectProfiled,
        project_records.ProjectSupported,
        project_records.ProjectNeedRaised,
        project_records.ProjectNeedReassigned,
        project_records.ProjectNeedMet,
        project_records.ProjectNeedWithdrawn,
        project_records.EvidenceFiled,
        project_records.ProjectReported,
        project_records.CorrectionRequested,
        project_records.CorrectionRefused,
        project_records.ProjectCorrected,
        project_records.MilestoneReopened,
        project_records.ReplanningRequested,
        project_records.ReplanningRefused,
    ),
)
REGISTERS = Topic(
    registers.REGISTERS,
    producer="intake",
    consumers=("assessment",),
    retention=timedelta(days=90),
    events=(
        registers.EntryRecorded,
        registers.EntryRevised,
        registers.EntryWithdrawn,
        registers.EntryAccepted,
        registers.EntryRefused,
        registers.RegisterFrozen,
        registers.FilingCalled,
        registers.FilingFiled,
        registers.FilingCalledOff,
        registers.MeasureRecorded,
        registers.MeasureRevised,
        registers.TaskPlanned,
        registers.TaskReplanned,
        registers.TaskReassigned,
        registers.TaskMet,
        registers.TaskCancelled,
        statistics.StatisticsPublished,
        statistics.StatisticsCorrected,
    ),
)
REQUESTS = Topic(
    requests.REQUESTS,
    producer="intake",
    consumers=("assessment",),
    retention=timedelta(days=90),
    events=(
        requests.RequestRaised,
        requests.RequestAssigned,
        requests.RequestAnswered,
        requests.RequestSentBack,
        requests.RequestConfirmed,
        requests.RequestWithdrawn,
        requests.ProblemGathered,
        requests.ProblemJoined,
        requests.ProblemReassigned,
        requests.ProblemAnswered,
    ),
)
PROMOTION = Topic(
    promotion.PROMOTION,
    producer="intake",
    consumers=(),
    retention=timedelta(days=90),
    events=(
        promotion.VisitRecorded,
        promotion.VisitRevised,
        promotion.VisitCancelled,
        promotion.PromotionRecorded,
        promotion.PromotionRevised,
        promotion.PromotionCancelled,
        promotion.AgreementRecorded,
        promotion.AgreementRevised,
        promotion.AgreementWithdrawn,
        promotion.LeadFound,
        promotion.LeadRevised,
        promotion.LeadConverted,
        promotion.LeadDropped,
        promotion.ContactRecorded,
        promotion.ContactRevised,
        promotion.ContactDisclosed,
        promotion.ContactErased,
    ),
)
SUPERVISION = Topic(
    supervision.SUPERVISION,
    producer="assessment",
    consumers=("notification",),
    retention=timedelta(days=90),
    events=(
        supervision.ObligationOpened,
        supervision.ObligationMoved,
        supervision.ObligationDelayed,
        supervision.ObligationReassigned,
        supervision.ObligationReminded,
        supervision.ObligationMissed,
        supervision.ObligationConfirmed,
        supervision.ObligationMet,
        supervision.ObligationSuspended,
        supervision.ObligationResumed,
        supervision.ObligationCancelled,
        supervision.ObligationReopened,
        supervision.ExtensionRequested,
        supervision.ExtensionReviewed,
        supervision.ExtensionGranted,
        supervision.ExtensionRefused,
        supervision.ExtensionWithdrawn,
        supervision.CaseOpened,
        supervision.CaseEscalated,
        supervision.CaseAcknowledged,
        supervision.CaseFeedbackGiven,
        supervision.CaseFeedbackSentBack,
        supervision.CaseRescheduled,
        supervision.CaseExtended,
        supervision.CaseClosed,
        supervision.CaseReopened,
        supervision.CaseAssigned,
        supervision.CaseStruckOff,
        supervision.CaseArchived,
        supervision.CaseRestored,
        supervision.CaseSettled,
        supervision.CaseMovedToPolicy,
        case_documents.CaseTalkHeld,
        case_documents.CaseDocumentSigned,
        supervision.LightWatched,
        supervision.LightChanged,
        supervision.CommendationProposed,
        supervision.CommendationWithdrawn,
        supervision.CommendationApproved,
        supervision.CommendationDeclined,
        supervision.CommendationStruckOff,
        supervision.Addressed,
        scores.ScorePublished,
        scores.ScoreCorrected,
    ),
)
DELIVERIES = Topic(
    deliveries.DELIVERIES,
    producer="notification",
    consumers=("assessment",),
    retention=timedelta(days=90),
    events=(deliveries.DeliveryAttempted,),
)

TOPICS = (PROGRAMME, PROJECTS, REGISTERS, REQUESTS, PROMOTION, SUPERVISION, DELIVERIES)
BY_NAME = {topic.name: topic for topic in TOPICS}
EVENT_TYPES: dict[str, type[Event]] = {event.type: event for topic in TOPICS for event in topic.events}


def dead_letters(service: str) -> str:
    """The topic where a service shows what it put aside: a copy for people; the service's own table is what counts."""
    return f"liandu.{service}.dead-letters"


def consumed_by(service: str) -> tuple[Topic, ...]:
    """The topics a service reads, in registry order."""
    return tuple(topic for topic in TOPICS if service in topic.consumers)
