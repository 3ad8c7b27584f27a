"""`liandu demo`: it ends well, and its last lines hold what is promised."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from openpyxl import load_workbook

from tests.support.ports import free_port_base

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

TIERS = ["专班办公室、责任单位负责人", "工作专班、副链长", "副链长", "链长", "总链长"]
GROUPS = ["链长制领导小组群", "链长群", "副链长群", "工作专班群", "责任单位群"]


@pytest.fixture(scope="module")
def account() -> Iterator[str]:
    """What the demonstration says at its end."""
    with tempfile.TemporaryDirectory(prefix="liandu-", ignore_cleanup_errors=True) as folder:
        yield end_of_demonstration(Path(folder) / "data")


def end_of_demonstration(data: Path) -> str:
    environment = {**os.environ, "LIANDU_DATA": str(data), "COLUMNS": "200"}
    command = [sys.executable, "-P", "-m", "services.operator", "demo", "--port-base", str(free_port_base())]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr
    assert not (data / "demo" / "platform.json").exists(), "the platform still runs"
    return ran.stdout.rpartition("What it came to")[2]


def test_the_imported_and_the_refused_are_counted_and_the_error_sheet_is_there(account: str) -> None:
    found = re.search(r"projects imported (\d+), refused (\d+); 错误清单 error sheet (\S+)", account)
    assert found is not None

    imported, refused, sheet = int(found[1]), int(found[2]), Path(found[3])

    assert (imported, refused) == (43, 8)
    pages = load_workbook(sheet).worksheets
    assert sum(1 for page in pages for row in page.iter_rows() if any(cell.comment for cell in row)) == refused


def test_the_rungs_are_reached_in_order_on_working_mornings(account: str) -> None:
    rungs = re.findall(r"rung (\d)  (\S+) (\S+) +(\d+) working days late  .* → (\S+)", account)

    assert [int(rung) for rung, *_ in rungs] == [1, 2, 3, 4, 5]
    assert [whom for *_, whom in rungs] == TIERS
    assert {at for _, _, at, _, _ in rungs} == {"09:00"}
    days = [date.fromisoformat(day) for _, day, *_ in rungs]
    assert days == sorted(set(days))
    late = [int(each) for *_, each, _ in rungs]
    assert [later - late[0] for later in late] == [0, 4, 9, 14, 19]


def test_every_group_had_messages_and_nothing_is_undelivered(account: str) -> None:
    counts = {name: int(count) for name, count in re.findall(r"messages in (\S+): (\d+)", account)}

    assert list(counts) == GROUPS
    assert all(counts.values())
    assert "未送达 undelivered: 0" in account.splitlines()


def test_somebody_acknowledged_somebody_was_early_and_the_outage_was_outlived(account: str) -> None:
    for words in ("acknowledgements", "messages while record keeping was down"):
        found = re.search(rf"{words}: (\d+)", account)
        assert found is not None
        assert int(found[1]) > 0
    assert re.search(r"commendation proposed: .+, \d+ working days early", account)


def test_the_quarter_comes_to_its_figures_and_its_correction_stands_beside_what_was_published(account: str) -> None:
    headline = "2024年第一季度，新签约1亿元及以上项目208个，总投资1209亿元，其中30亿元及以上项目10个。"
    assert f"2024-Q1 第1号：{headline}" in account
    assert re.search(r"2024-Q1 第1号 更正第1号：更正后，2024年第一季度，新签约1亿元及以上项目207个", account)


def test_an_increment_comes_from_its_site_evaluation_to_twice_the_output(account: str) -> None:
    days = ["2023-07-12在谈", "2024-04-18签约", "2026-06-30达产，产出为设计的2.0倍"]
    assert [account.index(day) for day in days] == sorted(account.index(day) for day in days)
