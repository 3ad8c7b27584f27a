"""S13: visits by teams of several units, the leads they found and the projects that leads became; an intent is no
contract, so its project stays 在谈.
"""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from shared.kit.web.security import Role
from tests.integration.intake.conftest import DISPLAY, Office, a_token
from tests.support.clock import MovableClock

VISITS = "/v1/visits"
LEADS = "/v1/leads"
UNITS = ("开发区管委", "区商务局", "王台街道", "辛安街道")


@pytest_asyncio.fixture
async def team(office: Office) -> list[str]:
    return [str((await office.make("/v1/organisations", name=name))["id"]) for name in UNITS]


def europe(team: list[str], **changes: Any) -> dict[str, Any]:
    return {
        "name": "国际招商团队赴欧洲招商",
        "aim": "加速推进一批在谈项目、深度挖掘一批全新项目",
        "from_day": "2026-01-02",
        "until_day": "2026-01-09",
        "places": [{"country": "法国", "city": "巴黎"}, {"country": "德国"}, {"country": "意大利"}],
        "org_ids": team,
        "chain_ids": [str(DISPLAY)],
        "met": [
            {"name": "液化空气", "country": "法国", "on": "2026-01-03"},
            {"name": "德国工商总会", "kind": "chamber", "country": "德国"},
        ],
        **changes,
    }


def a_lead(visit: dict[str, Any], org: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": "工业气体项目",
        "firm": "液化空气",
        "country": "法国",
        "chain_id": str(DISPLAY),
        "responsible_org_id": org,
        "found_on": "2026-01-03",
        "occasion_id": visit["id"],
        "expected_wan": 30000,
        **changes,
    }


async def test_a_visit_has_a_team_of_several_units_people_places_and_whom_it_met(
    office: Office, team: list[str]
) -> None:
    person = (await office.make("/v1/people", name="张伟", organisation_id=team[0]))["id"]
    made = await office.make(VISITS, **europe(team, person_ids=[person]))
    assert [unit["name"] for unit in made["organisations"]] == list(UNITS)
    assert [member["name"] for member in made["people"]] == ["张伟"]
    assert [(met["name"], met["kind_name"]) for met in made["met"]] == [
        ("液化空气", "企业"),
        ("德国工商总会", "商协会"),
    ]
    (fact,) = (await office.http.get(f"{VISITS}/{made['id']}/history")).json()["items"]
    assert fact["text"] == (
        "登记招商活动“国际招商团队赴欧洲招商”，开发区管委、区商务局、王台街道、辛安街道组团，"
        "2026-01-02至2026-01-09赴法国巴黎、德国、意大利，会见液化空气、德国工商总会"
    )
    listed = (await office.http.get(VISITS, params={"organisation_id": team[2]})).json()["items"]
    assert [item["id"] for item in listed] == [made["id"]]


async def test_a_lead_becomes_a_project_in_negotiation_and_each_names_the_other(
    office: Office, team: list[str]
) -> None:
    visit = await office.make(VISITS, **europe(team))
    lead = await office.make(LEADS, **a_lead(visit, team[1]))
    assert (lead["occasion_name"], lead["status_name"]) == ("国际招商团队赴欧洲招商", "跟进中")
    intent = await office.make(
        "/v1/agreements",
        kind="intent",
        title="投资意向书",
        parties=[{"name": "液化空气"}],
        signed_on="2026-01-04",
        occasion_id=visit["id"],
        lead_id=lead["id"],
        amount_wan=30000,
    )
    done = await office.make(f"{LEADS}/{lead['id']}:convert")
    project = done["project"]
    assert (project["stage"], project["list"], project["total_investment_wan"]) == ("negotiating", "negotiating", 30000)
    assert (done["lead"]["status"], done["lead"]["project_id"]) == ("converted", project["id"])
    assert done["lead"]["project_name"] == f"{project['code']} 工业气体项目"
    origin = (await office.http.get(f"/v1/projects/{project['id']}/origin")).json()
    assert (origin["lead"]["id"], [item["id"] for item in origin["agreements"]]) == (lead["id"], [intent["id"]])
    outcomes = (await office.http.get(f"{VISITS}/{visit['id']}")).json()["outcomes"]
    assert outcomes == {"leads": 1, "converted": 1, "agreements": 1, "contacts": 0}
    texts = [fact["text"] for fact in (await office.http.get(f"{LEADS}/{lead['id']}/history")).json()["items"]]
    assert texts == [
        "2026-01-03发现线索“工业气体项目”（液化空气），产业链：新型显示，跟进单位：区商务局，预计投资3亿元",
        f"2026-01-05转为项目{project['code']} 工业气体项目，阶段：在谈",
    ]

    signed = await office.advance(
        project, "signed", evidence=[{"kind": "letter_of_intent", "reference": "意向书", "on": "2026-01-04"}]
    )
    assert signed.status_code == 422
    assert (await office.http.get("/v1/lists/negotiating")).json()["count"] == 1
    assert (await office.http.get("/v1/lists/signed")).json()["count"] == 0


async def test_a_lead_is_converted_once_and_never_to_a_signed_project(office: Office, team: list[str]) -> None:
    visit = await office.make(VISITS, **europe(team))
    lead = await office.make(LEADS, **a_lead(visit, team[1]))
    path = f"{LEADS}/{lead['id']}:convert"
    too_far = await office.http.post(path, json={"stage": "signed"})
    assert (too_far.status_code, too_far.json()["field"]) == (422, "stage")
    assert (await office.http.get("/v1/projects")).json()["items"] == []
    stale = await office.http.post(path, json={}, headers={"if-match": '"7"'})
    assert stale.status_code == 412
    done = await office.make(path, stage="lead", name="工业气体一期")
    assert (done["project"]["stage"], done["project"]["name"]) == ("lead", "工业气体一期")
    again = await office.http.post(path, json={"name": "别的"})
    assert (again.status_code, again.json()["project_id"]) == (409, done["project"]["id"])
    assert len((await office.http.get("/v1/projects")).json()["items"]) == 1
    dropped = await office.http.post(f"{LEADS}/{lead['id']}:drop", json={"reason": "企业放弃"})
    assert dropped.status_code == 409


async def test_a_project_that_is_refused_leaves_the_lead_as_it_was(office: Office, team: list[str]) -> None:
    visit = await office.make(VISITS, **europe(team))
    lead = await office.make(LEADS, **a_lead(visit, team[1], name="显示面板项目"))
    await office.project(team[1])
    refused = await office.http.post(f"{LEADS}/{lead['id']}:convert", json={})
    assert refused.status_code == 409
    assert (await office.http.get(f"{LEADS}/{lead['id']}")).json()["status"] == "standing"
    amountless = await office.make(LEADS, **a_lead(visit, team[1], name="金额未定", expected_wan=None))
    refused = await office.http.post(f"{LEADS}/{amountless['id']}:convert", json={})
    assert (refused.status_code, refused.json()["field"]) == (422, "total_investment_wan")


async def test_figures_of_leads_by_chain_unit_visit_and_month(
    office: Office, team: list[str], clock: MovableClock
) -> None:
    clock.move("2026-02-10T09:00+08:00")
    visit = await office.make(VISITS, **europe(team))
    for number, (org, day) in enumerate([(1, "2026-01-03"), (1, "2026-02-01"), (2, "2026-02-02"), (2, "2026-02-03")]):
        lead = a_lead(visit, team[org], name=f"线索{number}", found_on=day)
        made = await office.make(LEADS, **{**lead, "occasion_id": None if number == 3 else visit["id"]})
        if number in (0, 1):
            await office.make(f"{LEADS}/{made['id']}:convert")
        if number == 2:
            await office.make(f"{LEADS}/{made['id']}:drop", reason="企业放弃")

    async def figures(**params: str) -> list[tuple[Any, ...]]:
        items = (await office.http.get(f"{LEADS}/figures", params=params)).json()["items"]
        return sorted((each["name"], each["found"], each["open"], each["converted"], each["dropped"]) for each in items)

    assert await figures() == [("新型显示", 4, 1, 2, 1)]
    assert await figures(by="organisation") == [("区商务局", 2, 0, 2, 0), ("王台街道", 2, 1, 0, 1)]
    assert await figures(by="occasion") == [("其他", 1, 1, 0, 0), ("国际招商团队赴欧洲招商", 3, 0, 2, 1)]
    assert await figures(by="month") == [("2026-01", 1, 0, 1, 0), ("2026-02", 3, 1, 1, 1)]
    assert await figures(from_day="2026-02-01", until_day="2026-02-28") == [("新型显示", 3, 1, 1, 1)]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"org_ids": []}, "org_ids"),
        ({"places": []}, "places"),
        ({"org_ids": [str(uuid4())]}, "org_ids"),
        ({"person_ids": [str(uuid4())]}, "person_ids"),
        ({"met": [{"name": "某公司", "uscc": "913702110000000001"}]}, "uscc"),
    ],
)
async def test_a_visit_without_a_known_team_is_refused(
    office: Office, team: list[str], changes: dict[str, Any], field: str
) -> None:
    refused = await office.http.post(VISITS, json=europe(team, **changes))
    assert (refused.status_code, refused.json()["field"]) == (422, field)
    backwards = await office.http.post(VISITS, json=europe(team, until_day="2026-01-01"))
    assert backwards.status_code == 422


async def test_a_lead_names_a_known_occasion_and_is_not_found_tomorrow(office: Office, team: list[str]) -> None:
    visit = await office.make(VISITS, **europe(team))
    lead = await office.make(LEADS, **a_lead(visit, team[1]))
    nowhere = await office.http.post(LEADS, json=a_lead(lead, team[1]))
    assert (nowhere.status_code, nowhere.json()["field"]) == (422, "occasion_id")
    tomorrow = await office.http.post(LEADS, json=a_lead(visit, team[1], found_on="2026-01-06"))
    assert tomorrow.status_code == 422
    assert (await office.http.get(f"{VISITS}/{lead['id']}")).status_code == 404


async def test_the_clerk_of_another_chain_records_no_lead_here(office: Office, team: list[str]) -> None:
    auto = next(item for item in (await office.http.get("/v1/chains")).json()["items"] if item["code"] == "AUTO")
    post = await office.make(
        "/v1/posts", title="汽车专班办公室", tier="task_force_office", organisation_id=team[1], chain_ids=[auto["id"]]
    )
    person = (await office.make("/v1/people", name="李娜", organisation_id=team[1]))["id"]
    await office.make(f"/v1/posts/{post['id']}:assume", person_id=person, from_day="2026-01-01")
    headers = {"authorization": f"Bearer {a_token(Role.CLERK, subject='li', person=person)}"}
    visit = await office.make(VISITS, **europe(team))
    refused = await office.http.post(LEADS, json=a_lead(visit, team[1]), headers=headers)
    assert refused.status_code == 403
    own = await office.http.post(LEADS, json=a_lead(visit, team[1], chain_id=auto["id"]), headers=headers)
    assert own.status_code == 201


@pytest.mark.parametrize("role", list(Role))
async def test_clerks_write_and_officials_read(
    http: httpx.AsyncClient, office: Office, team: list[str], role: Role
) -> None:
    visit = await office.make(VISITS, **europe(team))
    lead = await office.make(LEADS, **a_lead(visit, team[1]))
    headers = {"authorization": f"Bearer {a_token(role)}"}
    wanted = 201 if role is Role.CLERK else 403
    assert (await http.post(VISITS, json=europe(team), headers=headers)).status_code == wanted
    assert (await http.post(LEADS, json=a_lead(visit, team[1]), headers=headers)).status_code == wanted
    assert (await http.post(f"{LEADS}/{lead['id']}:convert", json={}, headers=headers)).status_code == wanted
    for path in (VISITS, LEADS, f"{LEADS}/figures", f"{LEADS}/{lead['id']}/history"):
        assert (await http.get(path, headers=headers)).status_code == (403 if role is Role.ENTERPRISE else 200)


async def test_two_who_convert_a_lead_at_once_make_one_project_of_it(office: Office, team: list[str]) -> None:
    visit = await office.make(VISITS, **europe(team))
    lead = await office.make(LEADS, **a_lead(visit, team[1]))
    path = f"{LEADS}/{lead['id']}:convert"
    both = await asyncio.gather(*(office.http.post(path, json={"name": name}) for name in ("一期", "二期")))
    assert sorted(answer.status_code for answer in both)[0] == 201
    assert sorted(answer.status_code for answer in both)[1] in (409, 412)
    assert len((await office.http.get("/v1/projects")).json()["items"]) == 1


async def test_a_lead_may_turn_out_to_be_a_project_that_is_recorded_already(office: Office, team: list[str]) -> None:
    visit = await office.make(VISITS, **europe(team))
    lead = await office.make(LEADS, **a_lead(visit, team[1]))
    path = f"{LEADS}/{lead['id']}:convert"
    project = await office.project(team[1])
    unknown = await office.http.post(path, json={"project_id": str(uuid4())})
    assert (unknown.status_code, unknown.json()["field"]) == (422, "project_id")
    mixed = await office.http.post(path, json={"project_id": project["id"], "name": "另一个名称"})
    assert mixed.status_code == 422
    done = await office.make(path, project_id=project["id"])
    assert (done["lead"]["project_id"], done["project"]["version"]) == (project["id"], project["version"])
    second = await office.make(LEADS, **a_lead(visit, team[1], name="同一企业的另一条线索"))
    taken = await office.http.post(f"{LEADS}/{second['id']}:convert", json={"project_id": project["id"]})
    assert (taken.status_code, taken.json()["lead_id"]) == (409, lead["id"])
