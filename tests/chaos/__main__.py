"""`make chaos`: whether anything is lost or doubled, whatever happens to a platform under load, and who would notice.

sabotage  safeguards are taken out one by one, and the checker must see each (tests/chaos/sabotage.py)
storm     on Apache Kafka: everything that is in `scenarios`, then SIGKILL at 200 random instants
weather   what a platform stands on fails: connections, disks, Kafka's data
recovery  how soon work goes on when a process is killed or frozen: 7 s at most for a service that is killed

Ends with 0 when all of it is as it should be, otherwise with 1 and the findings. The storm's logs stay
in the folder that it names.
"""

import argparse
import asyncio
import secrets
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from tests.chaos import recovery, weather
from tests.chaos.checker import Verdict
from tests.chaos.scenarios import SCENARIOS, random_kills
from tests.chaos.storm import Storm, platform_under_chaos

_EVERY = 10
_MORE_DAYS = 12
_DOUBLED = ("fact doubled", "effect doubled", "message doubled", "told twice")


def main() -> int:
    options = _options()
    parts = {"sabotage": _sabotage, "storm": _storm, "weather": _weather, "recovery": _recovery}
    codes = {part: parts[part](options) for part in options.parts or parts}
    for part, code in codes.items():
        _say(f"{part:17} {'RED' if code else 'GREEN'}")
    return 1 if any(codes.values()) else 0


def _sabotage(options: argparse.Namespace) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", Path(__file__).with_name("sabotage.py")]).returncode


def _weather(options: argparse.Namespace) -> int:
    given = {name: getattr(options, name) for name in ("seed", "kafka", "port_base", "only")}
    return asyncio.run(weather.run(**given))


def _recovery(options: argparse.Namespace) -> int:
    return recovery.run(kafka=options.kafka, port_base=options.port_base, only=options.only)


def _storm(options: argparse.Namespace) -> int:
    folder: Path = options.folder or Path(".liandu/chaos") / f"{time.strftime('%m%d-%H%M%S')}-{options.seed}"
    folder = folder.absolute()
    folder.mkdir(parents=True)
    _say(f"seed {options.seed}; logs in {folder}")
    try:
        return asyncio.run(_run(options, folder))
    except AssertionError as error:
        _say(f"RED: {error}\nseed {options.seed}; logs in {folder}")
        return 1


async def _run(options: argparse.Namespace, folder: Path) -> int:
    began = time.monotonic()
    async with platform_under_chaos(
        kafka=options.kafka, seed=options.seed, data=folder, port_base=options.port_base
    ) as storm:
        await storm.begin("混沌", clerks=options.clerks, pause=options.pause)
        for name, scenario in SCENARIOS.items():
            if options.only and options.only not in name:
                continue
            _say(f"{_at(began)} {name}")
            await scenario(storm)
        await _kill(storm, options, began)
        _say(f"{_at(began)} {storm.load.accepted} facts accepted; settling, then {_MORE_DAYS} working days more")
        verdict = await storm.verdict(days=_MORE_DAYS)
        _report(storm, verdict)
        unlike = await storm.unlike()
        _say(f"folded again      {unlike or 'all state is what follows from journal and log'}")
    is_red = bool(verdict.findings or unlike)
    _say(f"{_at(began)} {'RED' if is_red else 'GREEN'}; seed {options.seed}; logs in {folder}")
    return 1 if is_red else 0


async def _kill(storm: Storm, options: argparse.Namespace, began: float) -> None:
    def told(number: int) -> None:
        if number % _EVERY == 0:
            slowest = max((max(times) for times in storm.takeovers.values()), default=0.0)
            _say(f"{_at(began)} kill {number}; {storm.load.accepted} facts accepted; slowest takeover {slowest:.1f} s")

    await random_kills(storm, count=options.kills, kafka=options.kafka, told=told)


def _report(storm: Storm, verdict: Verdict) -> None:
    kills = storm.kills
    _say(f"kills             {sum(kills.values())}: {', '.join(f'{part} {kills[part]}' for part in sorted(kills))}")
    for part, times in sorted(storm.takeovers.items()):
        median, longest = sorted(times)[len(times) // 2], max(times)
        _say(f"working again     {part}: {len(times)} times, median {median:.1f} s, at most {longest:.1f} s")
    _say(f"requests repeated {storm.load.repeated}")
    for name, count in verdict.counts.items():
        _say(f"{name:17} {count}")
    found = Counter(finding.rule for finding in verdict.findings)
    _say(f"duplicates found  {sum(found[rule] for rule in _DOUBLED)}")
    _say(f"findings          {', '.join(f'{rule}: {count}' for rule, count in found.items()) or 'none'}")
    for finding in verdict.findings:
        _say(f"  {finding}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help="sabotage, storm, weather, recovery; all when left out"
    )
    parser.add_argument("--seed", default=secrets.token_hex(3), help="of everything random; printed at the start")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--kafka", choices=("real", "embedded"), default="real")
    parser.add_argument("--only", help="only scenarios whose name holds this word (`none`: none)")
    parser.add_argument("--clerks", type=int, default=3)
    parser.add_argument("--pause", type=float, default=0.1, help="seconds that each clerk rests between two facts")
    parser.add_argument("--port-base", type=int)
    parser.add_argument("--folder", type=Path, help="for data and logs; otherwise a new one in .liandu/chaos")
    return parser.parse_args()


def _at(began: float) -> str:
    return f"[{time.monotonic() - began:6.0f} s]"


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
