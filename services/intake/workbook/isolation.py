"""Reading and writing workbooks in a process of its own.

Content from outside may be made to exhaust memory or to crash a parser; and honest large files would hold up the event
loop. The child has limits on memory and time, no environment to read secrets from, and is gone when its work is done.
"""

import asyncio
import os
import sys
from collections.abc import Sequence

import orjson
from pydantic import TypeAdapter

from services.intake.workbook import child
from services.intake.workbook.problems import UnknownFormat, WorkbookRefused, WorkbookTooLarge
from services.intake.workbook.register_lists import FieldRows, Layout
from services.intake.workbook.results import ReadRow, ReadWorkbook, RejectedRow

SECONDS = 180
_REFUSALS = {kind.__name__: kind for kind in (WorkbookRefused, UnknownFormat, WorkbookTooLarge)}
_AT_ONCE = asyncio.Semaphore(2)
_FIELDS = TypeAdapter(FieldRows)
_ROWS = TypeAdapter(tuple[ReadRow, ...])
_FAILED = "文件无法读取：内容异常，或表格范围过大；请在 Excel 或 WPS 中打开，删除多余的空行空列，另存为 xlsx 后重试"


async def read_workbook(content: bytes) -> ReadWorkbook:
    """As `reading.read_workbook`; raises WorkbookRefused also where the child ran into its limits."""
    notices, *lines = (await _run("read", content, b"")).split(b"\n")
    rows: list[ReadRow] = []
    for line in lines:
        rows += _ROWS.validate_json(line)
        await asyncio.sleep(0)  # others get their turn: a long list takes a second to decode
    return ReadWorkbook(tuple(rows), tuple(orjson.loads(notices)))


async def error_sheet(content: bytes, rejected: Sequence[RejectedRow]) -> bytes:
    """As `error_sheet.error_sheet`: an xlsx."""
    return await _run("error-sheet", content, TypeAdapter(Sequence[RejectedRow]).dump_json(rejected))


async def read_fields(content: bytes, layout: Layout) -> FieldRows:
    """As `register_lists.read_fields`; raises WorkbookRefused also where the child ran into its limits."""
    return _FIELDS.validate_json(await _run("read-fields", content, TypeAdapter(Layout).dump_json(layout)))


async def fields_error_sheet(content: bytes, rejected: Sequence[RejectedRow], layout: Layout) -> bytes:
    """As `error_sheet.error_sheet`, of a list of this layout."""
    argument = TypeAdapter(tuple[Layout, Sequence[RejectedRow]]).dump_json((layout, rejected))
    return await _run("fields-error-sheet", content, argument)


async def _run(task: str, content: bytes, argument: bytes) -> bytes:
    async with _AT_ONCE:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            child.__name__,
            task,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONUTF8": "1"},
        )
        try:
            async with asyncio.timeout(SECONDS):
                answer, _ = await process.communicate(child.framed(argument, content))
        except TimeoutError as error:
            raise WorkbookRefused(_FAILED) from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    if process.returncode == 0:
        return answer
    if process.returncode == child.REFUSED:
        refusal = orjson.loads(answer)
        raise _REFUSALS[refusal["kind"]](refusal["message"])
    raise WorkbookRefused(_FAILED)
