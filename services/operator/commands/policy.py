"""`liandu policy`: try a policy, or a year's calendar, on what happened before it is in force."""

import asyncio
import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from services.operator.platform import NoPlatform, Refused, answer_of, client
from services.operator.words import console, fail, say
from shared.kit.clock import SystemClock

app = typer.Typer(no_args_is_help=True, help="Policies of supervision: check and try them.")

DIFFERENT = 3
_LOOK_EVERY = 0.5
_LINES = 20
_REAL = SystemClock()
ROOT = Path(__file__).parents[3]


@app.command("check")
def check_policy(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The policy, as YAML or JSON.")],
) -> None:
    """Read a policy as the service would, without one: every fault with its line, its place and the reason.

    Exit code 0: it can be used. 1: it cannot.
    """
    argv = (sys.executable, "-m", "services.assessment", "check-policy", str(file.absolute()))
    raise typer.Exit(subprocess.run(argv, check=False, cwd=ROOT).returncode)


@app.command("try")
def try_policy(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The policy, as YAML or JSON.")],
    *,
    from_: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day it is in force.")],
    to: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="The last day that is compared.")],
    calendar: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A year's notice to try as well, as JSON.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write the whole difference, as JSON.")] = None,
) -> None:
    """Live through what happened again under another policy, and tell what would be otherwise: cases more and fewer,
    who would have heard what and when, lights changed, what people did that would have no place. Nothing is sent.

    Exit code 0: no difference. 3: there are differences. 1: the policy is refused, or the platform does not answer.
    """
    body: dict[str, Any] = {"from_day": f"{from_:%Y-%m-%d}", "to_day": f"{to:%Y-%m-%d}", "policy": _text(file)}
    if calendar is not None:
        body["calendar"] = _json(calendar)
    try:
        result = asyncio.run(_rehearse(body))
    except (NoPlatform, Refused) as reason:
        fail(str(reason))
    except httpx.TransportError as reason:
        fail(f"the platform does not answer: {reason!r}")
    _tell(result)
    if out is not None:
        out.write_text(json.dumps(result, ensure_ascii=False, indent=2), encoding="utf-8")
        say(f"全部差别：{out}")
    raise typer.Exit(0 if result["is_nothing"] else DIFFERENT)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as reason:
        fail(f"{file}: {reason}")


def _json(file: Path) -> Any:
    try:
        return json.loads(_text(file))
    except ValueError as reason:
        fail(f"{file}: {reason}")


async def _rehearse(body: dict[str, Any]) -> dict[str, Any]:
    """Ask for the rehearsal and wait for it; interrupted, it is cancelled.

    Raises:
        Refused: it is refused, or it failed.
    """
    async with client("assessment") as assessment:
        asked = await answer_of(await assessment.post("/v1/rehearsals", json=body))
        address = f"/v1/rehearsals/{asked['id']}"
        try:
            with _progress() as progress:
                bar = progress.add_task("正在推演", total=None)
                while (shown := await answer_of(await assessment.get(address)))["state"] in ("waiting", "running"):
                    progress.update(bar, total=shown["facts"], completed=shown["facts_done"] or 0)
                    await _REAL.sleep_until(None, at_most=_LOOK_EVERY)
        except asyncio.CancelledError:
            await assessment.post(f"{address}:cancel")
            raise
        if shown["state"] != "done":
            raise Refused(shown["error"] or shown["state_name"])
        result: dict[str, Any] = shown["result"]
        return result


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _tell(result: dict[str, Any]) -> None:
    say(escape(result["summary"]))
    if result["is_nothing"]:
        return
    was, would = result["was"], result["would"]
    counted = {"督办件": "cases", "消息": "told", "红灯": "red"}
    say("  " + "，".join(f"{what} {was[name]} → {would[name]}" for what, name in counted.items()))
    cases, told = result["cases"], result["told"]
    _lines("多出的督办件", cases["totals"]["more"], [_case(one) for one in cases["more"]])
    _lines("不再有的督办件", cases["totals"]["fewer"], [_case(one) for one in cases["fewer"]])
    _lines("多出的消息", told["totals"]["more"], [_told(one) for one in told["more"]])
    _lines("不再有的消息", told["totals"]["fewer"], [_told(one) for one in told["fewer"]])
    _lines("日期或对象不同的消息", told["totals"]["otherwise"], [_otherwise(one) for one in told["otherwise"]])
    _lines("不再适用的操作", result["void"]["total"], [_void(one) for one in result["void"]["actions"]])


def _lines(what: str, total: int, lines: list[str]) -> None:
    if not total:
        return
    say(f"{what}（{total}）：")
    for line in lines[:_LINES]:
        say(f"  {escape(line)}")
    if total > _LINES:
        say(f"  ……另有{total - _LINES}项，用 --out 写出全部")


def _case(one: dict[str, Any]) -> str:
    return f"{one['opened_on']} {one['project']}·{one['milestone']}（{one['due_on']}到期，至第{one['rung']}级）"


def _told(one: dict[str, Any]) -> str:
    copied = f"，抄送{'、'.join(one['copy'])}" if one["copy"] else ""
    return f"{one['on']} {one['what']} {one['project']}·{one['milestone']} → {'、'.join(one['to'])}{copied}"


def _otherwise(one: dict[str, Any]) -> str:
    names = {"on": "日期", "to": "对象", "copy": "抄送", "due_on": "到期日"}
    was = "；".join(
        f"{names[name]}原为{'、'.join(value) or '无' if isinstance(value, list) else value}"
        for name, value in one["was"].items()
    )
    return f"{_told(one)}（{was}）"


def _void(one: dict[str, Any]) -> str:
    return f"{one['on']} {one['by']} {one['what']}：{one['reason']}"
