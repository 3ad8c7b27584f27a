"""The pages behind signed links: one that asks, a POST that acknowledges, and clear words for everything else.

Nobody logs in here, so a press does 签收 only and is recorded under the message's number with the name as stated. A GET
never acts: link previews fetch addresses.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.api import wording
from services.assessment.api.access import Now, Office
from services.assessment.api.answers import CaseShown, RungShown
from services.assessment.api.story import story_of
from services.assessment.domain.case import AlreadyAcknowledged, CaseIsClosed, CaseIsSuspended, State
from services.assessment.domain.moments import china_date
from services.assessment.handlers import people
from services.assessment.handlers.people import Acting
from services.assessment.store import queries
from shared.contracts.ids import rung_id
from shared.contracts.supervision import Document
from shared.kit.database import transaction
from shared.kit.errors import DomainError, Invalid
from shared.kit.process.declaration import Platform
from shared.kit.web.http import open_reading
from shared.kit.web.links import Link, LinkExpired, LinkForged, read_link

PURPOSE = "acknowledge"

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}


@dataclass(frozen=True, slots=True)
class Viewed:
    """A case as the page shows it. `outdated`: the link belongs to a lower rung than the case has reached."""

    case: CaseShown
    rung: RungShown
    outdated: bool


def router(office: Office) -> APIRouter:
    routes = APIRouter(include_in_schema=False)
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.globals.update(day=wording.day, instant=wording.instant, signed=wording.signed)

    def html(template: str, *, status: int = 200, **values: object) -> Response:
        body = pages.get_template(template).render(**values)
        return Response(body, status, _HEADERS, media_type="text/html; charset=utf-8")

    def refused(error: DomainError) -> Response:
        status = 410 if isinstance(error, LinkExpired) else 403 if isinstance(error, LinkForged) else 404
        return html("notice.html", status=status, title="链接不可用", text=error.message, case=None)

    def show(viewed: Viewed, *, error: str = "", status: int = 200) -> Response:
        case, rung = viewed.case, viewed.rung
        if case.state is State.CLOSED:
            text = f"该督办件已办结（{case.close_reason}），无需再签收。"
            return html("notice.html", status=status, title="已办结", text=text, case=case)
        if rung.acknowledgement is not None:
            return html("done.html", status=status, case=case, rung=rung, done=rung.acknowledgement)
        if case.state is State.SUSPENDED:
            text = "项目停缓建期间督办暂停，暂不需要签收。"
            return html("notice.html", status=status, title="督办暂停", text=text, case=case)
        if viewed.outdated:
            text = f"该督办件已升级至{case.rung_name}，请使用最新消息中的链接签收。"
            return html("notice.html", status=status, title="已升级", text=text, case=case)
        signs = rung.document is not Document.URGE
        return html("ask.html", status=status, case=case, rung=rung, error=error, draft=signs)

    @routes.get("/links/{token}")
    async def ask(token: str, request: Request, now: Now) -> Response:
        try:
            link = read_link(token, purpose=PURPOSE, now=now, secrets=office.link_secrets)
            conn = await open_reading(request)
            return show(await _view(link, conn, office, china_date(now)))
        except DomainError as error:
            return refused(error)

    @routes.post("/links/{token}")
    async def press(
        token: str, request: Request, now: Now, name: Annotated[str, Form(max_length=200)] = ""
    ) -> Response:
        platform: Platform = request.app.state.platform
        try:
            link = read_link(token, purpose=PURPOSE, now=now, secrets=office.link_secrets)
            return await act(link, name, platform, now)
        except DomainError as error:
            return refused(error)

    async def act(link: Link, name: str, platform: Platform, now: Now) -> Response:
        error, status = "", 200
        try:
            who = people.stated(name)
            acting = Acting(f"{who}（链接签收，未登录）", f"链接：消息{link.message}，自称{who}")
            async with transaction(platform.engine) as conn:
                if not (await _view(link, conn, office, china_date(now))).outdated:
                    await people.acknowledge_by_link(
                        link.subjects[0], conn=conn, now=now, acting=acting, knowledge=office.knowledge
                    )
        except Invalid as refusal:
            error, status = refusal.message, 422
        except (AlreadyAcknowledged, CaseIsClosed, CaseIsSuspended):
            pass  # the page says how things stand
        async with platform.engine.connect() as conn:
            return show(await _view(link, conn, office, china_date(now)), error=error, status=status)

    return routes


async def _view(link: Link, conn: AsyncConnection, office: Office, today: date) -> Viewed:
    """What the link is about. A link that names its rung shows that rung; one that does not, the present one.

    Raises:
        LinkForged: it names no case.
        NoSuchCase: the case is not there (yet).
    """
    if not link.subjects:
        raise LinkForged
    case_id = link.subjects[0]
    row = await queries.case(case_id, conn=conn)
    if row is None:
        raise people.NoSuchCase(case_id)
    known = await office.knowledge.read(conn)
    case = CaseShown.of(row, known, today)
    rungs, _ = await story_of(case_id, conn=conn)
    shown = _rung_of(case_id, link, rungs)
    return Viewed(case, shown, outdated=shown.rung < case.rung)


def _rung_of(case_id: UUID, link: Link, rungs: tuple[RungShown, ...]) -> RungShown:
    named = set(link.subjects[1:])
    return next((rung for rung in rungs if rung_id(case_id, rung.rung) in named), rungs[-1])
