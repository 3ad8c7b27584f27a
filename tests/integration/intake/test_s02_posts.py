"""S2: five tiers of posts with terms; several 总链长; vacancies, delegates and hand-over; who answered on any day."""

from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts.programme import LeavePlanned, PostAssumed, PostEstablished, PostTermsCorrected
from shared.contracts.topics import EVENT_TYPES
from shared.kit.log import eventlog
from tests.integration.intake.conftest import DISPLAY, Office

TIERS = ("chief_general", "chief", "deputy_chief", "task_force", "task_force_office")


class Ladder:
    """The posts of the chain 新型显示, held since the beginning of 2024."""

    def __init__(self, office: Office, unit: str) -> None:
        self.office, self.unit = office, unit
        self.people: dict[str, str] = {}

    async def person(self, name: str) -> str:
        made = await self.office.make("/v1/people", name=name, organisation_id=self.unit)
        self.people[name] = str(made["id"])
        return self.people[name]

    async def post(self, title: str, tier: str, holder: str | None = None) -> str:
        chains = [] if tier == "chief_general" else [str(DISPLAY)]
        body = {"title": title, "tier": tier, "organisation_id": self.unit, "chain_ids": chains}
        post = str((await self.office.make("/v1/posts", **body, established_on="2024-01-01"))["id"])
        if holder:
            person = await self.person(holder)
            await self.office.make(f"/v1/posts/{post}:assume", person_id=person, from_day="2024-01-01")
        return post

    async def on(self, day: str) -> dict[str, Any]:
        answer = await self.office.http.get(f"/v1/chains/{DISPLAY}/responsible", params={"on": day})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def acting(self, day: str) -> dict[str, list[str | None]]:
        tiers = (await self.on(day))["tiers"]
        return {
            tier["tier"]: [post["acting"] and post["acting"]["person_name"] for post in tier["posts"]] for tier in tiers
        }


@pytest_asyncio.fixture
async def ladder(office: Office, bureau: str) -> Ladder:
    return Ladder(office, bureau)


async def test_each_tier_answers_on_any_past_day_with_several_at_the_top(ladder: Ladder) -> None:
    await ladder.post("总链长（一）", "chief_general", "甲")
    await ladder.post("总链长（二）", "chief_general", "乙")
    chief = await ladder.post("链长", "chief", "丙")
    await ladder.post("副链长", "deputy_chief", "丁")
    await ladder.post("专班", "task_force", "戊")
    await ladder.office.make(f"/v1/posts/{chief}:assume", person_id=await ladder.person("己"), from_day="2025-07-01")

    found = await ladder.on("2025-06-30")
    assert [tier["tier"] for tier in found["tiers"]] == list(TIERS)
    assert [tier["tier_name"] for tier in found["tiers"]] == ["总链长", "链长", "副链长", "工作专班", "专班办公室"]
    assert await ladder.acting("2025-06-30") == {
        "chief_general": ["甲", "乙"],
        "chief": ["丙"],
        "deputy_chief": ["丁"],
        "task_force": ["戊"],
        "task_force_office": [],
    }
    assert (await ladder.acting("2025-07-01"))["chief"] == ["己"]
    assert found["vacant_tiers"] == ["task_force_office"]
    assert (await ladder.acting("2023-12-31"))["chief"] == []


async def test_a_vacant_post_is_flagged_on_the_days_on_which_nobody_held_it(ladder: Ladder) -> None:
    chief = await ladder.post("链长", "chief", "丙")
    await ladder.office.make(f"/v1/posts/{chief}:vacate", from_day="2025-03-01")
    assert "chief" not in (await ladder.on("2025-02-28"))["vacant_tiers"]
    found = await ladder.on("2025-03-01")
    (post,) = found["tiers"][1]["posts"]
    assert (post["vacant"], post["holder"], post["acting"]) == (True, None, None)
    assert "chief" in found["vacant_tiers"]
    chains = (await ladder.office.http.get("/v1/chains")).json()["items"]
    (display,) = [chain for chain in chains if chain["id"] == str(DISPLAY)]
    assert [one["title"] for one in display["vacant_posts"]] == ["链长"]


async def test_a_delegate_acts_during_leave_and_is_seen_beside_the_holder(ladder: Ladder) -> None:
    chief = await ladder.post("链长", "chief", "丙")
    away, delegate = ladder.people["丙"], await ladder.person("代理人")
    leave = await ladder.office.make(
        f"/v1/people/{away}/leaves",
        from_day="2026-01-10",
        until_day="2026-01-20",
        delegate_id=delegate,
        reason="出国招商",
    )
    (post,) = (await ladder.on("2026-01-15"))["tiers"][1]["posts"]
    assert (post["holder"]["person_name"], post["acting"]["person_name"]) == ("丙", "代理人")
    assert post["leave"]["delegate"]["person_name"] == "代理人"
    assert (await ladder.acting("2026-01-09"))["chief"] == ["丙"]
    assert (await ladder.acting("2026-01-21"))["chief"] == ["丙"]
    shown = (await ladder.office.http.get(f"/v1/posts/{chief}/holder", params={"on": "2026-01-15"})).json()
    assert (shown["holder"]["person_name"], shown["acting"]["person_name"]) == ("丙", "代理人")

    ended = await ladder.office.make(f"/v1/people/{away}/leaves/{leave['id']}:end", until_day="2026-01-14")
    assert ended["until_day"] == "2026-01-14"
    assert (await ladder.acting("2026-01-15"))["chief"] == ["丙"]


async def test_where_the_delegate_is_away_too_nobody_acts_and_that_is_refused_beforehand(ladder: Ladder) -> None:
    await ladder.post("链长", "chief", "丙")
    away, delegate = ladder.people["丙"], await ladder.person("代理人")
    other = await ladder.person("另一人")
    days = {"from_day": "2026-01-10", "until_day": "2026-01-20"}
    path = f"/v1/people/{away}/leaves"
    own = await ladder.office.http.post(path, json={**days, "delegate_id": away})
    assert (own.status_code, own.json()["field"]) == (422, "delegate_id")
    await ladder.office.make(path, **days, delegate_id=delegate)
    again = await ladder.office.http.post(path, json={**days, "delegate_id": other})
    assert (again.status_code, again.json()["field"]) == (409, "from_day")
    absent = await ladder.office.http.post(f"/v1/people/{other}/leaves", json={**days, "delegate_id": away})
    assert (absent.status_code, absent.json()["field"]) == (409, "delegate_id")
    later = await ladder.office.make(
        f"/v1/people/{delegate}/leaves", from_day="2026-01-18", until_day="2026-01-19", delegate_id=other
    )
    assert (await ladder.acting("2026-01-18"))["chief"] == [None]
    await ladder.office.make(f"/v1/people/{delegate}/leaves/{later['id']}:cancel", reason="改期")
    assert (await ladder.acting("2026-01-18"))["chief"] == ["代理人"]


async def test_work_follows_the_post_to_the_successor(ladder: Ladder, bureau: str) -> None:
    post = await ladder.office.post_held_by("张伟", org=bureau)
    line = {"name": "签订合同", "due_on": "2026-02-28", "responsible_post_id": post, "stage": "signed"}
    project = await ladder.office.project(bureau, milestones=[line])
    successor = await ladder.person("李娜")
    await ladder.office.make(f"/v1/posts/{post}:assume", person_id=successor, from_day="2026-01-05")
    shown = (await ladder.office.http.get(f"/v1/projects/{project['id']}")).json()
    assert [one["responsible_post_id"] for one in shown["milestones"]] == [post]
    holder = (await ladder.office.http.get(f"/v1/posts/{post}/holder")).json()["holder"]
    assert holder["person_name"] == "李娜"


async def test_corrected_terms_answer_for_the_past_and_the_history_keeps_what_stood(
    ladder: Ladder, engine: AsyncEngine
) -> None:
    chief = await ladder.post("链长", "chief", "丙")
    successor = await ladder.person("己")
    await ladder.office.make(f"/v1/posts/{chief}:assume", person_id=successor, from_day="2025-07-01")
    path = f"/v1/posts/{chief}:correct-terms"
    terms = [
        {"person_id": ladder.people["丙"], "from_day": "2024-01-01", "until_day": "2025-08-31"},
        {"person_id": successor, "from_day": "2025-09-01"},
    ]
    body = {"terms": terms, "reason": "任职文件日期有误"}
    assert (await ladder.office.http.post(path, json=body)).status_code == 428
    overlapping = {**body, "terms": [{**terms[0], "until_day": "2025-09-01"}, terms[1]]}
    refused = await ladder.office.http.post(path, json=overlapping, headers={"if-match": '"3"'})
    assert refused.status_code == 409
    done = await ladder.office.http.post(path, json=body, headers={"if-match": '"3"'})
    assert done.status_code == 200, done.text
    assert (await ladder.acting("2025-08-31"))["chief"] == ["丙"]
    assert (await ladder.acting("2025-09-01"))["chief"] == ["己"]
    history = (await ladder.office.http.get(f"/v1/posts/{chief}/history")).json()["items"]
    assert history[-1]["text"] == ("更正任期为：丙2024-01-01至2025-08-31；己2025-09-01至今：任职文件日期有误")
    async with engine.connect() as conn:
        facts = await eventlog.history(UUID(chief), conn=conn)
    assert [EVENT_TYPES[fact.type] for fact in facts] == [
        PostEstablished,
        PostAssumed,
        PostAssumed,
        PostTermsCorrected,
    ]


async def test_leave_is_published_with_its_delegate(ladder: Ladder, engine: AsyncEngine) -> None:
    away, delegate = await ladder.person("丙"), await ladder.person("代理人")
    await ladder.office.make(
        f"/v1/people/{away}/leaves", from_day="2026-01-10", until_day="2026-01-20", delegate_id=delegate
    )
    async with engine.connect() as conn:
        (_, fact) = await eventlog.history(UUID(away), conn=conn)
    planned = LeavePlanned.model_validate_json(fact.data)
    assert (str(planned.delegate_id), planned.until_day.isoformat()) == (delegate, "2026-01-20")


async def test_organisations_stand_in_a_tree_are_moved_without_circles_and_renamed_with_their_history(
    office: Office,
) -> None:
    area = await office.make("/v1/organisations", name="新区管委", kind="development_zone")
    street = await office.make("/v1/organisations", name="王台街道", kind="sub_district", parent_id=area["id"])
    team = await office.make("/v1/organisations", name="招商科", parent_id=street["id"])

    async def patch(record: dict[str, Any], **changes: Any) -> Any:
        headers = {"if-match": f'"{record["version"]}"'}
        return await office.http.patch(f"/v1/organisations/{record['id']}", json=changes, headers=headers)

    circle = await patch(area, parent_id=team["id"])
    assert (circle.status_code, circle.json()["field"]) == (422, "parent_id")
    assert circle.json()["detail"] == "上级单位“招商科”是本单位的下级（新区管委→王台街道→招商科），不能互为上级"
    again = await office.http.post("/v1/organisations", json={"name": "新区管委", "parent_id": team["id"]})
    assert again.status_code == 422
    moved = await patch(team, parent_id=area["id"])
    assert moved.json()["parent_id"] == area["id"]
    tree = (await office.http.get("/v1/organisations/tree", params={"under": area["id"]})).json()["items"]
    assert [child["name"] for child in tree[0]["children"]] == ["招商科", "王台街道"]

    renamed = await patch(street, name="王台街道办事处", from_day="2026-01-01")
    assert renamed.json()["former_names"] == [{"name": "王台街道", "until_day": "2025-12-31"}]
    assert (await patch(moved.json(), name="王台街道")).status_code == 409
    found = await office.http.post("/v1/organisations", json={"name": "王台街道", "parent_id": area["id"]})
    assert (found.status_code, found.json()["id"], found.json()["name"]) == (200, street["id"], "王台街道办事处")
    future = await patch(renamed.json(), name="王台镇", from_day="2026-01-06")
    assert future.status_code == 422
    history = (await office.http.get(f"/v1/organisations/{street['id']}/history")).json()["items"]
    assert [fact["text"] for fact in history] == [
        "登记为“王台街道”，类别：街道、镇，上级单位：新区管委",
        "2026-01-01起更名为“王台街道办事处”，类别：街道、镇，上级单位：新区管委",
    ]


@pytest.mark.parametrize("path", ["/v1/chains/{}/responsible", "/v1/posts/{}/history", "/v1/people/{}/history"])
async def test_what_is_not_there_is_not_found(office: Office, path: str) -> None:
    answer = await office.http.get(path.format("00000000-0000-4000-8000-000000000000"))
    assert answer.status_code == 404
