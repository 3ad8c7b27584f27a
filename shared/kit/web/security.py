"""Who is calling: bearer JWTs with roles. Locally signed with a shared secret; in production an OIDC issuer's keys.

The header's `alg` picks the verifier, each with its own kind of key, so that neither can be talked into the other's:
HS256 → the secrets of LIANDU_JWT_SECRET_FILE, RS256 and ES256 → the issuer's published keys. All else is refused.
Where an issuer is configured, a locally signed token is good for the roles `service` and `operator` only.
Tokens live by the real clock, never by the platform's.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import httpx
import jwt
from fastapi import Request

from shared.kit import telemetry
from shared.kit.clock import Clock, SystemClock
from shared.kit.settings import ServiceSettings, read_secrets
from shared.kit.web.problems import HttpProblem

LOCAL_ISSUER = "liandu"
_LOCAL_ALGORITHM = "HS256"
_ISSUER_ALGORITHMS = ("RS256", "ES256")
_LONGEST_TOKEN = 8192
_REMEMBERED = 1024
_REMEMBER_FOR = 300.0
_LEEWAY = 30.0
_KEYS_FRESH = 600.0
_KEYS_RETRY = 10.0


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
    """`person`: the id of the person in the programme, where the caller is one; they act only for posts they hold.

    `uscc`: the 统一社会信用代码 of the enterprise that the caller acts for.
    """

    subject: str
    name: str
    roles: frozenset[Role]
    person: UUID | None = None
    uscc: str | None = None


class Unauthenticated(HttpProblem):
    """401, with the challenge of RFC 6750."""

    def __init__(self, reason: str, detail: str) -> None:
        challenge = 'Bearer realm="liandu"'
        if reason != "missing":
            challenge += f', error="invalid_token", error_description="{reason}"'
        super().__init__(401, "unauthenticated", detail, headers={"WWW-Authenticate": challenge}, reason=reason)


class Forbidden(HttpProblem):
    """403: the caller is known and has none of the roles."""

    def __init__(self, wanted: Collection[Role]) -> None:
        super().__init__(403, "forbidden", "您没有进行此操作的角色", needed=sorted(wanted))


def require(*roles: Role) -> Callable[[Request], Awaitable[Principal]]:
    """A FastAPI dependency: the caller, who has one of these roles (none named: any authenticated caller).

    Answers 401 for a missing, expired or forged token and 403 for a caller without the role, as problem details.
    """
    wanted = frozenset(roles)

    async def caller(request: Request) -> Principal:
        principal = await authenticate(request)
        if wanted and wanted.isdisjoint(principal.roles):
            raise Forbidden(wanted)
        return principal

    caller.__dict__["roles"] = wanted  # read when the OpenAPI document is made
    return caller


async def authenticate(request: Request) -> Principal:
    """The caller of this request. Raises `Unauthenticated`."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("missing", "请先登录")
    authenticator: Authenticator = request.app.state.authenticator
    principal = await authenticator.principal(token.strip())
    request.scope["liandu.subject"] = principal.subject
    return principal


def make_token(
    secret: str,
    *,
    subject: str,
    roles: Collection[Role],
    name: str | None = None,
    person: UUID | None = None,
    uscc: str | None = None,
    lifetime: timedelta = timedelta(hours=12),
    issued_at: datetime | None = None,
) -> str:
    """A token signed with the shared secret. `issued_at`: real time, now when left out."""
    issued_at = issued_at or SystemClock().now()
    claims: dict[str, Any] = {
        "iss": LOCAL_ISSUER,
        "sub": subject,
        "name": name or subject,
        "roles": sorted(roles),
        "iat": issued_at,
        "exp": issued_at + lifetime,
    }
    if person is not None:
        claims["person"] = str(person)
    if uscc is not None:
        claims["uscc"] = uscc
    return jwt.encode(claims, secret, algorithm=_LOCAL_ALGORITHM)


class ServiceTokens(httpx.Auth):
    """The tokens with which one service calls another: role `service`, ten minutes, renewed in time.

    Calling it gives a token; given to httpx as `auth` it signs each request.
    """

    _LIFETIME = timedelta(minutes=10)
    _RENEW_BEFORE = timedelta(minutes=2)

    def __init__(self, secret: str, *, service: str, clock: Clock | None = None) -> None:
        self._secret = secret
        self._service = service
        self._clock = clock or SystemClock()
        self._token = ""
        self._renew_at: datetime | None = None

    def __call__(self) -> str:
        now = self._clock.now()
        if self._renew_at is None or now >= self._renew_at:
            self._token = make_token(
                self._secret,
                subject=f"service:{self._service}",
                name=self._service,
                roles=[Role.SERVICE],
                lifetime=self._LIFETIME,
                issued_at=now,
            )
            self._renew_at = now + self._LIFETIME - self._RENEW_BEFORE
        return self._token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self()}"
        yield request


class IssuerKeys:
    """The public keys of an OIDC issuer: discovered, fetched, kept ten minutes, fetched again for an unknown key id.

    While the issuer does not answer, the keys at hand go on counting.
    """

    def __init__(
        self, issuer: str, *, clock: Clock | None = None, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.issuer = issuer
        self._clock = clock or SystemClock()
        self._transport = transport
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._fetching = asyncio.Lock()

    async def key(self, kid: str, algorithm: str) -> jwt.PyJWK:
        """The key with this id, fit for this algorithm. Raises `Unauthenticated`, or a 503 while there are no keys."""
        if kid not in self._keys or self._age(self._fetched_at) > _KEYS_FRESH:
            await self._refresh()
        if not self._keys:
            raise HttpProblem(
                503, "issuer-unavailable", "统一认证服务暂时不可用，请稍后重试", headers={"Retry-After": "10"}
            )
        key = self._keys.get(kid)
        if key is None or key.algorithm_name != algorithm:
            raise Unauthenticated("unknown key", "登录凭证无效，请重新登录")
        return key

    def _age(self, moment: float) -> float:
        return self._clock.now().timestamp() - moment

    async def _refresh(self) -> None:
        """Asks at most once in ten seconds: tokens with invented key ids must not become requests to the issuer."""
        async with self._fetching:
            if self._age(self._tried_at) < _KEYS_RETRY:
                return
            self._tried_at = self._clock.now().timestamp()
            try:
                self._keys = await self._fetch()
                self._fetched_at = self._tried_at
            except (httpx.HTTPError, jwt.PyJWTError, ValueError, KeyError, TypeError) as error:
                telemetry.log.warning("the issuer's keys could not be fetched", issuer=self.issuer, error=repr(error))

    async def _fetch(self) -> dict[str, jwt.PyJWK]:
        async with httpx.AsyncClient(timeout=5, transport=self._transport) as client:
            address = self.issuer.rstrip("/") + "/.well-known/openid-configuration"
            found = (await client.get(address)).raise_for_status().json()
            if found["issuer"] != self.issuer:
                raise ValueError(f"{address} speaks for another issuer: {found['issuer']}")
            published = (await client.get(found["jwks_uri"])).raise_for_status().json()
        keys = (_signing_key(key) for key in published["keys"])
        return {key.key_id: key for key in keys if key is not None and key.key_id}


def _signing_key(published: Mapping[str, Any]) -> jwt.PyJWK | None:
    """A published key as far as we use it: an RSA or EC key for signatures. A shared (`oct`) key is never one."""
    if published.get("use", "sig") != "sig":
        return None
    algorithm = {("RSA", None): "RS256", ("EC", "P-256"): "ES256"}.get((published.get("kty", ""), published.get("crv")))
    if algorithm is None or published.get("alg", algorithm) != algorithm:
        return None
    return jwt.PyJWK(dict(published), algorithm)


class Authenticator:
    """Turns bearer tokens into principals. Verified tokens are remembered for five minutes, never past their end."""

    def __init__(
        self,
        *,
        secrets: Sequence[str] = (),
        issuer: IssuerKeys | None = None,
        audience: str = "liandu",
        roles_claim: str = "roles",
        clock: Clock | None = None,
    ) -> None:
        if not secrets and issuer is None:
            raise ValueError("nobody could log in: set LIANDU_JWT_SECRET_FILE or LIANDU_OIDC_ISSUER")
        self._secrets = secrets
        self._issuer = issuer
        self._audience = audience
        self._roles_claim = roles_claim
        self._clock = clock or SystemClock()
        self._known: dict[str, tuple[float, Principal]] = {}

    @classmethod
    def of(cls, settings: ServiceSettings) -> "Authenticator":
        """As the settings say. Raises ValueError when nobody could log in, or an issuer is not on https."""
        issuer = settings.oidc_issuer
        if issuer and not issuer.startswith("https://") and settings.env == "production":
            raise ValueError("LIANDU_OIDC_ISSUER must be an https address in production")
        return cls(
            secrets=read_secrets(settings.jwt_secret_file) if settings.jwt_secret_file else (),
            issuer=IssuerKeys(issuer) if issuer else None,
            audience=settings.oidc_audience,
            roles_claim=settings.oidc_roles_claim,
        )

    async def principal(self, token: str) -> Principal:
        """Raises `Unauthenticated`."""
        now = self._clock.now().timestamp()
        known = self._known.get(token)
        if known is not None and now < known[0]:
            return known[1]
        if len(token) > _LONGEST_TOKEN:
            raise Unauthenticated("too long", "登录凭证无效，请重新登录")
        expires, principal = await self._verify(token)
        if now >= expires:
            raise Unauthenticated("expired", "登录已过期，请重新登录")
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[token] = (min(expires, now + _REMEMBER_FOR), principal)
        return principal

    async def _verify(self, token: str) -> tuple[float, Principal]:
        try:
            algorithm = jwt.get_unverified_header(token).get("alg")
            if algorithm == _LOCAL_ALGORITHM and self._secrets:
                return self._local(token)
            if algorithm in _ISSUER_ALGORITHMS and self._issuer is not None:
                return await self._issued(token, self._issuer)
        except jwt.ExpiredSignatureError:
            raise Unauthenticated("expired", "登录已过期，请重新登录") from None
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            raise Unauthenticated("invalid", "登录凭证无效，请重新登录") from None
        raise Unauthenticated("algorithm refused", "登录凭证无效，请重新登录")

    def _local(self, token: str) -> tuple[float, Principal]:
        claims = _first_that_verifies(token, self._secrets)
        principal = _principal(claims, claims.get("roles"))
        if self._issuer is not None:
            principal = replace(principal, roles=principal.roles & {Role.SERVICE, Role.OPERATOR})
        return float(claims["exp"]), principal

    async def _issued(self, token: str, issuer: IssuerKeys) -> tuple[float, Principal]:
        header = jwt.get_unverified_header(token)
        key = await issuer.key(str(header["kid"]), str(header["alg"]))
        claims = jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            audience=self._audience,
            issuer=issuer.issuer,
            leeway=_LEEWAY,
            options={"require": ["exp", "sub", "iss", "aud"]},
        )
        return float(claims["exp"]) + _LEEWAY, _principal(claims, _inward(claims, self._roles_claim))


def _first_that_verifies(token: str, secrets: Sequence[str]) -> dict[str, Any]:
    for secret in secrets:
        try:
            return jwt.decode(
                token,
                secret,
                algorithms=[_LOCAL_ALGORITHM],
                issuer=LOCAL_ISSUER,
                options={"require": ["exp", "sub", "iss"], "verify_aud": False},
            )
        except jwt.InvalidSignatureError:
            continue
    raise jwt.InvalidSignatureError


def _inward(claims: Mapping[str, Any], path: str) -> object:
    value: object = claims
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _principal(claims: Mapping[str, Any], roles: object) -> Principal:
    """Roles that are not ours (an issuer serves other systems too) are passed over."""
    ours = frozenset(role for role in Role if role.value in roles) if isinstance(roles, list) else frozenset()
    person = claims.get("person")
    return Principal(
        subject=str(claims["sub"]),
        name=str(claims.get("name") or claims.get("preferred_username") or claims["sub"]),
        roles=ours,
        person=UUID(str(person)) if person else None,
        uscc=str(claims["uscc"]) if claims.get("uscc") else None,
    )
