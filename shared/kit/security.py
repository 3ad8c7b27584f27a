"""Who is calling: bearer JWTs with roles. Locally signed with a shared secret; in production an OIDC issuer's keys."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from fastapi import Request


class Role(StrEnum):
    CLERK = "clerk"
    REVIEWER = "reviewer"
    SUPERVISOR = "supervisor"
    CHIEF = "chief"
    OPERATOR = "operator"
    SERVICE = "service"
    ENTERPRISE = "enterprise"


@dataclass(frozen=True, slots=True)
class Principal:
    """`person`: the id of the person in the programme, where the caller is one; they act only for posts they hold."""

    subject: str
    name: str
    roles: frozenset[Role]
    person: UUID | None = None


def require(*roles: Role) -> Callable[[Request], Awaitable[Principal]]:
    """A FastAPI dependency: the caller, who has one of these roles (none named: any authenticated caller).

    Answers 401 for a missing, expired or forged token and 403 for a caller without the role, as problem details.
    """
    raise NotImplementedError
