"""Who is let in, and above all who is not."""

import base64
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from shared.kit.web.problems import HttpProblem
from shared.kit.web.security import (
    Authenticator,
    IssuerKeys,
    Principal,
    Role,
    ServiceTokens,
    Unauthenticated,
    make_token,
)

SECRET = "jwt secret for tests, long enough to be one"
OTHER = "another jwt secret, just as long as that one"
ISSUER = "https://login.example.cn/realms/liandu"
PERSON = UUID(int=5)
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


class SettableClock:
    """Real time, as far as a test wants it moved on."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    async def sleep_until(self, due: datetime | None, *, at_most: float) -> None:
        raise NotImplementedError


def token(**changes: Any) -> str:
    return make_token(SECRET, subject="u1", name="王科员", roles=[Role.CLERK], person=PERSON, **changes)


def encoded(*parts: object) -> bytes:
    return b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)


async def reason_of(refused: str, authenticator: Authenticator) -> str:
    with pytest.raises(Unauthenticated) as refusal:
        await authenticator.principal(refused)
    assert refusal.value.status == 401
    return str(refusal.value.members["reason"])


async def test_a_token_says_who_calls() -> None:
    principal = await Authenticator(secrets=[SECRET]).principal(token())
    assert principal == Principal("u1", "王科员", frozenset({Role.CLERK}), PERSON)


async def test_a_token_signed_with_another_secret_is_refused() -> None:
    forged = make_token(OTHER, subject="u1", roles=[Role.SUPERVISOR])
    assert await reason_of(forged, Authenticator(secrets=[SECRET])) == "invalid"


async def test_an_expired_token_is_refused() -> None:
    assert await reason_of(token(lifetime=timedelta(seconds=-1)), Authenticator(secrets=[SECRET])) == "expired"


async def test_a_remembered_token_is_refused_once_it_has_expired() -> None:
    clock = SettableClock()
    authenticator = Authenticator(secrets=[SECRET], clock=clock)
    short = token(issued_at=datetime.now(UTC) - timedelta(hours=1), lifetime=timedelta(hours=1, seconds=30))
    await authenticator.principal(short)
    clock.ahead = timedelta(seconds=31)
    assert await reason_of(short, authenticator) == "expired"


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "HS384", "HS512", "", None, 7])
async def test_a_token_of_any_other_algorithm_is_refused(algorithm: object) -> None:
    content = encoded({"alg": algorithm, "typ": "JWT"}, {"iss": "liandu", "sub": "u1", "exp": 4102444800})
    for signature in (b"", b"AAAA"):
        unsigned = b".".join((content, signature)).decode()
        assert await reason_of(unsigned, Authenticator(secrets=[SECRET])) in ("algorithm refused", "invalid")


@pytest.mark.parametrize("refused", ["x", "a.b", "a.b.c", "…", "." * 10, "A" * 10_000, "eyJhbGciOiJIUzI1NiJ9..x"])
async def test_what_is_no_token_is_refused(refused: str) -> None:
    assert await reason_of(refused, Authenticator(secrets=[SECRET])) in ("invalid", "too long")


@pytest.mark.parametrize("missing", ["exp", "sub", "iss"])
async def test_a_token_without_an_end_a_subject_or_an_issuer_is_refused(missing: str) -> None:
    claims = {"iss": "liandu", "sub": "u1", "exp": datetime.now(UTC) + timedelta(hours=1)}
    del claims[missing]
    assert await reason_of(jwt.encode(claims, SECRET), Authenticator(secrets=[SECRET])) == "invalid"


async def test_roles_that_are_not_ours_are_passed_over() -> None:
    claims = {
        "iss": "liandu",
        "sub": "u1",
        "exp": datetime.now(UTC) + timedelta(hours=1),
        "roles": ["root", 3, "chief"],
    }
    principal = await Authenticator(secrets=[SECRET]).principal(jwt.encode(claims, SECRET))
    assert principal.roles == {Role.CHIEF}
    assert principal.name == "u1"


async def test_a_changed_secret_keeps_the_tokens_of_the_old_one_good_while_both_are_listed() -> None:
    assert await Authenticator(secrets=[OTHER, SECRET]).principal(token())
    assert await reason_of(token(), Authenticator(secrets=[OTHER])) == "invalid"


def test_a_service_where_nobody_could_log_in_does_not_start() -> None:
    with pytest.raises(ValueError, match="LIANDU_JWT_SECRET_FILE"):
        Authenticator()


async def test_services_renew_their_tokens_in_time() -> None:
    clock = SettableClock()
    tokens = ServiceTokens(SECRET, service="assessment", clock=clock)
    first = tokens()
    clock.ahead = timedelta(minutes=7)
    assert tokens() == first
    clock.ahead = timedelta(minutes=8, seconds=1)
    assert tokens() != first
    assert (await Authenticator(secrets=[SECRET]).principal(first)).roles == {Role.SERVICE}


class Issuer:
    """An OIDC issuer behind httpx: its keys, how often it was asked, whether it answers."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = [
            RSAAlgorithm.to_jwk(RSA_KEY.public_key(), as_dict=True) | {"kid": "r1", "use": "sig", "alg": "RS256"},
            ECAlgorithm.to_jwk(EC_KEY.public_key(), as_dict=True) | {"kid": "e1", "use": "sig"},
            {"kty": "oct", "kid": "o1", "k": base64.urlsafe_b64encode(SECRET.encode()).decode()},
        ]
        self.name = ISSUER
        self.up = True
        self.asked = 0

    def answer(self, request: httpx.Request) -> httpx.Response:
        if not self.up:
            raise httpx.ConnectError("down")
        if request.url.path.endswith("openid-configuration"):
            return httpx.Response(200, json={"issuer": self.name, "jwks_uri": f"{ISSUER}/keys"})
        self.asked += 1
        return httpx.Response(200, json={"keys": self.keys})


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def authenticator(issuer: Issuer, clock: SettableClock) -> Authenticator:
    keys = IssuerKeys(ISSUER, clock=clock, transport=httpx.MockTransport(issuer.answer))
    return Authenticator(secrets=[SECRET], issuer=keys, roles_claim="realm_access.roles", clock=clock)


def issued(key: Any = RSA_KEY, *, kid: str = "r1", alg: str = "RS256", **changes: Any) -> str:
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": ["liandu", "account"],
        "sub": "4f1c",
        "preferred_username": "wang",
        "exp": datetime.now(UTC) + timedelta(minutes=5),
        "realm_access": {"roles": ["reviewer", "offline_access"]},
    }
    return jwt.encode(claims | changes, key, algorithm=alg, headers={"kid": kid})


@pytest.mark.parametrize("make", [issued, lambda: issued(EC_KEY, kid="e1", alg="ES256")])
async def test_an_issuers_token_says_who_calls(make: Callable[[], str], authenticator: Authenticator) -> None:
    assert await authenticator.principal(make()) == Principal("4f1c", "wang", frozenset({Role.REVIEWER}))


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another"},
        {"iss": "https://evil.example"},
        {"exp": datetime(2020, 1, 1, tzinfo=UTC)},
        {"sub": None},
        {"nbf": datetime.now(UTC) + timedelta(hours=1)},
    ],
)
async def test_an_issuers_token_for_others_or_of_another_time_is_refused(
    changes: dict[str, Any], authenticator: Authenticator
) -> None:
    assert await reason_of(issued(**changes), authenticator) in ("invalid", "expired")


async def test_an_issuers_public_key_is_not_taken_for_a_shared_secret(authenticator: Authenticator) -> None:
    public = RSA_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    for kid in ("r1", "e1", "o1"):
        content = encoded({"alg": "HS256", "kid": kid}, {"iss": "liandu", "sub": "u1", "exp": 4102444800})
        signature = base64.urlsafe_b64encode(hmac.digest(public, content, "sha256")).rstrip(b"=")
        assert await reason_of(b".".join((content, signature)).decode(), authenticator) == "invalid"


async def test_a_key_counts_only_for_its_own_algorithm_and_shared_keys_never(authenticator: Authenticator) -> None:
    assert await reason_of(issued(RSA_KEY, kid="e1"), authenticator) == "unknown key"
    assert await reason_of(issued(RSA_KEY, kid="o1"), authenticator) == "unknown key"
    assert await reason_of(issued(rsa.generate_private_key(65537, 2048)), authenticator) == "invalid"


async def test_with_an_issuer_the_shared_secret_makes_no_officials(authenticator: Authenticator) -> None:
    principal = await authenticator.principal(make_token(SECRET, subject="x", roles=[Role.CHIEF, Role.SERVICE]))
    assert principal.roles == {Role.SERVICE}


async def test_a_new_key_is_fetched_and_invented_ones_do_not_become_requests(
    issuer: Issuer, clock: SettableClock, authenticator: Authenticator
) -> None:
    await authenticator.principal(issued())
    for number in range(20):
        assert await reason_of(issued(kid=f"invented{number}"), authenticator) == "unknown key"
    assert issuer.asked == 1
    new = rsa.generate_private_key(65537, 2048)
    issuer.keys.append(RSAAlgorithm.to_jwk(new.public_key(), as_dict=True) | {"kid": "r2"})
    clock.ahead = timedelta(seconds=11)
    assert await authenticator.principal(issued(new, kid="r2"))
    assert issuer.asked == 2


async def test_known_keys_outlive_an_issuer_that_does_not_answer(
    issuer: Issuer, clock: SettableClock, authenticator: Authenticator
) -> None:
    await authenticator.principal(issued())
    issuer.up = False
    clock.ahead = timedelta(hours=1)
    assert await authenticator.principal(issued(exp=datetime.now(UTC) + timedelta(hours=2)))


async def test_without_any_key_the_answer_is_try_again_not_wrong_token(
    issuer: Issuer, authenticator: Authenticator
) -> None:
    issuer.up = False
    with pytest.raises(HttpProblem) as refusal:
        await authenticator.principal(issued())
    assert (refusal.value.status, refusal.value.code) == (503, "issuer-unavailable")


async def test_a_discovery_document_of_another_issuer_is_not_believed(
    issuer: Issuer, authenticator: Authenticator
) -> None:
    issuer.name = "https://evil.example"
    with pytest.raises(HttpProblem, match="503"):
        await authenticator.principal(issued())
