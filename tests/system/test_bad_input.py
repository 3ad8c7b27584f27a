"""Bad input at every door of the running platform: a clear answer in the words of officials, and nothing recorded."""

import base64
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from openpyxl import load_workbook

from tests.support.platform import Bureau, Platform
from tests.support.waiting import eventually
from tests.support.workbooks import Row, project_list

MB = 1 << 20
SOON = "2026-01-08"
"""Three working days after the clock's start: its reminder is due at once."""


@contextmanager
def nothing_recorded(platform: Platform, *services: str) -> Iterator[None]:
    """No fact comes into the services' logs while this lasts; intake's where none is named."""
    names = services or ("intake",)
    before = [log_head(platform, name) for name in names]
    yield
    assert [log_head(platform, name) for name in names] == before


def log_head(platform: Platform, service: str) -> int:
    return int(platform.operator.get(service, "/v1/platform/state")["vector"]["log"])


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem details of an answer, which must be of this kind, with a trace to find it by."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert (body["type"], body["status"]) == (f"urn:liandu:problem:{code}", status)
    assert len(body["trace_id"]) == 32
    return body


@pytest.fixture(scope="module")
def negotiating(bureau: Bureau) -> dict[str, Any]:
    """A project in 在谈 that refuses everything these tests ask of it."""
    return bureau.project("始终在谈", stage="negotiating", signed_on=None)


def step(platform: Platform, project: dict[str, Any], target: str, **more: Any) -> httpx.Response:
    """Ask for a project's next stage."""
    return platform.clerk.send(
        "POST",
        "intake",
        f"/v1/projects/{project['id']}/transitions",
        json={"target": target, "on": "2026-01-05", **more},
        headers={"If-Match": f'"{project["version"]}"'},
    )


def test_malformed_json_is_answered_with_its_place(platform: Platform) -> None:
    with nothing_recorded(platform):
        answer = platform.clerk.send(
            "POST",
            "intake",
            "/v1/projects",
            content='{"name": "示例",\n "chain_id": }'.encode(),
            headers={"Content-Type": "application/json"},
        )

    said = problem(answer, 400, "malformed-json")
    assert said["detail"] == "请求正文不是有效的 JSON：第 2 行第 14 列"


def test_an_unknown_stage_is_answered_with_those_there_are(platform: Platform, negotiating: dict[str, Any]) -> None:
    with nothing_recorded(platform):
        answer = step(platform, negotiating, "flying")

    [error] = problem(answer, 422, "invalid-request")["errors"]
    assert (error["in"], error["pointer"]) == ("body", "#/target")
    assert error["detail"].startswith("只能是")
    assert "full_capacity" in error["detail"]


def test_a_stage_cannot_be_skipped(platform: Platform, negotiating: dict[str, Any]) -> None:
    with nothing_recorded(platform):
        answer = step(platform, negotiating, "started")

    said = problem(answer, 409, "stage-not-allowed")
    assert "在谈" in said["detail"]
    assert "开工" in said["detail"]
    assert said["allowed"] == ["signed"]


def test_a_letter_of_intent_signs_nothing(platform: Platform, negotiating: dict[str, Any]) -> None:
    letter = {"kind": "letter_of_intent", "on": "2026-01-05", "reference": "示例意向书"}
    with nothing_recorded(platform):
        answer = step(platform, negotiating, "signed", evidence=[letter], amount_wan=120_000)

    said = problem(answer, 422, "evidence-missing")
    assert said["detail"] == "转为“签约”须提交正式合同（已提交：投资意向书）；意向书、框架协议不算签约"
    assert platform.clerk.get("intake", f"/v1/projects/{negotiating['id']}")["stage"] == "negotiating"


def test_of_two_writers_with_one_etag_the_second_is_told(platform: Platform, bureau: Bureau) -> None:
    project = bureau.project("两人同改")
    path, at = f"/v1/projects/{project['id']}", {"If-Match": f'"{project["version"]}"'}
    together = threading.Barrier(2)

    def rename(name: str) -> httpx.Response:
        together.wait()
        return platform.clerk.send("PATCH", "intake", path, json={"name": name}, headers=at)

    with ThreadPoolExecutor(2) as writers:
        answers = list(writers.map(rename, ("甲改", "乙改")))

    taken, refused = sorted(answers, key=lambda answer: answer.status_code)
    assert taken.status_code == 200
    assert "已被" in problem(refused, 412, "version-conflict")["detail"]
    shown = platform.clerk.send("GET", "intake", path)
    assert shown.json()["name"] == taken.json()["name"]
    assert shown.headers["etag"] == taken.headers["etag"]


def test_an_idempotency_key_is_good_for_one_request_only(platform: Platform, bureau: Bureau) -> None:
    def record(body: dict[str, Any]) -> httpx.Response:
        return platform.clerk.send("POST", "intake", "/v1/projects", json=body, headers={"Idempotency-Key": key})

    key = str(uuid4())
    first = record(bureau.body("键一"))

    with nothing_recorded(platform):
        again, other = record(bureau.body("键一")), record(bureau.body("键二"))

    assert (again.status_code, again.json()) == (201, first.json())
    said = problem(other, 422, "idempotency-key-reused")
    assert said["detail"] == "该 Idempotency-Key 已用于另一个请求，请换一个"


def test_numbers_beyond_any_record_are_answered_like_other_bad_input(
    platform: Platform, negotiating: dict[str, Any]
) -> None:
    huge = 10**30
    cursor = base64.urlsafe_b64encode(f"[{huge}]".encode()).rstrip(b"=").decode()
    project = f"/v1/projects/{negotiating['id']}"
    events = f"/v1/log/aggregates/{negotiating['id']}/events"

    asked = {
        "letter": platform.operator.send("GET", "assessment", f"/v1/dead-letters/{huge}"),
        "redriven": platform.operator.send("POST", "assessment", f"/v1/dead-letters/{huge}:redrive"),
        "events": platform.operator.send("GET", "intake", events, params={"after": huge}),
        "message": platform.operator.send("GET", "notification", f"/v1/messages/{huge}"),
        "year": platform.supervisor.send("GET", "assessment", f"/v1/calendar/{huge}"),
    }

    for answer in asked.values():
        problem(answer, 422, "invalid-request")
    for service, path in (("intake", f"{project}/history"), ("assessment", "/v1/dead-letters")):
        answer = platform.operator.send("GET", service, path, params={"after": cursor})
        said = problem(answer, 400, "malformed-cursor")
        assert said["detail"] == "分页位置 after 无效，请从第一页重新开始"


def an_hour_ago(secret: str, *, algorithm: str = "HS256", **more: Any) -> str:
    """A clerk's token that ended an hour ago, unless `more` says otherwise."""
    ended = datetime.now(UTC) - timedelta(hours=1)
    claims = {"iss": "liandu", "sub": "clerk-1", "name": "示例", "roles": ["clerk"], "exp": ended, **more}
    return jwt.encode(claims, secret, algorithm=algorithm)


def secret_of(platform: Platform) -> str:
    return Path(platform.file.jwt_secret_file).read_text().strip()


def altered(token: str) -> str:
    """The same token with another role in it, and the signature of the first."""
    head, claims, signature = token.split(".")
    content = json.loads(base64.urlsafe_b64decode(claims + "=="))
    raised = base64.urlsafe_b64encode(json.dumps({**content, "roles": ["operator"]}).encode()).rstrip(b"=").decode()
    return f"{head}.{raised}.{signature}"


@pytest.mark.parametrize("service", ["intake", "assessment", "notification"])
def test_an_expired_token_and_a_forged_one_let_nobody_in(platform: Platform, service: str) -> None:
    good_for_an_hour = datetime.now(UTC) + timedelta(hours=1)
    tokens = {
        an_hour_ago(secret_of(platform)): "登录已过期，请重新登录",
        an_hour_ago("another secret of thirty-two letters", exp=good_for_an_hour): "登录凭证无效，请重新登录",
        an_hour_ago("", algorithm="none", exp=good_for_an_hour): "登录凭证无效，请重新登录",
        altered(an_hour_ago(secret_of(platform), exp=good_for_an_hour)): "登录凭证无效，请重新登录",
        "": "请先登录",
    }
    url = f"{platform.file.services[service]}/v1/dead-letters"

    for token, detail in tokens.items():
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = httpx.get(url, headers=headers, trust_env=False)
        assert problem(answer, 401, "unauthenticated")["detail"] == detail
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_who_lacks_the_role_is_told_which_it_takes(platform: Platform, bureau: Bureau) -> None:
    with nothing_recorded(platform, "intake", "assessment"):
        recording = platform.supervisor.send("POST", "intake", "/v1/projects", json=bureau.body("越权"))
        confirming = platform.clerk.send("POST", "assessment", "/v1/baseline:confirm", json={})
        pausing = platform.clerk.send("POST", "notification", "/v1/outbound:pause", json={})

    assert problem(recording, 403, "forbidden")["needed"] == ["clerk"]
    assert problem(confirming, 403, "forbidden")["needed"] == ["supervisor"]
    assert problem(pausing, 403, "forbidden")["detail"] == "您没有进行此操作的角色"


def test_a_forged_link_acknowledges_nothing(platform: Platform) -> None:
    content = base64.urlsafe_b64encode(bytes(60)).rstrip(b"=").decode()
    url = f"{platform.file.services['assessment']}/links/{content}"

    with nothing_recorded(platform, "assessment"):
        asked = httpx.get(url, trust_env=False)
        pressed = httpx.post(url, data={"name": "冒充者"}, trust_env=False)

    for answer in (asked, pressed):
        assert answer.status_code == 403
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "链接无效，请使用消息中的原链接" in answer.text


GOOD: Row = (1, "量纲正确", "新型显示", "{unit}", "{post}", "新建", "3.5亿元", "签约", "2026年12月")
WRONG: Row = (2, "量纲有误", "新型显示", "{unit}", "{post}", "新建", 35_000, "签约", "2026年12月")


def test_a_wrong_unit_in_a_workbook_comes_back_on_the_error_sheet_and_loses_no_good_row(
    platform: Platform, bureau: Bureau, tmp_path: Path
) -> None:
    own = {"unit": bureau.name, "post": bureau.title("officer")}
    rows = [tuple(cell.format(**own) if isinstance(cell, str) else cell for cell in row) for row in (GOOD, WRONG)]
    file = tmp_path / "清单.xlsx"
    file.write_bytes(project_list(*rows))

    said = platform.liandu("import", str(file), codes=(3,))

    assert "项目：新增1，更新0，无变化0，退回1" in said
    sheet = load_workbook(tmp_path / "清单-错误清单.xlsx").active
    names = [row[1].value for row in sheet.iter_rows() if row[1].value]
    assert "量纲有误" in names
    assert "量纲正确" not in names
    marked = next(cell for row in sheet.iter_rows() for cell in row if cell.comment)
    assert sheet.cell(1, marked.column).value == "总投资（亿元）"
    assert "万元" in marked.comment.text
    kept = [each["name"] for each in platform.clerk.every("intake", "/v1/projects")]
    assert ("量纲正确" in kept, "量纲有误" in kept) == (True, False)


def test_an_upload_of_200_megabytes_is_refused_before_it_is_read(platform: Platform) -> None:
    before = platform.process_of("intake").memory_info().rss

    with nothing_recorded(platform):
        declared = platform.clerk.send("POST", "intake", "/v1/imports", content=blanks(200), headers=length(200))
        undeclared = platform.clerk.send("POST", "intake", "/v1/imports", content=blanks(200))

    assert problem(declared, 413, "body-too-large")["detail"] == "请求正文过大"
    assert problem(undeclared, 413, "body-too-large")["detail"] == "请求正文过大"
    assert platform.process_of("intake").memory_info().rss - before < 100 * MB


def blanks(megabytes: int) -> Iterator[bytes]:
    yield b"PK\x03\x04"
    yield bytes(MB - 4)
    for _ in range(megabytes - 1):
        yield bytes(MB)


def length(megabytes: int) -> dict[str, str]:
    return {"Content-Length": str(megabytes * MB)}


def test_a_zip_bomb_is_refused_before_it_is_unpacked(platform: Platform) -> None:
    bomb = io.BytesIO(project_list())
    with zipfile.ZipFile(bomb, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/worksheets/more.xml", "w") as e:
        for _ in range(1024):
            e.write(bytes(MB))

    with nothing_recorded(platform):
        answer = platform.clerk.send("POST", "intake", "/v1/imports", files={"file": ("清单.xlsx", bomb.getvalue())})

    assert problem(answer, 413, "workbook-too-large")["detail"] == "文件解压后过大，疑似异常文件，已拒绝"


async def test_a_robot_that_answers_200_with_an_error_code_is_not_a_delivery(
    platform: Platform, bureau: Bureau
) -> None:
    group = platform.connect_robot("refusing", post_id=bureau.posts["officer"])
    group.script({"errcode": 430101})

    project = bureau.project("内容被拒", milestones=[bureau.line(SOON)])
    [message] = await eventually(lambda: undelivered(platform, project))
    assert (message["state"], message["attempts"]) == ("undelivered", 1)
    [attempt] = platform.operator.get("notification", f"/v1/messages/{message['number']}")["story"]
    assert (attempt["outcome"], attempt["code"]) == ("give_up", "430101")
    assert "不合规" in attempt["reason"]
    assert [(receipt["status"], receipt["accepted"]) for receipt in group.receipts] == [(200, False)]

    platform.operator.ask("POST", "notification", f"/v1/messages/{message['number']}:redrive")
    await eventually(lambda: group.messages("内容被拒"))
    await eventually(lambda: undelivered(platform, project) == [])


def undelivered(platform: Platform, project: dict[str, Any]) -> list[dict[str, Any]]:
    waiting = platform.operator.every("notification", "/v1/undelivered")
    return [message for message in waiting if message["project_id"] == project["id"]]
