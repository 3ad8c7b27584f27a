"""S5: an enterprise's request is raised, assigned, answered in time and closed only when the enterprise confirms; one
that many firms of a chain raise goes to that chain's 专班.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from services.intake.domain.uscc import check_sign
from shared.contracts.requests import RequestAssigned
from shared.kit.log import eventlog
from shared.kit.web.security import Role, make_token
from tests.integration.intake.conftest import DISPLAY, SECRET, Office, a_token
from tests.support.clock import MovableClock

REQUESTS = "/v1/requests"
PROBLEMS = "/v1/common-problems"


def a_uscc(number: int) -> str:
    first = f"91370211MA{number:07d}"
    return first + check_sign(first)


@dataclass
class Enterprise:
    """An enterprise's calls with its own account."""

    http: httpx.AsyncClient
    number: int

    @property
    def uscc(self) -> str:
        return a_uscc(self.number)

    async def post(self, path: str, **body: Any) -> httpx.Response:
        return await self.http.post(path, json=body, headers=self.headers)

    async def get(self, path: str, **params: Any) -> httpx.Response:
        return await self.http.get(path, params=params, headers=self.headers)

    async def raises(self, title: str = "用地指标不足", **changes: Any) -> dict[str, Any]:
        body = {"chain_id": str(DISPLAY), "title": title, "text": "二期厂房需要新增工业用地", **changes}
        answer = await self.post(REQUESTS, **body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    @property
    def headers(self) -> dict[str, str]:
        name = f"第{self.number}显示公司"
        token = make_token(SECRET, subject=f"firm-{self.number}", name=name, roles=[Role.ENTERPRISE], uscc=self.uscc)
        return {"authorization": f"Bearer {token}"}


@pytest.fixture
def firm(http: httpx.AsyncClient) -> Enterprise:
    return Enterprise(http, 1)


@pytest_asyncio.fixture
async def post(office: Office, bureau: str) -> str:
    return await office.post_held_by("张伟", org=bureau)


@pytest_asyncio.fixture
async def task_force(office: Office, bureau: str) -> str:
    made = await office.make(
        "/v1/posts", title="新型显示专班", tier="task_force", organisation_id=bureau, chain_ids=[str(DISPLAY)]
    )
    return str(made["id"])


async def assign(office: Office, request: dict[str, Any], post: str, **changes: Any) -> dict[str, Any]:
    body = {"due_on": "2026-01-16", "responsible_post_id": post, "source": "instruction", **changes}
    return await office.make(f"{REQUESTS}/{request['id']}:assign", **body)


async def test_a_request_is_closed_only_when_the_enterprise_confirms(
    office: Office, firm: Enterprise, post: str, clock: MovableClock
) -> None:
    raised = await firm.raises()
    one = f"{REQUESTS}/{raised['id']}"
    assert (raised["status"], raised["uscc"], raised["enterprise_name"]) == ("raised", firm.uscc, "第1显示公司")
    await assign(office, raised, post)
    clock.move("2026-01-19T09:00+08:00")
    shown = (await office.http.get(one)).json()
    assert (shown["late"], shown["responsible_org_name"], shown["due_on"]) == (True, "区商务局", "2026-01-16")

    answered = await office.make(f"{one}:answer", answer="已列入二季度供地计划")
    assert (answered["status"], answered["status_name"], answered["late"]) == ("answered", "待企业确认", False)
    by_clerk = await office.http.post(f"{one}:confirm", json={"satisfaction": "satisfied"})
    assert by_clerk.status_code == 403
    back = await firm.post(f"{one}:send-back", reason="未明确供地时间")
    assert (back.json()["status"], back.json()["sent_back"]) == ("sent_back", 1)
    await assign(office, raised, post, due_on="2026-01-30")
    await office.make(f"{one}:answer", answer="4月30日前挂牌")
    closed = await firm.post(f"{one}:confirm", satisfaction="satisfied", comment="尽快")
    assert (closed.json()["status"], closed.json()["satisfaction_name"]) == ("closed", "满意")

    history = (await office.http.get(f"{one}/history")).json()["items"]
    assert [fact["text"] for fact in history] == [
        f"第1显示公司（{firm.uscc}）提出诉求“用地指标不足”，产业链：新型显示",
        "交区商务局办理，责任岗位：项目专员，2026-01-16前答复，来源：领导批示",
        "2026-01-19答复：已列入二季度供地计划",
        "2026-01-19企业退回：未明确供地时间",
        "交区商务局办理，责任岗位：项目专员，2026-01-30前答复，来源：领导批示",
        "2026-01-19答复：4月30日前挂牌",
        "2026-01-19企业确认，满意：尽快",
    ]
    assert [fact["actor"] for fact in history][0::6] == ["第1显示公司 <firm-1>", "第1显示公司 <firm-1>"]


async def test_an_enterprise_sees_and_touches_its_own_requests_only(
    office: Office, firm: Enterprise, post: str
) -> None:
    own = await firm.raises()
    other = await Enterprise(firm.http, 2).raises()
    listed = (await firm.get(REQUESTS, uscc=a_uscc(2))).json()["items"]
    assert [item["id"] for item in listed] == [own["id"]]
    assert (await firm.get(f"{REQUESTS}/{other['id']}")).status_code == 404
    assert (await firm.post(f"{REQUESTS}/{other['id']}:withdraw", reason="不需要了")).status_code == 404
    assert (await firm.get(f"{REQUESTS}/{own['id']}/history")).status_code == 403
    assigned = await assign(office, own, post)
    assert assigned["responsible_person_id"] is not None
    seen = (await firm.get(f"{REQUESTS}/{own['id']}")).json()
    assert (seen["responsible_person_id"], seen["assigned_by"], seen["responsible_org_name"]) == (
        None,
        None,
        "区商务局",
    )
    foreign = await firm.post(REQUESTS, chain_id=str(DISPLAY), title="用工", text="缺工", uscc=a_uscc(2))
    assert foreign.status_code == 403
    nobody = {"authorization": f"Bearer {a_token(Role.ENTERPRISE)}"}
    assert (await firm.http.get(REQUESTS, headers=nobody)).status_code == 403


async def test_a_clerk_raises_a_request_for_an_enterprise_which_confirms_it_itself(
    office: Office, firm: Enterprise, post: str
) -> None:
    body = {"chain_id": str(DISPLAY), "title": "用工缺口", "text": "缺操作工50人", "enterprise_name": "第1显示公司"}
    nameless = await office.http.post(REQUESTS, json=body)
    assert (nameless.status_code, nameless.json()["field"]) == (422, "uscc")
    wrong = await office.http.post(REQUESTS, json={**body, "uscc": firm.uscc[:-1] + "I"})
    assert (wrong.status_code, wrong.json()["field"]) == (422, "uscc")
    made = await office.make(REQUESTS, **body, uscc=firm.uscc)
    assert made["by_enterprise"] is False
    await assign(office, made, post)
    await office.make(f"{REQUESTS}/{made['id']}:answer", answer="已组织专场招聘")
    closed = await firm.post(f"{REQUESTS}/{made['id']}:confirm", satisfaction="very_satisfied")
    assert closed.json()["status"] == "closed"


@pytest.mark.parametrize("missing", ["due_on", "responsible_post_id"])
async def test_an_assignment_without_a_day_or_a_post_is_refused(
    office: Office, firm: Enterprise, post: str, missing: str
) -> None:
    made = await firm.raises()
    body = {"due_on": "2026-01-16", "responsible_post_id": post}
    del body[missing]
    refused = await office.http.post(f"{REQUESTS}/{made['id']}:assign", json=body)
    assert (refused.status_code, refused.json()["field"]) == (422, missing)
    past = {"due_on": "2026-01-04", "responsible_post_id": post}
    assert (await office.http.post(f"{REQUESTS}/{made['id']}:assign", json=past)).status_code == 422


async def test_a_request_is_assigned_anew_for_a_reason_and_withdrawn_by_the_enterprise(
    office: Office, firm: Enterprise, post: str, bureau: str
) -> None:
    made = await firm.raises()
    one = f"{REQUESTS}/{made['id']}"
    await assign(office, made, post)
    other = await office.post_held_by("李娜", org=bureau, title="综合科科长")
    body = {"due_on": "2026-01-20", "responsible_post_id": other}
    silent = await office.http.post(f"{one}:assign", json=body)
    assert (silent.status_code, silent.json()["field"]) == (422, "reason")
    stale = await office.http.post(f"{one}:assign", json={**body, "reason": "职责调整"}, headers={"if-match": '"1"'})
    assert stale.status_code == 412
    moved = await assign(office, made, other, reason="职责调整", due_on="2026-01-20")
    assert (moved["responsible_post_id"], moved["version"]) == (other, 3)
    assert (await office.http.post(f"{one}:withdraw", json={"reason": "误报"})).status_code == 403
    gone = await firm.post(f"{one}:withdraw", reason="已自行解决")
    assert gone.json()["status"] == "withdrawn"
    late = await office.http.post(f"{one}:answer", json={"answer": "晚了"})
    assert (late.status_code, late.json()["status"]) == (409, 409)


async def test_requests_of_many_firms_are_one_problem_of_the_chains_task_force(
    office: Office, http: httpx.AsyncClient, task_force: str
) -> None:
    firms = [Enterprise(http, number) for number in (1, 2, 3)]
    ids = [(await firm.raises("人才公寓不足"))["id"] for firm in firms]
    body = {"title": "人才公寓不足", "request_ids": ids[:1] * 2, "due_on": "2026-01-30"}
    alone = await office.http.post(PROBLEMS, json=body)
    assert (alone.status_code, alone.json()["field"]) == (422, "request_ids")
    problem = await office.make(PROBLEMS, **{**body, "request_ids": ids[:2]})
    one = f"{PROBLEMS}/{problem['id']}"
    assert (problem["responsible_post_id"], problem["requests"]) == (task_force, {"assigned": 2})
    joined = await office.make(f"{one}:join", request_ids=ids[2:])
    assert joined["requests"] == {"assigned": 3}

    answered = await office.make(f"{one}:answer", answer="新增公寓300套，2月可申请")
    assert (answered["status"], answered["requests"]) == ("answered", {"answered": 3})
    first = await firms[0].post(f"{REQUESTS}/{ids[0]}:confirm", satisfaction="satisfied")
    assert (first.json()["status"], first.json()["answer"]) == ("closed", "新增公寓300套，2月可申请")
    await firms[1].post(f"{REQUESTS}/{ids[1]}:send-back", reason="数量不够")
    states = (await office.http.get(one)).json()["requests"]
    assert states == {"closed": 1, "sent_back": 1, "answered": 1}

    without_day = await office.http.post(f"{one}:join", json={"request_ids": [ids[1]]})
    assert (without_day.status_code, without_day.json()["field"]) == (422, "due_on")
    again = await office.make(f"{one}:join", request_ids=[ids[1]], due_on="2026-02-10")
    assert (again["status"], again["due_on"]) == ("open", "2026-02-10")
    await office.make(f"{one}:answer", answer="再增200套")
    texts = [fact["text"] for fact in (await office.http.get(f"{one}/history")).json()["items"]]
    assert texts == [
        "2件诉求合并为共性问题“人才公寓不足”，交新型显示专班办理，2026-01-30前答复",
        "并入1件诉求，2026-01-30前答复",
        "2026-01-05答复：新增公寓300套，2月可申请，同时答复3件诉求",
        "并入1件诉求，2026-02-10前答复",
        "2026-01-05答复：再增200套，同时答复1件诉求",
    ]
    kept = (await office.http.get(REQUESTS, params={"problem_id": problem["id"], "status": "closed"})).json()["items"]
    assert [item["answer"] for item in kept] == ["新增公寓300套，2月可申请"]


async def test_a_problem_of_a_chain_without_a_task_force_says_so(office: Office, http: httpx.AsyncClient) -> None:
    ids = [(await Enterprise(http, number).raises())["id"] for number in (1, 2)]
    refused = await office.http.post(PROBLEMS, json={"title": "用地", "request_ids": ids, "due_on": "2026-01-30"})
    assert (refused.status_code, refused.json()["field"]) == (422, "responsible_post_id")


async def test_requests_are_listed_by_chain_post_state_and_due_day_in_pages(
    office: Office, firm: Enterprise, post: str
) -> None:
    made = [await firm.raises(f"诉求{number}") for number in range(5)]
    for number in (1, 3):
        await assign(office, made[number], post, due_on=f"2026-01-1{number}")

    async def titles(**params: Any) -> list[str]:
        return [item["title"] for item in (await office.http.get(REQUESTS, params=params)).json()["items"]]

    assert await titles(post_id=post) == ["诉求1", "诉求3"]
    assert await titles(due_until="2026-01-12") == ["诉求1"]
    assert len(await titles(uscc=f" {firm.uscc.lower()} ")) == 5
    assert await titles(chain_id=str(DISPLAY), status="raised") == ["诉求0", "诉求2", "诉求4"]
    first = (await office.http.get(REQUESTS, params={"limit": 3})).json()
    rest = (await office.http.get(REQUESTS, params={"limit": 3, "after": first["next_after"]})).json()
    assert [item["title"] for item in (*first["items"], *rest["items"])] == [f"诉求{number}" for number in range(5)]


async def test_only_the_holder_of_the_responsible_post_answers(
    office: Office, firm: Enterprise, post: str, bureau: str
) -> None:
    made = await firm.raises()
    assigned = await assign(office, made, post)
    path = f"{REQUESTS}/{made['id']}:answer"
    stranger = await office.make("/v1/people", name="李娜", organisation_id=bureau)
    headers = {"authorization": f"Bearer {a_token(Role.CLERK, subject='li', person=stranger['id'])}"}
    assert (await office.http.post(path, json={"answer": "好"}, headers=headers)).status_code == 403
    holder = assigned["responsible_person_id"]
    headers = {"authorization": f"Bearer {a_token(Role.CHIEF, subject='zhang', person=holder)}"}
    assert (await office.http.post(path, json={"answer": "好"}, headers=headers)).status_code == 200


async def test_what_supervision_needs_of_a_request_is_published(
    office: Office, firm: Enterprise, post: str, engine: AsyncEngine
) -> None:
    made = await firm.raises()
    await assign(office, made, post)
    async with engine.connect() as conn:
        _, fact = await eventlog.history(UUID(made["id"]), conn=conn)
    event = RequestAssigned.model_validate_json(fact.data)
    assert (str(event.responsible_post_id), str(event.due_on), event.source) == (post, "2026-01-16", "instruction")
    assert event.responsible_person_id is not None


@pytest.mark.parametrize("role", list(Role))
async def test_who_raises_and_who_reads_requests(http: httpx.AsyncClient, role: Role) -> None:
    headers = {"authorization": f"Bearer {make_token(SECRET, subject='x', roles=[role], uscc=a_uscc(9))}"}
    body = {"chain_id": str(DISPLAY), "title": "用地", "text": "缺地", "uscc": a_uscc(9), "enterprise_name": "甲厂"}
    written = await http.post(REQUESTS, json=body, headers=headers)
    assert written.status_code == (201 if role in (Role.CLERK, Role.ENTERPRISE) else 403)
    assert (await http.get(REQUESTS, headers=headers)).status_code == 200
    assert (await http.get(PROBLEMS, headers=headers)).status_code == (403 if role is Role.ENTERPRISE else 200)


async def test_the_delegate_of_whoever_is_on_leave_answers(
    office: Office, firm: Enterprise, post: str, bureau: str
) -> None:
    made = await firm.raises()
    assigned = await assign(office, made, post)
    other = (await office.make("/v1/people", name="李娜", organisation_id=bureau))["id"]
    await office.make(
        f"/v1/people/{assigned['responsible_person_id']}/leaves",
        from_day="2026-01-05",
        until_day="2026-01-09",
        delegate_id=other,
        reason="出访",
    )
    headers = {"authorization": f"Bearer {a_token(Role.CLERK, subject='li', person=other)}"}
    answered = await office.http.post(f"{REQUESTS}/{made['id']}:answer", json={"answer": "好"}, headers=headers)
    assert answered.status_code == 200


async def test_the_key_problems_of_anchor_enterprises_are_seen_apart(
    office: Office, http: httpx.AsyncClient, firm: Enterprise
) -> None:
    enterprise = await office.make("/v1/enterprises", uscc=firm.uscc, name="显示链主公司", chain_ids=[str(DISPLAY)])
    await office.make(f"/v1/enterprises/{enterprise['id']}:name-anchor", chain_id=str(DISPLAY), from_day="2026-01-01")
    await Enterprise(http, 2).raises("别家的诉求")
    body = {"chain_id": str(DISPLAY), "title": "关键配套缺失", "text": "偏光片外采", "uscc": firm.uscc}
    made = await office.make(REQUESTS, **body)
    assert made["enterprise_name"] == "显示链主公司"
    found = (await office.http.get(REQUESTS, params={"anchors": True})).json()["items"]
    assert [item["title"] for item in found] == ["关键配套缺失"]


async def test_figures_tell_how_the_requests_of_a_period_stand(
    office: Office, firm: Enterprise, post: str, clock: MovableClock
) -> None:
    for number in range(4):
        made = await firm.raises(f"诉求{number}")
        if number > 0:
            await assign(office, made, post)
        if number > 1:
            await office.make(f"{REQUESTS}/{made['id']}:answer", answer="好")
        if number > 2:
            await firm.post(f"{REQUESTS}/{made['id']}:confirm", satisfaction="acceptable")
    clock.move("2026-02-02T09:00+08:00")
    await firm.raises("下月的诉求")

    async def figures(**params: str) -> list[tuple[Any, ...]]:
        items = (await office.http.get(f"{REQUESTS}/figures", params=params)).json()["items"]
        names = ("name", "raised", "open", "late", "answered", "in_time", "closed", "satisfied")
        return sorted(tuple(item[name] for name in names) for item in items)

    assert await figures() == [("新型显示", 5, 4, 1, 2, 2, 1, 1)]
    assert await figures(by="month") == [("2026-01", 4, 3, 1, 2, 2, 1, 1), ("2026-02", 1, 1, 0, 0, 0, 0, 0)]
    assert await figures(by="organisation") == [("区商务局", 3, 2, 1, 2, 2, 1, 1), ("未交办", 2, 2, 0, 0, 0, 0, 0)]
    assert await figures(from_day="2026-02-01") == [("新型显示", 1, 1, 0, 0, 0, 0, 0)]


async def test_a_late_answer_that_was_sent_back_is_not_in_time_by_the_next_due_day(
    office: Office, firm: Enterprise, post: str, clock: MovableClock
) -> None:
    made = await firm.raises()
    await assign(office, made, post)

    async def figures() -> tuple[int, int]:
        (item,) = (await office.http.get(f"{REQUESTS}/figures")).json()["items"]
        return item["answered"], item["in_time"]

    clock.move("2026-01-19T09:00+08:00")
    await office.make(f"{REQUESTS}/{made['id']}:answer", answer="晚了")
    assert await figures() == (1, 0)
    await firm.post(f"{REQUESTS}/{made['id']}:send-back", reason="不够")
    assert await figures() == (1, 0)
    await assign(office, made, post, due_on="2026-02-27")
    assert await figures() == (0, 0)
    await office.make(f"{REQUESTS}/{made['id']}:answer", answer="补充")
    assert await figures() == (1, 1)
