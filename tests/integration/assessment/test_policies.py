"""Versions of the policy: installed for a later day, in force from then for what begins, kept by the cases before."""

import copy
from collections.abc import Callable
from datetime import date
from typing import Any

import httpx
import pytest

from services.assessment import policies
from services.assessment.domain.moments import china_date
from services.assessment.handlers import calendar
from services.assessment.handlers.watch import pending
from services.assessment.policies.document import DEFAULT
from shared.contracts.supervision import CaseEscalated, CaseMovedToPolicy, CaseOpened, ObligationReminded
from shared.kit.database import transaction
from shared.kit.web.security import Role
from tests.support.supervised import Supervised, case_of, planned, programme, recorded

As = Callable[..., dict[str, str]]
TEXT = DEFAULT.read_text(encoding="utf-8")


def stricter(version: str = "stricter", day: str = "2026-03-02") -> str:
    """Reminds five days ahead, opens the case on the second day late and sends the letter on the third."""
    text = TEXT.replace("version: default-2026.2", f"version: {version}\nin_force_from: {day}")
    text = text.replace("days_before: 3", "days_before: 5").replace("after_days: 1\n", "after_days: 2\n")
    return text.replace("after_days: 5\n", "after_days: 3\n")


async def installed(http: httpx.AsyncClient, headers: dict[str, str], document: object) -> httpx.Response:
    return await http.post("/v1/policies", json={"document": document}, headers=headers)


async def recounted(supervised: Supervised) -> int:
    return await calendar.recount(supervised.engine, now=supervised.clock.now(), knowledge=supervised.knowledge)


async def test_a_policy_is_in_force_from_its_day_on_and_a_case_keeps_the_one_it_began_with(
    supervised: Supervised, http: httpx.AsyncClient, as_: As
) -> None:
    await supervised.tell(*programme(), recorded("a"), planned("a", "m", date(2026, 2, 25)))
    await supervised.until("2026-02-26T10:00")
    answer = await installed(http, as_(Role.SUPERVISOR), stricter())
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == "/v1/policies/stricter"
    await supervised.tell(planned("a", "n", date(2026, 2, 28)), planned("a", "o", date(2026, 3, 9)))
    assert await recounted(supervised) == 0
    await supervised.until("2026-03-01T10:00")
    await supervised.jump("2026-03-02T08:00")
    async with transaction(supervised.engine) as conn:
        assert (await pending(conn, supervised.clock.now())).reasons
    assert await recounted(supervised) > 0
    async with transaction(supervised.engine) as conn:
        assert not (await pending(conn, supervised.clock.now())).reasons
    await supervised.until("2026-03-13T10:00")
    opened = {one.case_id: one.policy_version for one in await supervised.events(kind=CaseOpened)}
    assert opened == {case_of("m"): "default-2026.2", case_of("n"): "stricter", case_of("o"): "stricter"}
    days = {
        name: [china_date(one.due_at) for one in await supervised.events(case_of(name), kind=CaseEscalated)][:2]
        for name in "mno"
    }
    assert days == {
        "m": [date(2026, 2, 26), date(2026, 3, 3)],
        "n": [date(2026, 3, 3), date(2026, 3, 4)],
        "o": [date(2026, 3, 11), date(2026, 3, 12)],
    }
    reminded = [one for one in await supervised.events(kind=ObligationReminded) if one.subject.due_on.day == 9]
    assert [one.working_days_left for one in reminded] == [5]
    rows = (await http.get("/v1/cases", headers=as_(Role.CLERK))).json()["items"]
    assert {row["policy_version"] for row in rows} == {"default-2026.2", "stricter"}


async def test_versions_are_listed_with_the_one_in_force_and_shown_with_their_documents(
    supervised: Supervised, http: httpx.AsyncClient, as_: As
) -> None:
    await supervised.tell(recorded("a"))
    data = {**copy.deepcopy(policies.read_file(None)), "version": "later", "in_force_from": "2026-06-01"}
    assert (await installed(http, as_(Role.SUPERVISOR), stricter())).status_code == 201
    assert (await installed(http, as_(Role.SUPERVISOR), data)).status_code == 201
    seen: list[Any] = []
    after: str | None = None
    while not seen or after:
        query: dict[str, str | int] = {"limit": 2, **({"after": after} if after else {})}
        listed = (await http.get("/v1/policies", params=query, headers=as_(Role.CLERK))).json()
        seen, after = [*seen, *listed["items"]], listed["next_after"]
    assert [(one["version"], one["in_force_from"], one["in_force"]) for one in seen] == [
        ("later", "2026-06-01", False),
        ("stricter", "2026-03-02", False),
        ("default-2026.2", "2026-01-05", True),
    ]
    assert [one["installed_by"] for one in seen] == ["某人", "某人", "规则文件"]
    shown = (await http.get("/v1/policies/later", headers=as_(Role.CLERK))).json()
    assert shown["document"] == data
    assert (await http.get("/v1/policies/none", headers=as_(Role.CLERK))).status_code == 404
    assert (await http.get("/v1/policy", headers=as_(Role.CLERK))).json()["version"] == "default-2026.2"
    await supervised.jump("2026-03-02T08:00")
    assert (await http.get("/v1/policy", headers=as_(Role.CLERK))).json()["version"] == "stricter"


@pytest.mark.parametrize(
    ("document", "status", "places"),
    [
        (stricter().replace("days_before: 5", "days_before: 0"), 422, [("reminder.days_before", 13)]),
        (stricter().replace("in_force_from: 2026-03-02\n", ""), 422, [("in_force_from", None)]),
        (stricter(day="2026-01-05"), 422, [("in_force_from", None)]),
        ({"version": "x", "rung": []}, 422, [("rung", None)]),
        (stricter("default-2026.2"), 409, None),
    ],
)
async def test_what_cannot_be_installed_is_refused_with_its_places(
    supervised: Supervised,
    http: httpx.AsyncClient,
    as_: As,
    document: object,
    status: int,
    places: list[tuple[str, int | None]] | None,
) -> None:
    await supervised.tell(recorded("a"))
    answer = await installed(http, as_(Role.SUPERVISOR), document)
    assert answer.status_code == status, answer.text
    if places is not None:
        assert [(one["place"], one["line"]) for one in answer.json()["faults"]] == places
    assert [row.version for row in await supervised.rows("SELECT version FROM policy")] == ["default-2026.2"]


async def test_only_the_supervision_office_installs(supervised: Supervised, http: httpx.AsyncClient, as_: As) -> None:
    await supervised.tell(recorded("a"))
    assert (await installed(http, as_(Role.REVIEWER), stricter())).status_code == 403


async def test_a_case_is_moved_to_another_version_deliberately_and_on_record(
    supervised: Supervised, http: httpx.AsyncClient, as_: As
) -> None:
    await supervised.tell(*programme(), recorded("a"), planned("a", "m", date(2026, 3, 2)))
    assert (await installed(http, as_(Role.SUPERVISOR), stricter(day="2026-03-03"))).status_code == 201
    later = stricter("later", "2026-06-01")
    assert (await installed(http, as_(Role.SUPERVISOR), later)).status_code == 201
    await supervised.until("2026-03-02T20:00")
    await supervised.until("2026-03-04T20:00")
    address, reason = f"/v1/cases/{case_of('m')}", {"reason": "规则已修订"}
    [opened] = await supervised.events(kind=CaseOpened)
    assert opened.policy_version == "stricter"
    headers = as_(Role.SUPERVISOR)

    async def moved(version: str, **given: str) -> httpx.Response:
        body = {**reason, "policy_version": version, **given}
        return await http.post(f"{address}:move-to-policy", json=body, headers=headers)

    assert [(await moved(one)).status_code for one in ("none", "later", "stricter")] == [422, 422, 409]
    assert (await moved("default-2026.2", reason=" ")).status_code == 422
    answer = await moved("default-2026.2")
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert shown["policy_version"] == "default-2026.2"
    assert [(one["kind_name"], one["text"]) for one in shown["dealings"]] == [("改用其他版本的规则", "规则已修订")]
    [event] = await supervised.events(kind=CaseMovedToPolicy)
    # Rung 1 was reached on the 4th and rung 2 due on the 5th; four working days apart now, not one.
    assert (event.before, event.later_by_days, china_date(event.next_at)) == ("stricter", 3, date(2026, 3, 10))
    await supervised.until("2026-03-10T10:00")
    reached = [(one.rung, china_date(one.due_at)) for one in await supervised.events(kind=CaseEscalated)]
    assert reached == [(1, date(2026, 3, 4)), (2, date(2026, 3, 10))]
    assert (await http.post(f"{address}:move-to-policy", json=reason, headers=as_(Role.REVIEWER))).status_code == 403
