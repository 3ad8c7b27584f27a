"""The results as a table: for the terminal, and as docs/performance.md.

python -m tests.bench.table [RESULTS.json]      writes docs/performance.md from the newest whole run, or that file
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench import results

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
_COLUMNS = (
    "path", "figure", "floor", "ratio", "aim", "met",
    "statements", "WAL bytes", "CPU µs", "PostgreSQL µs", "floor's µs",
)  # fmt: skip

_INTRODUCTION = """# Performance

Written by `python -m tests.bench.table` from the results of `make bench`; not edited by hand. Each path is measured in
turns with its floor: the same bytes through the same parts without any of the platform's logic. Ratios travel to other
machines, rates do not; what an event costs travels better than a rate. Columns from *statements* on are for each event:
statements sent to PostgreSQL (without BEGIN and COMMIT), bytes of its write-ahead log, processor time of the product's
processes (where the client runs in the same process, with it), and of PostgreSQL; the last is the floor's, both
together.
"""

_PROFILES = """## Where the time goes

The processor time of the process that does the work, by the innermost part whose code was running (the standard
library counts for whoever called it); what takes less than 3 % is left out. Sampled in the same runs.
"""
_SMALLEST = 0.03


def as_text(run: Mapping[str, Any]) -> str:
    """For a terminal, columns aligned."""
    rows = [_COLUMNS, *(_row(figure) for figure in run["figures"])]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, *_notes(run)])


def as_page(run: Mapping[str, Any]) -> str:
    """docs/performance.md."""
    rule = "|".join(["---"] + ["---:"] * 3 + ["---"] * 2 + ["---:"] * 5)
    rows = ["| " + " | ".join(_COLUMNS) + " |", f"|{rule}|"]
    rows += ["| " + " | ".join(_row(figure)) + " |" for figure in run["figures"]]
    notes = [f"- {note}" for note in _notes(run)]
    return "\n".join([_INTRODUCTION, _where(run), "", *rows, "", *notes, "", _PROFILES, *_profiles(run)]) + "\n"


def _profiles(run: Mapping[str, Any]) -> list[str]:
    """A line for each figure that has one: its largest parts."""
    return [
        f"- {figure['what']}: " + ", ".join(f"{part} {share:.0%}" for part, share in _largest(figure["profile"]))
        for figure in run["figures"]
        if figure["profile"]
    ]


def _largest(profile: Mapping[str, float]) -> list[tuple[str, float]]:
    return [(part, share) for part, share in profile.items() if share >= _SMALLEST]


def _row(figure: Mapping[str, Any]) -> tuple[str, ...]:
    cost, bare = figure["cost"] or {}, figure["floor_cost"]
    met = {True: "yes", False: "no", None: ""}[figure["met"]]
    return (
        figure["what"],
        f"{_number(figure['value'])} {figure['unit']}",
        _number(figure["floor"]),
        "" if figure["ratio"] is None else f"{figure['ratio']:.2f}",
        figure["aim"] or "",
        met,
        *(_number(cost.get(name)) for name in ("statements", "wal_bytes", "cpu_us", "postgres_us")),
        _number(sum(bare[name] for name in ("cpu_us", "postgres_us")) if bare else None),
    )


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _notes(run: Mapping[str, Any]) -> Sequence[str]:
    notes = [f"{figure['what']}: {figure['note']}" for figure in run["figures"] if figure["note"]]
    return [*notes, *(f"{path}: failed" for path in run["failed"])]


def _where(run: Mapping[str, Any]) -> str:
    machine, versions = run["machine"], run["versions"]
    changed = " with uncommitted changes" if run["uncommitted"] else ""
    return (
        f"Measured {run['at'][:10]} at commit {run['commit']}{changed}"
        f" on {machine['cores']} cores ({machine['processor']}), {machine['memory_gib']} GiB, {machine['system']};"
        f" Python {versions['python']}, PostgreSQL {versions['postgresql']}, {run['broker']}, all on this machine;"
        f" load {run['load_at_start']:.1f} before."
    )


def main() -> None:
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else results.latest("all")
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(as_page(json.loads(source.read_text())))
    sys.stdout.write(f"{PAGE} from {source}\n")


if __name__ == "__main__":
    main()
