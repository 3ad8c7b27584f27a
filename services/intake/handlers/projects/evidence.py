"""Evidence files: kept by their content, attached to the stages that rest on them."""

from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.projects import evidence as domain
from services.intake.domain.projects.evidence import EvidenceFile
from services.intake.domain.projects.project import Project
from services.intake.domain.projects.timetable import Lines
from services.intake.domain.terms import EvidenceKind
from services.intake.handlers.projects.projects import locked, save
from services.intake.handlers.standing import require_chains
from services.intake.handlers.writing import today
from services.intake.store.projects import evidence as store
from shared.kit.web.http import By


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file as it came in; `media_type` is what its content is."""

    name: str
    content: bytes
    media_type: str
    kind: EvidenceKind
    on: date


async def file_evidence(
    project_id: UUID, new: NewFile, *, most: int, expected: int | None, conn: AsyncConnection, by: By
) -> tuple[Project, EvidenceFile]:
    """Keep a file. The same content as the same kind of evidence is kept once: then nothing changes.

    Raises:
        TooManyFiles, DateNotAllowed, ProjectNotActive, NotYourChain.
    """
    digest = sha256(new.content).digest()
    project = await locked(project_id, expected=expected, lines=Lines(), conn=conn)
    await require_chains({project.chain_id}, conn=conn, by=by)
    if present := await store.same(project_id, digest, new.kind, conn=conn):
        return project, present
    file = EvidenceFile(
        id=uuid4(),
        project_id=project_id,
        sha256=digest,
        name=domain.name_for(new.name, new.media_type),
        media_type=new.media_type,
        size=len(new.content),
        kind=new.kind,
        dated_on=new.on,
        filed_at=by.now,
        actor=by.actor,
    )
    kept = await store.count(project_id, conn=conn)
    events = domain.file_evidence(project, file, present=kept, most=most, today=today(by))
    await store.keep_content(digest, new.content, conn=conn)
    return await save(project, events, beside=store.rows([file]), conn=conn, by=by), file
