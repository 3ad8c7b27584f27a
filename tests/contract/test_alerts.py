"""The alert rules, and the page that tells operators what to do: they speak of the same things."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text()
METRIC = re.compile(r"\bliandu_[a-z_]+")
SEVERITIES = {"page", "ticket"}


def rules() -> list[dict[str, Any]]:
    parsed = yaml.safe_load((ROOT / "deploy" / "prometheus" / "liandu.rules.yml").read_text())
    return [rule for group in parsed["groups"] for rule in group["rules"]]


def documented() -> set[str]:
    """The metrics that stand in the page's tables."""
    return {name for row in re.findall(r"^\| `liandu_.*$", PAGE, re.M) for name in METRIC.findall(row)}


def test_every_alert_has_a_severity_and_says_what_is_wrong() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in SEVERITIES, rule["alert"]
        assert rule["annotations"]["summary"], rule["alert"]


def test_every_alert_has_its_part_of_the_page_and_the_page_no_other() -> None:
    told = re.findall(r"^### (Liandu\w+) \((\w+)\)$", PAGE, re.M)

    assert told == [(rule["alert"], rule["labels"]["severity"]) for rule in rules()]


def test_alerts_go_by_metrics_that_the_page_explains() -> None:
    asked = {name for rule in rules() for name in METRIC.findall(rule["expr"])}

    assert asked - documented() == set()


def test_the_jobs_are_the_services() -> None:
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())

    assert [job["job_name"] for job in config["scrape_configs"]] == ["intake", "assessment", "notification"]
    assert config["rule_files"] == ["liandu.rules.yml"]
