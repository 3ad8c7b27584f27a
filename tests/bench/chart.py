"""A soak's samples as a small chart, and whether each line is flat.

python -m tests.bench.chart RESULTS.json [FILE.svg]
"""

import json
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 60
_WARM_UP = 0.25
"""The share of the time in which caches and pools fill: it is shown and not judged."""
_ENOUGH = 10_000
"""Facts from which on bytes and CPU of each are judged: tables grow in pages."""

Samples = Sequence[Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a line is flat after the warm-up. `drift`: how much the fitted line rises from there to the end, as a
    share of its mean; `allowed`: the most that counts as flat."""

    name: str
    values: tuple[float, ...]
    drift: float
    allowed: float | None

    @property
    def flat(self) -> bool:
        return self.allowed is None or self.drift <= self.allowed

    def told(self) -> dict[str, Any]:
        return {"name": self.name, "drift": self.drift, "allowed": self.allowed, "flat": self.flat}


def verdicts(samples: Samples) -> list[Verdict]:
    """Of memory, connections, CPU and bytes for each fact, what is on its way, and latency.

    A pool of connections opens one more when it first wants so many at once, up to its size, and keeps it: each may.
    """
    connections = _of(samples, "connections")
    for_each = 0.15 if samples[-1]["facts"] >= _ENOUGH else None
    found = [
        *(_judged(f"{name} memory, MiB", _of(samples, f"{name} MiB"), allowed=0.10) for name in _services(samples)),
        _judged("connections", connections, allowed=sum(1 for _ in _services(samples)) / connections[0]),
        *(
            _judged(f"{name} CPU, ms a fact", _growth(samples, f"{name} CPU s", 1000), allowed=for_each)
            for name in _services(samples)
        ),
        *(
            _judged(f"{name} {what}, bytes a fact", _growth(samples, f"{name} {what} MiB", 2**20), allowed=for_each)
            for name in _services(samples)
            for what in ("tables", "indexes")
        ),
        _judged("facts on their way to a robot", _of(samples, "under way"), allowed=None),
        _judged("commit → robot p50, ms", _of(samples, "p50 ms"), allowed=0.25),
        _judged("commit → robot p99, ms", _of(samples, "p99 ms"), allowed=None),
    ]
    return [verdict for verdict in found if verdict.values]


def as_text(samples: Samples, judged: Sequence[Verdict]) -> str:
    end = samples[-1]
    lines = [f"{end['facts']:,.0f} facts in {end['at'] / 60:.1f} minutes; each line from its least to its most"]
    for one in judged:
        low, high = min(one.values), max(one.values)
        lines.append(f"{one.name:38} {_bars(one.values)} {low:9,.1f} … {high:9,.1f}  {_word(one)}")
    return "\n".join(lines)


def as_svg(run: Mapping[str, Any]) -> str:
    """One strip for each line, time from left to right."""
    judged = verdicts(run["samples"])
    height, left, width = 34, 250, 520
    body = "\n".join(_strip(one, 40 + number * height, left, width) for number, one in enumerate(judged))
    title = f"{run['facts']:,} facts at {run['rate']:g}/s for {run['seconds'] / 60:g} minutes, {run['broker']}"
    where = f"{run['machine']['cores']} cores ({run['machine']['processor']}), commit {run['commit']}, {run['at'][:10]}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="1000" height="{60 + len(judged) * height}"'
        ' font-family="sans-serif" font-size="12">\n'
        '<rect width="100%" height="100%" fill="white"/>\n'
        f'<text x="10" y="20" font-size="14">{escape(title)}; {escape(where)}</text>\n{body}\n</svg>\n'
    )


def _strip(one: Verdict, top: int, left: int, width: int) -> str:
    low, high = min(one.values), max(one.values)
    span, last = (high - low) or 1.0, max(1, len(one.values) - 1)
    points = " ".join(
        f"{left + width * number / last:.1f},{top + 24 - 22 * (value - low) / span:.1f}"
        for number, value in enumerate(one.values)
    )
    colour = "#1b6e3c" if one.flat else "#b3261e"
    return (
        f'<text x="10" y="{top + 18}">{escape(one.name)}</text>\n'
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.3"/>\n'
        f'<text x="{left + width + 12}" y="{top + 18}">{low:,.1f} … {high:,.1f}  {escape(_word(one))}</text>'
    )


def _judged(name: str, values: Sequence[float], *, allowed: float | None) -> Verdict:
    return Verdict(name, tuple(values), _drift(values[int(len(values) * _WARM_UP) :]), allowed)


def _drift(values: Sequence[float]) -> float:
    mean = statistics.fmean(values) if values else 0.0
    if len(values) < 3 or mean == 0:
        return 0.0
    slope, _ = statistics.linear_regression(range(len(values)), values)
    return float(slope * (len(values) - 1) / mean)


def _word(one: Verdict) -> str:
    if one.allowed is None:
        return f"{one.drift:+.0%}"
    return f"{one.drift:+.0%} {'flat' if one.flat else f'NOT FLAT (at most {one.allowed:+.0%})'}"


def _services(samples: Samples) -> Iterator[str]:
    return (name.removesuffix(" CPU s") for name in samples[0] if name.endswith(" CPU s"))


def _of(samples: Samples, name: str) -> list[float]:
    return [sample[name] for sample in samples if name in sample]


def _growth(samples: Samples, name: str, factor: float) -> list[float]:
    """What each tenth of the time added for each of its facts: single samples jump with pages and autovacuum."""
    step = max(1, len(samples) // 10)
    ends = samples[::step]
    return [
        (after[name] - before[name]) * factor / (after["facts"] - before["facts"])
        for before, after in pairwise(ends)
        if after["facts"] > before["facts"]
    ]


def _bars(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    picked = [values[int(number * len(values) / _WIDTH)] for number in range(min(_WIDTH, len(values)))]
    picked = picked if len(values) > _WIDTH else list(values)
    return "".join(_BARS[int((value - low) / ((high - low) or 1) * (len(_BARS) - 1))] for value in picked).ljust(_WIDTH)


def main() -> None:
    run = json.loads(Path(sys.argv[1]).read_text())
    sys.stdout.write(as_text(run["samples"], verdicts(run["samples"])) + "\n")
    if len(sys.argv) > 2:
        Path(sys.argv[2]).write_text(as_svg(run))


if __name__ == "__main__":
    main()
