"""S11: promotion events keep approximate counts approximate (160余家, never 160); a strategic agreement is not a signed
project; a contact's mobile number is shown to nobody who need not have it.
"""

from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts.promotion import PromotionRecorded
from shared.kit.log import eventlog
from shared.kit.web.security import Role
from tests.integration.intake.conftest import DISPLAY, Office, a_token

PROMOTIONS = "/v1/promotions"
AGREEMENTS = "/v1/agreements"
CONTACTS = "/v1/contacts"


def shanghai(organiser: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": "产业链招商推介会（上海）",
        "organiser_org_id": organiser,
        "chain_ids": [str(DISPLAY)],
        "place": {"country": "中国", "city": "上海"},
        "from_day": "2026-01-05",
        "firms": "160余家",
        "agreements": "十余份",
        **changes,
    }


def an_agreement(**changes: Any) -> dict[str, Any]:
    return {
        "kind": "strategic",
        "title": "新型显示产业战略合作",
        "parties": [{"name": "上海某显示公司"}],
        "signed_on": "2026-01-05",
        "chain_ids": [str(DISPLAY)],
        "amount_wan": 50000,
        **changes,
    }


async def test_an_approximate_count_is_kept_and_shown_as_it_was_given(
    office: Office, bureau: str, engine: AsyncEngine
) -> None:
    made = await office.make(PROMOTIONS, **shanghai(bureau))
    assert (made["firms"], made["agreements"], made["organiser_name"]) == ("160余家", "10余份", "区商务局")
    one = f"{PROMOTIONS}/{made['id']}"
    assert (await office.http.get(one)).json()["firms"] == "160余家"
    async with engine.connect() as conn:
        (fact,) = await eventlog.history(UUID(made["id"]), conn=conn)
    kept = PromotionRecorded.model_validate_json(fact.data).content.firms
    assert kept is not None
    assert (kept.about, kept.form) == (160, "余")
    (told,) = (await office.http.get(f"{one}/history")).json()["items"]
    assert told["text"] == (
        "登记推介会“产业链招商推介会（上海）”，区商务局主办，2026-01-05在中国上海举行，参会企业160余家，签署协议10余份"
    )


@pytest.mark.parametrize(
    ("given", "shown"),
    [("近200家", "近200家"), ("约１６０家", "约160家"), ("超过300", "超300家"), ("35", "35家"), ("百余家", "100余家")],
)
async def test_each_form_of_a_count_stays(office: Office, bureau: str, given: str, shown: str) -> None:
    assert (await office.make(PROMOTIONS, **shanghai(bureau, firms=given)))["firms"] == shown


@pytest.mark.parametrize("given", ["若干", "约160余家", "0家", "160-170家", "很多家"])
async def test_a_count_that_cannot_be_read_is_refused_not_guessed(office: Office, bureau: str, given: str) -> None:
    refused = await office.http.post(PROMOTIONS, json=shanghai(bureau, firms=given))
    assert (refused.status_code, refused.json()["field"]) == (422, "firms")


async def test_a_strategic_agreement_signs_no_project(office: Office, bureau: str) -> None:
    event = await office.make(PROMOTIONS, **shanghai(bureau))
    project = await office.project(bureau)
    made = await office.make(AGREEMENTS, **an_agreement(occasion_id=event["id"], project_id=project["id"]))
    assert (made["kind_name"], made["occasion_name"]) == ("战略合作协议", "产业链招商推介会（上海）")
    assert (await office.http.get(f"/v1/projects/{project['id']}")).json()["stage"] == "negotiating"
    assert (await office.http.get("/v1/lists/signed")).json()["count"] == 0
    origin = (await office.http.get(f"/v1/projects/{project['id']}/origin")).json()
    assert (origin["lead"], [item["id"] for item in origin["agreements"]]) == (None, [made["id"]])
    outcomes = (await office.http.get(f"{PROMOTIONS}/{event['id']}")).json()["outcomes"]
    assert outcomes == {"leads": 0, "converted": 0, "agreements": 1, "contacts": 0}
    gone = await office.make(f"{AGREEMENTS}/{made['id']}:withdraw", reason="重复登记")
    assert gone["status_name"] == "已撤销"


async def test_an_event_is_revised_whole_and_listed_by_chain_organiser_and_day(office: Office, bureau: str) -> None:
    park = (await office.make("/v1/organisations", name="新型显示产业园"))["id"]
    first = await office.make(PROMOTIONS, **shanghai(bureau))
    second = await office.make(PROMOTIONS, **shanghai(park, name="园区专场", from_day="2026-03-01", firms=None))

    async def names(**params: Any) -> list[str]:
        return [item["name"] for item in (await office.http.get(PROMOTIONS, params=params)).json()["items"]]

    assert await names(organisation_id=park) == ["园区专场"]
    assert await names(chain_id=str(DISPLAY), until_day="2026-02-01") == ["产业链招商推介会（上海）"]
    page = (await office.http.get(PROMOTIONS, params={"limit": 1})).json()
    assert await names(limit=1, after=page["next_after"]) == ["园区专场"]
    one = f"{PROMOTIONS}/{first['id']}"
    body = shanghai(bureau, firms="近170家")
    assert (await office.http.put(one, json=body)).status_code == 428
    revised = await office.http.put(one, json=body, headers={"if-match": '"1"'})
    assert (revised.json()["firms"], revised.headers["etag"]) == ("近170家", '"2"')
    assert (await office.http.put(one, json=body, headers={"if-match": '"1"'})).status_code == 412
    await office.make(f"{PROMOTIONS}/{second['id']}:cancel", reason="延期")
    again = await office.http.post(f"{PROMOTIONS}/{second['id']}:cancel", json={"reason": "延期"})
    assert (again.status_code, again.json()["detail"]) == (409, "该推介会已取消，不能再变更")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"chain_ids": []}, "chain_ids"),
        ({"organiser_org_id": str(DISPLAY)}, "org_ids"),
        ({"chain_ids": [str(UUID(int=1))]}, "chain_id"),
    ],
)
async def test_an_event_without_a_known_chain_or_organiser_is_refused(
    office: Office, bureau: str, changes: dict[str, Any], field: str
) -> None:
    refused = await office.http.post(PROMOTIONS, json=shanghai(bureau, **changes))
    assert (refused.status_code, refused.json()["field"]) == (422, field)


async def test_a_mobile_number_is_masked_and_shown_for_a_purpose_on_record(
    office: Office, bureau: str, engine: AsyncEngine
) -> None:
    event = await office.make(PROMOTIONS, **shanghai(bureau))
    contact = {"name": "李敏", "firm": "上海某显示公司", "title": "投资总监", "chain_id": str(DISPLAY)}
    made = await office.make(CONTACTS, **contact, occasion_id=event["id"], mobile="13800005678")
    one = f"{CONTACTS}/{made['id']}"
    assert made["mobile"] == (await office.http.get(one)).json()["mobile"] == "*******5678"
    assert (await office.http.post(f"{one}:disclose", json={"purpose": " "})).status_code == 422
    key = {"idempotency-key": "call-1"}
    told = await office.http.post(f"{one}:disclose", json={"purpose": "约定回访"}, headers=key)
    assert told.json()["mobile"] == "13800005678"
    again = await office.http.post(f"{one}:disclose", json={"purpose": "约定回访"}, headers=key)
    assert again.json()["mobile"] == "*******5678"
    history = (await office.http.get(f"{one}/history")).json()["items"]
    assert [(fact["actor"], fact["text"]) for fact in history] == [
        ("王办事员 <clerk-1>", "登记联系人上海某显示公司投资总监李敏"),
        ("王办事员 <clerk-1>", "查看手机号码，用途：约定回访"),
    ]
    async with engine.connect() as conn:
        facts = await eventlog.history(UUID(made["id"]), conn=conn)
    assert not any("13800005678" in fact.data for fact in facts)

    renamed = {**contact, "title": "副总裁", "occasion_id": event["id"]}
    kept = await office.http.put(one, json=renamed, headers={"if-match": '"2"'})
    assert (kept.json()["title"], kept.json()["mobile"]) == ("副总裁", "*******5678")
    same = await office.http.put(one, json={**renamed, "mobile": "13800005678"}, headers={"if-match": '"3"'})
    other = await office.http.put(one, json={**renamed, "mobile": "13900001234"}, headers={"if-match": '"3"'})
    assert (same.json()["version"], other.json()["version"], other.json()["mobile"]) == (3, 4, "*******1234")
    erased = await office.make(f"{one}:erase", reason="本人要求")
    assert (erased["status_name"], erased["mobile"]) == ("已删除", None)
    assert (await office.http.post(f"{one}:disclose", json={"purpose": "约定回访"})).status_code == 409


@pytest.mark.parametrize("role", list(Role))
async def test_clerks_write_and_officials_read_and_only_clerks_are_told_numbers(
    http: httpx.AsyncClient, office: Office, bureau: str, role: Role
) -> None:
    contact = await office.make(CONTACTS, name="李敏", firm="某公司", mobile="13800005678")
    headers = {"authorization": f"Bearer {a_token(role)}"}
    may = role is Role.CLERK
    assert (await http.post(PROMOTIONS, json=shanghai(bureau), headers=headers)).status_code == (201 if may else 403)
    assert (await http.post(AGREEMENTS, json=an_agreement(), headers=headers)).status_code == (201 if may else 403)
    told = await http.post(f"{CONTACTS}/{contact['id']}:disclose", json={"purpose": "回访"}, headers=headers)
    assert told.status_code == (200 if may else 403)
    for path in (PROMOTIONS, AGREEMENTS, CONTACTS):
        assert (await http.get(path, headers=headers)).status_code == (403 if role is Role.ENTERPRISE else 200)
