"""预演: what is said to come is what comes, if nobody does anything."""

from collections.abc import Callable
from datetime import date

import httpx

from shared.contracts.programme import Tier
from shared.contracts.projects import Stage
from shared.contracts.supervision import CaseEscalated, ObligationReminded
from shared.kit.web.security import Role
from tests.integration.assessment.conftest import Headers
from tests.support.supervised import Supervised, named, planned, programme, recorded

As = Callable[..., Headers]
ADDRESS = f"/v1/projects/{named('a')}/forecast"


async def test_what_is_foretold_is_what_comes(supervised: Supervised, http: httpx.AsyncClient, as_: As) -> None:
    await supervised.tell(*programme(vacant=[Tier.DEPUTY_CHIEF]), recorded("a"))
    await supervised.tell(planned("a", "m", date(2026, 1, 15), Stage.STARTED), planned("a", "n", date(2026, 2, 13)))
    await supervised.until("2026-01-20T10:00")
    answer = await http.get(ADDRESS, params={"until": "2026-04-10"}, headers=as_(Role.CLERK))
    assert answer.status_code == 200, answer.text
    steps = answer.json()["steps"]
    by_code = await http.get("/v1/projects/A/forecast", params={"until": "2026-04-10"}, headers=as_(Role.CLERK))
    assert by_code.json() == answer.json()
    before = len(await supervised.log())
    await supervised.until("2026-04-10T10:00")
    came = [
        (fact.at, event)
        for fact, event in zip((await supervised.log())[before:], (await supervised.events())[before:], strict=True)
        if isinstance(event, ObligationReminded | CaseEscalated)
    ]
    assert [(one["on"], one["milestone"]) for one in steps] == [
        (at.date().isoformat(), event.subject.milestone_name) for at, event in came
    ]
    assert [step["what"] for step in steps][:3] == ["督办函（第2级）", "约谈（第3级）", "约谈（链长）（第4级）"]
    assert steps[1]["to"] == ["岗位chief"]  # the deputy's post is vacant
    assert steps[0]["sentence"] == ("2026年1月22日：“节点m”（2026年1月15日到期）督办函（第2级），主送岗位task_force")
    reds = [one["sentence"] for one in answer.json()["lights"] if one["light"] == "red"]
    assert reds == ["2026年4月1日：已过3个月末仍未开工，开工灯转为红灯"]


async def test_nothing_is_written_and_nothing_far_off_is_foretold(
    supervised: Supervised, http: httpx.AsyncClient, as_: As
) -> None:
    await supervised.tell(*programme(), recorded("a"), planned("a", "m", date(2026, 1, 9)))
    before = await supervised.rows("SELECT * FROM timer"), await supervised.log()
    assert (await http.get(ADDRESS, headers=as_(Role.CLERK))).json()["steps"]
    assert (await supervised.rows("SELECT * FROM timer"), await supervised.log()) == before
    far = await http.get(ADDRESS, params={"until": "2030-01-01"}, headers=as_(Role.CLERK))
    assert (far.status_code, far.json()["place"]) == (422, "until")
    unknown = await http.get(f"/v1/projects/{named('z')}/forecast", headers=as_(Role.CLERK))
    assert unknown.status_code == 404
