"""Work goes on when a process is killed or frozen; how soon, `python -m tests.chaos.recovery` judges."""

import sys

import pytest

from tests.chaos.recovery import frozen, killed, killed_before_the_robots_answer, patient


@pytest.mark.timeout(600)
async def test_what_is_killed_or_frozen_is_taken_over_and_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    async with patient() as it:
        took = {
            "assessment killed": await killed("assessment", it),
            "notification killed before a robot's answer": await killed_before_the_robots_answer(it),
            "notification frozen, another beside it": await frozen("notification", it, seconds=0),
        }
        it.pulse.require_each_once()
        assert it.pulse.marked > 0
    with capsys.disabled():
        sys.stdout.writelines(f"\n{seconds:6.1f} s  {what}" for what, seconds in took.items())
