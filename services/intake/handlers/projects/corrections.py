"""Corrections of a project's records: asked for by one person, approved or refused by another."""

from dataclasses import replace
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake import reference
from services.intake.domain.errors import RecordMissing
from services.intake.domain.projects import corrections as domain
from services.intake.domain.projects.corrections import (
    Asked,
    Correction,
    CorrectionNotAllowed,
    CorrectionStatus,
    History,
)
from services.intake.domain.projects.project import Project
from services.intake.domain.projects.reports import Report
from services.intake.handlers.projects.projects import locked, save
from services.intake.handlers.standing import require_chains
from services.intake.handlers.writing import today
from services.intake.store.projects import corrections as store
from services.intake.store.projects import reports
from shared.contracts.project_records import ProjectCorrected
from shared.contracts.topics import EVENT_TYPES
from shared.kit.log import eventlog
from shared.kit.log.eventlog import LoggedFact
from shared.kit.web.http import By

AT_A_TIME = 1000


async def request_correction(
    project_id: UUID, asked: Asked, *, expected: int | None, conn: AsyncConnection, by: By
) -> tuple[Project, Correction]:
    """Say that a record is wrong; nothing changes until another person agrees.

    Raises:
        CorrectionNotAllowed: the record cannot be corrected like this, or another correction is waiting.
    """
    project = await locked(project_id, expected=expected, conn=conn)
    await require_chains({project.chain_id}, conn=conn, by=by)
    if await store.corrections(project_id=project_id, status=CorrectionStatus.REQUESTED, conn=conn, limit=1):
        raise CorrectionNotAllowed("该项目已有待审核的更正申请，须先审核")
    history = history_of(await facts_of(project_id, conn=conn))
    id = uuid4()
    rules = reference.lifecycle_rules()
    events = domain.request(project, history, asked, correction_id=id, by=by.actor, rules=rules, today=today(by))
    correction = Correction(
        id=id,
        project_id=project_id,
        kind=asked.kind,
        of_sequence=asked.of_sequence,
        of_type=history[asked.of_sequence].type,
        reason=asked.reason,
        replacement=asked.replacement,
        requested_on=today(by),
        requested_by=by.actor,
        requester=by.principal.subject,
        requester_person=by.principal.person,
    )
    return await save(project, events, beside=store.rows([correction]), conn=conn, by=by), correction


async def approve_correction(
    project_id: UUID, correction_id: UUID, *, opinion: str, expected: int | None, conn: AsyncConnection, by: By
) -> tuple[Project, Correction]:
    """Let a correction take effect on the project as it is now.

    Raises:
        OwnCorrection: the caller asked for it.
        CorrectionNotAllowed: it was decided already, or what happened since stands in its way.
    """
    project, correction = await _waiting(project_id, correction_id, expected=expected, conn=conn, by=by)
    facts = await facts_of(project_id, conn=conn)
    events = domain.correct(
        project,
        history_of(facts),
        correction.asked,
        correction_id=correction_id,
        requested_by=correction.requested_by,
        rules=reference.lifecycle_rules(),
        today=today(by),
    )
    corrected = events[0]
    assert isinstance(corrected, ProjectCorrected)
    await store.forget_days(project_id, but=corrected.stands.reached, conn=conn)
    await reports.keep_only(project_id, _reports({**history_of(facts), max(facts) + 1: corrected}, facts), conn=conn)
    decided = _decided(correction, CorrectionStatus.APPROVED, opinion, by)
    return await save(project, events, beside=store.rows([decided]), conn=conn, by=by), decided


async def refuse_correction(
    project_id: UUID, correction_id: UUID, *, reason: str, expected: int | None, conn: AsyncConnection, by: By
) -> tuple[Project, Correction]:
    project, correction = await _waiting(project_id, correction_id, expected=expected, conn=conn, by=by)
    decided = _decided(correction, CorrectionStatus.REFUSED, reason, by)
    events = domain.refuse(correction, reason=reason)
    return await save(project, events, beside=store.rows([decided]), conn=conn, by=by), decided


async def facts_of(project_id: UUID, *, conn: AsyncConnection) -> dict[int, LoggedFact]:
    """A project's whole stream, by its places."""
    found: dict[int, LoggedFact] = {}
    while True:
        facts = await eventlog.history(project_id, conn=conn, after=max(found, default=0), limit=AT_A_TIME)
        found.update((fact.seq, fact) for fact in facts)
        if len(facts) < AT_A_TIME:
            return found


def history_of(facts: dict[int, LoggedFact]) -> History:
    return {place: EVENT_TYPES[fact.type].model_validate_json(fact.data) for place, fact in facts.items()}


def _reports(history: History, facts: dict[int, LoggedFact]) -> list[Report]:
    """The monthly reports that hold, as the table has them."""
    return [
        reports.reported(event, at=facts[place].at, actor=facts[place].actor)
        for place, event in domain.reports(history)
    ]


async def _waiting(
    project_id: UUID, correction_id: UUID, *, expected: int | None, conn: AsyncConnection, by: By
) -> tuple[Project, Correction]:
    project = await locked(project_id, expected=expected, conn=conn)
    await require_chains({project.chain_id}, conn=conn, by=by)
    correction = await store.load(correction_id, conn=conn)
    if correction is None or correction.project_id != project_id:
        raise RecordMissing("更正申请", correction_id)
    domain.require_other(correction, subject=by.principal.subject, person=by.principal.person)
    return project, correction


def _decided(correction: Correction, status: CorrectionStatus, opinion: str, by: By) -> Correction:
    return replace(correction, status=status, decided_on=today(by), decided_by=by.actor, opinion=opinion)
