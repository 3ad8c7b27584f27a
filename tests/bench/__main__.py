"""The paths' figures beside their floors: `python -m tests.bench [PATH …]` (`--help` for the rest).

Starts its own PostgreSQL, durable, and Apache Kafka where Java and Maven are (the embedded broker elsewhere).
"""

import argparse
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping

import uvloop

from shared.kit.process.service import collect_seldom
from tests.bench import (
    assessment,
    consume,
    deliveries,
    held,
    http,
    keeping,
    reaction,
    rehearsing,
    relay,
    rest,
    results,
    timers,
)
from tests.bench.ground import Ground, kafka_can_run, standing
from tests.bench.harness import Figure, Options, logs_as_in_production, say
from tests.bench.table import as_text

PATHS: Mapping[str, Callable[[Ground, Options], Awaitable[list[Figure]]]] = {
    "relay": relay.measure,
    "held": held.measure,
    "consume": consume.measure,
    "assessment": assessment.measure,
    "timers": timers.measure,
    "rest": rest.measure,
    "reaction": reaction.measure,
    "deliveries": deliveries.measure,
    "http": http.measure,
    "keeping": keeping.measure,
    "rehearsing": rehearsing.measure,
}


def main() -> int:
    asked = _arguments()
    options = Options(runs=asked.runs, scale=asked.scale, rate=asked.rate, together=asked.together, hold=asked.hold)
    real = not asked.embedded and kafka_can_run()
    if not real and not asked.embedded:
        say("Apache Kafka cannot run here (Java 17, Maven): the embedded broker stands in")
    collect_seldom()
    figures: list[Figure] = []
    failed: list[str] = []
    run = results.begin(asked.paths, options, all_paths=len(PATHS))
    with standing(real=real) as ground, logs_as_in_production():
        run.describe(ground)
        for name in asked.paths:
            say(name)
            try:
                figures += uvloop.run(_measured(name, ground, options))
            except Exception as error:
                failed.append(name)
                say("".join(traceback.format_exception(error)))
    run.end(figures, failed)
    say("\n" + as_text(run.told) + f"\n\n{run.write()}")
    return 1 if failed else 0


async def _measured(name: str, ground: Ground, options: Options) -> list[Figure]:
    return await PATHS[name](ground, options)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("paths", nargs="*", metavar="PATH", help=", ".join(PATHS))
    parser.add_argument("--runs", type=int, default=3, help="pairs of floor and product")
    parser.add_argument("--scale", type=float, default=1.0, help="all counts times this, for a quick look")
    parser.add_argument("--rate", type=float, default=200, help="facts a second on their way to the robots (reaction)")
    parser.add_argument("--together", type=int, default=1, help="facts in one request there: POST /v1/facts:batch")
    parser.add_argument("--hold", type=float, default=60, help="seconds a transaction is held open (held)")
    parser.add_argument("--embedded", action="store_true", help="the embedded broker, even where Apache Kafka can run")
    asked = parser.parse_args()
    if unknown := set(asked.paths) - PATHS.keys():
        parser.error(f"no path {', '.join(sorted(unknown))}; there are {', '.join(PATHS)}")
    asked.paths = asked.paths or list(PATHS)
    return asked


if __name__ == "__main__":
    sys.exit(main())
