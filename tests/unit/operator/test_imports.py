import io
from pathlib import Path

import httpx
import pytest
from openpyxl import load_workbook
from typer.testing import CliRunner

from services.operator import words
from services.operator.__main__ import command_line
from services.operator.commands import imports
from services.operator.platform import Refused

LIANDU = command_line()

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

    async def answer(name: str, content: bytes, *, dry_run: bool, **_: object) -> object:
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
    result = runner.invoke(LIANDU, ["import", str(file)])

    assert result.exit_code == 0
    assert "项目：新增40，更新2，无变化1，退回0" in result.output
    assert "提示：工作表“旧台账”是隐藏的，未导入" in result.output
    assert "机构人员" not in result.output


def test_refused_rows_are_listed_and_saved_beside_the_file(
    runner: CliRunner, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, refused=True)
    result = runner.invoke(LIANDU, ["import", str(file)])

    assert result.exit_code == imports.SOME_REFUSED
    assert file.with_name("示例-错误清单.xlsx").read_bytes() == b"sheet"
    assert "错误清单：" in result.output
    assert "[3-5]亿" in result.output
    assert "本表没有“当前阶段”列" in result.output


def test_no_reason_is_cut_off_where_no_terminal_is_wide_enough(
    runner: CliRunner, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words.console, "width", 80)
    answering(monkeypatch, refused=True)
    result = runner.invoke(LIANDU, ["import", str(file)])

    assert f"工作簿：{file}" in result.output
    assert "清单 第4行 G4 总投资“[3-5]亿”：金额是一个区间\n" in result.output
    assert "清单 第4行 当前阶段：本表没有“当前阶段”列\n" in result.output


def test_a_wide_terminal_shows_a_table(runner: CliRunner, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words.console, "_force_terminal", True)
    answering(monkeypatch, refused=True)

    assert "┃ 原因" in runner.invoke(LIANDU, ["import", str(file)]).output


def test_what_refuses_every_row_of_a_sheet_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    missing = {"cell": "", "column": "当前阶段", "value": "", "reason": "本表没有“当前阶段”列"}
    rows = [{**REFUSED, "row": number, "reasons": [missing]} for number in range(2, 302)]
    counts = dict.fromkeys(("imported", "changed", "unchanged"), 0) | {"refused": 300}
    kinds = {"organisation": dict.fromkeys(counts, 0), "project": counts}
    imports._tell({"dry_run": False, "by_kind": kinds, "notices": [], "rows": rows})

    told = capsys.readouterr().out
    assert told.count("本表没有“当前阶段”列") == 1
    assert "第2、3、4、5、6、7、8、9、10、11等300行 当前阶段" in told


def test_a_long_value_is_capped_and_its_reason_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    reason = {"cell": "G4", "column": "总投资", "value": "长" * 100, "reason": "由" * 300}
    (refusal,) = imports._refusals([{**REFUSED, "reasons": [reason]}])

    assert refusal.line == f"清单 第4行 G4 总投资“{'长' * 40}…”：{'由' * 300}"


@pytest.mark.parametrize(
    ("name", "sheet"),
    [
        ("清单.xls", "清单-错误清单.xlsx"),
        ("清单-错误清单.xlsx", "清单-错误清单-2.xlsx"),
        ("清单-错误清单-2.xlsx", "清单-错误清单-3.xlsx"),
    ],
)
def test_an_error_sheet_is_numbered_and_never_written_over_itself(name: str, sheet: str) -> None:
    assert imports._error_sheet(Path(name)) == Path(sheet)


def test_an_intake_that_is_down_is_named(
    runner: CliRunner, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for service in ("INTAKE", "ASSESSMENT", "NOTIFICATION"):
        monkeypatch.setenv(f"LIANDU_{service}_URL", "http://127.0.0.1:9")

    async def refuse(name: str, content: bytes, *, dry_run: bool, **_: object) -> object:
        raise httpx.ConnectError("All connection attempts failed")

    monkeypatch.setattr(imports, "_import", refuse)
    result = runner.invoke(LIANDU, ["import", str(file)])

    assert result.exit_code == 1
    assert "无法连接 intake（http://127.0.0.1:9），请确认平台已启动" in result.output


def test_a_problem_is_told_by_its_detail_alone() -> None:
    problem = httpx.Response(415, json={"title": "Unknown format", "detail": "请另存为 xlsx 后导入", "status": 415})
    with pytest.raises(Refused, match=r"^请另存为 xlsx 后导入$"):
        imports._require_success(problem)


def test_a_dry_run_says_so(runner: CliRunner, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, refused=False)

    assert "试运行" in runner.invoke(LIANDU, ["import", str(file), "--dry-run"]).output


def test_without_a_platform_it_says_what_to_do(
    runner: CliRunner, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIANDU_DATA", str(tmp_path))
    result = runner.invoke(LIANDU, ["import", str(file)])

    assert result.exit_code == 1


def test_the_sample_is_written(runner: CliRunner, tmp_path: Path) -> None:
    out = tmp_path / "sample.xlsx"
    result = runner.invoke(LIANDU, ["sample-workbook", str(out), "--start", "2026-01-05"])

    assert result.exit_code == 0
    assert "合成示例" in load_workbook(io.BytesIO(out.read_bytes()))["签约在建项目"]["A1"].value


def test_the_synthetic_quarter_is_written(runner: CliRunner, tmp_path: Path) -> None:
    out = tmp_path / "quarter.xlsx"
    result = runner.invoke(LIANDU, ["sample-quarter", str(out)])
    assert result.exit_code == 0, result.output
    assert "219 projects" in result.output
    assert out.read_bytes().startswith(b"PK")
    assert runner.invoke(LIANDU, ["sample-quarter", str(out), "--first", "2024-02-01"]).exit_code == 1
