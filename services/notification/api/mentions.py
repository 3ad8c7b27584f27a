"""Mobile numbers for mentions: kept here only, sealed, and never given back."""

from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, SecretStr, field_validator
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notification.api.access import Operator
from services.notification.store import directory
from services.notification.wiring import Wiring
from shared.kit.errors import NotFound
from shared.kit.web.http import Answer, By


class MentionBody(BaseModel):
    """A mainland mobile number: eleven digits."""

    model_config = ConfigDict(extra="forbid")

    mobile: SecretStr

    @field_validator("mobile")
    @classmethod
    def _eleven_digits(cls, mobile: SecretStr) -> SecretStr:
        digits = mobile.get_secret_value()
        if not (len(digits) == 11 and digits.isascii() and digits.isdigit() and digits[0] == "1"):
            raise ValueError("手机号应为 11 位数字")
        return mobile


def router(wiring: Wiring) -> APIRouter:
    made = APIRouter(tags=["mentions"])

    @made.put("/v1/mentions/{person_id}", status_code=204)
    async def set_mobile(person_id: UUID, body: MentionBody, write: Operator) -> Response:
        """Keep a person's mobile number, for routes that may mention."""
        sealed = wiring.keys.seal_mobile(person_id, body.mobile.get_secret_value())

        async def work(conn: AsyncConnection, by: By) -> Answer:
            await directory.set_mention(person_id, sealed, conn=conn)
            return Answer(None, status=204)

        return await write(work)

    made.include_router(_plain)
    return made


_plain = APIRouter()


@_plain.delete("/v1/mentions/{person_id}", status_code=204)
async def forget_mobile(person_id: UUID, write: Operator) -> Response:
    """Forget a person's mobile number."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        if not await directory.drop_mention(person_id, conn=conn):
            raise NotFound("没有登记该人员的手机号", person=str(person_id))
        return Answer(None, status=204)

    return await write(work)
