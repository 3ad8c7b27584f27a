"""The chains' 招商图谱: segments with strengths, gaps and firms to be won; as a graph and as a workbook."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import Page, Reader, Registrar
from services.intake.api.answers import Shown
from services.intake.api.bodies import PRINTABLE, Body, Name
from services.intake.api.imports import AROUND_A_FILE, BODY, SHEET, download, upload_of
from services.intake.api.organisation.history import programme_history
from services.intake.domain import uscc
from services.intake.domain.drafts import Verdict
from services.intake.domain.organisation.chain_maps import ChainMap, Segment, SegmentDraft, SegmentOutcome
from services.intake.domain.organisation.programme import Chain
from services.intake.domain.terms import POSITION_NAMES
from services.intake.handlers.organisation import chain_maps as handlers
from services.intake.store.organisation import chain_maps as store
from services.intake.workbook import isolation
from services.intake.workbook.chain_map import LAYOUT, draft_of, rows_of
from services.intake.workbook.register_lists import FieldRow
from services.intake.workbook.register_sheet import register_sheet
from services.intake.workbook.results import Reason
from services.intake.workbook.sheets import MAX_BYTES
from shared.contracts.ids import map_id
from shared.contracts.programme import Position, TargetFirm
from shared.kit.web.http import Answer, By, page, reply

router = APIRouter(tags=["chain maps"])
MAP = "/v1/chains/{chain_id}/map"
Words = Annotated[tuple[Name, ...], Field(max_length=50)]


class FirmBody(Body):
    name: Name
    uscc: Annotated[str, Field(max_length=40)] | None = None
    note: Annotated[str, Field(max_length=500, pattern=PRINTABLE)] = ""

    def firm(self) -> TargetFirm:
        return TargetFirm(name=self.name, uscc=uscc.normal(self.uscc or "") or None, note=self.note)


class SegmentBody(Body):
    """`id`: of a segment to be named anew; otherwise it is known by its name. `parent`, `supplies`: other segments'
    names. What is not given stays as it is; `parent` empty: it stands below no other."""

    id: UUID | None = None
    name: Name
    position: Position | None = None
    parent: Annotated[str, Field(max_length=200, pattern=PRINTABLE)] | None = None
    supplies: Words | None = None
    strengths: Words | None = None
    gaps: Words | None = None
    target_firms: Annotated[tuple[FirmBody, ...], Field(max_length=200)] | None = None

    def draft(self, row: int) -> SegmentDraft:
        firms = self.target_firms
        return SegmentDraft(
            row=str(row),
            name=self.name,
            id=self.id,
            position=self.position,
            parent=self.parent,
            supplies=self.supplies,
            strengths=self.strengths,
            gaps=self.gaps,
            target_firms=None if firms is None else tuple(firm.firm() for firm in firms),
        )


class SegmentsBody(Body):
    segments: Annotated[tuple[SegmentBody, ...], Field(min_length=1, max_length=500)]


class SegmentShown(Shown):
    id: UUID
    name: str
    position: Position
    position_name: str
    parent_id: UUID | None
    supplies: tuple[UUID, ...]
    strengths: tuple[str, ...]
    gaps: tuple[str, ...]
    target_firms: tuple[TargetFirm, ...]


class MapShown(Shown):
    """Segments from upstream to downstream; `edges`: which feeds which. `version` 0: nobody drew on it yet."""

    id: UUID
    chain_id: UUID
    chain_name: str
    segments: tuple[SegmentShown, ...]
    edges: tuple[tuple[UUID, UUID], ...]
    version: int


class ReasonShown(Shown):
    cell: str
    column: str
    value: str
    reason: str


class DrawnRow(Shown):
    sheet: str
    row: int
    name: str
    outcome: Verdict
    segment_id: UUID | None
    reasons: tuple[ReasonShown, ...]


class DrawnShown(Shown):
    """What became of each row; a dry run says what would. `notices`: of the list as a whole."""

    dry_run: bool
    recorded: int
    changed: int
    unchanged: int
    refused: int
    rows: tuple[DrawnRow, ...]
    notices: tuple[str, ...]
    version: int


@router.get(MAP, response_model=MapShown)
async def show_map(chain_id: UUID, conn: Reader, request: Request) -> Response:
    """The chain's segments, with strengths, gaps and firms to be won, and which segment feeds which."""
    chain = await handlers.chain_of(chain_id, conn=conn)
    found = await store.chain_map(chain_id, conn=conn)
    return reply(Answer(_shown(found, chain), version=found.version), request)


@router.post(MAP + "/segments", response_model=MapShown)
async def draw_segments(chain_id: UUID, body: SegmentsBody, write: Registrar) -> Response:
    """Record segments or change them, all or none."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        drafts = [segment.draft(row) for row, segment in enumerate(body.segments)]
        after, _ = await handlers.draw(
            chain_id, drafts, all_or_none=True, expected=write.expected_version, conn=conn, by=by
        )
        chain = await handlers.chain_of(chain_id, conn=conn)
        return Answer(_shown(after, chain), version=after.version)

    return await write(work)


@router.post(MAP + "/segments/{segment_id}:remove", response_model=MapShown)
async def remove_segment(chain_id: UUID, segment_id: UUID, write: Registrar) -> Response:
    """Take a segment, below which no other stands, off the map."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        after = await handlers.remove_segment(chain_id, segment_id, expected=write.expected_version, conn=conn, by=by)
        chain = await handlers.chain_of(chain_id, conn=conn)
        return Answer(_shown(after, chain), version=after.version)

    return await write(work)


@router.get(MAP + "/history")
async def show_history(chain_id: UUID, conn: Reader, paging: Page) -> dict[str, Any]:
    """Every fact of the map: when, who, what."""
    await handlers.chain_of(chain_id, conn=conn)
    if (await store.chain_map(chain_id, conn=conn)).version == 0:
        return page([], None)
    return await programme_history(map_id(chain_id), "招商图谱", paging, conn=conn)


@router.get(MAP + "/workbook", responses=SHEET, response_class=Response)
async def export_map(chain_id: UUID, conn: Reader) -> Response:
    """The map as a workbook, to be edited and imported again; an empty one is the template."""
    chain = await handlers.chain_of(chain_id, conn=conn)
    rows = rows_of(await store.chain_map(chain_id, conn=conn))
    content = await asyncio.to_thread(register_sheet, "招商图谱", LAYOUT, rows, {})
    return download(content, f"{chain.name}招商图谱.xlsx")


@router.post(
    MAP + "/imports",
    max_body_size=MAX_BYTES + AROUND_A_FILE,
    openapi_extra={"requestBody": BODY},
    response_model=DrawnShown,
)
async def import_map(
    chain_id: UUID,
    request: Request,
    write: Registrar,
    dry_run: Annotated[bool, Query(description="say what would become of each row, and take none")] = False,
    name: Annotated[str, Query(max_length=255, description="the file's name, where the body is the file")] = "",
) -> Response:
    """Take a list of segments: new ones are recorded, edited ones changed; those that it does not name stay."""
    upload = await upload_of(request, name)
    read = await isolation.read_fields(upload.content, LAYOUT)

    async def work(conn: AsyncConnection, by: By) -> Answer:
        present = await store.chain_map(chain_id, conn=conn)
        drafts = [draft_of(row, present) for row in read.rows if not row.reasons]
        after, outcomes = await handlers.draw(
            chain_id,
            drafts,
            all_or_none=False,
            dry_run=dry_run,
            expected=write.expected_version,
            conn=conn,
            by=by,
        )
        return Answer(_drawn(read.rows, outcomes, read.notices, after, dry_run=dry_run), version=after.version)

    return await write(work, fingerprint=sha256(upload.content).digest())


def _shown(found: ChainMap, chain: Chain) -> MapShown:
    order = list(Position)
    segments = sorted(found.segments.values(), key=lambda one: (order.index(one.position), one.name))
    return MapShown(
        id=found.id,
        chain_id=chain.id,
        chain_name=chain.name,
        segments=tuple(_segment(segment) for segment in segments),
        edges=tuple((segment.id, fed) for segment in segments for fed in segment.supplies),
        version=found.version,
    )


def _segment(segment: Segment) -> SegmentShown:
    return SegmentShown(
        id=segment.id,
        name=segment.name,
        position=segment.position,
        position_name=POSITION_NAMES[segment.position],
        parent_id=segment.parent_id,
        supplies=segment.supplies,
        strengths=segment.strengths,
        gaps=segment.gaps,
        target_firms=segment.target_firms,
    )


def _drawn(
    rows: Sequence[FieldRow],
    outcomes: Sequence[SegmentOutcome],
    notices: tuple[str, ...],
    after: ChainMap,
    *,
    dry_run: bool,
) -> DrawnShown:
    by_row = {outcome.row: outcome for outcome in outcomes}
    shown = tuple(_row(row, by_row.get(f"{row.sheet}!{row.row}")) for row in rows)
    counts = Counter(row.outcome for row in shown)
    return DrawnShown(
        dry_run=dry_run,
        recorded=counts[Verdict.RECORDED],
        changed=counts[Verdict.CHANGED],
        unchanged=counts[Verdict.UNCHANGED],
        refused=counts[Verdict.REFUSED],
        rows=shown,
        notices=notices,
        version=after.version,
    )


def _row(row: FieldRow, outcome: SegmentOutcome | None) -> DrawnRow:
    reasons = row.reasons
    if outcome:
        reasons = tuple(_reason(row, reason.field, reason.message) for reason in outcome.reasons)
    return DrawnRow(
        sheet=row.sheet,
        row=row.row,
        name=row.values.get("name") or "",
        outcome=outcome.verdict if outcome else Verdict.REFUSED,
        segment_id=outcome.segment_id if outcome else None,
        reasons=tuple(ReasonShown.model_validate(reason) for reason in reasons),
    )


def _reason(row: FieldRow, field: str, message: str) -> Reason:
    place = row.places.get("_id" if field == "id" else field)
    return Reason(place.cell, place.column, place.value, message) if place else Reason("", "", "", message)
