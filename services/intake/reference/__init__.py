"""Reference data that ships with record keeping, as files."""

import json
from functools import cache
from importlib.resources import files

from services.intake.domain.rules import Rules, rules_from


@cache
def lifecycle_rules() -> Rules:
    """The lifecycle's rules (`lifecycle.json`), read once."""
    text = files(__package__).joinpath("lifecycle.json").read_text(encoding="utf-8")
    return rules_from(json.loads(text))
