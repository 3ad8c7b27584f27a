"""Whether a soak's lines are flat."""

from xml.etree import ElementTree

from tests.bench.chart import as_svg, as_text, verdicts

SERVICE = "intake"


def samples(*, memory: float = 0.0, latency: float = 0.0, bytes_each: float = 0.0) -> list[dict[str, float]]:
    """Sixty samples; memory, latency and bytes of a fact rise by these for each of them."""
    taken, size, cpu = [], 0.0, 0.0
    for number in range(60):
        size += (100 + bytes_each * number) * 500 / 2**20
        cpu += 0.1
        taken.append(
            {
                "at": float(number), "facts": number * 500.0, "connections": 30.0, "under way": 2.0,
                f"{SERVICE} MiB": 120 + memory * number, f"{SERVICE} CPU s": cpu,
                f"{SERVICE} tables MiB": size, f"{SERVICE} indexes MiB": size / 2,
                "p50 ms": 10 + latency * number, "p99 ms": 40.0,
            }
        )  # fmt: skip
    return taken


def not_flat(taken: list[dict[str, float]]) -> set[str]:
    return {verdict.name for verdict in verdicts(taken) if not verdict.flat}


def test_what_does_not_rise_is_flat() -> None:
    assert not_flat(samples()) == set()


def test_tables_that_grow_with_the_facts_are_flat() -> None:
    tables = next(one for one in verdicts(samples()) if "tables" in one.name)
    assert tables.flat
    assert round(tables.values[0]) == 100


def test_rising_memory_is_told() -> None:
    assert not_flat(samples(memory=1.0)) == {"intake memory, MiB"}


def test_rising_latency_is_told() -> None:
    assert not_flat(samples(latency=0.5)) == {"commit → robot p50, ms"}


def test_facts_that_take_ever_more_room_are_told() -> None:
    assert not_flat(samples(bytes_each=2.0)) == {"intake tables, bytes a fact", "intake indexes, bytes a fact"}


def test_a_short_trial_does_not_judge_what_grows_in_pages() -> None:
    short = [{**sample, "facts": sample["facts"] / 100} for sample in samples(bytes_each=2.0)]
    assert not_flat(short) == set()


def test_the_chart_names_every_line_with_its_verdict() -> None:
    taken = samples(memory=1.0)
    text = as_text(taken, verdicts(taken))
    assert "NOT FLAT" in text
    assert text.count("\n") == len(verdicts(taken))


def test_the_drawing_is_sound_svg() -> None:
    run = {
        "samples": samples(), "facts": 3000, "rate": 50, "seconds": 60, "broker": "Apache Kafka",
        "machine": {"cores": 2, "processor": "A & B"}, "commit": "abc", "at": "2026-03-02T09:00:00+00:00",
    }  # fmt: skip
    drawing = ElementTree.fromstring(as_svg(run))
    assert len(list(drawing.iter("{http://www.w3.org/2000/svg}polyline"))) == len(verdicts(samples()))
