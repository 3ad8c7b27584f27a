"""Workbooks that would exhaust memory or crash a parser end in a refusal, and the process that asked lives on."""

import asyncio
import io
import sys
import zipfile

import pytest

from services.intake.workbook import child, isolation
from services.intake.workbook.problems import WorkbookRefused, WorkbookTooLarge
from tests.support.workbooks import project_list


def with_sheet(xml: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(project_list())) as sound, zipfile.ZipFile(out, "w") as target:
        for entry in sound.infolist():
            data = xml.encode() if entry.filename == "xl/worksheets/sheet1.xml" else sound.read(entry)
            target.writestr(entry.filename, data)
    return out.getvalue()


def sheet_of(cells: str) -> str:
    namespace = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return f'<?xml version="1.0"?><worksheet xmlns="{namespace}"><sheetData>{cells}</sheetData></worksheet>'


def cell(ref: str, row: int) -> str:
    return f'<row r="{row}"><c r="{ref}" t="inlineStr"><is><t>x</t></is></c></row>'


async def test_two_cells_in_opposite_corners_are_refused() -> None:
    content = with_sheet(sheet_of(cell("A1", 1) + cell("XFD1048576", 1_048_576)))

    assert len(content) < 50_000
    with pytest.raises(WorkbookRefused):
        await isolation.read_workbook(content)


async def test_a_wide_and_long_sheet_is_refused_for_its_size() -> None:
    with pytest.raises(WorkbookTooLarge):
        await isolation.read_workbook(with_sheet(sheet_of(cell("A1", 1) + cell("A60000", 60_000))))


async def test_entities_are_not_expanded() -> None:
    bomb = (
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]>'
    )
    content = with_sheet(sheet_of(cell("A1", 1).replace("<t>x</t>", "<t>&c;</t>")).replace("?>", "?>" + bomb, 1))
    with pytest.raises(WorkbookRefused):
        await isolation.read_workbook(content)


async def test_a_child_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "SECONDS", 0)
    with pytest.raises(WorkbookRefused, match="无法读取"):
        await isolation.read_workbook(project_list())


async def test_the_child_sees_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIANDU_DATABASE_URL", "postgresql://secret")
    seen: dict[str, str] = {}
    start = asyncio.create_subprocess_exec

    async def spy(*argv: str, **options: object) -> asyncio.subprocess.Process:
        env = options["env"]
        assert isinstance(env, dict)
        seen.update(env)
        return await start(*argv, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", spy)
    with pytest.raises(WorkbookRefused):
        await isolation.read_workbook(b"x")

    assert set(seen) == {"PYTHONPATH", "PYTHONUTF8"}


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
async def test_a_caller_that_goes_away_leaves_no_child() -> None:
    started: list[asyncio.subprocess.Process] = []
    running = asyncio.Event()
    start = asyncio.create_subprocess_exec

    async def remember(*argv: str, **options: object) -> asyncio.subprocess.Process:
        started.append(await start(*argv, **options))  # type: ignore[arg-type]
        running.set()
        return started[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "create_subprocess_exec", remember)
        task = asyncio.create_task(isolation.read_workbook(project_list(*[("x",) * 9] * 20_000)))
        await running.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert started[0].returncode is not None


def test_what_goes_in_is_framed() -> None:
    assert child.framed(b"ab", b"xyz") == bytes(7) + b"\x02abxyz"
