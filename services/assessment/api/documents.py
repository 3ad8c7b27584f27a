"""Documents of cases: what there is, as .docx, what waits for a signature; signed, and filled in after a talk."""

from datetime import date, datetime
from typing import Annotated, Any, Self
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.api import access, wording
from services.assessment.api.access import Leader, Now, Office, Page, Reader
from services.assessment.api.answers import MatterShown, Shown
from services.assessment.documents.rendering import MEDIA_TYPE
from services.assessment.domain.case import State as CaseState
from services.assessment.domain.document import State, state_of
from services.assessment.domain.names import person
from services.assessment.domain.paper import NoSuchDocument, title_of
from services.assessment.handlers import documents, people
from services.assessment.store import documents as kept
from services.assessment.store import queries
from shared.contracts.case_documents import Talk
from shared.contracts.supervision import Document
from shared.kit.web.http import Answer, By, page, reply
from shared.kit.web.security import Role

_START = (0,)
_TEXT = r"^[^\x00]*$"
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}}
}

Rung = Annotated[int, Path(ge=1, le=100)]
Participant = Annotated[str, Field(min_length=1, max_length=100, pattern=_TEXT)]


class TalkHeld(BaseModel):
    """How a talk was held: what was said, and what is to be put right by when."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    on: date
    place: str = Field(min_length=1, max_length=200, pattern=_TEXT)
    participants: list[Participant] = Field(min_length=1, max_length=50)
    said: str = Field(min_length=1, max_length=4000, pattern=_TEXT)
    asked: str = Field(min_length=1, max_length=2000, pattern=_TEXT)
    asked_by: date


class DocumentShown(Shown):
    """`number`: the document's own, where it has one. `reached_at`: when its rung was reached. `talk`: as held."""

    case_id: UUID
    case_number: str
    rung: int
    document: Document
    document_name: str
    number: str | None
    title: str
    state: State
    state_name: str
    reached_at: datetime
    signed_by: str | None
    signed_on: date | None
    talk: Talk | None
    matter: MatterShown

    @classmethod
    def of(cls, row: Row[Any]) -> Self:
        document = Document(row.document)
        state = state_of(document, CaseState(row.case_state), is_signed=row.signed_on is not None)
        return cls(
            case_id=row.case_id,
            case_number=row.case_number,
            rung=row.rung,
            document=document,
            document_name=wording.DOCUMENTS[document],
            number=row.document_number,
            title=title_of(document, project=row.said_project, milestone=row.said_milestone),
            state=state,
            state_name=wording.DOCUMENT_STATES[state],
            reached_at=row.at,
            signed_by=person(row.signed_by) if row.signed_by else None,
            signed_on=row.signed_on,
            talk=Talk.model_validate_json(row.talk) if row.talk else None,
            matter=MatterShown.of(row, row.milestone_name),
        )


def router(office: Office) -> APIRouter:
    routes = APIRouter(tags=["documents"])
    knowledge, letterhead = office.knowledge, office.letterhead

    @routes.get("/v1/documents")
    async def list_documents(
        conn: Reader,
        paging: Page,
        state: State | None = None,
        document: Document | None = None,
        chain: str | None = None,
    ) -> Response:
        """Those that a person signs, the oldest first; `state=draft`: what waits for it. `chain`: code or id."""
        found = await kept.listed(
            state=state,
            document=document,
            chain=chain,
            after=(paging.start(tuple[int]) or _START)[0],
            limit=paging.limit,
            conn=conn,
        )
        following = (found[-1].position,) if len(found) == paging.limit else None
        return reply(Answer(page([DocumentShown.of(row) for row in found], following)))

    @routes.get("/v1/cases/{case_id}/documents")
    async def list_of_case(case_id: UUID, conn: Reader) -> Response:
        """The documents of a case, one for each rung it has reached."""
        if await queries.case(case_id, conn=conn) is None:
            raise people.NoSuchCase(case_id)
        found = await kept.of_case(case_id, conn=conn)
        return reply(Answer({"items": [DocumentShown.of(row) for row in found]}))

    @routes.get("/v1/cases/{case_id}/documents/{rung}", response_class=Response, responses=_FILE)
    async def document(case_id: UUID, rung: Rung, conn: Reader) -> Response:
        """A rung's document as .docx: marked as a draft until it is signed, the same for ever afterwards."""
        known = await knowledge.read(conn)
        made = await documents.make(case_id, rung, conn=conn, known=known, letterhead=letterhead)
        return _file(made)

    @routes.get("/v1/circular", response_class=Response, responses=_FILE)
    async def circular(conn: Reader, now: Now, chain: str | None = None) -> Response:
        """通报 on all that waits for one, as one draft: of all chains, or one (its code or id)."""
        known = await knowledge.read(conn)
        return _file(await documents.make_bulletin(chain, conn=conn, now=now, known=known, letterhead=letterhead))

    @routes.post("/v1/cases/{case_id}/documents/{rung}:sign")
    async def sign_document(case_id: UUID, rung: Rung, write: Leader) -> Response:
        """签发, once: 督查室, or a leader of the chain. A slip needs none; a talk is put on record first."""

        async def work(conn: AsyncConnection, by: By) -> Answer:
            version = await documents.sign(
                case_id,
                rung,
                conn=conn,
                now=by.now,
                who=access.who(by),
                for_all=Role.SUPERVISOR in by.principal.roles,
                knowledge=knowledge,
                letterhead=letterhead,
                expected_version=write.expected_version,
            )
            return Answer(await _shown(case_id, rung, conn), version=version)

        return await write(work)

    @routes.post("/v1/cases/{case_id}/documents/{rung}:hold-talk")
    async def hold_talk(case_id: UUID, rung: Rung, body: TalkHeld, write: Leader) -> Response:
        """Put on record how the talk of this rung was held; again, as long as the record is not signed."""

        async def work(conn: AsyncConnection, by: By) -> Answer:
            version = await documents.hold_talk(
                case_id,
                rung,
                talk=Talk(**body.model_dump()),
                conn=conn,
                now=by.now,
                who=access.who(by),
                for_all=Role.SUPERVISOR in by.principal.roles,
                knowledge=knowledge,
                expected_version=write.expected_version,
            )
            return Answer(await _shown(case_id, rung, conn), version=version)

        return await write(work)

    return routes


def _file(made: documents.Made) -> Response:
    headers = {
        "content-disposition": f"attachment; filename*=UTF-8''{quote(made.name)}",
        "x-content-type-options": "nosniff",
    }
    return Response(made.body, headers=headers, media_type=MEDIA_TYPE)


async def _shown(case_id: UUID, rung: int, conn: AsyncConnection) -> DocumentShown:
    for row in await kept.of_case(case_id, conn=conn):
        if row.rung == rung:
            return DocumentShown.of(row)
    raise NoSuchDocument(case_id, rung)
