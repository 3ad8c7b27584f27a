"""Reference data that ships with record keeping, as files."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from services.intake.domain.projects.rules import Rules, rules_from
from services.intake.domain.projects.templates import Templates, templates_from
from services.intake.domain.registers.registers import Register, registers_from
from services.intake.domain.statistics.statistics import Policy, policy_from


@cache
def lifecycle_rules() -> Rules:
    """The lifecycle's rules (`lifecycle.json`), read once."""
    text = files(__package__).joinpath("lifecycle.json").read_text(encoding="utf-8")
    return rules_from(json.loads(text))


@cache
def timetable_templates() -> Templates:
    """A timetable for each kind of project (`timetables.json`), read and checked once."""
    text = files(__package__).joinpath("timetables.json").read_text(encoding="utf-8")
    return templates_from(json.loads(text))


@cache
def registers() -> Mapping[str, Register]:
    """The registers by their keys (`registers.json`), read and checked once."""
    text = files(__package__).joinpath("registers.json").read_text(encoding="utf-8")
    return registers_from(json.loads(text))


@cache
def statistics_policy() -> Policy:
    """What counts in the statistics of signings (`statistics.json`), read and checked once."""
    text = files(__package__).joinpath("statistics.json").read_text(encoding="utf-8")
    return policy_from(json.loads(text))
