from collections.abc import Callable
from datetime import date
from typing import Any

import httpx

from services.assessment.domain.commendation import commendation_id
from shared.contracts.ids import obligation_id
from shared.contracts.programme import Tier
from shared.contracts.supervision import CommendationApproved, CommendationStruckOff, CommendationWithdrawn
from shared.kit.web.security import Role
from tests.integration.assessment.test_api import get
from tests.integration.assessment.test_corrections import corrected, reopened
from tests.support.supervised import Supervised, met, named, person, planned, programme, recorded

As = Callable[..., dict[str, str]]
ID = commendation_id(obligation_id(named("m")))
PATH = f"/v1/commendations/{ID}"


async def proposed(supervised: Supervised) -> None:
    await supervised.tell(*programme(), recorded("a"), planned("a", "m", date(2026, 3, 31)))
    await supervised.tell(met("a", "m", date(2026, 1, 5)))


async def roll(http: httpx.AsyncClient, headers: dict[str, str], query: str = "") -> list[str]:
    return [one["id"] for one in (await get(http, f"/v1/honours{query}", headers))["items"]]


async def test_s14_what_is_early_is_proposed_approved_honoured_and_struck_off_when_its_record_does_not_hold(
    supervised: Supervised, http: httpx.AsyncClient, as_: As
) -> None:
    office = as_(Role.SUPERVISOR)
    await proposed(supervised)
    assert await roll(http, office) == []
    answer = await http.post(f"{PATH}:approve", json={"remark": "情况属实"}, headers=office)
    shown: dict[str, Any] = answer.json()
    assert (answer.status_code, shown["state_name"], shown["decision"]) == (200, "已表扬", "情况属实")
    (approved,) = await supervised.events(kind=CommendationApproved)
    assert [one.tier for one in approved.addressees] != []

    assert await roll(http, office) == [str(ID)]
    assert await roll(http, office, "?period=2026-Q1&chain=DISPLAY") == [str(ID)]
    assert await roll(http, office, "?period=2026-Q2") == []
    listed = await get(http, "/v1/commendations?state=approved", office)
    assert [one["id"] for one in listed["items"]] == [str(ID)]
    assert (await get(http, "/v1/commendations?state=proposed", office))["items"] == []

    await supervised.tell(corrected(followed_by=1), reopened())
    (gone,) = await supervised.events(kind=CommendationStruckOff)
    assert (gone.reason, gone.addressees) == ("原记录已更正", approved.addressees)
    assert await roll(http, office) == []
    struck_off = await get(http, PATH, office)
    assert (struck_off["state_name"], struck_off["decision"]) == ("已撤销", "情况属实")


async def test_what_was_declined_says_why_and_is_decided_once(
    supervised: Supervised, http: httpx.AsyncClient, as_: As
) -> None:
    office = as_(Role.SUPERVISOR)
    await proposed(supervised)
    assert (await http.post(f"{PATH}:decline", json={"reason": " "}, headers=office)).status_code == 422
    declined = await http.post(f"{PATH}:decline", json={"reason": "工期偏松"}, headers=office)
    assert (declined.json()["state_name"], declined.json()["decision"]) == ("不予表扬", "工期偏松")
    again = await http.post(f"{PATH}:approve", headers=office)
    assert (again.status_code, again.json()["detail"]) == (409, "该表扬建议已审批为不予表扬")
    assert await roll(http, office) == []


async def test_only_the_office_decides_and_nobody_on_their_own(
    supervised: Supervised, http: httpx.AsyncClient, as_: As
) -> None:
    await proposed(supervised)
    assert (await http.post(f"{PATH}:approve", headers=as_(Role.CLERK))).status_code == 403
    own = await http.post(f"{PATH}:approve", headers=as_(Role.SUPERVISOR, person(Tier.OFFICER)))
    assert (own.status_code, own.json()["detail"]) == (403, "责任人不能审批对自己的表扬，请由他人审批")
    unknown = await http.post(f"/v1/commendations/{named('x')}:approve", headers=as_(Role.SUPERVISOR))
    assert (unknown.status_code, unknown.json()["detail"]) == (404, "没有该表扬建议")


async def test_what_rests_on_a_project_that_was_struck_off_does_not_stand(
    supervised: Supervised, http: httpx.AsyncClient, as_: As
) -> None:
    await supervised.tell(*programme(), recorded("a"))
    await supervised.tell(planned("a", "m", date(2026, 3, 31)), planned("a", "n", date(2026, 3, 31)))
    await supervised.tell(met("a", "m", date(2026, 1, 5)), met("a", "n", date(2026, 1, 5)))
    assert (await http.post(f"{PATH}:approve", headers=as_(Role.SUPERVISOR))).status_code == 200
    await supervised.tell(corrected(hold_status="struck_off"))
    (struck_off,) = await supervised.events(kind=CommendationStruckOff)
    (withdrawn,) = await supervised.events(kind=CommendationWithdrawn)
    assert struck_off.commendation_id == ID
    assert withdrawn.commendation_id == commendation_id(obligation_id(named("n")))
    assert await roll(http, as_(Role.CHIEF)) == []
