"""`liandu import`: an office's workbook into record keeping; and the sample workbook to try it with."""

import asyncio
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import httpx
import typer
from rich.markup import escape
from rich.table import Table

from services.operator.platform import NoPlatform, Refused, answer_of, client
from services.operator.words import console, fail, say

SOME_REFUSED = 3
"""The exit code where rows were refused (2 is a wrong use of the command)."""

_KINDS = {"organisation": "机构人员", "project": "项目"}
_OUTCOMES = {"imported": "新增", "changed": "更新", "unchanged": "无变化", "refused": "退回"}
_SHOWN = 50
_SECONDS = 600


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
        with console.status(f"正在导入 {escape(file.name)} …"):
            result, sheet = asyncio.run(_import(file.name, file.read_bytes(), dry_run=dry_run))
    except (NoPlatform, Refused, httpx.TransportError) as reason:
        fail(str(reason) or repr(reason))
    _tell(result)
    if sheet is None:
        return
    target = errors or file.with_name(f"{file.stem}-错误清单.xlsx")
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


async def _import(name: str, content: bytes, *, dry_run: bool) -> tuple[dict[str, Any], bytes | None]:
    """The result, and the error sheet where there is one."""
    async with client("intake", roles=("clerk",), timeout=_SECONDS) as intake:
        answer = await intake.post(
            "/v1/imports",
            params={"dry_run": dry_run},
            files={"file": (name, content)},
            headers={"Idempotency-Key": f"import-{uuid4()}"},
        )
        result: dict[str, Any] = await answer_of(answer)
        if result["error_sheet"] is None:
            return result, None
        sheet = await intake.get(result["error_sheet"])
        if not sheet.is_success:
            await answer_of(sheet)
        return result, sheet.content


def _tell(result: dict[str, Any]) -> None:
    if result["dry_run"]:
        say("试运行：以下为预计结果，未写入任何数据")
    for kind, name in _KINDS.items():
        counts = result["by_kind"][kind]
        if sum(counts.values()):
            say(f"{name}：{'，'.join(f'{word}{counts[outcome]}' for outcome, word in _OUTCOMES.items())}")
    for notice in result["notices"]:
        say(f"提示：{notice}")
    refused = [row for row in result["rows"] if row["outcome"] == "refused"]
    if refused:
        # Where nobody's window sets the width, wide enough that no reason is broken up.
        console.print(_refused(refused), soft_wrap=False, width=None if console.is_terminal else 160)
    if len(refused) > _SHOWN:
        say(f"另有{len(refused) - _SHOWN}行，见错误清单")


def _refused(rows: list[dict[str, Any]]) -> Table:
    table = Table(title="退回的行", title_justify="left")
    for heading in ("工作表", "行", "单元格", "列", "内容"):
        table.add_column(heading, overflow="fold")
    table.add_column("原因", overflow="fold", min_width=30)
    for row in rows[:_SHOWN]:
        for number, reason in enumerate(row["reasons"]):
            where = ("", "") if number else (row["sheet"], str(row["row"]))
            table.add_row(*map(escape, (*where, reason["cell"], reason["column"], reason["value"], reason["reason"])))
    return table
