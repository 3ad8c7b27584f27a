"""督办规则: the versions of the policy, which is in force when; another is installed for a later day."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.api import wording
from services.assessment.api.access import Now, Office, Page, Reader, Supervisor
from services.assessment.domain.moments import china_date
from services.assessment.handlers import policies
from services.assessment.handlers.known import FILE, Known
from services.assessment.policies.document import read_data
from services.assessment.policies.yaml_text import LONGEST
from services.assessment.store import rules as kept
from services.assessment.store.rules import Installed
from shared.kit.web.http import Answer, By, page, reply

Version = Annotated[str, Path(max_length=100)]
_LATEST = (date.max, datetime(9999, 1, 1, tzinfo=UTC), "")


class PolicyBody(BaseModel):
    """`document`: the policy's YAML as it stands in its file, so that a refusal names the lines; or its JSON."""

    model_config = ConfigDict(extra="forbid")

    document: Annotated[str, Field(max_length=LONGEST)] | dict[str, Any]


class PolicyShown(BaseModel):
    """`in_force`: by it goes what begins today. `rule_sets`: their names."""

    version: str
    in_force: bool
    in_force_from: date
    installed_at: datetime
    installed_by: str
    rule_sets: tuple[str, ...]

    @classmethod
    def of(cls, one: Installed, known: Known, today: date) -> Self:
        return cls(**cls.fields_of(one, known, today))

    @staticmethod
    def fields_of(one: Installed, known: Known, today: date) -> dict[str, Any]:
        document = known.by_version[one.version].document
        by = "规则文件" if one.installed_by == FILE else wording.signed(one.installed_by, "")
        return {
            "version": one.version,
            "in_force": one.version == known.version_on(today),
            "in_force_from": one.in_force_from,
            "installed_at": one.installed_at,
            "installed_by": by,
            "rule_sets": tuple(policy.rule_set for _, policy in document.rule_sets) if document else (),
        }


class PolicyInFull(PolicyShown):
    document: Mapping[str, Any]


def router(office: Office) -> APIRouter:
    routes = APIRouter(tags=["policies"])
    knowledge = office.knowledge

    @routes.post("/v1/policies", status_code=201)
    async def install(body: PolicyBody, write: Supervisor) -> Response:
        """Install another version, in force from tomorrow at the earliest. Refused with all `faults`, each with its
        place, its line where YAML was given, and the reason."""
        document, data = read_data(body.document)

        async def work(conn: AsyncConnection, by: By) -> Answer:
            one = await policies.install(document, data, conn=conn, now=by.now, by=by.actor, knowledge=knowledge)
            known = await knowledge.read(conn)
            shown = PolicyInFull(**PolicyShown.fields_of(one, known, china_date(by.now)), document=one.body)
            return Answer(shown, status=201, location=f"/v1/policies/{one.version}")

        return await write(work)

    @routes.get("/v1/policies")
    async def list_policies(conn: Reader, paging: Page, now: Now) -> Response:
        """All versions, those for later days first."""
        known = await knowledge.read(conn)
        before = paging.start(tuple[date, datetime, str]) or _LATEST
        found = await kept.page_of_policies(before, limit=paging.limit, conn=conn)
        last = found[-1] if len(found) == paging.limit else None
        following = (last.in_force_from, last.installed_at, last.version) if last else None
        return reply(Answer(page([PolicyShown.of(one, known, china_date(now)) for one in found], following)))

    @routes.get("/v1/policies/{version}")
    async def show_policy_version(version: Version, conn: Reader, now: Now) -> Response:
        """One version with its document."""
        one = await policies.installed(version, conn=conn)
        known = await knowledge.read(conn)
        fields = PolicyShown.fields_of(one, known, china_date(now))
        return reply(Answer(PolicyInFull(**fields, document=one.body)))

    return routes
