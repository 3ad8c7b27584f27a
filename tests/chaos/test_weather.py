"""Short weather over the embedded broker: `python -m tests.chaos.weather` has all of it, on Apache Kafka."""

import pytest

from tests.chaos import weather
from tests.chaos.storm import platform_under_chaos

pytestmark = pytest.mark.timeout(600)


async def test_connections_and_the_database_break_under_load_and_nothing_is_lost_or_doubled() -> None:
    async with platform_under_chaos(with_lines=True) as storm:
        await storm.begin("天气", clerks=2, pause=0.1)
        await weather.connections_terminated(storm)
        await weather.postgres_stopped_at_once(storm)
        await weather.lines_cut(storm, times=2)
        verdict = await storm.verdict(days=5)

        assert weather.died(storm) == []
    verdict.require_sound()
    assert verdict.counts["facts accepted"] > 0
