"""`liandu import`: an office's workbook into record keeping; and the sample workbook to try it with."""

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import httpx
import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from services.operator.platform import NoPlatform, Refused, client, service_urls
from services.operator.words import console, fail, say

SOME_REFUSED = 3
"""The exit code where rows were refused (2 is a wrong use of the command)."""

_KINDS = {"organisation": "机构人员", "project": "项目"}
_OUTCOMES = {"imported": "新增", "changed": "更新", "unchanged": "无变化", "refused": "退回"}
_SHOWN = 50
_SECONDS = 600
_LOOK_EVERY = 0.2
_TABLE_FROM = 120
"""Columns of a terminal from which a table holds every reason."""
_VALUE = 40
_ROWS_NAMED = 10
_ERROR_SHEET = re.compile(r"(.+)-错误清单(?:-(\d+))?")


def import_workbook(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="An xlsx or xls workbook.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be taken, and take nothing.")] = False,
    errors: Annotated[
        Path | None, typer.Option(help="Where to save the refused rows; else NAME-错误清单.xlsx beside the file.")
    ] = None,
) -> None:
    """Import a project list with its organisation: every sound row, whatever the others are like.

    Exit code 0: every row was taken. 3: some rows were refused; they are listed, and saved as an error sheet to mend
    and import again. 1: the file was refused whole, or the platform does not answer.
    """
    try:
        with _progress() as progress:
            bar = progress.add_task(escape(file.name), total=None)
            tell = partial(progress.update, bar)
            result, sheet = asyncio.run(_import(file.name, file.read_bytes(), dry_run=dry_run, tell=tell))
    except (NoPlatform, Refused) as reason:
        fail(str(reason))
    except httpx.TransportError as reason:
        fail(_unreachable(reason))
    say(f"工作簿：{file}")
    _tell(result)
    if sheet is None:
        return
    target = errors or _error_sheet(file)
    target.write_bytes(sheet)
    say(f"错误清单：{target}（改正后可直接再次导入）")
    raise typer.Exit(SOME_REFUSED)


def sample_workbook(
    out: Annotated[Path, typer.Argument(dir_okay=False, help="The xlsx to write.")],
    *,
    start: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day supervision starts; else today.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed and start give the same file.")] = 2026,
) -> None:
    """Write a synthetic project list (合成示例) with its organisation and eight wrong rows, to try an import with."""
    from services.operator.samples.workbook import sample_workbook as make
    from shared.kit.clock import CHINA, SystemClock

    day: date = start.date() if start else SystemClock().now().astimezone(CHINA).date()
    sample = make(day, seed=seed)
    out.write_bytes(sample.content)
    say(f"{out}: {sample.projects} projects, {sample.wrong} wrong rows, {len(sample.programme.offices)} posts")


def sample_quarter(
    out: Annotated[Path, typer.Argument(dir_okay=False, help="The xlsx to write.")],
    *,
    first: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The quarter's first day; else 2024-01-01.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed and quarter give the same file.")] = 2024,
) -> None:
    """Write the lists of a synthetic quarter (合成数据): 208 signings that count, and what must not count."""
    from services.operator.samples.quarter import quarter_workbook, synthetic_quarter

    try:
        quarter = synthetic_quarter(first.date() if first else date(2024, 1, 1), seed=seed)
    except ValueError as reason:
        fail(str(reason))
    out.write_bytes(quarter_workbook(quarter))
    say(f"{out}: {len(quarter.projects)} projects; to be struck off: {', '.join(quarter.struck)}")


def _progress() -> Progress:
    """A bar on a terminal, gone once it is full; nothing elsewhere."""
    columns = (TextColumn("正在导入 {task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


async def _import(
    name: str, content: bytes, *, dry_run: bool, tell: Callable[..., None]
) -> tuple[dict[str, Any], bytes | None]:
    """The result, and the error sheet where there is one; `tell` hears how many rows are `completed` of the `total`."""
    async with client("intake", roles=("clerk",), timeout=_SECONDS) as intake:
        answer = await intake.post(
            "/v1/imports",
            params={"dry_run": dry_run},
            files={"file": (name, content)},
            headers={"Idempotency-Key": f"import-{uuid4()}", "Prefer": "respond-async"},
        )
        _require_success(answer)
        result: dict[str, Any] = answer.json()
        while result["status"] == "running":
            tell(completed=result["done"], total=result["total"])
            await asyncio.sleep(_LOOK_EVERY)
            shown = await intake.get(f"/v1/imports/{result['id']}")
            _require_success(shown)
            result = shown.json()
        if result["status"] == "failed":
            raise Refused("导入因系统故障中断，请重新导入同一文件；已登记的行不会重复")
        if result["error_sheet"] is None:
            return result, None
        sheet = await intake.get(result["error_sheet"])
        _require_success(sheet)
        return result, sheet.content


def _require_success(response: httpx.Response) -> None:
    """Raises Refused with what a clerk can read: the problem's detail alone."""
    if response.is_success:
        return
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    raise Refused(problem.get("detail") or problem.get("title") or f"intake 返回 {response.status_code}")


def _unreachable(reason: httpx.TransportError) -> str:
    url = service_urls()["intake"]
    if isinstance(reason, httpx.ConnectError | httpx.ConnectTimeout):
        return f"无法连接 intake（{url}），请确认平台已启动：make run 或 liandu start intake"
    if isinstance(reason, httpx.TimeoutException):
        return f"intake（{url}）{_SECONDS}秒内没有应答；导入可能仍在进行，稍后可重新导入同一文件"
    said = str(reason) or type(reason).__name__
    return f"与 intake（{url}）的连接中断；已收下的文件会继续导入，也可重新导入同一文件（{said}）"


def _error_sheet(file: Path) -> Path:
    """Beside the file, and never the file itself: a mended error sheet gives NAME-错误清单-2, then -3."""
    earlier = _ERROR_SHEET.fullmatch(file.stem)
    if earlier is None:
        return file.with_name(f"{file.stem}-错误清单.xlsx")
    return file.with_name(f"{earlier[1]}-错误清单-{int(earlier[2] or 1) + 1}.xlsx")


def _tell(result: dict[str, Any]) -> None:
    if result["dry_run"]:
        say("试运行：以下为预计结果，未写入任何数据")
    for kind, name in _KINDS.items():
        counts = result["by_kind"][kind]
        if sum(counts.values()):
            say(f"{name}：{'，'.join(f'{word}{counts[outcome]}' for outcome, word in _OUTCOMES.items())}")
    for notice in result["notices"]:
        say(f"提示：{notice}")
    refusals = list(_refusals(row for row in result["rows"] if row["outcome"] == "refused"))
    if not refusals:
        return
    if console.is_terminal and console.width >= _TABLE_FROM:
        console.print(_table(refusals[:_SHOWN]), soft_wrap=False)
    else:
        say("退回的行：")
        for refusal in refusals[:_SHOWN]:
            say(f"  {refusal.line}")
    if len(refusals) > _SHOWN:
        say(f"另有{len(refusals) - _SHOWN}处，见错误清单")


@dataclass(frozen=True, slots=True)
class _Refusal:
    """One reason, with the rows that it refuses: several where the sheet as a whole gives it."""

    sheet: str
    rows: tuple[int, ...]
    cell: str
    column: str
    value: str
    reason: str

    @property
    def numbers(self) -> str:
        more = f"等{len(self.rows)}" if len(self.rows) > _ROWS_NAMED else ""
        return "、".join(map(str, self.rows[:_ROWS_NAMED])) + more

    @property
    def line(self) -> str:
        value = f"“{self.value}”" if self.value else ""
        place = " ".join(filter(None, (self.sheet, f"第{self.numbers}行", self.cell, f"{self.column}{value}")))
        return f"{place}：{self.reason}"


def _refusals(rows: Iterable[dict[str, Any]]) -> Iterator[_Refusal]:
    """Every reason of every row; what no cell is to blame for, such as a missing column, once for a sheet."""
    found: dict[tuple[str, ...], tuple[dict[str, Any], list[int]]] = {}
    for row in rows:
        for reason in row["reasons"]:
            where = (row["sheet"], str(row["row"]), reason["cell"]) if reason["cell"] else (row["sheet"],)
            _, numbers = found.setdefault((*where, reason["column"], reason["reason"]), (reason, []))
            numbers.append(row["row"])
    for (sheet, *_), (reason, numbers) in found.items():
        value = " ".join(reason["value"].split())
        shown = value if len(value) <= _VALUE else f"{value[:_VALUE]}…"
        yield _Refusal(sheet, tuple(numbers), reason["cell"], reason["column"], shown, reason["reason"])


def _table(refusals: Iterable[_Refusal]) -> Table:
    table = Table(title="退回的行", title_justify="left")
    for heading in ("工作表", "行", "单元格", "列", "内容"):
        table.add_column(heading, overflow="fold")
    table.add_column("原因", overflow="fold", min_width=30)
    for item in refusals:
        table.add_row(*map(escape, (item.sheet, item.numbers, item.cell, item.column, item.value, item.reason)))
    return table
