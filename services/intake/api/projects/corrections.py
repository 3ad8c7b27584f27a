"""Corrections: asked for by one person, approved by another; nothing is edited away."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import Page, Reader, Reviewer
from services.intake.api.answers import Shown
from services.intake.api.bodies import Body, CancelBody, OpinionBody, Text, Wan
from services.intake.api.projects.record_wording import RECORD_NAMES
from services.intake.api.projects.showing import OneProject
from services.intake.domain.projects.corrections import STATUS_NAMES, Asked, Correction, CorrectionStatus
from services.intake.domain.projects.project import Project
from services.intake.domain.terms import CORRECTION_NAMES
from services.intake.handlers.projects import corrections as handlers
from services.intake.store.projects import corrections as store
from shared.contracts.project_records import CorrectionKind, Replacement
from shared.contracts.projects import ProjectKind, Stage
from shared.kit.web.http import Answer, By, Write, page, writing
from shared.kit.web.security import Role

router = APIRouter(tags=["corrections"])
OF_PROJECT = "/v1/projects/{project_id}/corrections"
ONE = OF_PROJECT + "/{correction_id}"

Finder = Annotated[Write, Depends(writing(Role.CLERK, Role.REVIEWER, Role.SUPERVISOR))]
"""Whoever may find that a record is wrong: the office itself, its reviewers, 督查室."""


class ReplacementBody(Body):
    """What the record should have said. `on`, `amount_wan`, `output_ratio`: of a stage; the rest: of the recording, the
    days also of a revision that filled them in."""

    on: date | None = None
    amount_wan: Wan | None = None
    output_ratio: Annotated[Decimal, Field(gt=0, max_digits=8, decimal_places=4)] | None = None
    stage: Stage | None = None
    kind: ProjectKind | None = None
    signed_on: date | None = None
    started_on: date | None = None

    def replacement(self) -> Replacement:
        ratio = None if self.output_ratio is None else f"{self.output_ratio:f}"
        return Replacement(**{**self.model_dump(), "output_ratio": ratio})


class CorrectionBody(Body):
    """`sequence`: the record's `seq` in the project's history. `reversal`: it did not happen, and with a stage go those
    behind it; `replacement`: it happened otherwise; `strike_off` (of the recording, seq 1): the project is false."""

    kind: CorrectionKind
    sequence: Annotated[int, Field(ge=1, lt=2**31)]
    reason: Text
    replacement: ReplacementBody | None = None

    def asked(self) -> Asked:
        replacement = self.replacement.replacement() if self.replacement else None
        return Asked(self.kind, self.sequence, self.reason, replacement)


class CorrectionShown(Shown):
    id: UUID
    project_id: UUID
    kind: CorrectionKind
    kind_name: str
    sequence: int
    record_type: str
    record_name: str
    reason: str
    replacement: Replacement | None
    status: CorrectionStatus
    status_name: str
    requested_on: date
    requested_by: str
    decided_on: date | None
    decided_by: str | None
    opinion: str

    @classmethod
    def of(cls, correction: Correction) -> Self:
        return cls(
            **{name: getattr(correction, name) for name in cls.model_fields if hasattr(correction, name)},
            kind_name=CORRECTION_NAMES[correction.kind],
            sequence=correction.of_sequence,
            record_type=correction.of_type,
            record_name=RECORD_NAMES.get(correction.of_type, correction.of_type),
            status_name=STATUS_NAMES[correction.status],
        )


@router.get("/v1/corrections")
async def list_corrections(conn: Reader, paging: Page, status: CorrectionStatus | None = None) -> dict[str, Any]:
    """Corrections of all projects; `status=requested` is the reviewers' queue."""
    return await _page(paging, conn=conn, status=status)


@router.get(OF_PROJECT)
async def list_corrections_of_project(project: OneProject, conn: Reader, paging: Page) -> dict[str, Any]:
    return await _page(paging, conn=conn, project_id=project.id)


@router.post(OF_PROJECT, status_code=201, response_model=CorrectionShown)
async def request_correction(project_id: UUID, body: CorrectionBody, write: Finder) -> Response:
    """Say that a record is wrong, and why. Nothing changes until another person approves it."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        found = await handlers.request_correction(
            project_id, body.asked(), expected=write.expected_version, conn=conn, by=by
        )
        return _answer(*found, status=201)

    return await write(work)


@router.post(ONE + ":approve", response_model=CorrectionShown)
async def approve_correction(project_id: UUID, correction_id: UUID, body: OpinionBody, write: Reviewer) -> Response:
    """Let a correction take effect: the project's state follows, its history stays. Never by who asked for it."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        found = await handlers.approve_correction(
            project_id,
            correction_id,
            opinion=body.opinion.strip(),
            expected=write.expected_version,
            conn=conn,
            by=by,
        )
        return _answer(*found)

    return await write(work)


@router.post(ONE + ":refuse", response_model=CorrectionShown)
async def refuse_correction(project_id: UUID, correction_id: UUID, body: CancelBody, write: Reviewer) -> Response:
    """Leave the record as it is, for a reason."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        found = await handlers.refuse_correction(
            project_id, correction_id, reason=body.reason, expected=write.expected_version, conn=conn, by=by
        )
        return _answer(*found)

    return await write(work)


async def _page(
    paging: Page, *, conn: AsyncConnection, project_id: UUID | None = None, status: CorrectionStatus | None = None
) -> dict[str, Any]:
    after = paging.start(tuple[date, UUID])
    found = await store.corrections(project_id=project_id, status=status, conn=conn, after=after, limit=paging.limit)
    last = (found[-1].requested_on, found[-1].id) if len(found) == paging.limit else None
    return page([CorrectionShown.of(item) for item in found], last)


def _answer(project: Project, correction: Correction, status: int = 200) -> Answer:
    """The ETag is the project's version."""
    location = f"/v1/projects/{project.id}/corrections" if status == 201 else None
    return Answer(CorrectionShown.of(correction), status=status, version=project.version, location=location)
