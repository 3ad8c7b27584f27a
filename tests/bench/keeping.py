"""Lists, statistics and imports at 100,000 projects: what a clerk waits for once years of records are there.

A page far down a list is measured beside its first page, for keyset pages cost the same wherever they are. The floor
of an import reads the same workbook and inserts its rows, as many at a time.
"""

import io
import itertools
import random
import time
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any

import asyncpg
import httpx
from openpyxl import Workbook, load_workbook

from services.intake.__main__ import service as intake
from shared.kit.clock import CHINA, SystemClock
from shared.kit.web.http import cursor
from tests.bench.ground import Database, Ground, database
from tests.bench.harness import Aim, Figure, Meter, Options, in_turns, quantile, say
from tests.bench.http import application_of, client_of

PROJECTS, TOGETHER = 100_000, 200
ROWS, PART = 20_000, 100
LOOKS = 20
"""How often each page and each period is asked for."""
FAR = 0.9
"""How far down a list the far page begins."""
STEADY = Aim(at_most=1.25, ratio=True)
UNIT = "示例单位"
FIRST_DAY, DAYS = date(2023, 1, 1), 3 * 365
"""When projects were signed: on each of these days as many as on any other."""
HEADINGS = ("序号", "项目名称", "产业链", "责任单位", "总投资（万元）", "当前阶段", "签约时间")
LISTS = (
    ("a page of the projects", "/v1/projects?limit=50"),
    ("a page of the list 签约", "/v1/lists/signed?limit=50"),
    ("the same as of a past day", "/v1/lists/signed?limit=50&on=2024-06-30"),
    ("the same as known on a day", "/v1/lists/signed?limit=50&known_on={today}"),
)
BESIDE = (
    """INSERT INTO project_need
       SELECT gen_random_uuid(), id, 'land', '新增用地', '2026-01-05', date '2026-02-01' + (random() * 700)::int,
              $1, NULL, 'open', NULL, '' FROM project""",
    """INSERT INTO project_correction
       SELECT gen_random_uuid(), id, 'reversal', 2, 'cn.liandu.project.signed.v1', '签约不实', NULL, 'requested',
              date '2026-02-01' + (random() * 700)::int, '王办事员', 'clerk-1', NULL, NULL, NULL, '' FROM project""",
    """INSERT INTO task
       SELECT gen_random_uuid(), id, 'step', '步骤', name, chain_id, date '2026-02-01' + (random() * 700)::int,
              responsible_org_id, $1, NULL, 'plan', '', 'open', NULL, '' FROM project""",
)
"""One of each kind for each project, as they stand when they are recorded: only their lists are read."""
WALKS = (
    ("a page of 要素保障", "/v1/needs?limit=50"),
    ("a page of the reviewers' queue of corrections", "/v1/corrections?status=requested&limit=50"),
    ("a page of what is due", "/v1/tasks?limit=50"),
    ("a page of the reports of a month", "/v1/reports/2026-06?limit=50"),
    (
        "a page of the projects behind a quarter's statistics",
        "/v1/statistics/signings/projects?from=2024-01-01&to=2024-03-31&limit=50",
    ),
)
PERIODS = (
    ("the statistics of a quarter", "from=2024-01-01&to=2024-03-31"),
    ("the statistics of a year", "from=2024-01-01&to=2024-12-31"),
)


async def measure(ground: Ground, options: Options) -> list[Figure]:
    async with database(ground, "intake") as db, client_of(application_of(ground, db, intake)) as client:
        client.timeout = httpx.Timeout(600)
        codes = await _filled(client, options.count(PROJECTS))
        among = f"among {len(codes):,} projects"
        await _beside(db, client)
        figures = [await _page(client, f"{what}, {among}", path, codes) for what, path in LISTS]
        figures += [await _walk(client, f"{what}, {among}", path) for what, path in WALKS]
        figures += [await _period(client, f"{what}, {among}", period) for what, period in PERIODS]
        return [*figures, await _import(ground, db, client, options, among)]


async def _filled(client: httpx.AsyncClient, count: int) -> list[str]:
    """Record so many projects; their codes in order."""
    unit = (await client.post("/v1/organisations", json={"name": UNIT})).raise_for_status().json()["id"]
    chains = [chain["id"] for chain in (await client.get("/v1/chains")).raise_for_status().json()["items"]]
    seeded, codes = random.Random(2026), []
    for start in range(0, count, TOGETHER):
        items = [
            {
                "operation": "record_project",
                "name": f"示例产业园{number}号项目",
                "chain_id": seeded.choice(chains),
                "responsible_org_id": unit,
                "total_investment_wan": seeded.randrange(1_000, 400_000),
                **_standing(number),
            }
            for number in range(start, min(start + TOGETHER, count))
        ]
        answer = (await client.post("/v1/facts:batch", json={"items": items})).raise_for_status().json()
        codes += [item["code"] for item in answer["items"]]
        if len(codes) % 20_000 == 0:
            say(f"  keeping: {len(codes):,} projects")
    return sorted(codes)


async def _beside(db: Database, client: httpx.AsyncClient) -> None:
    unit = (await client.get("/v1/organisations?limit=1")).raise_for_status().json()["items"][0]["id"]
    body = {"title": "示例专员", "tier": "officer", "organisation_id": unit}
    post = (await client.post("/v1/posts", json=body)).raise_for_status().json()["id"]
    for statement in BESIDE:
        await db.conn.execute(statement, *((post,) if "$1" in statement else ()))
    await db.conn.execute("ANALYZE")


def _standing(number: int) -> dict[str, str]:
    """Every fourth was started, two months after its signing."""
    signed_on = FIRST_DAY + timedelta(number % DAYS)
    if number % 4:
        return {"stage": "signed", "signed_on": signed_on.isoformat()}
    return {
        "stage": "started",
        "signed_on": signed_on.isoformat(),
        "started_on": (signed_on + timedelta(60)).isoformat(),
    }


async def _page(client: httpx.AsyncClient, what: str, path: str, codes: Sequence[str]) -> Figure:
    """A page far down a list that is in the order of codes."""
    first = path.format(today=SystemClock().now().astimezone(CHINA).date())
    return await _compared(client, what, first, cursor((codes[int(FAR * len(codes))],)))


async def _walk(client: httpx.AsyncClient, what: str, path: str) -> Figure:
    """A page far down any list, which was read from its beginning to its end for that."""
    places: list[str] = []
    after: str | None = ""
    while after is not None:
        answer = await client.get(f"{path}&after={after}" if after else path)
        places.append(after)
        after = answer.raise_for_status().json()["next_after"]
    return await _compared(client, what, path, places[int(FAR * len(places))])


async def _compared(client: httpx.AsyncClient, what: str, first: str, after: str) -> Figure:
    """The far page beside the first, asked for in turns."""
    near_ms, far_ms = [], []
    for _ in range(LOOKS):
        near_ms.append(await _asked(client, first))
        far_ms.append(await _asked(client, f"{first}&after={after}"))
    value, floor = quantile(far_ms, 0.5), quantile(near_ms, 0.5)
    note = f"50 from the place {FAR:.0%} down; the floor is the first 50; p99 {quantile(far_ms, 0.99):.0f} ms"
    return Figure(
        path="keeping", what=what, value=value, unit="ms", floor=floor, ratio=value / floor, aim=STEADY, note=note
    )


async def _period(client: httpx.AsyncClient, what: str, period: str) -> Figure:
    path = f"/v1/statistics/signings?{period}&by=chain&by=month"
    took = [await _asked(client, path) for _ in range(LOOKS)]
    note = f"by chain and by month; p99 {quantile(took, 0.99):.0f} ms"
    return Figure(path="keeping", what=what, value=quantile(took, 0.5), unit="ms", note=note)


async def _asked(client: httpx.AsyncClient, path: str) -> float:
    """Milliseconds until the whole answer was there."""
    since = time.perf_counter()
    (await client.get(path)).raise_for_status()
    return (time.perf_counter() - since) * 1000


async def _import(ground: Ground, db: Database, client: httpx.AsyncClient, options: Options, among: str) -> Figure:
    count = options.count(ROWS)
    await db.conn.execute("CREATE TABLE floor_row (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), data text[])")
    workbooks = (_workbook(number, count) for number in itertools.count())
    found = await in_turns(
        "rows imported", count, floor=partial(_inserted, db.conn, workbooks), ours=partial(_taken, client, workbooks),
        runs=min(2, options.runs), ground=ground, engine=db.engine,
    )  # fmt: skip
    note = (
        f"a workbook of {count:,} new projects, {among}; the slowest in {count / min(r for _, r in found.pairs):.1f} s"
    )
    return found.figure("keeping", "a workbook's rows imported", "rows/s", aim=Aim(at_least=1000), note=note)


async def _taken(client: httpx.AsyncClient, workbooks: Iterator[bytes], meter: Meter) -> None:
    content = next(workbooks)
    async with meter.running():
        answer = await client.post("/v1/imports", content=content, headers={"content-type": "application/octet-stream"})
    if (told := answer.raise_for_status().json())["refused"]:
        raise RuntimeError(f"{told['summary']}; {told['rows'][0]['reasons']}")


async def _inserted(conn: asyncpg.Connection, workbooks: Iterator[bytes], meter: Meter) -> None:
    content = next(workbooks)
    async with meter.running():
        sheet = load_workbook(io.BytesIO(content), read_only=True).worksheets[0]
        rows = [[None if value is None else str(value) for value in row] for row in sheet.iter_rows(values_only=True)]
        for start in range(0, len(rows), PART):
            await conn.executemany(
                "INSERT INTO floor_row (data) VALUES ($1)", [(row,) for row in rows[start : start + PART]]
            )


def _workbook(number: int, count: int) -> bytes:
    """A list of new projects, as an office keeps it."""
    book = Workbook(write_only=True)
    page: Any = book.create_sheet("项目清单")
    page.append(HEADINGS)
    for row in range(1, count + 1):
        name = f"示例第{number}批{row}号项目"
        page.append([row, name, "新型显示", UNIT, 12_000, "签约", FIRST_DAY + timedelta(row % DAYS)])
    kept = io.BytesIO()
    book.save(kept)
    return kept.getvalue()
