import io
from pathlib import Path

import pytest
from openpyxl import load_workbook
from typer.testing import CliRunner

from services.operator import words
from services.operator.__main__ import app
from services.operator.commands import imports

REFUSED = {
    "sheet": "清单",
    "row": 4,
    "kind": "project",
    "outcome": "refused",
    "reasons": [
        {"cell": "G4", "column": "总投资", "value": "[3-5]亿", "reason": "金额是一个区间"},
        {"cell": "", "column": "当前阶段", "value": "", "reason": "本表没有“当前阶段”列"},
    ],
}


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setattr(words.console, "width", 160)
    return CliRunner()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "示例.xlsx"
    path.write_bytes(b"xlsx")
    return path


def answering(monkeypatch: pytest.MonkeyPatch, *, refused: bool) -> None:
    def counts(refusals: int) -> dict[str, int]:
        return {"imported": 40, "changed": 2, "unchanged": 1, "refused": refusals}

    async def answer(name: str, content: bytes, *, dry_run: bool) -> object:
        result = {
            "dry_run": dry_run,
            "by_kind": {"organisation": dict.fromkeys(counts(0), 0), "project": counts(int(refused))},
            "notices": ["工作表“旧台账”是隐藏的，未导入"],
            "rows": [REFUSED] if refused else [],
        }
        return result, b"sheet" if refused else None

    monkeypatch.setattr(imports, "_import", answer)


def test_all_taken_ends_with_0(runner: CliRunner, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, refused=False)
    result = runner.invoke(app, ["import", str(file)])

    assert result.exit_code == 0
    assert "项目：新增40，更新2，无变化1，退回0" in result.output
    assert "提示：工作表“旧台账”是隐藏的，未导入" in result.output
    assert "机构人员" not in result.output


def test_refused_rows_are_listed_and_saved_beside_the_file(
    runner: CliRunner, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, refused=True)
    result = runner.invoke(app, ["import", str(file)])

    assert result.exit_code == imports.SOME_REFUSED
    assert file.with_name("示例-错误清单.xlsx").read_bytes() == b"sheet"
    assert "错误清单：" in result.output
    assert "[3-5]亿" in result.output
    assert "本表没有“当前阶段”列" in result.output


def test_a_dry_run_says_so(runner: CliRunner, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, refused=False)

    assert "试运行" in runner.invoke(app, ["import", str(file), "--dry-run"]).output


def test_without_a_platform_it_says_what_to_do(
    runner: CliRunner, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIANDU_DATA", str(tmp_path))
    result = runner.invoke(app, ["import", str(file)])

    assert result.exit_code == 1


def test_the_sample_is_written(runner: CliRunner, tmp_path: Path) -> None:
    out = tmp_path / "sample.xlsx"
    result = runner.invoke(app, ["sample-workbook", str(out), "--start", "2026-01-05"])

    assert result.exit_code == 0
    assert "合成示例" in load_workbook(io.BytesIO(out.read_bytes()))["签约在建项目"]["A1"].value
