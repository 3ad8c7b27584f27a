import re
from importlib import import_module

from services.assessment.domain.scoring.ledger import FACTS

INDEXED = import_module("services.assessment.store.migrations.versions.0012_scores").INDEX


def test_the_journals_index_holds_what_is_folded() -> None:
    """The planner uses the partial index only where all types that are asked for stand in it."""
    assert set(re.findall(r"'(cn\.liandu\.[^']+)'", INDEXED)) == {one.type for one in FACTS}
