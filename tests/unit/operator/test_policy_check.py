"""`liandu policy check` as its own process: it reads a file as the service does, and needs no platform."""

import subprocess
import sys
from pathlib import Path

from services.assessment.policies.document import DEFAULT


def checked(file: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "services.operator", "policy", "check", str(file)]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def test_a_sound_policy_can_be_used() -> None:
    done = checked(DEFAULT)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "default-2026.2，督办阶梯5级，规则组：月报、措施、措施节点。可以使用\n"


def test_every_fault_is_told_with_its_line_and_place(tmp_path: Path) -> None:
    text = DEFAULT.read_text(encoding="utf-8")
    file = tmp_path / "policy.yaml"
    file.write_text(text.replace("days_before: 3", "days_before: 0").replace("day: 25", "day: 31"), encoding="utf-8")
    done = checked(file)
    lines = {name: text[: text.index(name)].count("\n") + 1 for name in ("days_before: 3", "day: 25")}
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"第{lines['days_before: 3']}行 reminder.days_before：不得小于1",
        f"第{lines['day: 25']}行 report.day：不得大于28",
    ]


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_bytes(b"\xff\xfe")
    done = checked(file)
    assert done.returncode == 1
    assert "UTF-8" in done.stderr
