"""Evidence files over HTTP: kept by content, typed by content, given out as downloads, attached to transitions."""

from hashlib import sha256
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.intake.settings import IntakeSettings
from shared.kit.process.declaration import Platform
from shared.kit.web.security import Role
from tests.integration.intake.conftest import Office, a_token
from tests.integration.intake.test_projects_api import CONTRACT, problem

PDF = b"%PDF-1.7\n" + b"x" * 100
ABOUT = {"kind": "formal_contract", "on": "2026-01-05", "name": "增资合同.pdf"}


async def send(office: Office, project: dict[str, Any], content: bytes = PDF, **about: str) -> httpx.Response:
    path = f"/v1/projects/{project['id']}/files"
    headers = {"content-type": "application/octet-stream"}
    return await office.http.post(path, params={**ABOUT, **about}, content=content, headers=headers)


async def test_a_file_is_kept_once_and_given_out_as_a_download_only(
    office: Office, bureau: str, engine: AsyncEngine
) -> None:
    project = await office.project(bureau)
    sent = await send(office, project)
    assert sent.status_code == 201, sent.text
    file = sent.json()
    assert (file["sha256"], file["media_type"], file["size"]) == (sha256(PDF).hexdigest(), "application/pdf", len(PDF))
    again = await send(office, project)
    assert (again.json()["id"], again.headers["etag"]) == (file["id"], sent.headers["etag"])
    other = (await send(office, await office.project(bureau, name="另一项目"))).json()
    assert other["id"] != file["id"]
    async with engine.connect() as conn:
        assert (await conn.execute(text("SELECT count(*) FROM stored_file"))).scalar_one() == 1

    content = await office.http.get(file["content"])
    assert content.content == PDF
    assert content.headers["content-type"] == "application/pdf"
    assert content.headers["content-disposition"] == (
        "attachment; filename*=UTF-8''%E5%A2%9E%E8%B5%84%E5%90%88%E5%90%8C.pdf"
    )
    assert content.headers["x-content-type-options"] == "nosniff"
    assert content.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert content.headers["etag"] == f'"{file["sha256"]}"'
    listed = (await office.http.get(f"/v1/projects/{project['id']}/files")).json()["items"]
    assert listed == [file]
    stranger = await office.http.get(f"/v1/projects/{other['project_id']}/files/{file['id']}/content")
    assert stranger.status_code == 404


async def test_a_form_is_taken_too(office: Office, bureau: str) -> None:
    project = await office.project(bureau)
    path = f"/v1/projects/{project['id']}/files"
    about = {"kind": "site_photograph", "on": "2026-01-05"}
    form = {"file": ("现场.jpg", b"\xff\xd8\xff\xe0 photograph", "text/html")}
    sent = await office.http.post(path, params=about, files=form)
    assert (sent.json()["name"], sent.json()["media_type"]) == ("现场.jpg", "image/jpeg")


async def test_what_is_not_what_its_name_says_is_refused_or_named_anew(office: Office, bureau: str) -> None:
    project = await office.project(bureau)
    refused = await send(office, project, b"<html><script>alert(1)</script></html>")
    assert (refused.status_code, problem(refused)) == (415, "file-type-not-allowed")
    assert "pdf" in refused.json()["allowed"]
    assert (await send(office, project, name="合同.exe")).json()["name"] == "合同.exe.pdf"
    late = await send(office, project, b"%PDF-2", on="2026-01-06")
    assert (late.status_code, late.json()["what"]) == (422, "材料日期")
    assert (await send(office, project, b"")).status_code == 422


async def test_limits_are_the_sites(office: Office, bureau: str, platform: Platform) -> None:
    assert isinstance(platform.settings, IntakeSettings)
    limited = platform.settings.model_copy(update={"evidence_file_mb": 1, "evidence_files": 1})
    object.__setattr__(platform, "settings", limited)
    project = await office.project(bureau)
    large = await send(office, project, b"%PDF-" + b"x" * (1 << 20))
    assert (large.status_code, large.json()["limit"]) == (413, 1 << 20)
    assert (await send(office, project)).status_code == 201
    more = await send(office, project, PDF + b"2")
    assert (more.status_code, problem(more)) == (409, "too-many-files")
    assert (await send(office, project, b"%PDF-" + b"x" * (21 << 20))).status_code == 413


async def test_a_stage_rests_on_files_of_its_own_project(office: Office, bureau: str) -> None:
    project, other = await office.project(bureau), await office.project(bureau, name="另一项目")
    file = (await send(office, project)).json()
    strange = (await send(office, other)).json()
    project = (await office.http.get(f"/v1/projects/{project['id']}")).json()
    refused = await office.advance(project, "signed", evidence=[CONTRACT], files=[strange["id"]])
    assert (refused.status_code, refused.json()["field"]) == (422, "files")
    signed = await office.advance(project, "signed", evidence=[CONTRACT], files=[file["id"]])
    assert signed.status_code == 200, signed.text
    history = (await office.http.get(f"/v1/projects/{project['id']}/history")).json()["items"]
    assert history[1]["text"].startswith("上传正式合同“增资合同.pdf”（109字节")
    assert history[2]["data"]["files"] == [file["id"]]
    item = {"operation": "advance_project", "project_id": other["id"], "version": 2, "target": "signed"}
    body = {"on": "2026-01-05", "evidence": [CONTRACT]}
    batch = {"items": [{**item, **body, "files": [file["id"]]}]}
    refused = await office.http.post("/v1/facts:batch", json=batch)
    assert refused.json()["errors"][0]["field"] == "files"
    batch["items"][0]["files"] = [strange["id"]]
    assert (await office.http.post("/v1/facts:batch", json=batch)).status_code == 200


@pytest.mark.parametrize("role", list(Role))
async def test_clerks_file_evidence_and_officials_read_it(office: Office, bureau: str, role: Role) -> None:
    project = await office.project(bureau)
    file = (await send(office, project)).json()
    headers = {"authorization": f"Bearer {a_token(role)}", "content-type": "application/octet-stream"}
    path = f"/v1/projects/{project['id']}/files"
    sent = await office.http.post(path, params=ABOUT, content=PDF + b"2", headers=headers)
    assert sent.status_code == (201 if role is Role.CLERK else 403)
    content = await office.http.get(file["content"], headers=headers)
    assert content.status_code == (403 if role is Role.ENTERPRISE else 200)
