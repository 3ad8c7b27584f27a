"""Organisations, people, chains and posts over HTTP."""

import httpx

from shared.kit.web.security import Role
from tests.integration.intake.conftest import DISPLAY, Office, a_token


async def test_the_17_chains_are_there_and_a_future_one_is_added_as_data(office: Office) -> None:
    added = await office.make("/v1/chains", code="QUANTUM", name="量子信息")
    chains = (await office.http.get("/v1/chains")).json()["items"]
    assert len(chains) == 18
    assert added["category"] == "future"


async def test_a_chain_is_not_added_twice_and_is_renamed_under_its_code(office: Office) -> None:
    again = await office.http.post("/v1/chains", json={"code": "DISPLAY2", "name": "新型显示"})
    assert (again.status_code, again.json()["type"]) == (409, "urn:liandu:problem:already-exists")
    path = f"/v1/chains/{DISPLAY}"
    renamed = await office.http.patch(path, json={"name": "新型显示与光电"}, headers={"if-match": '"1"'})
    assert (renamed.json()["name"], renamed.json()["code"]) == ("新型显示与光电", "DISPLAY")
    assert renamed.headers["etag"] == '"2"'


async def test_an_organisation_recorded_twice_is_one(office: Office, bureau: str) -> None:
    again = await office.http.post("/v1/organisations", json={"name": " 区商务局 "})
    assert (again.status_code, again.json()["id"], again.json()["version"]) == (200, bureau, 1)
    child = await office.make("/v1/organisations", name="项目科", parent_id=bureau)
    assert child["parent_id"] == bureau
    named = await office.make("/v1/organisations", name="项目科")
    assert (named["parent_id"], named["version"]) == (bureau, 1)


async def test_a_post_passes_from_one_person_to_the_next_and_stands_vacant_between(office: Office, bureau: str) -> None:
    post = await office.post_held_by("张伟", org=bureau)
    successor = await office.make("/v1/people", name="李娜", organisation_id=bureau)
    await office.make(f"/v1/posts/{post}:vacate", from_day="2026-02-01")
    await office.make(f"/v1/posts/{post}:assume", person_id=successor["id"], from_day="2026-03-01")
    holders = [
        (await office.http.get(f"/v1/posts/{post}/holder", params={"on": day})).json()["holder"]
        for day in ("2025-12-31", "2026-01-31", "2026-02-01", "2026-03-01")
    ]
    assert [holder and holder["person_name"] for holder in holders] == [None, "张伟", None, "李娜"]


async def test_posts_are_found_by_chain_tier_and_vacancy(office: Office, bureau: str) -> None:
    chief = await office.make("/v1/posts", title="链长", tier="chief", organisation_id=bureau, chain_ids=[str(DISPLAY)])
    await office.make("/v1/posts", title="总链长（一）", tier="chief_general", organisation_id=bureau)
    await office.make("/v1/posts", title="总链长（二）", tier="chief_general", organisation_id=bureau)
    await office.post_held_by("张伟", org=bureau)

    async def titles(**params: str) -> list[str]:
        items = (await office.http.get("/v1/posts", params=params)).json()["items"]
        return [item["title"] for item in items]

    assert await titles(chain="DISPLAY") == ["链长"]
    assert sorted(await titles(tier="chief_general")) == ["总链长（一）", "总链长（二）"]
    assert await titles(vacant="false") == ["项目专员"]
    assert await titles(vacant="false", on="2025-06-01") == []
    assert (await office.http.get(f"/v1/posts/{chief['id']}")).json()["vacant"] is True


async def test_a_chain_with_a_vacant_post_is_flagged(office: Office, bureau: str) -> None:
    post = await office.make("/v1/posts", title="链长", tier="chief", organisation_id=bureau, chain_ids=[str(DISPLAY)])
    person = await office.make("/v1/people", name="张伟", organisation_id=bureau)

    async def flagged() -> dict[str, list[str]]:
        chains = (await office.http.get("/v1/chains")).json()["items"]
        return {chain["code"]: [post["title"] for post in chain["vacant_posts"]] for chain in chains}

    assert [code for code, posts in (await flagged()).items() if posts] == ["DISPLAY"]
    await office.make(f"/v1/posts/{post['id']}:assume", person_id=person["id"], from_day="2026-01-05")
    assert not any((await flagged()).values())


async def test_pages_follow_each_other(office: Office) -> None:
    for name in ("甲局", "乙局", "丙局"):
        await office.make("/v1/organisations", name=name)
    first = (await office.http.get("/v1/organisations", params={"limit": 2})).json()
    second = (await office.http.get("/v1/organisations", params={"limit": 2, "after": first["next_after"]})).json()
    assert len(first["items"]) == 2
    assert len(second["items"]) == 1
    assert second["next_after"] is None


async def test_what_is_named_must_exist(office: Office, bureau: str) -> None:
    missing = "00000000-0000-4000-8000-000000000000"
    for path, body in (
        ("/v1/people", {"name": "张伟", "organisation_id": missing}),
        ("/v1/organisations", {"name": "项目科", "parent_id": missing}),
        ("/v1/posts", {"title": "链长", "tier": "chief", "organisation_id": bureau, "chain_ids": [missing]}),
    ):
        answer = await office.http.post(path, json=body)
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:liandu:problem:unknown-reference")


async def test_readers_read_and_only_clerks_and_operators_write(http: httpx.AsyncClient) -> None:
    for role in Role:
        headers = {"authorization": f"Bearer {a_token(role)}"}
        read = await http.get("/v1/chains", headers=headers)
        write = await http.post("/v1/organisations", json={"name": "区商务局"}, headers=headers)
        assert read.status_code == (403 if role is Role.ENTERPRISE else 200)
        assert (write.status_code < 300) == (role in (Role.CLERK, Role.OPERATOR))
    assert (await http.get("/v1/chains", headers={"authorization": ""})).status_code == 401
