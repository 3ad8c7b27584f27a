"""Visits, promotion events, agreements, leads, contacts (S11, S13): recorded, revised, ended; leads made projects."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.errors import AlreadyExists, RecordMissing, UnknownReference
from services.intake.domain.organisation.programme import require_open_chain
from services.intake.domain.projects.operations import Record
from services.intake.domain.projects.project import Project
from services.intake.domain.promotion import promotion as domain
from services.intake.domain.promotion.promotion import WORDS, Content, Kind, PromotionRecord, RecordStatus
from services.intake.handlers.projects.projects import record_project
from services.intake.handlers.standing import require_chains
from services.intake.handlers.writing import append, require_version, today
from services.intake.store.organisation import programme
from services.intake.store.projects import projects
from services.intake.store.promotion import promotion as store
from services.intake.store.promotion.promotion import References
from shared.contracts.event import Event
from shared.contracts.promotion import Agreement, Contact, Lead, Visit
from shared.kit.log.eventlog import lock_heads
from shared.kit.web.http import By


@dataclass(frozen=True, slots=True)
class Converted:
    lead: PromotionRecord
    project: Project


async def record(content: Content, *, mobile: str | None = None, conn: AsyncConnection, by: By) -> PromotionRecord:
    """Record it. `mobile`: a contact's, which stands apart from the log.

    Raises:
        FieldMissing, DateNotAllowed, UsccNotSound, UnknownReference, NotYourChain.
    """
    await require_chains(domain.chains_of(content), conn=conn, by=by)
    await _require_references(content, conn=conn)
    await _require_open(domain.chains_of(content), conn=conn)
    content = _with_mobile(content, mobile)
    events = domain.record(uuid4(), content, today=today(by), by=by.principal.subject)
    made = await _save(None, events, conn=conn, by=by)
    if mobile:
        await store.save_number(made.id, mobile, conn=conn)
    return made


async def revise(
    record_id: UUID, content: Content, *, mobile: str | None = None, expected: int, conn: AsyncConnection, by: By
) -> PromotionRecord:
    """All of it as it now stands. `mobile`: a contact's number where there is another; None: it stays."""
    present = await locked(domain.kind_of(content), record_id, expected=expected, conn=conn)
    await require_chains({*domain.chains_of(present.content), *domain.chains_of(content)}, conn=conn, by=by)
    await _require_references(content, conn=conn)
    await _require_open(set(domain.chains_of(content)) - set(domain.chains_of(present.content)), conn=conn)
    kept = (await store.numbers([record_id], conn=conn)).get(record_id) if isinstance(content, Contact) else None
    wanted, renumbered = _with_mobile(content, mobile or kept), mobile not in (None, kept)
    events = domain.revise(present, wanted, renumbered=renumbered, today=today(by), by=by.principal.subject)
    if renumbered:
        await store.save_number(record_id, mobile, conn=conn)
    return await _save(present, events, conn=conn, by=by) if events else present


async def end(
    kind: Kind, record_id: UUID, *, reason: str, expected: int | None, conn: AsyncConnection, by: By
) -> PromotionRecord:
    """Call it off, withdraw it, drop it; of a contact the number is deleted."""
    present = await locked(kind, record_id, expected=expected, conn=conn)
    await require_chains(domain.chains_of(present.content), conn=conn, by=by)
    events = domain.end(present, reason=reason, on=today(by), by=by.principal.subject)
    if kind is Kind.CONTACT:
        await store.save_number(record_id, None, conn=conn)
    return await _save(present, events, conn=conn, by=by)


async def convert_lead(
    lead_id: UUID, recording: Record, *, expected: int | None, conn: AsyncConnection, by: By
) -> Converted:
    """Record a project and make the lead it, in one transaction: each names the other from then on.

    The project comes first, as whoever records one locks its name before any head; so the lead is read twice.

    Raises:
        RecordNotStanding, StageTooFar; and what recording a project raises.
        VersionConflict: the lead was changed since its caller, or this transaction, read it.
    """
    lead = await _present(Kind.LEAD, lead_id, conn=conn)
    require_version(lead_id, expected=expected, actual=lead.version)
    if lead.status is not RecordStatus.STANDING:
        raise domain.RecordNotStanding(lead)
    domain.require_lead_stage(recording.project.stage)
    await require_chains({recording.project.chain_id, *domain.chains_of(lead.content)}, conn=conn, by=by)
    project = await record_project(recording, conn=conn, by=by)
    lead = await locked(Kind.LEAD, lead_id, expected=lead.version, conn=conn)
    who = by.principal.subject
    events = domain.convert(lead, project_id=project.id, stage=project.stage, on=today(by), by=who)
    return Converted(await _save(lead, events, conn=conn, by=by), project)


async def link_lead(
    lead_id: UUID, project_id: UUID, *, expected: int | None, conn: AsyncConnection, by: By
) -> Converted:
    """The lead turned out to be a project that is recorded already, and is not signed yet.

    Raises:
        AlreadyExists: another lead became this project.
        RecordNotStanding, StageTooFar, UnknownReference, NotYourChain.
    """
    await lock_heads([lead_id, project_id], conn=conn)
    lead = await _present(Kind.LEAD, lead_id, conn=conn)
    require_version(lead_id, expected=expected, actual=lead.version)
    project = (await projects.load_many([project_id], conn=conn)).get(project_id)
    if project is None:
        raise UnknownReference("项目", project_id, field="project_id")
    await require_chains({project.chain_id, *domain.chains_of(lead.content)}, conn=conn, by=by)
    for other in await store.of_project(project_id, conn=conn):
        if other.kind is Kind.LEAD:
            raise AlreadyExists(f"项目 {project.code} 已由另一条线索转来", lead_id=str(other.id))
    who = by.principal.subject
    events = domain.convert(lead, project_id=project_id, stage=project.stage, on=today(by), by=who)
    return Converted(await _save(lead, events, conn=conn, by=by), project)


async def disclose(contact_id: UUID, *, purpose: str, conn: AsyncConnection, by: By) -> tuple[PromotionRecord, str]:
    """A contact's mobile number, for a purpose that is put on record.

    Raises:
        FieldMissing: no purpose is given, or no number is kept.
        NotYourChain.
    """
    contact = await locked(Kind.CONTACT, contact_id, expected=None, conn=conn)
    await require_chains(domain.chains_of(contact.content), conn=conn, by=by)
    events = domain.disclose(contact, purpose=purpose, by=by.principal.subject)
    number = (await store.numbers([contact_id], conn=conn))[contact_id]
    return await _save(contact, events, conn=conn, by=by), number


async def locked(kind: Kind, record_id: UUID, *, expected: int | None, conn: AsyncConnection) -> PromotionRecord:
    await lock_heads([record_id], conn=conn)
    found = await _present(kind, record_id, conn=conn)
    require_version(record_id, expected=expected, actual=found.version)
    return found


async def _present(kind: Kind, record_id: UUID, *, conn: AsyncConnection) -> PromotionRecord:
    found = (await store.records([record_id], conn=conn)).get(record_id)
    if found is None or found.kind is not kind:
        raise RecordMissing(WORDS[kind].name, record_id)
    return found


async def _require_references(content: Content, *, conn: AsyncConnection) -> None:
    named = References(
        chains=domain.chains_of(content),
        orgs=domain.orgs_of(content),
        people=content.person_ids if isinstance(content, Visit) else (),
        occasion=content.occasion_id if isinstance(content, Agreement | Lead | Contact) else None,
        lead=content.lead_id if isinstance(content, Agreement) else None,
        project=content.project_id if isinstance(content, Agreement) else None,
    )
    for what, field, id in await store.unknown(named, conn=conn):
        raise UnknownReference(what, id, field=field)


async def _require_open(chain_ids: Collection[UUID], *, conn: AsyncConnection) -> None:
    """Raises ChainNotOpen."""
    for chain in (await programme.chains(conn=conn, ids=chain_ids)).values() if chain_ids else ():
        require_open_chain(chain)


async def _save(
    present: PromotionRecord | None, events: list[Event], *, conn: AsyncConnection, by: By
) -> PromotionRecord:
    after = domain.fold(present, events)
    await append([(after.id, events)], conn=conn, by=by)
    await store.save([after], conn=conn)
    return after


def _with_mobile(content: Content, mobile: str | None) -> Content:
    return content.model_copy(update={"mobile": bool(mobile)}) if isinstance(content, Contact) else content
